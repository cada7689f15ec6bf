"""Muted signals of the past: which risk signals fired on too many orders that ended well, day by day.

Live judgements recount the share every ten minutes. Here it is counted once a day, over the days before, which takes a
few numbers for each day however many orders there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from app.core.judgement.muting import Firings, ended_well_at
from app.core.judgement.outcome import Outcome
from app.core.policy.sections.judging import Muting
from app.tables.history import Label


@dataclass(slots=True)
class MutedDays:
    """Counts the orders that were placed on each day; and those that ended well then, with the signals that fired."""

    rules: Muting
    placed: Counter[date] = field(default_factory=Counter)
    ended: Counter[date] = field(default_factory=Counter)
    fired: dict[date, Counter[str]] = field(default_factory=dict)

    def count(self, placed_at: datetime, codes: Iterable[str], *, label: str, reviewed: str | None) -> None:
        """Add an order, how it ended (a `Label`), what a person decided, and the risk signals that fired on it."""
        self.placed[placed_at.astimezone(UTC).date()] += 1
        approved = reviewed == Outcome.APPROVE.value
        ended_at = ended_well_at(
            placed_at, good=label == Label.GOOD.value, open_=label == Label.OPEN.value, approved=approved
        )
        if ended_at is not None:
            day = ended_at.astimezone(UTC).date()
            self.ended[day] += 1
            self.fired.setdefault(day, Counter()).update(codes)

    def add(self, other: MutedDays) -> None:
        """Add the counts of another part of the history."""
        self.placed.update(other.placed)
        self.ended.update(other.ended)
        for day, codes in other.fired.items():
            self.fired.setdefault(day, Counter()).update(codes)

    def muted(self) -> dict[date, tuple[str, ...]]:
        """Return the signals muted on each day with orders, by the orders that ended well in the days before."""
        found: dict[date, tuple[str, ...]] = {}
        total, codes = 0, Counter[str]()
        ended = sorted(self.ended)
        oldest = newest = 0
        for day in sorted(self.placed):
            while newest < len(ended) and ended[newest] < day:
                total += self.ended[ended[newest]]
                codes.update(self.fired[ended[newest]])
                newest += 1
            while oldest < newest and ended[oldest] < day - timedelta(days=self.rules.days):
                total -= self.ended[ended[oldest]]
                codes.subtract(self.fired[ended[oldest]])
                oldest += 1
            found[day] = Firings(orders=total, fired=codes).muted(self.rules)
        return found
