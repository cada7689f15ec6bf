"""Says that the database can't be used, once a minute, however many notice it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import structlog

#: A line of the log at most so often, in seconds.
APART: Final = 60.0
_LONGEST_REASON = 200

log = structlog.get_logger()


class Outage:
    """What one process says of one database that can't be used; `clock` is monotonic."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said_at = float("-inf")
        self._kept_back = 0

    def note(self, where: str, error: BaseException) -> None:
        """Log it, unless that was done within the last minute: then it is counted for the next line."""
        now = self._clock()
        if now - self._said_at < APART:
            self._kept_back += 1
            return
        log.error("database.unavailable", where=where, reason=_reason(error), kept_back=self._kept_back)
        self._said_at, self._kept_back = now, 0


def _reason(error: BaseException) -> str:
    """Name the error; the statement is left out, and of a text the first line is enough."""
    cause = getattr(error, "orig", None) or error
    lines = str(cause).splitlines()
    return f"{type(error).__name__}: {lines[0]}"[:_LONGEST_REASON] if lines else type(error).__name__
