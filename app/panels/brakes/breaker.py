"""The circuit breaker: when the panel is away altogether, it is left alone until a probe gets an answer.

Written here because the libraries (purgatory, pybreaker, aiobreaker, circuitbreaker) have one fixed pause, let a
caller's own request be the probe, and count exceptions rather than the absence of any answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Final

import structlog

from app.panels.base import PanelDown

log = structlog.get_logger(__name__)

#: Seconds until the first probe; doubled after each one that gets no answer.
FIRST_PAUSE_SECONDS: Final = 2.0
LONGEST_PAUSE_SECONDS: Final = 60.0
#: So many calls in a row without any answer open it: where nobody could be reached, and where we were not answered.
UNREACHED_LIMIT: Final = 3
UNANSWERED_LIMIT: Final = 5

Probe = Callable[[], Awaitable[object]]


class BreakerState(StrEnum):
    """``closed`` (calls go out) → ``open`` (none does) ⇄ ``half_open`` (the probe is under way) → ``closed``."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


class Breaker:
    """Opens after calls in a row without any answer; any answer at all, of whatever kind, closes it.

    While it is open it asks the panel by itself, with `probe`, so nobody's call is needed to find that it is back.
    Belongs to one process and event loop: replicas may reach the panel by different ways.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._probe: Probe | None = None
        self._state = BreakerState.CLOSED
        self._misses = 0
        self._answered_at = float("-inf")
        self._next_probe_at = 0.0
        self._recovering: asyncio.Task[None] | None = None
        self._listeners: list[Callable[[], None]] = []

    @property
    def state(self) -> BreakerState:
        """Where it stands."""
        return self._state

    @property
    def closed(self) -> bool:
        """Whether calls go out."""
        return self._state is BreakerState.CLOSED

    def now(self) -> float:
        """Return the moment by its clock, in seconds, for `missed`."""
        return self._clock()

    def probe_with(self, probe: Probe) -> None:
        """Name the cheap call that asks whether the panel is there; what it raises says no, unless it `answered`."""
        self._probe = probe

    def when_closed(self, listener: Callable[[], None]) -> None:
        """Call `listener` each time that it closes."""
        self._listeners.append(listener)

    def check(self) -> None:
        """Raise PanelDown unless calls go out."""
        if not self.closed:
            raise self.down("it did not answer")

    def down(self, why: str) -> PanelDown:
        """Return the error for a call that can't be made, with the seconds until the next probe (at least one)."""
        wait = min(max(self._next_probe_at - self._clock(), 1.0), LONGEST_PAUSE_SECONDS)
        return PanelDown(f"the panel is away: {why}", retry_after=wait)

    def answered(self) -> None:
        """Note that the panel answered something."""
        self._misses = 0
        self._answered_at = self._clock()
        if self.closed:
            return
        self._state = BreakerState.CLOSED
        recovering, self._recovering = self._recovering, None
        if recovering is not None and recovering is not asyncio.current_task():
            recovering.cancel()
        log.info("panel.back")
        for listener in self._listeners:
            listener()

    def missed(self, *, began: float, reached: bool) -> None:
        """Note that a call begun at this moment got no answer; `reached` where a connection was made.

        It says nothing where another call was answered meanwhile.
        """
        if began < self._answered_at:
            return
        self._misses += 1
        if self.closed and self._misses >= (UNANSWERED_LIMIT if reached else UNREACHED_LIMIT):
            self._state = BreakerState.OPEN
            self._next_probe_at = self._clock() + FIRST_PAUSE_SECONDS
            self._recovering = asyncio.get_running_loop().create_task(self._recover())
            log.error("panel.down", misses=self._misses)

    async def aclose(self) -> None:
        """Stop probing."""
        if self._recovering is not None:
            self._recovering.cancel()
            await asyncio.gather(self._recovering, return_exceptions=True)

    async def _recover(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while self._recovering is asyncio.current_task():
            self._state = BreakerState.OPEN
            self._next_probe_at = self._clock() + pause
            await self._sleep(pause)
            self._state = BreakerState.HALF_OPEN
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            try:
                if self._probe is not None:
                    await self._probe()
            except Exception as error:  # noqa: BLE001 - whatever it is, nobody answered
                log.info("panel.probe", error=str(error), next_in=pause, answered=self.closed)
