"""The rate limiter of panel calls (`DOORMAN_PANEL_RATE`): turns by priority, and a limit on concurrent calls."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from app.panels.brakes.turns import LocalTurns, Turns

#: An unused turn lapses after this many seconds, so that turns don't accumulate.
LAPSE_SECONDS: Final = 0.5
#: After an urgent read has begun, other reads wait so long (seconds) unless hardly any call is under way: all of them
#: together would slow down what follows from it.
HURRY_SECONDS: Final = 0.25
#: When the panel asks us to slow down, nothing is called for as long as it says (seconds), and no longer than this.
LONGEST_PAUSE_SECONDS: Final = 30.0
_BESIDE_URGENT: Final = 2  # calls
_KEPT_FREE: Final = 8  # of so many slots, one is for urgent reads and writes only
_SHORT: Final = 1e-9  # tolerance for rounding in sums of fractions

_Waiting = deque["asyncio.Future[None]"]


class RateLimiter:
    """Grants `rate` turns a second, evenly spaced: urgent reads first, then writes, then other reads.

    Each of the three groups is first come, first served. A read takes a turn and a slot together. A write takes its
    turn before its call is claimed (`TurnsInHand`), and its slot when it is sent. At most `slots` calls hold a slot, so
    callers wait for a connection here, where urgent ones can overtake, and not in a connection pool; some slots are
    kept from other reads, which could hold all of a slow panel's. A caller that is cancelled while it waits uses no
    turn. Belongs to one event loop. Raises ValueError for a rate that is not positive.
    """

    def __init__(
        self,
        rate: float,
        *,
        slots: int | None = None,
        turns: Turns | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if rate <= 0:
            raise ValueError("the rate must be positive")
        self._turns = turns or LocalTurns(rate, clock=clock)
        self._lapse = max(LAPSE_SECONDS, 1 / rate)
        self._slots = slots
        self._for_others = None if slots is None else slots - slots // _KEPT_FREE
        self._taken = 0
        self._hurried_until = self._paused_until = float("-inf")
        self._clock = clock
        self._sleep = sleep
        self._leased: deque[float] = deque()
        self._sending: _Waiting = deque()  # have a turn and wait for a slot
        self._urgent: _Waiting = deque()
        self._writes: _Waiting = deque()  # wait for a turn only
        self._others: _Waiting = deque()
        self._pump: asyncio.Task[None] | None = None
        self._thaw: asyncio.Task[None] | None = None

    async def take(self, *, urgent: bool = False) -> None:
        """Wait for a turn and a slot; `release` returns the slot."""
        granted = self._wait_in(self._urgent if urgent else self._others)
        try:
            await granted
        except asyncio.CancelledError:
            if not granted.cancelled():  # granted in the same loop iteration in which the caller was cancelled
                self.give_back()
                self.release()
            raise

    async def take_slot(self) -> None:
        """Wait for a slot only, ahead of all others: for callers that hold a turn. `release` returns the slot."""
        if self._slot_free():
            self._taken += 1
            return
        granted = asyncio.get_running_loop().create_future()
        self._sending.append(granted)
        try:
            await granted
        except asyncio.CancelledError:
            if not granted.cancelled():
                self.release()
            raise

    def release(self) -> None:
        """Return a slot."""
        self._taken -= 1
        while _pruned(self._sending) and self._slot_free():
            self._taken += 1
            self._sending.popleft().set_result(None)
        self._start_pump()

    def pause(self, seconds: float) -> None:
        """Grant no turn for so long, as the panel asks for a pause."""
        self._paused_until = max(self._paused_until, self._clock() + min(seconds, LONGEST_PAUSE_SECONDS))

    def ask(self) -> asyncio.Future[None]:
        """Request a turn for a write; the future is done when it is granted, and may be cancelled until then."""
        return self._wait_in(self._writes)

    def give_back(self) -> None:
        """Return a granted turn that is not needed, so that another caller can have it."""
        if not self._hand_out():
            self._leased.appendleft(self._clock())

    def _wait_in(self, queue: _Waiting) -> asyncio.Future[None]:
        granted = asyncio.get_running_loop().create_future()
        queue.append(granted)
        self._start_pump()
        return granted

    def _slot_free(self) -> bool:
        return self._slots is None or self._taken < self._slots

    def _next(self) -> _Waiting | None:
        """Return the queue whose first waiter gets the next turn; None if no waiter can take one."""
        slot = self._slot_free()
        if slot and _pruned(self._urgent):
            return self._urgent
        if _pruned(self._writes):
            return self._writes
        return self._others if slot and self._free_for_others() and _pruned(self._others) else None

    def _free_for_others(self) -> bool:
        if self._for_others is not None and self._taken >= self._for_others:
            return False
        return self._taken < _BESIDE_URGENT or not self._is_hurried()

    def _is_hurried(self) -> bool:
        return self._slots is not None and self._clock() < self._hurried_until

    def _wanted(self) -> int:
        return sum(not one.done() for queue in (self._urgent, self._writes, self._others) for one in queue)

    def _start_pump(self) -> None:
        if self._next() is not None and (self._pump is None or self._pump.done()):
            self._pump = asyncio.get_running_loop().create_task(self._grant())
        else:
            self._start_thaw()

    async def _grant(self) -> None:
        """Grant turns until no waiter can take one; `release`, `take` and `ask` start it again."""
        while self._next() is not None:
            if not self._leased:
                self._leased.extend(await self._turns.lease(self._wanted()))
            ahead = max(self._leased[0], self._paused_until) - self._clock()
            if ahead > _SHORT:
                await self._sleep(ahead)
            elif ahead < -self._lapse or self._hand_out():
                self._leased.popleft()
        self._start_thaw()

    def _start_thaw(self) -> None:
        """Let other reads go on after an urgent one, even if no call ends meanwhile."""
        held = self._is_hurried() and _pruned(self._others)
        if held and (self._thaw is None or self._thaw.done()):
            self._thaw = asyncio.get_running_loop().create_task(self._wait_and_go_on())

    async def _wait_and_go_on(self) -> None:
        while (left := self._hurried_until - self._clock()) > 0:
            await self._sleep(left)
        self._start_pump()

    def _hand_out(self) -> bool:
        """Give a turn to the first eligible waiter; False if there is none."""
        queue = self._next()
        if queue is None:
            return False
        if queue is not self._writes:
            self._taken += 1
        if queue is self._urgent:
            self._hurried_until = self._clock() + HURRY_SECONDS
        queue.popleft().set_result(None)
        return True


def _pruned(queue: _Waiting) -> _Waiting:
    """Return the queue after dropping leading waiters that are done or cancelled."""
    while queue and queue[0].done():
        queue.popleft()
    return queue


class TurnsInHand:
    """Turns for writes of calls that are about to be claimed: requested without waiting; `notify` signals new turns."""

    def __init__(self, limiter: RateLimiter, notify: Callable[[], None]) -> None:
        self._limiter = limiter
        self._notify = notify
        self._asked: list[asyncio.Future[None]] = []

    def want(self, count: int) -> int:
        """Request turns up to `count` in total, or give up surplus ones; return how many are granted."""
        while len(self._asked) < count:
            asked = self._limiter.ask()
            asked.add_done_callback(self._tell)
            self._asked.append(asked)
        self._asked.sort(key=lambda one: not one.done())
        while len(self._asked) > count:
            self._let_go(self._asked.pop())
        return sum(one.done() for one in self._asked)

    def use(self, count: int) -> None:
        """Take `count` of the granted turns; the caller uses them or gives them back to the limiter."""
        del self._asked[:count]

    def waiting(self) -> list[asyncio.Future[None]]:
        """Return the requests that were not granted yet."""
        return [one for one in self._asked if not one.done()]

    def _let_go(self, asked: asyncio.Future[None]) -> None:
        if not asked.cancel():
            self._limiter.give_back()

    def _tell(self, asked: asyncio.Future[None]) -> None:
        if not asked.cancelled():
            self._notify()
