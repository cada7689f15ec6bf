"""Muted signals of the past: which risk signals fired on too many orders to mean anything, day by day.

Live judgements recount the share every ten minutes. Here it is counted once a day, over the days before, which takes a
few numbers for each day however many orders there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from app.core.policy.sections.judging import Muting


@dataclass(slots=True)
class MutedDays:
    """Counts which signals fired on the orders of each day."""

    rules: Muting
    orders: Counter[date] = field(default_factory=Counter)
    fired: dict[date, Counter[str]] = field(default_factory=dict)

    def count(self, placed_at: datetime, codes: Iterable[str]) -> None:
        """Add an order and the risk signals that fired on it."""
        day = placed_at.date()
        self.orders[day] += 1
        self.fired.setdefault(day, Counter()).update(codes)

    def add(self, other: MutedDays) -> None:
        """Add the counts of another part of the history."""
        self.orders.update(other.orders)
        for day, codes in other.fired.items():
            self.fired.setdefault(day, Counter()).update(codes)

    def muted(self) -> dict[date, tuple[str, ...]]:
        """Return the signals muted on each day with orders, judged by the orders of the days before."""
        found: dict[date, tuple[str, ...]] = {}
        total, codes = 0, Counter[str]()
        days = sorted(self.orders)
        oldest = newest = 0
        for day in days:
            while days[newest] < day:
                total += self.orders[days[newest]]
                codes.update(self.fired[days[newest]])
                newest += 1
            while days[oldest] < day - timedelta(days=self.rules.days):
                total -= self.orders[days[oldest]]
                codes.subtract(self.fired[days[oldest]])
                oldest += 1
            found[day] = self._too_many(total, codes)
        return found

    def _too_many(self, total: int, codes: Counter[str]) -> tuple[str, ...]:
        if total < self.rules.min_orders:
            return ()
        return tuple(sorted(code for code, count in codes.items() if count * 100 > self.rules.share_percent * total))
