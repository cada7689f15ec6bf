"""Counting decisions: one flat table of numbers of bounded size, added up over the parts in any order."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Final

from app.core.judgement.decide import Outcome
from app.core.policy.document import Policy
from app.core.policy.terms import MATURE_DAYS
from app.evaluation.backtest.firing import count_signals
from app.evaluation.backtest.labels import GOOD, HELD, Key, for_lack_of_facts
from app.evaluation.backtest.months import count_months
from app.evaluation.backtest.parts import (
    ACTIVE,
    ACTIVE_TODAY,
    GIVEN,
    GIVEN_TODAY,
    DecidedCase,
    Kind,
    StoredPart,
    microseconds,
)
from app.tables.history import CaseSource

#: Labels of younger orders may still change and don't count.
MATURE_AFTER: Final = timedelta(days=MATURE_DAYS)
#: How many orders of each kind of change are kept for the examples.
REMEMBERED: Final = 20

_APPROVE, _FEE = Outcome.APPROVE.value, Outcome.HOLD_FOR_FEE.value
_PAIRS: Final = ((ACTIVE, GIVEN), (ACTIVE_TODAY, GIVEN_TODAY))


@dataclass(slots=True)
class Tally:
    """Numbers by name, and the newest orders of each kind of change as (placed_at, order_id)."""

    counts: Counter[Key] = field(default_factory=Counter)
    changed: dict[tuple[str, str], list[tuple[int, int]]] = field(default_factory=dict)
    first: int | None = None
    last: int | None = None

    def add(self, other: Tally) -> None:
        """Add another tally; the order of additions does not matter."""
        self.counts.update(other.counts)
        for change, orders in other.changed.items():
            self.changed[change] = heapq.nlargest(REMEMBERED, [*self.changed.get(change, []), *orders])
        if other.first is not None and other.last is not None:
            self.first = other.first if self.first is None else min(self.first, other.first)
            self.last = other.last if self.last is None else max(self.last, other.last)


class _Group:
    """Orders that are counted alike, with the sums of their money for each column."""

    def __init__(self, columns: int) -> None:
        self.cost, self.margin, self.fee = [0] * columns, [0] * columns, [0] * columns
        self.cost_unknown, self.margin_unknown = [0] * columns, [0] * columns
        self.orders = 0
        self.logged = 0  # orders whose staff minutes are known
        self.logged_minutes = 0


_GroupKey = tuple[str, str, bool, str | None, str, int, tuple[int, ...]]


def count(part: StoredPart, *, as_of: datetime, tried: Policy, zone: tzinfo) -> Tally:
    """Count the decisions of one part; orders old enough at `as_of` have a label that counts.

    `tried` is the policy being tried; months are those of `zone`.
    """
    tally, mature_until = Tally(), microseconds(as_of - MATURE_AFTER)
    counted = _Counting(part, tally.counts)
    for key, group in _grouped(part, mature_until).items():
        counted.group(key, group)
    count_months(part, tally.counts, mature_until=mature_until, zone=zone)
    count_signals(part, tally.counts, mature_until=mature_until, tried=tried)
    placed = [case.placed_at for case in part.cases]
    tally.first, tally.last = min(placed, default=None), max(placed, default=None)
    newest: dict[tuple[str, str], list[tuple[int, int]]] = {}
    given, active = part.columns.index(GIVEN), part.columns.index(ACTIVE)
    for case in part.cases:
        before, after = part.kinds[case.decided[active].kind].outcome, part.kinds[case.decided[given].kind].outcome
        if before != after:
            newest.setdefault((before, after), []).append((case.placed_at, case.order_id))
    tally.changed = {change: heapq.nlargest(REMEMBERED, orders) for change, orders in newest.items()}
    return tally


def _grouped(part: StoredPart, mature_until: int) -> Mapping[_GroupKey, _Group]:
    """Group what is counted alike: there are far fewer kinds of orders than orders."""
    groups: dict[_GroupKey, _Group] = {}
    columns = range(len(part.columns))
    for case in part.cases:
        kinds = tuple([decided.kind for decided in case.decided])
        key = (
            case.source, case.label, case.placed_at <= mature_until, case.reviewed, case.currency or "", case.today,
            kinds,
        )  # fmt: skip
        group = groups.get(key)
        if group is None:
            group = groups[key] = _Group(len(part.columns))
        group.orders += 1
        _add_money(group, case, columns)
    return groups


def _add_money(group: _Group, case: DecidedCase, columns: range) -> None:
    for column in columns:
        decided = case.decided[column]
        if decided.cost is None:
            group.cost_unknown[column] += 1
        else:
            group.cost[column] += decided.cost
        if decided.margin_month is None:
            group.margin_unknown[column] += 1
        else:
            group.margin[column] += decided.margin_month
        if decided.fee is not None:
            group.fee[column] += decided.fee
    if case.staff_minutes is not None:
        group.logged += 1
        group.logged_minutes += case.staff_minutes


class _Counting:
    def __init__(self, part: StoredPart, counts: Counter[Key]) -> None:
        self._part = part
        self._counts = counts
        names = part.columns
        self._pairs = [(names.index(old), names.index(new)) for old, new in _PAIRS if new in names]

    def group(self, key: _GroupKey, group: _Group) -> None:
        """Count all orders of a group."""
        source, label, mature, reviewed, currency, today, places = key
        counts, kinds = self._counts, [self._part.kinds[place] for place in places]
        counts["case", source, label, mature] += group.orders
        counts["logged", "orders"] += group.logged
        counts["logged", "minutes"] += group.logged_minutes
        names = self._part.today[today]
        if names:
            counts["lacking",] += group.orders
            for name in names:
                counts["today", name] += group.orders
        for column, (name, kind) in enumerate(zip(self._part.columns, kinds, strict=True)):
            self._column(name, kind, group.orders, mature=mature, label=label, reviewed=reviewed)
            self._money(name, kind, group, column, currency)
            unknown = source == CaseSource.IMPORTED.value and for_lack_of_facts(kind.outcome, kind.reasons)
            if unknown:
                counts["unknown", name] += group.orders
                counts["unknown_minutes", name] += group.orders * kind.minutes
                if mature:
                    counts["unknown_became", name, label] += group.orders
            elif mature and label == GOOD and kind.outcome in HELD:
                counts["held_good", name, currency, "orders"] += group.orders
                counts["held_good", name, currency, "margin"] += group.margin[column]
                counts["held_good", name, currency, "unknown"] += group.margin_unknown[column]
        for old, new in self._pairs:
            self._change(self._part.columns[new], kinds[old], kinds[new], group.orders)
            if kinds[old].minutes and {kinds[old].outcome, kinds[new].outcome} == {_APPROVE, _FEE}:
                at: Key = ("work_moved", self._part.columns[new], currency, kinds[new].outcome)
                counts[(*at, "minutes")] += group.orders * kinds[old].minutes
                counts[(*at, "cost")] += group.cost[old]

    def _column(self, name: str, kind: Kind, orders: int, *, mature: bool, label: str, reviewed: str | None) -> None:
        counts = self._counts
        counts["outcome", name, kind.outcome] += orders
        counts["catalogue_gap", name] += orders * kind.catalogue_gap
        for code in dict.fromkeys(kind.reasons):
            counts["reason", name, kind.outcome, code] += orders
        if mature:
            counts["risk", name, label, kind.risk] += orders
            counts["became", name, label, kind.outcome] += orders
        if reviewed is not None:
            counts["people", name, reviewed, kind.outcome] += orders

    def _money(self, name: str, kind: Kind, group: _Group, column: int, currency: str) -> None:
        counts = self._counts
        if kind.minutes:
            at: Key = ("work", name, currency, kind.outcome)
            counts[(*at, "orders")] += group.orders
            counts[(*at, "minutes")] += group.orders * kind.minutes
            counts[(*at, "cost")] += group.cost[column]
            counts[(*at, "unknown")] += group.cost_unknown[column]
        if kind.outcome == _FEE:
            counts["fee", name, currency, "orders"] += group.orders
            counts["fee", name, currency, "sum"] += group.fee[column]

    def _change(self, name: str, old: Kind, new: Kind, orders: int) -> None:
        counts = self._counts
        counts["change", name, old.outcome, new.outcome] += orders
        if old.outcome == new.outcome:
            return
        before, after = set(old.reasons), set(new.reasons)
        for code in after - before:
            counts["change_reason", name, code, "appears"] += orders
        for code in before - after:
            counts["change_reason", name, code, "disappears"] += orders
        for code, points in _differences(old, new):
            counts["change_signal", name, code, "orders"] += orders
            if points:
                counts["change_signal", name, code, "differs"] += orders
                counts["change_signal", name, code, "points"] += orders * points


def _differences(old: Kind, new: Kind) -> Iterator[tuple[str, int]]:
    """Yield every signal of either verdict with its points in the new one minus those in the old one."""
    points: Counter[str] = Counter()
    for code, some in new.points:
        points[code] += some
    for code, some in old.points:
        points[code] -= some
    yield from points.items()
