"""The signals that move the risk score (design §4). They only add, but for the provider's own allow list.

None looks at age, sex, religion or where a name comes from. The IP address of an order that staff or the API
entered is not the customer's and moves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from app.core.facts import Facts, FraudVerdict, ListKind, Neighbours, PaymentState, PlacedBy
from app.core.money import Money
from app.core.policy import Policy
from app.core.signals import EvidenceValue, ScoreKind, Signal, SignalRule

#: The provider's own lists are never muted: they are not statistics.
UNMUTABLE: Final = frozenset({"allow_listed", "block_listed"})
_VELOCITY_FACTOR_AT_MOST: Final = 3


def _risk(code: str, points: int, detail: str, **evidence: EvidenceValue) -> Signal:
    return Signal(code=code, score=ScoreKind.RISK, points=points, detail=detail, evidence=tuple(evidence.items()))


def ip_is_the_customers(facts: Facts) -> bool:
    """Return whether the order's IP address may be taken for the customer's (issue 2, point 3)."""
    return facts.order.placed_by is PlacedBy.CUSTOMER


def fraud_check(facts: Facts, policy: Policy) -> Signal | None:
    """The panel's own fraud check, when it ran: its verdict or, if worse, its score."""
    check = facts.order.fraud_check
    if check is None:
        return None
    score = check.score if check.score is not None and math.isfinite(check.score) else None
    points = 0
    if check.verdict is FraudVerdict.FAIL:
        points = policy.points.risk.fraud_check_fail
    elif check.verdict is FraudVerdict.REVIEW:
        points = policy.points.risk.fraud_check_review
    if score is not None and score >= policy.thresholds.fraud_score_from:
        points = max(points, policy.points.risk.fraud_check_high_score)
    if points == 0:
        return None
    detail = f"The panel's fraud check ({check.module}) said {check.verdict.value}"
    scored = "" if score is None else f" with a score of {score:.0f} of 100"
    return _risk(
        "fraud_check", points, f"{detail}{scored}.", module=check.module, verdict=check.verdict.value, score=score
    )


def email_disposable(facts: Facts, policy: Policy) -> Signal | None:
    """The e-mail address belongs to a throw-away service."""
    if facts.customer is None or facts.customer.email_disposable is not True:
        return None
    domain = facts.customer.email_domain
    detail = "The e-mail address belongs to a throw-away service."
    return _risk("email_disposable", policy.points.risk.email_disposable, detail, email_domain=domain)


def email_unverified(facts: Facts, policy: Policy) -> Signal | None:
    """The e-mail address was never confirmed, where the provider has addresses confirmed at all."""
    if not policy.thresholds.verifies_email or facts.customer is None or facts.customer.email_verified is not False:
        return None
    return _risk("email_unverified", policy.points.risk.email_unverified, "The e-mail address was never confirmed.")


def countries_disagree(facts: Facts, policy: Policy) -> Signal | None:
    """Address, phone and IP name different countries: small points for each country beyond the first."""
    if facts.customer is None:
        return None
    known = {"address": facts.customer.country, "phone": facts.customer.phone_country}
    if ip_is_the_customers(facts):
        known["ip"] = facts.customer.ip_country
    named = {source: country.upper() for source, country in known.items() if country}
    further = len(set(named.values())) - 1
    if further < 1:
        return None
    listed = ", ".join(f"{source} {country}" for source, country in named.items())
    points = further * policy.points.risk.countries_disagree
    return _risk("countries_disagree", points, f"The countries disagree: {listed}.", **named)


def _shared(kind: str) -> SignalRule:
    """Make the rule for one shared identity: it counts bad neighbours, never neighbours (design §4)."""
    code, words = f"shared_{kind}", {"ip": "IP address", "phone": "phone number", "email": "e-mail address"}

    def rule(facts: Facts, policy: Policy) -> Signal | None:
        if facts.customer is None or (kind == "ip" and not ip_is_the_customers(facts)):
            return None
        fitting: list[Neighbours] = [entry for entry in facts.customer.neighbours if entry.kind == kind]
        bad = max((entry.bad_customers for entry in fitting), default=0)
        if bad < 1:
            return None
        first: int = getattr(policy.points.risk, code)
        points = min(100, first + (bad - 1) * policy.points.risk.each_further)
        whom = "a customer" if bad == 1 else f"{bad} customers"
        detail = f"The {words.get(kind, kind)} is shared with {whom} known for fraud, abuse or chargebacks."
        customers = max(entry.customers for entry in fitting)
        return _risk(code, points, detail, bad_customers=bad, customers=customers)

    return rule


