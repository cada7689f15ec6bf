"""The time-efficiency score: how little staff time a customer needs for the revenue they bring.

First version: from the numbers of one year. The score alone never causes a fee.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final

from app.core.judgement.decide import Reason
from app.core.money import Money
from app.core.policy.document import Policy

_FULL_YEAR: Final = 12


class Segment(StrEnum):
    """What kind of customer it is."""

    NEW = "new"
    EFFORTLESS = "effortless"
    STANDARD = "standard"
    WHITE_GLOVE = "white_glove"
    PRICE_SENSITIVE = "price_sensitive"
    HIGH_EFFORT = "high_effort"
    UNFIT = "unfit"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerHistory:
    """The last twelve months of one customer; counts are 0 if nothing happened, None if unknown.

    `months_known` is how long the customer has been with us, `service_months` the sum of the months of all services in
    the year. Tickets and minutes caused by our own fault or our hold, and our own fee invoices, are excluded.
    """

    currency: str | None
    revenue: int | None  # minor units of the currency
    staff_minutes: int = 0
    months_known: int = 0
    service_months: int = 0
    invoices_paid: int = 0
    invoices_paid_late: int = 0
    orders: int = 0
    manual_orders: int = 0
    tickets: int = 0
    disputes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerScore:
    """Score 0-100 (100: all revenue, no time), the segment, and the reasons."""

    score: int
    segment: Segment
    reasons: tuple[Reason, ...]


def score_customer(history: CustomerHistory, policy: Policy) -> CustomerScore:
    """Score one customer: 100 minus losses, pulled towards the provider's average while history is short."""
    rules = policy.customers
    losses = [_labour(history, policy), _late(history, policy), _manual(history, policy)]
    losses += [_tickets(history, policy), _disputes(history, policy)]
    own = max(Fraction(0), 100 - sum((points for points, _ in losses), Fraction(0)))
    months = Fraction(min(_FULL_YEAR, max(0, history.months_known)))
    weight = months + rules.prior_months
    pulled = (own * months + rules.prior_score * rules.prior_months) / weight if weight else own
    reasons = [reason for _, reason in losses if reason is not None]
    if not reasons:
        reasons.append(Reason("nothing_against", "Nothing counts against this customer."))
    if months < _FULL_YEAR and rules.prior_months:
        text = (
            f"Customer for only {months} of the last 12 months, so the provider's average of {rules.prior_score} "
            "counts too."
        )
        reasons.append(Reason("little_history", text))
    return CustomerScore(score=_half_up(pulled), segment=_segment(history, policy), reasons=tuple(reasons))


_Loss = tuple[Fraction, Reason | None]
_NO_LOSS: Final[_Loss] = (Fraction(0), None)


def _segment(history: CustomerHistory, policy: Policy) -> Segment:
    """Return `new` until the customer has some months and paid invoices; other segments are not assigned here."""
    rules = policy.customers
    known = history.months_known >= rules.standard_after_months
    return Segment.STANDARD if known and history.invoices_paid >= rules.standard_after_paid_invoices else Segment.NEW


def _labour(history: CustomerHistory, policy: Policy) -> _Loss:
    """The share of the year's margin that staff time cost."""
    if history.staff_minutes <= 0:
        return _NO_LOSS
    row = policy.currencies.get(history.currency or "")
    if row is None or history.currency is None or history.revenue is None:
        return Fraction(0), Reason("labour_unknown", "The customer's revenue is not known, so work is not counted.")
    rate = Money.from_text(row.staff_cost_per_hour, history.currency).amount_minor
    cost = Fraction(rate * history.staff_minutes, 60)
    margin = Fraction(history.revenue * policy.labour.margin_percent, 100)
    share = min(Fraction(1), cost / margin) if margin > 0 else Fraction(1)
    text = f"{history.staff_minutes} minutes of staff time took {_half_up(share * 100)} % of the year's margin."
    return _loss(share, policy.customers.labour_share_at_most, "labour", text)


def _late(history: CustomerHistory, policy: Policy) -> _Loss:
    if history.invoices_paid_late <= 0:
        return _NO_LOSS
    share = Fraction(history.invoices_paid_late, max(history.invoices_paid, history.invoices_paid_late))
    text = f"{history.invoices_paid_late} of {history.invoices_paid} invoices were paid late."
    return _loss(share, policy.customers.late_payment_at_most, "late_payment", text)


def _manual(history: CustomerHistory, policy: Policy) -> _Loss:
    if history.manual_orders <= 0:
        return _NO_LOSS
    share = Fraction(history.manual_orders, max(history.orders, history.manual_orders))
    text = f"{history.manual_orders} of {history.orders} orders were entered by our staff."
    return _loss(share, policy.customers.manual_orders_at_most, "manual_orders", text)


def _tickets(history: CustomerHistory, policy: Policy) -> _Loss:
    """Tickets per service and year above the tolerated number; twice that number is the full loss."""
    tolerated = policy.customers.tolerated_tickets_per_service_year
    per_year = Fraction(max(0, history.tickets) * _FULL_YEAR, max(1, history.service_months))
    excess = min(Fraction(1), per_year / tolerated - 1)
    if excess <= 0:
        return _NO_LOSS
    text = f"{history.tickets} tickets in {history.service_months} service-months."
    return _loss(excess, policy.customers.tickets_at_most, "tickets", text)


def _disputes(history: CustomerHistory, policy: Policy) -> _Loss:
    if history.disputes <= 0:
        return _NO_LOSS
    rules = policy.customers
    points = min(rules.disputes_at_most, history.disputes * rules.points_per_dispute)
    return Fraction(points), Reason("disputes", f"Payments disputed: {history.disputes}.")


def _loss(share: Fraction, at_most: int, code: str, text: str) -> _Loss:
    return share * at_most, Reason(code, text)


def _half_up(value: Fraction) -> int:
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)
