"""Logs that the database is unavailable, at most once a minute, however many callers notice it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from app.log import Logger

#: The minimum time between two log lines, in seconds.
APART: Final = 60.0
_LONGEST_REASON = 200

log = Logger()


class Outage:
    """The outage log of one process for one database; `clock` is monotonic."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said_at = float("-inf")
        self._suppressed = 0

    def note(self, where: str, error: BaseException) -> None:
        """Log it, unless it was logged within the last minute; then count it for the next line."""
        now = self._clock()
        if now - self._said_at < APART:
            self._suppressed += 1
            return
        log.error("database.unavailable", where=where, reason=_reason(error), suppressed=self._suppressed)
        self._said_at, self._suppressed = now, 0


def _reason(error: BaseException) -> str:
    """Return the error's type and first line, without the SQL statement."""
    cause = getattr(error, "orig", None) or error
    lines = str(cause).splitlines()
    return f"{type(error).__name__}: {lines[0]}"[:_LONGEST_REASON] if lines else type(error).__name__
