"""The labour cost of an order, its payback time, and the fee for it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple

from app.core.facts import Facts
from app.core.judgement.labour_value import Value, order_value
from app.core.judgement.rulebook import HUNDREDTHS, Rates, Rulebook, rulebook
from app.core.money import Money
from app.core.policy.document import Policy

_HOUR: Final = 60
_HUNDRED: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Labour:
    """The work of one order in minutes, its cost, and the order's revenue and margin; in the order's currency.

    `cost`, `estimate` are None if the policy has no row for the currency. `recurring_monthly` and `margin_month`
    count only the lines whose amounts are known; `missing` names the rest. `payback_months` is None if the work is
    never earned back (no margin) or that is unknown. `tolerated` is True if the cost is within the tolerated months
    of margin, None if a line's amounts are missing and could change the answer.
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
        """The payback time in words."""
        if self.payback_months is not None:
            return f"earned back by {self.payback_months} months of margin"
        return "unknown when it is earned back" if self.missing or self.cost is None else "never earned back"


class LabourWork(NamedTuple):
    """The same as integers, in minor units of `currency`: used by the rules and by backtests.

    `currency` is None if the policy has no row for it; then only the minutes are known. The exact cost is
    `hours / 60`, the exact margin per month `value.margin / whole`.
    """

    minutes: int
    handling_minutes: int
    currency: str | None
    cost: int | None = None
    margin_month: int | None = None
    tolerated: bool | None = None
    estimate: int | None = None
    above_mandate: bool = False
    missing: tuple[str, ...] = ()
    hours: int = 0
    value: Value | None = None
    whole: int = 1

    def written(self) -> Labour:
        """Return the same with `Money` amounts."""
        value = self.value
        return Labour(
            minutes=self.minutes,
            handling_minutes=self.handling_minutes,
            custom_minutes=self.minutes - self.handling_minutes,
            cost=self._money(self.cost),
            recurring_monthly=self._money(_half_up(value.recurring, value.months) if value else None),
            margin_month=self._money(self.margin_month),
            payback_months=self._payback() if value and value.complete else None,
            tolerated=self.tolerated,
            estimate=self._money(self.estimate),
            above_mandate=self.above_mandate,
            missing=self.missing,
        )

    def _money(self, amount: int | None) -> Money | None:
        return None if amount is None or self.currency is None else Money(amount, self.currency)

    def _payback(self) -> Decimal | None:
        """Return the months to two decimals, rounded half up; None if the margin never earns the cost back."""
        margin = self.value.margin if self.value else 0
        if self.hours == 0:
            return Decimal("0.00")
        if margin <= 0:
            return None
        return Decimal(_half_up(self.hours * self.whole * HUNDREDTHS, margin * _HOUR)).scaleb(-2)


def weigh(facts: Facts, rules: Rulebook, *, minutes: int, handling: int) -> LabourWork:
    """Compare the minutes of work, `handling` of them for entering the order, with the order's value."""
    currency = facts.order.currency
    row = rules.rates.get(currency) if currency else None
    if row is None:
        return LabourWork(minutes, handling, None)
    value = order_value(facts, rules)
    whole = value.months * rules.horizon * _HUNDRED
    margin, missing = _half_up(value.margin, whole), () if value.complete else ("items.amounts",)
    if minutes == 0:
        return LabourWork(0, 0, currency, 0, margin, True, None, False, missing, 0, value, whole)
    hours = row.staff_cost * minutes
    tolerated: bool | None = True
    if hours * whole * HUNDREDTHS > value.margin * rules.tolerated_hundredths * _HOUR:
        tolerated = False if value.complete else None
    full = _uncapped(minutes - handling, row, rules) if minutes > handling else None
    return LabourWork(
        minutes=minutes,
        handling_minutes=handling,
        currency=currency,
        cost=_half_up(hours, _HOUR),
        margin_month=margin,
        tolerated=tolerated,
        estimate=_estimate(handling, full, row),
        above_mandate=full is not None and full > row.mandate_above,
        missing=missing,
        hours=hours,
        value=value,
        whole=whole,
    )


def uncapped_fee(minutes: int, currency: str, policy: Policy) -> Money:
    """Return max(minimum, minutes rounded up to the increment) times the rate, before the cap, as for a quote.

    Raises KeyError if the policy has no row for the currency.
    """
    rules = rulebook(policy)
    return Money(_uncapped(minutes, rules.rates[currency], rules), currency)


def custom_fee(minutes: int, currency: str, policy: Policy) -> Money:
    """Return the fee for custom work of this many staff minutes, at most the cap. Raises KeyError as `uncapped_fee`."""
    return min(uncapped_fee(minutes, currency, policy), max_fee(currency, policy))


def max_fee(currency: str, policy: Policy) -> Money:
    """Return the cap of a single fee. Raises KeyError if the policy has no row for the currency."""
    return Money(rulebook(policy).rates[currency].max_fee, currency)


def _uncapped(minutes: int, row: Rates, rules: Rulebook) -> int:
    fee = rules.policy.fee
    step = fee.increment_minutes
    billed = max(fee.minimum_minutes, -(-max(0, minutes) // step) * step)
    return _half_up(row.custom_rate * billed, _HOUR)


def _estimate(handling: int, full: int | None, row: Rates) -> int | None:
    """Return the flat amount for handling only, else the fee for the custom work, which includes entering the order."""
    if full is not None:
        return min(full, row.max_fee)
    return row.handling_fee if handling else None


def _half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)