def _velocity(code: str, *, points: int, hour: tuple[int, int], day: tuple[int, int], whose: str) -> Signal | None:
    """Weigh orders in an hour and in a day, each (count, tolerated): points per full limit exceeded, at most thrice."""
    factor = min(_VELOCITY_FACTOR_AT_MOST, max((count - 1) // tolerated for count, tolerated in (hour, day)))
    if factor < 1:
        return None
    detail = f"{whose} placed {hour[0]} orders within an hour and {day[0]} within a day."
    return _risk(code, min(100, factor * points), detail, last_hour=hour[0], last_day=day[0])


def customer_velocity(facts: Facts, policy: Policy) -> Signal | None:
    """The customer places orders faster than people do."""
    if facts.customer is None:
        return None
    limits = policy.thresholds
    return _velocity(
        "customer_velocity",
        points=policy.points.risk.customer_velocity,
        hour=(facts.customer.orders_last_hour, limits.customer_orders_per_hour),
        day=(facts.customer.orders_last_day, limits.customer_orders_per_day),
        whose="This customer",
    )


def ip_velocity(facts: Facts, policy: Policy) -> Signal | None:
    """One IP address places orders faster than people do."""
    if facts.customer is None or not ip_is_the_customers(facts):
        return None
    limits = policy.thresholds
    return _velocity(
        "ip_velocity",
        points=policy.points.risk.ip_velocity,
        hour=(facts.customer.ip_orders_last_hour, limits.ip_orders_per_hour),
        day=(facts.customer.ip_orders_last_day, limits.ip_orders_per_day),
        whose="This IP address",
    )


def new_account_large_order(facts: Facts, policy: Policy) -> Signal | None:
    """A new account, nothing paid yet, and a first order that is large for its currency."""
    customer, order = facts.customer, facts.order
    if customer is None or customer.signed_up_at is None or order.amount is None or order.currency is None:
        return None
    row = policy.currencies.get(order.currency)
    own = 1 if order.payment is PaymentState.PAID else 0
    if row is None or customer.paid_invoices is None or customer.paid_invoices > own:
        return None
    age = order.placed_at - customer.signed_up_at
    large = Money.from_text(row.large_order, order.currency)
    if age > timedelta(days=policy.thresholds.new_account_days) or order.amount < large.amount_minor:
        return None
    total, days = Money(order.amount, order.currency), max(0, age.days)
    detail = f"The account was {days} days old and ordered for {total}; {large} or more is large for a new account."
    return _risk(
        "new_account_large_order", policy.points.risk.new_account_large_order, detail, days=days, amount=total.to_text()
    )


def earlier_fraud_orders(facts: Facts, policy: Policy) -> Signal | None:
    """Earlier orders of this customer were fraud."""
    count = facts.customer.earlier_fraud_orders if facts.customer else 0
    if count < 1:
        return None
    points = min(100, policy.points.risk.earlier_fraud_orders + (count - 1) * policy.points.risk.each_further)
    return _risk("earlier_fraud_orders", points, f"Earlier orders marked as fraud: {count}.", count=count)


def chargebacks(facts: Facts, policy: Policy) -> Signal | None:
    """Payments of this customer were charged back."""
    count = facts.customer.chargebacks if facts.customer else 0
    if count < 1:
        return None
    points = min(100, count * policy.points.risk.chargebacks)
    return _risk("chargebacks", points, f"Earlier payments charged back: {count}.", count=count)


def collections_invoices(facts: Facts, policy: Policy) -> Signal | None:
    """Invoices of this customer went to collections."""
    count = facts.customer.collections_invoices if facts.customer else None
    if count is None or count < 1:
        return None
    detail = f"Invoices handed to collections: {count}."
    return _risk("collections_invoices", policy.points.risk.collections_invoices, detail, count=count)


def overdue_invoices(facts: Facts, policy: Policy) -> Signal | None:
    """Invoices of this customer are overdue; our own fees are not among them (design §4)."""
    count = facts.customer.overdue_invoices if facts.customer else None
    if count is None or count < 1:
        return None
    points = min(policy.points.risk.overdue_invoices_at_most, count * policy.points.risk.overdue_invoice)
    return _risk("overdue_invoices", points, f"Invoices overdue: {count}.", count=count)


def payment_disputed(facts: Facts, policy: Policy) -> Signal | None:
    """The payment of this very order is disputed."""
    if facts.order.payment is not PaymentState.DISPUTED:
        return None
    detail = "The payment of this order is disputed."
    return _risk("payment_disputed", policy.points.risk.payment_disputed, detail)


def acceptable_use(facts: Facts, policy: Policy) -> Signal | None:
    """What the customer says will be hosted, or a domain name, holds terms of the acceptable-use list."""
    hits = [(hit.where, hit.term) for hit in facts.order.acceptable_use]
    hits += [(hit.where, hit.term) for item in facts.order.items for hit in item.domain_terms]
    if not hits:
        return None
    terms = sorted({term for _, term in hits})
    shown = ", ".join(terms[:10])
    detail = f"Terms of the acceptable-use list stand in the order's texts or domain names: {shown}."
    places = ", ".join(sorted({where for where, _ in hits})[:10])
    return _risk("acceptable_use", policy.points.risk.acceptable_use, detail, terms=shown, where=places)


def _listed(kind: ListKind, code: str, points_of: Callable[[Policy], int]) -> SignalRule:
    def rule(facts: Facts, policy: Policy) -> Signal | None:
        entries = [entry for found, entry in facts.customer.lists if found is kind] if facts.customer else []
        if not entries:
            return None
        shown = ", ".join(entries[:10])
        return _risk(code, points_of(policy), f"On the provider's own {kind.value} list: {shown}.", entries=shown)

    return rule


SIGNALS: Final[tuple[SignalRule, ...]] = (
    fraud_check,
    email_disposable,
    email_unverified,
    countries_disagree,
    _shared("ip"),
    _shared("phone"),
    _shared("address"),
    _shared("email"),
    customer_velocity,
    ip_velocity,
    new_account_large_order,
    earlier_fraud_orders,
    chargebacks,
    collections_invoices,
    overdue_invoices,
    payment_disputed,
    acceptable_use,
    _listed(ListKind.BLOCK, "block_listed", lambda policy: policy.points.risk.block_listed),
    _listed(ListKind.ALLOW, "allow_listed", lambda policy: -policy.points.risk.allow_listed),
)
