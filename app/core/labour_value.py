"""What an order brings per month: the other side of the labour economics (design §4, "Value of an order").

Exact arithmetic on fractions of minor units; rounding happens only where an amount is shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from app.core.facts import Facts, Item, OrderFacts, PaymentState
from app.core.money import Money
from app.core.policy import Policy
from app.core.policy_matching import Groups

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """What the order brings per month in minor units; `complete` is False where a line's amounts are not known."""

    recurring: Fraction
    margin: Fraction
    complete: bool


def cycle_months(item: Item) -> int | None:
    """Return how many months one billing cycle of the line spans; 0 for a one-time amount, None if unknown."""
    cycle = re.sub(r"[\s_()-]", "", item.cycle.lower())
    if cycle in _CYCLES:
        return _CYCLES[cycle]
    if cycle == "onetime":
        return 0
    years = _YEARS.fullmatch(cycle)
    if years:
        return 12 * int(years[1])
    return 12 if item.kind == "domain" and not cycle else None


def order_value(facts: Facts, policy: Policy) -> Value:
    """Add up the lines: (recurring per month + (first payment - recurring) over the horizon) times the margin.

    Rules of their own (design §4): free lines bring nothing; one-time lines have no recurring part; postpaid groups
    pay nothing up front, so only the recurring amount counts (else the catalogue's, else `postpaid_month`); an addon
    or domain whose recurring amount the panel does not tell recurs at its first amount.
    """
    postpaid = Groups(policy.labour.postpaid_groups)
    margins = [(Groups(rule.groups), rule.percent) for rule in policy.labour.group_margins]
    recurring = margin = Fraction(0)
    complete = True
    for item in facts.order.items:
        if item in postpaid:
            line: tuple[Fraction, Fraction] | None = (_postpaid_month(item, facts.order, policy), Fraction(0))
        else:
            line = _line(item)
        if line is None:
            complete = False
            continue
        percent = next((percent for groups, percent in margins if item in groups), policy.labour.margin_percent)
        recurring += line[0]
        margin += (line[0] + line[1] / policy.labour.horizon_months) * percent / 100
    return Value(recurring=recurring, margin=margin, complete=complete)


def _line(item: Item) -> tuple[Fraction, Fraction] | None:
    """Return (recurring per month, first payment beyond the recurring amount), None where that is not known."""
    if item.kind in _WITHOUT_VALUE or item.cycle.replace(" ", "").lower() in _FREE:
        return Fraction(0), Fraction(0)
    months = cycle_months(item)
    if months == 0 and item.first_amount is not None:
        return Fraction(0), Fraction(item.first_amount)
    recurring = item.recurring_amount
    if recurring is None and item.kind != "product":
        recurring = item.first_amount
    if not months or recurring is None or item.first_amount is None:
        return None
    return Fraction(recurring, months), Fraction(item.first_amount - recurring)


def _postpaid_month(item: Item, order: OrderFacts, policy: Policy) -> Fraction:
    months = cycle_months(item)
    amount = item.recurring_amount or item.list_recurring
    if months and amount:
        return Fraction(amount, months)
    row = policy.currencies.get(order.currency or "")
    return Fraction(Money.from_text(row.postpaid_month, order.currency or "").amount_minor) if row else Fraction(0)


def payment_settled(order: OrderFacts, policy: Policy) -> bool:
    """Return whether an approved order may be accepted: paid, nothing to pay, or of postpaid groups only.

    Issue 2 point 5: zero amounts and postpaid groups count as paid.
    """
    if order.payment in {PaymentState.PAID, PaymentState.NONE}:
        return True
    if order.amount is not None and order.amount <= 0:
        return True
    postpaid = Groups(policy.labour.postpaid_groups)
    return bool(order.items) and all(item in postpaid for item in order.items)
