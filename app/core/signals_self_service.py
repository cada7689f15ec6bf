"""The signals that move the self-service score, and the minutes of work that an order asks for (design §4).

Minutes come only from what this order asks for: entering it, and special requests. A customer's history and the way
of paying move the score and never cost anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from app.core.facts import Facts, Item, PaymentState, PlacedBy
from app.core.labour_value import payment_settled
from app.core.policy import Policy
from app.core.policy_matching import has_word
from app.core.signals import HANDLING, EvidenceValue, ScoreKind, Signal, SignalRule, TimedSignalRule
from app.core.terms import TermKind

_STAFF: Final = frozenset({PlacedBy.STAFF, PlacedBy.STAFF_AS_CUSTOMER})
_UNPAID: Final = frozenset({PaymentState.UNPAID, PaymentState.PARTLY_PAID})
_WORDS: Final[dict[TermKind, str]] = {
    TermKind.OS_OLD: "an operating system that is no longer supported",
    TermKind.OS_UNUSUAL: "an operating system outside the catalogue",
    TermKind.PACKAGE: "extra software packages",
    TermKind.INSTALL: "an installation by our staff",
    TermKind.MIGRATION: "moving existing data or sites",
    TermKind.HARDWARE: "special hardware",
    TermKind.CUSTOM_CONFIG: "a special configuration",
    TermKind.MANUAL_ORDER: "an order entered by our staff",
}
#: Every kind of request; terms that merely stand on a list ask for nothing.
REQUEST_KINDS: Final = tuple(_WORDS)


def request_code(kind: TermKind) -> str:
    """Return the code of the signal that one kind of request makes."""
    return f"request_{kind.value}"


def work_words(kind: TermKind) -> str:
    """Return what a kind of request asks for, in words for customers and staff."""
    return _WORDS[kind]


def in_cart(item: Item, policy: Policy) -> bool | None:
    """Return whether the cart could have sold this line; None when the catalogue was not read (design §4).

    Lines that are no products (domains, addons, upgrades) are in the cart unless the facts say otherwise.
    """
    if item.product_id is not None and item.product_id in policy.cart.not_in_cart:
        return False
    if item.listed is False or item.cycle_offered is False or item.price_override is True:
        return False
    if item.kind == "product" and (item.listed is None or item.cycle_offered is None):
        return None
    return True


def cart_sells(items: Iterable[Item], policy: Policy) -> bool | None:
    """Return whether the cart could have sold the whole order; None when that is not known of some line."""
    answers = {in_cart(item, policy) for item in items}
    if False in answers:
        return False
    return None if None in answers or not answers else True


def handling_unknown(facts: Facts, policy: Policy) -> bool:
    """Return whether staff entered the order and nobody can say whether the cart sells it."""
    return facts.order.placed_by in _STAFF and cart_sells(facts.order.items, policy) is None


def _signal(code: str, points: int, detail: str, *, minutes: int = 0, **evidence: EvidenceValue) -> Signal:
    found = tuple(evidence.items())
    return Signal(
        code=code, score=ScoreKind.SELF_SERVICE, points=points, detail=detail, evidence=found, minutes=minutes
    )


def entered_by_staff(facts: Facts, policy: Policy) -> Signal | None:
    """Staff entered the order: costs handling, and nothing where the cart could not have sold it (design §4)."""
    if facts.order.placed_by not in _STAFF:
        return None
    sells = cart_sells(facts.order.items, policy)
    who = facts.order.placed_by.value
    if sells is None:
        detail = "Our staff entered the order; whether the cart sells it is not known, so that counts nothing."
        return _signal(HANDLING, 0, detail, placed_by=who, cart_sells=None)
    if not sells:
        detail = "Our staff entered the order, which the cart could not have sold: that counts nothing."
        return _signal(HANDLING, 0, detail, placed_by=who, cart_sells=False)
    minutes = policy.labour.minutes.handling
    detail = f"Our staff entered an order that the cart sells: {minutes} minutes of handling."
    points = -policy.points.self_service.entered_by_staff
    return _signal(HANDLING, points, detail, minutes=minutes, placed_by=who, cart_sells=True)


def asked_by_ticket(facts: Facts, policy: Policy) -> Signal | None:
    """A ticket of this customer asked for the order."""
    ticket = facts.order.asking_ticket_id
    if ticket is None:
        return None
    points = -policy.points.self_service.asked_by_ticket
    return _signal("asked_by_ticket", points, f"Ticket {ticket} asked for this order.", ticket_id=ticket)


def _request(kind: TermKind) -> SignalRule:
    """Make the rule for one kind of request: its minutes count once per order, however often it is named."""
    code = request_code(kind)

    def rule(facts: Facts, policy: Policy) -> Signal | None:
        found = [finding for finding in facts.order.requests if finding.kind is kind]
        if not found:
            return None
        terms = ", ".join(sorted({finding.term for finding in found})[:10])
        places = ", ".join(sorted({finding.where for finding in found})[:10])
        minutes = policy.labour.minutes.of(kind)
        points: int = getattr(policy.points.self_service, code)
        detail = f"The order asks for {_WORDS[kind]} ({terms}): about {minutes} minutes of work."
        return _signal(code, -points, detail, minutes=minutes, terms=terms, where=places)

    return rule


def outside_catalogue(facts: Facts, policy: Policy) -> Signal | None:
    """A line that the catalogue does not list, or not with this billing cycle."""
    lines = [item for item in facts.order.items if _is_outside(item, policy)]
    if not lines:
        return None
    shown = ", ".join(sorted({item.product or f"{item.kind} {item.relid}" for item in lines})[:10])
    points = -policy.points.self_service.outside_catalogue
    return _signal("outside_catalogue", points, f"Not sold in the cart: {shown}.", lines=len(lines), products=shown)


def _is_outside(item: Item, policy: Policy) -> bool:
    not_sold = item.product_id is not None and item.product_id in policy.cart.not_in_cart
    return not_sold or item.listed is False or item.cycle_offered is False


def is_catalogue_gap(facts: Facts, policy: Policy) -> bool:
    """Return whether what was wanted can't be ordered in the cart: a line, or a request (design §4 row 10)."""
    kinds = frozenset(policy.labour.catalogue_gap_kinds)
    lines = any(_is_outside(item, policy) for item in facts.order.items)
    return lines or any(finding.kind in kinds for finding in facts.order.requests)


