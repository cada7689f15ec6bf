"""Counting by calendar month and currency: work, fees, bad orders found and good ones made to wait."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from datetime import datetime, tzinfo
from typing import Final

from app.core.judgement.decide import Outcome
from app.evaluation.backtest.labels import BAD, GOOD, HELD, Key, for_lack_of_facts
from app.evaluation.backtest.parts import ACTIVE, GIVEN, DecidedCase, StoredPart, microseconds, moment_of
from app.tables.history import CaseSource, Label

_MONTHS: Final = 12
_COLUMNS: Final = (GIVEN, ACTIVE)
_IMPORTED: Final = CaseSource.IMPORTED.value
_APPROVE, _FEE = Outcome.APPROVE.value, Outcome.HOLD_FOR_FEE.value
#: The work of these orders was probably never done, so charging for it saves nothing.
_NOT_DONE: Final = frozenset({Label.CANCELLED_UNPAID.value, Label.FRAUD.value})


def month_of(at: datetime) -> int:
    """Return the number of a calendar month, counted from year 0."""
    return at.year * _MONTHS + at.month - 1


def named(month: int) -> str:
    """Return a month as in 2026-11."""
    return f"{month // _MONTHS:04}-{month % _MONTHS + 1:02}"


@dataclass(slots=True)
class _Verdicts:
    """What one policy does in one month and currency; amounts in minor units."""

    minutes_asked: int = 0
    minutes_charged: int = 0
    fees_asked: int = 0
    fees_sum: int = 0
    labour_saved: int = 0
    found: int = 0
    found_worth: int = 0
    beyond: int = 0
    beyond_worth: int = 0
    good_held: int = 0
    good_held_worth: int = 0


@dataclass(slots=True)
class _Row:
    """The orders of one month and currency."""

    orders: int = 0
    too_young: int = 0
    good: int = 0
    bad: int = 0
    bad_worth: int = 0
    panel_found: int = 0
    verdicts: tuple[_Verdicts, ...] = field(default_factory=lambda: tuple(_Verdicts() for _ in _COLUMNS))


def count_months(part: StoredPart, counts: Counter[Key], *, mature_until: int, zone: tzinfo) -> None:
    """Count the orders of a part by the month of `zone` in which they were placed."""
    rows: dict[int, dict[str, _Row]] = {}
    here: dict[str, _Row] = {}
    given, active = part.columns.index(GIVEN), part.columns.index(ACTIVE)
    quiet = [kind.outcome == _APPROVE and not kind.minutes for kind in part.kinds]
    counting = _Counting(part, (given, active))
    month = begins = ends = 0
    for case in part.cases:  # in time order, so that a month is looked up once and not for each order
        at = case.placed_at
        if not begins <= at < ends:
            month, begins, ends = _around(at, zone)
            here = rows.setdefault(month, {})
        row = here.get(case.currency or "")
        if row is None:
            row = here[case.currency or ""] = _Row()
        row.orders += 1
        good = bad = False
        if at > mature_until:
            row.too_young += 1
        elif case.label == GOOD:
            row.good += 1
            good = True
        else:
            bad = case.label in BAD
        if bad:
            _bad(row, case)
        if bad or not (quiet[case.decided[given].kind] and quiet[case.decided[active].kind]):
            counting.order(row, case, good=good, bad=bad)
    for month, found in rows.items():
        for currency, row in found.items():
            _write(counts, month, currency, row)


def _bad(row: _Row, case: DecidedCase) -> None:
    row.bad += 1
    row.bad_worth += case.amount or 0
    row.panel_found += case.panel_failed


def _around(at: int, zone: tzinfo) -> tuple[int, int, int]:
    """Return the month of a moment, and where it begins and ends; all moments in microseconds since 1970."""
    month = month_of(moment_of(at).astimezone(zone))
    return month, _start(month, zone), _start(month + 1, zone)


def _start(month: int, zone: tzinfo) -> int:
    return microseconds(datetime(month // _MONTHS, month % _MONTHS + 1, 1, tzinfo=zone))


class _Counting:
    """Counts the orders that a policy does something with, and the bad ones."""

    def __init__(self, part: StoredPart, columns: tuple[int, ...]) -> None:
        self._columns = columns
        self._kinds = part.kinds
        self._held = [kind.outcome in HELD for kind in part.kinds]
        self._lacking = [for_lack_of_facts(kind.outcome, kind.reasons) for kind in part.kinds]

    def order(self, row: _Row, case: DecidedCase, *, good: bool, bad: bool) -> None:
        for sums, place in zip(row.verdicts, self._columns, strict=True):
            decided = case.decided[place]
            number = decided.kind
            kind = self._kinds[number]
            sums.minutes_asked += kind.minutes
            if kind.outcome == _FEE:
                sums.minutes_charged += kind.minutes
                sums.fees_asked += 1
                sums.fees_sum += decided.fee or 0
                if case.label not in _NOT_DONE:
                    sums.labour_saved += decided.cost or 0
            elif self._held[number] and (good or bad) and not (self._lacking[number] and case.source == _IMPORTED):
                if bad:
                    _found(sums, case)
                else:
                    sums.good_held += 1
                    sums.good_held_worth += case.amount or 0


def _found(sums: _Verdicts, case: DecidedCase) -> None:
    amount = case.amount or 0
    sums.found += 1
    sums.found_worth += amount
    if not case.panel_failed:
        sums.beyond += 1
        sums.beyond_worth += amount


def _write(counts: Counter[Key], month: int, currency: str, row: _Row) -> None:
    for name in _PLAIN:
        counts["month", month, currency, name] += getattr(row, name)
    for column, sums in zip(_COLUMNS, row.verdicts, strict=True):
        for name in _SUMS:
            counts["meant", column, month, currency, name] += getattr(sums, name)


_SUMS: Final = tuple(one.name for one in fields(_Verdicts))
_PLAIN: Final = tuple(one.name for one in fields(_Row) if one.name != "verdicts")
