"""The value of an order per month, to compare its labour cost with.

Exact integer arithmetic over one common denominator; amounts are rounded only for display.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
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
#: Lines without a value of their own: a renewal would have been paid anyway.
_WITHOUT_VALUE: Final = frozenset({"renewal"})


class Value(NamedTuple):
    """The value of an order per month in minor units; `complete` is False if a line's amounts are unknown.

    Both are exact: `recurring / months` and `margin / (months x horizon months x 100)`.
    """

    recurring: int
    margin: int
    months: int
    complete: bool


#: (recurring amount, months per billing cycle, first payment less recurring amount).
_Line = tuple[int, int, int]
_NOTHING: Final[_Line] = (0, 1, 0)


class _Cycle(NamedTuple):
    """A parsed billing cycle: its length in months (0: paid once), whether it is free, whether it is empty."""

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
    """Return the length of the line's billing cycle in months; 0 for a one-time amount, None if unknown."""
    months, _, empty = _read_cycle(item.cycle)
    return 12 if empty and item.kind == "domain" else months


def order_value(facts: Facts, rules: Rulebook) -> Value:
    """Add up the lines: (recurring per month + (first payment - recurring) over the horizon) times the margin.

    Special cases: free lines have no value; one-time lines have no recurring part; postpaid groups pay nothing up
    front, so only the recurring amount counts (else the catalogue's, else `postpaid_month`); an addon or domain
    whose recurring amount the panel does not return recurs at its first amount.
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
    """Return the value of the line, or None if unknown."""
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
    """Return whether an approved order may be accepted: paid, nothing to pay, or only of postpaid groups."""
    return nothing_to_pay(order.payment, order.amount) or postpaid(order.items, policy)


def nothing_to_pay(payment: PaymentState, amount: int | None) -> bool:
    """Return whether an order is paid or free."""
    return payment in {PaymentState.PAID, PaymentState.NONE} or (amount is not None and amount <= 0)


def postpaid(items: Sequence[Item], policy: Policy) -> bool:
    """Return whether all of an order's items are of groups that are paid afterwards."""
    groups = rulebook(policy).postpaid
    return bool(items) and all(item in groups for item in items)
