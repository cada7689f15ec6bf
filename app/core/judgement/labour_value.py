"""What an order brings per month: the other side of the labour economics (design §4, "Value of an order").

Exact arithmetic on whole numbers over one common denominator; rounding happens only where an amount is shown.
"""

from __future__ import annotations

import re
from functools import lru_cache
from math import lcm
from typing import Final, NamedTuple

from app.core.facts import Facts, Item, OrderFacts, PaymentState
from app.core.judgement.rulebook import Rulebook, rulebook
from app.core.policy.document import Policy

_CYCLES: Final = {
    "monthly": 1,
    "quarterly": 3,
    "semiannually": 6,
    "semiannual": 6,
    "annually": 12,
    "annual": 12,
    "yearly": 12,
    "biennially": 24,
    "triennially": 36,
}
_FREE: Final = frozenset({"free", "freeaccount"})
_YEARS: Final = re.compile(r"([1-9][0-9]?)years?", re.ASCII)
#: Lines that bring nothing by themselves: a renewal would have been paid anyway.
_WITHOUT_VALUE: Final = frozenset({"renewal"})


class Value(NamedTuple):
    """What the order brings per month in minor units; `complete` is False where a line's amounts are not known.

    Both are exact: `recurring / months` and `margin / (months x horizon months x 100)`.
    """

    recurring: int
    margin: int
    months: int
    complete: bool


#: An amount for every so many months, and what the first payment is beyond it.
_Line = tuple[int, int, int]
_NOTHING: Final[_Line] = (0, 1, 0)


class _Cycle(NamedTuple):
    """What a cycle's name says: how many months it spans (0: paid once), whether it is free, whether it is empty."""

    months: int | None
    free: bool
    empty: bool


@lru_cache(maxsize=2000)
def _read_cycle(text: str) -> _Cycle:
    free = text.replace(" ", "").lower() in _FREE
    cycle = re.sub(r"[\s_()-]", "", text.lower())
    years = _YEARS.fullmatch(cycle)
    months = _CYCLES.get(cycle, 0 if cycle == "onetime" else None)
    return _Cycle(12 * int(years[1]) if years else months, free, not cycle)


def cycle_months(item: Item) -> int | None:
    """Return how many months one billing cycle of the line spans; 0 for a one-time amount, None if unknown."""
    months, _, empty = _read_cycle(item.cycle)
    return 12 if empty and item.kind == "domain" else months


def order_value(facts: Facts, rules: Rulebook) -> Value:
    """Add up the lines: (recurring per month + (first payment - recurring) over the horizon) times the margin.

    Rules of their own (design §4): free lines bring nothing; one-time lines have no recurring part; postpaid groups
    pay nothing up front, so only the recurring amount counts (else the catalogue's, else `postpaid_month`); an addon
    or domain whose recurring amount the panel does not tell recurs at its first amount.
    """
    horizon, usual, postpaid = rules.horizon, rules.policy.labour.margin_percent, rules.postpaid
    recurring, margin, common = 0, 0, 1
    complete = True
    for item in facts.order.items:
        if postpaid and item in postpaid:
            line: _Line | None = _postpaid(item, facts.order, rules)
        else:
            line = _line(item)
        if line is None:
            complete = False
            continue
        amount, months, extra = line
        percent = usual
        if rules.margins:
            percent = next((percent for groups, percent in rules.margins if item in groups), usual)
        if common % months:
            wider = lcm(common, months)
            recurring, margin, common = recurring * (wider // common), margin * (wider // common), wider
        amount *= common // months
        recurring += amount
        margin += (amount * horizon + extra * common) * percent
    return Value(recurring, margin, common, complete)


def _line(item: Item) -> _Line | None:
    """Return what the line brings, None where that is not known."""
    months, free, _ = _read_cycle(item.cycle)
    if free or item.kind in _WITHOUT_VALUE:
        return _NOTHING
    first, recurring = item.first_amount, item.recurring_amount
    if months == 0 and first is not None:
        return 0, 1, first
    if recurring is None and item.kind != "product":
        recurring = first
    months = months or cycle_months(item)
    if not months or recurring is None or first is None:
        return None
    return recurring, months, first - recurring


def _postpaid(item: Item, order: OrderFacts, rules: Rulebook) -> _Line:
    months = cycle_months(item)
    amount = item.recurring_amount or item.list_recurring
    if months and amount:
        return amount, months, 0
    row = rules.rates.get(order.currency or "")
    return (row.postpaid_month, 1, 0) if row else _NOTHING


def payment_settled(order: OrderFacts, policy: Policy) -> bool:
    """Return whether an approved order may be accepted: paid, nothing to pay, or of postpaid groups only.

    Issue 2 point 5: zero amounts and postpaid groups count as paid.
    """
    if order.payment in {PaymentState.PAID, PaymentState.NONE}:
        return True
    if order.amount is not None and order.amount <= 0:
        return True
    postpaid = rulebook(policy).postpaid
    return bool(order.items) and all(item in postpaid for item in order.items)
