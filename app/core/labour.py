"""What an order's work costs us, how soon it is earned back, and the fee for it (design §4, labour economics)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from app.core.facts import Facts
from app.core.labour_value import order_value
from app.core.money import Money
from app.core.policy import Policy
from app.core.signals import HANDLING, Signal

_HOUR: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Labour:
    """The work of one order in minutes, its cost, and what stands against it; money in the order's currency.

    `cost`, `estimate` are None where the policy has no row for the currency. `recurring_monthly` and `margin_month`
    count only the lines whose amounts are known; `missing` names the rest. `payback_months` is None where the work is
    never earned back (no margin) or nothing can be said. `tolerated` says whether the cost is within the tolerated
    months of margin: None where a line's amounts are missing and could change the answer.
    """

    minutes: int
    handling_minutes: int
    custom_minutes: int
    cost: Money | None
    recurring_monthly: Money | None
    margin_month: Money | None
    payback_months: Decimal | None
    tolerated: bool | None
    estimate: Money | None
    above_mandate: bool
    missing: tuple[str, ...] = ()

    @property
    def payback_words(self) -> str:
        """Say how soon the work is earned back."""
        if self.payback_months is not None:
            return f"earned back by {self.payback_months} months of margin"
        return "not known when earned back" if self.missing or self.cost is None else "never earned back"


def estimate_labour(facts: Facts, policy: Policy, signals: Iterable[Signal]) -> Labour:
    """Estimate the work that the signals stand for and weigh it against what the order brings."""
    found = tuple(signals)
    minutes = sum(signal.minutes for signal in found)
    handling = sum(signal.minutes for signal in found if signal.code == HANDLING)
    currency = facts.order.currency
    if currency is None or currency not in policy.currencies:
        return _without_money(minutes, handling)
    rate = Money.from_text(policy.currencies[currency].staff_cost_per_hour, currency).amount_minor
    cost, value = Fraction(rate * minutes, _HOUR), order_value(facts, policy)
    allowed = value.margin * Fraction(policy.labour.tolerated_months)
    tolerated = True if minutes == 0 or cost <= allowed else (False if value.complete else None)
    full = uncapped_fee(minutes - handling, currency, policy) if minutes > handling else None
    mandate = Money.from_text(policy.currencies[currency].mandate_above, currency)
    return Labour(
        minutes=minutes,
        handling_minutes=handling,
        custom_minutes=minutes - handling,
        cost=_money(cost, currency),
        recurring_monthly=_money(value.recurring, currency),
        margin_month=_money(value.margin, currency),
        payback_months=_payback(cost, value.margin) if value.complete else None,
        tolerated=tolerated,
        estimate=_estimate(handling, full, currency, policy),
        above_mandate=full is not None and full.amount_minor > mandate.amount_minor,
        missing=() if value.complete else ("items.amounts",),
    )


def uncapped_fee(minutes: int, currency: str, policy: Policy) -> Money:
    """Return max(minimum, minutes rounded up to the increment) times the rate, before the cap: what a quote would say.

    Raises KeyError where the policy has no row for the currency.
    """
    step = policy.fee.increment_minutes
    billed = max(policy.fee.minimum_minutes, -(-max(0, minutes) // step) * step)
    rate = Money.from_text(policy.currencies[currency].custom_rate_per_hour, currency)
    return _money(Fraction(rate.amount_minor * billed, _HOUR), currency)


def custom_fee(minutes: int, currency: str, policy: Policy) -> Money:
    """Return the fee for custom work of so many staff minutes, at most the cap. Raises KeyError like `uncapped_fee`."""
    return min(uncapped_fee(minutes, currency, policy), max_fee(currency, policy))


def max_fee(currency: str, policy: Policy) -> Money:
    """Return the most that one fee may be. Raises KeyError where the policy has no row for the currency."""
    return Money.from_text(policy.currencies[currency].max_fee, currency)


def _estimate(handling: int, full: Money | None, currency: str, policy: Policy) -> Money | None:
    """Only handling: the flat amount. Custom work: its own minutes; entering the order is then included."""
    if full is not None:
        return min(full, max_fee(currency, policy))
    return Money.from_text(policy.currencies[currency].handling_fee, currency) if handling else None


def _without_money(minutes: int, handling: int) -> Labour:
    return Labour(
        minutes=minutes,
        handling_minutes=handling,
        custom_minutes=minutes - handling,
        cost=None,
        recurring_monthly=None,
        margin_month=None,
        payback_months=None,
        tolerated=None,
        estimate=None,
        above_mandate=False,
    )


def _payback(cost: Fraction, margin: Fraction) -> Decimal | None:
    """Return the months to the hundredth, rounded half up; None where the margin never earns it back."""
    if cost == 0:
        return Decimal("0.00")
    if margin <= 0:
        return None
    return Decimal(_half_up(cost / margin * 100)).scaleb(-2)


def _money(amount: Fraction, currency: str) -> Money:
    return Money(_half_up(amount), currency)


def _half_up(value: Fraction) -> int:
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)