def price_override(facts: Facts, policy: Policy) -> Signal | None:
    """A line has another price than the catalogue's."""
    lines = sum(1 for item in facts.order.items if item.price_override is True)
    if not lines:
        return None
    points = -policy.points.self_service.price_override
    return _signal("price_override", points, f"Lines with a price of their own: {lines}.", lines=lines)


def manual_payment(facts: Facts, policy: Policy) -> Signal | None:
    """The payment method needs a person to book the payment."""
    method = facts.order.payment_method
    if not has_word(policy.payment.manual_methods, method):
        return None
    points = -policy.points.self_service.manual_payment
    return _signal("manual_payment", points, f"Payments by {method} are booked by hand.", payment_method=method)


def unpaid_after_grace(facts: Facts, policy: Policy, now: datetime) -> Signal | None:
    """The order is not paid within the grace time (days from its date)."""
    days = policy.thresholds.payment_grace_days
    late = now - facts.order.placed_at > timedelta(days=days)
    if facts.order.payment not in _UNPAID or not late or payment_settled(facts.order, policy):
        return None
    points = -policy.points.self_service.unpaid_after_grace
    return _signal("unpaid_after_grace", points, f"Not paid within {days} days.", grace_days=days)


def earlier_manual_orders(facts: Facts, policy: Policy) -> Signal | None:
    """Earlier orders of this customer were entered by staff too."""
    count = facts.customer.earlier_manual_orders if facts.customer else 0
    if count < 1:
        return None
    numbers = policy.points.self_service
    points = -min(numbers.earlier_manual_orders_at_most, count * numbers.earlier_manual_order)
    return _signal("earlier_manual_orders", points, f"Earlier orders entered by our staff: {count}.", count=count)


def tickets_per_service(facts: Facts, policy: Policy) -> Signal | None:
    """Many tickets for the number of services, in the last 14 days; tickets that our hold caused are not counted."""
    customer = facts.customer
    if customer is None or customer.tickets_recent is None or customer.active_services is None:
        return None
    services = max(1, customer.active_services)
    if customer.tickets_recent < policy.thresholds.tickets_per_service * services:
        return None
    detail = f"{customer.tickets_recent} tickets in 14 days with {customer.active_services} active services."
    points = -policy.points.self_service.tickets_per_service
    evidence = {"tickets": customer.tickets_recent, "services": customer.active_services}
    return _signal("tickets_per_service", points, detail, **evidence)


def repeat_effortless(facts: Facts, policy: Policy) -> Signal | None:
    """Earlier orders of this customer needed nobody: the good side of the score."""
    count = facts.customer.earlier_effortless_orders if facts.customer else 0
    if count < 1:
        return None
    numbers = policy.points.self_service
    points = min(numbers.repeat_effortless_at_most, count * numbers.repeat_effortless)
    return _signal("repeat_effortless", points, f"Earlier orders that needed nobody: {count}.", count=count)


SIGNALS: Final[tuple[SignalRule, ...]] = (
    entered_by_staff,
    asked_by_ticket,
    *(_request(kind) for kind in REQUEST_KINDS),
    outside_catalogue,
    price_override,
    manual_payment,
    earlier_manual_orders,
    tickets_per_service,
    repeat_effortless,
)
TIMED_SIGNALS: Final[tuple[TimedSignalRule, ...]] = (unpaid_after_grace,)
