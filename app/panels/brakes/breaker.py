"""The circuit breaker: when the panel is down, no calls are made until a probe gets an answer.

It is our own because the libraries (purgatory, pybreaker, aiobreaker, circuitbreaker) have one fixed pause, use a
caller's request as the probe, and count exceptions rather than missing answers.
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

#: Seconds until the first probe; doubled after each unanswered probe.
FIRST_PAUSE_SECONDS: Final = 2.0
LONGEST_PAUSE_SECONDS: Final = 60.0
#: This many consecutive calls without an answer open it: without a connection, and with a connection but no answer.
UNREACHED_LIMIT: Final = 3
UNANSWERED_LIMIT: Final = 5

Probe = Callable[[], Awaitable[object]]


class BreakerState(StrEnum):
    """``closed`` (calls are made) → ``open`` (no calls) ⇄ ``half_open`` (a probe is running) → ``closed``."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


class Breaker:
    """Opens after consecutive calls without an answer; an answer of any kind closes it.

    While open it probes the panel automatically with `probe`, so no caller's request is needed to detect the recovery.
    It belongs to one process and event loop, as replicas may reach the panel by different routes.
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
        """The current state."""
        return self._state

    @property
    def closed(self) -> bool:
        """True if calls are made."""
        return self._state is BreakerState.CLOSED

    def now(self) -> float:
        """Return the time of its clock in seconds, for `missed`."""
        return self._clock()

    def probe_with(self, probe: Probe) -> None:
        """Set the cheap call that checks the panel; if it raises, the panel is down, unless it called `answered`."""
        self._probe = probe

    def when_closed(self, listener: Callable[[], None]) -> None:
        """Call `listener` each time the breaker closes."""
        self._listeners.append(listener)

    def check(self) -> None:
        """Raise PanelDown unless the breaker is closed."""
        if not self.closed:
            raise self.down("it did not answer")

    def down(self, why: str) -> PanelDown:
        """Return the error for a blocked call, with the seconds until the next probe (at least one)."""
        wait = min(max(self._next_probe_at - self._clock(), 1.0), LONGEST_PAUSE_SECONDS)
        return PanelDown(f"the panel is down: {why}", retry_after=wait)

    def answered(self) -> None:
        """Record that the panel answered in any way."""
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
        """Record that a call begun at `began` got no answer; `reached` if a connection was made.

        It is ignored if another call was answered in the meantime.
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
            except Exception as error:  # noqa: BLE001 - any error means no answer
                log.info("panel.probe", error=str(error), next_in=pause, answered=self.closed)
