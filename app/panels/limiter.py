"""Who may call the panel next: a priority token bucket with a bound on calls under way (`DOORMAN_PANEL_RATE`)."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

#: The bucket holds what flows in within this time (at least one token), so a late timer loses no calls.
SLACK_SECONDS: Final = 0.05
_TOKEN: Final = 1 - 1e-9  # a token, as far as sums of fractions can tell

_Waiting = deque["asyncio.Future[None]"]


class RateLimiter:
    """Hands out `rate` turns a second, evenly spaced: urgent reads first, then writes, then the rest.

    First come, first served within each of the three. At most `slots` turns are taken and not released: who waits for
    a connection waits here, where the urgent can overtake, and not in a connection pool. A caller that is cancelled
    while it waits costs nothing. Belongs to one event loop; processes don't share it, so the panel sees `rate` from
    each of them.
    """

    def __init__(
        self,
        rate: float,
        *,
        slots: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if rate <= 0:
            raise ValueError("the rate must be positive")
        self._rate = rate
        self._slots = slots
        self._taken = 0
        self._capacity = max(1.0, rate * SLACK_SECONDS)
        self._clock = clock
        self._sleep = sleep
        self._tokens = self._capacity
        self._filled_at = clock()
        self._urgent: _Waiting = deque()
        self._writes: _Waiting = deque()
        self._others: _Waiting = deque()
        self._pump: asyncio.Task[None] | None = None

    async def take(self, *, urgent: bool = False, write: bool = False) -> None:
        """Wait for a turn and take it; `release` gives its slot back."""
        self._refill()
        if self._tokens >= _TOKEN and self._slot_free() and not self._waiting():
            self._tokens -= 1
            self._taken += 1
            return
        turn = asyncio.get_running_loop().create_future()
        (self._urgent if urgent else self._writes if write else self._others).append(turn)
        self._start_pump()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._tokens += 1  # granted in the same turn of the loop in which the caller was cancelled
                self.release()
            raise

    def release(self) -> None:
        """Give the slot of a turn back."""
        self._taken -= 1
        self._start_pump()

    def _slot_free(self) -> bool:
        return self._slots is None or self._taken < self._slots

    def _waiting(self) -> bool:
        for queue in (self._urgent, self._writes, self._others):
            while queue and queue[0].done():
                queue.popleft()
        return bool(self._urgent or self._writes or self._others)

    def _next(self) -> asyncio.Future[None]:
        return (self._urgent or self._writes or self._others).popleft()

    def _refill(self) -> None:
        now = self._clock()
        self._tokens = min(self._capacity, self._tokens + max(0.0, now - self._filled_at) * self._rate)
        self._filled_at = now

    def _start_pump(self) -> None:
        if self._waiting() and (self._pump is None or self._pump.done()):
            self._pump = asyncio.get_running_loop().create_task(self._grant())

    async def _grant(self) -> None:
        """Hand turns to the waiting until nobody waits or all slots are taken; `release` goes on from there."""
        while self._waiting() and self._slot_free():
            self._refill()
            if self._tokens >= _TOKEN:
                self._tokens -= 1
                self._taken += 1
                self._next().set_result(None)
            else:
                await self._sleep((1 - self._tokens) / self._rate)
