"""Retry delays: a readable list, with a little random jitter so that many retries don't start at once."""

from __future__ import annotations

import math
from itertools import accumulate
from typing import Final

_SHORTENED_AT_MOST: Final = 0.1
_LONGEST: Final = 30 * 86400.0
_MOST: Final = 100


def parse_delays(text: str) -> tuple[float, ...]:
    """Parse comma-separated seconds such as ``1,5,30``: 1-100 numbers of at most thirty days each.

    Raises ValueError naming the invalid entry.
    """
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > _MOST:
        raise ValueError(f"at most {_MOST} delays")
    return tuple(_seconds(part) for part in parts)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= _LONGEST:
        raise ValueError(f"must be a delay in seconds from 0 to {_LONGEST:.0f}: {text[:40]!r}")
    return seconds


def next_delay(attempt: int, delays: tuple[float, ...], *, jitter: float) -> float | None:
    """Return the seconds to wait after failed attempt number `attempt` (from 1); None if it was the last.

    `jitter` (0 ≤ jitter < 1) shortens the wait by at most a tenth, so that all delays never add up to more than the
    list.
    """
    if attempt < 1 or not 0 <= jitter < 1:
        raise ValueError("attempts count from 1, jitter is at least 0 and less than 1")
    if attempt > len(delays):
        return None
    return _shortened(delays[attempt - 1], jitter)


def delay_at(age: float, delays: tuple[float, ...], *, jitter: float) -> float:
    """Return the seconds to wait before the next attempt of something first tried `age` seconds ago.

    For retries that are limited by time, not by number: after the end of the list its last delay is repeated.
    `jitter` shortens the wait as in `next_delay`.
    """
    ends = accumulate(delays)
    delay = next((delay for delay, end in zip(delays, ends, strict=True) if age < end), delays[-1])
    return _shortened(delay, jitter)


def _shortened(delay: float, jitter: float) -> float:
    return delay * (1 - jitter * _SHORTENED_AT_MOST)
