"""The time that a report covers: a month in the panel's time zone, or any span, and the one before it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final

#: Years of a report; nothing was sold before, and times stay far from the calendar's end.
FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2999
LONGEST: Final = timedelta(days=400)
_MONTH: Final = re.compile(r"(2[0-9]{3})-(0[1-9]|1[0-2])", re.ASCII)


class BadPeriod(ValueError):
    """The wanted time makes no sense; `parameter` names what to correct."""

    def __init__(self, parameter: str, text: str) -> None:
        super().__init__(text)
        self.parameter = parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From `since` on, up to `until`, which is not part of it; aware times. `month`: a whole month of the calendar."""

    since: datetime
    until: datetime
    month: bool = False

    def before(self) -> Period:
        """Return the month before, or the time of the same length just before."""
        if self.month:
            return Period(since=_month_before(self.since), until=self.since, month=True)
        return Period(since=self.since - (self.until - self.since), until=self.since)

    def title(self) -> str:
        """Return the period in words."""
        if self.month:
            return f"{self.since:%B %Y}"
        return f"{self.since:%Y-%m-%d %H:%M} to {self.until:%Y-%m-%d %H:%M}"


def month(text: str, zone: tzinfo) -> Period:
    """Return a month such as `2026-11` in this zone. Raises BadPeriod."""
    found = _MONTH.fullmatch(text)
    if found is None:
        raise BadPeriod("month", f"must be a year from {FIRST_YEAR} to {LAST_YEAR} and a month, such as 2026-11")
    return _of(datetime(int(found[1]), int(found[2]), 1, tzinfo=zone))


def month_of(now: datetime, zone: tzinfo) -> Period:
    """Return the month of this moment in this zone."""
    return _of(now.astimezone(zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0))


def span(since: datetime, until: datetime | None, zone: tzinfo, *, now: datetime) -> Period:
    """Return the time between two moments, the second by default now; a moment without a zone is in the panel's.

    Raises BadPeriod if it is empty, too long, or out of range.
    """
    for name, at in (("since", since), ("until", until)):
        if at is not None and not FIRST_YEAR <= at.year <= LAST_YEAR:
            raise BadPeriod(name, f"must be in the years {FIRST_YEAR} to {LAST_YEAR}")
    begin, end = _aware(since, zone), _aware(now if until is None else until, zone)
    if end <= begin:
        raise BadPeriod("until", "must be later than since")
    if end - begin > LONGEST:
        raise BadPeriod("since", f"must be at most {LONGEST.days} days before until")
    return Period(since=begin, until=end)


def _of(first: datetime) -> Period:
    following = (first + timedelta(days=32)).replace(day=1)
    return Period(since=first, until=following, month=True)


def _month_before(first: datetime) -> datetime:
    return (first - timedelta(days=1)).replace(day=1)


def _aware(at: datetime, zone: tzinfo) -> datetime:
    return at.replace(tzinfo=zone) if at.tzinfo is None else at.astimezone(zone)
