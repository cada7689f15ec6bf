"""The signals that change the self-service score, and the minutes of work that an order asks for.

Minutes count only for what this order asks for: entering it, and special requests. A customer's history and payment
method change the score but never cause a fee.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from app.core.facts import Cut, Facts, Item, PaymentState, PlacedBy, TextCut
from app.core.judgement.labour_value import payment_settled
from app.core.judgement.rulebook import Rulebook
from app.core.judgement.signals.base import HANDLING, Finding, ScoreKind, SignalRule, Words, said
from app.core.reading.kinds import TermKind

_STAFF: Final = frozenset({PlacedBy.STAFF, PlacedBy.STAFF_AS_CUSTOMER})
_UNPAID: Final = frozenset({PaymentState.UNPAID, PaymentState.PARTLY_PAID})
_WORDS: Final[dict[TermKind, str]] = {
    TermKind.OS_OLD: "an operating system that is no longer supported",
    TermKind.OS_UNUSUAL: "an operating system that is not in our catalogue",
    TermKind.PACKAGE: "extra software packages",
    TermKind.INSTALL: "an installation by our staff",
    TermKind.MIGRATION: "moving existing data or sites",
    TermKind.HARDWARE: "special hardware",
    TermKind.CUSTOM_CONFIG: "a special configuration",
    TermKind.MANUAL_ORDER: "an order entered by our staff",
}
#: Every kind of request; terms that are only on one of the policy's lists ask for no work.
REQUEST_KINDS: Final = tuple(_WORDS)


def request_code(kind: TermKind) -> str:
    """Return the signal code for a kind of request."""
    return f"request_{kind.value}"


def work_words(kind: TermKind) -> str:
    """Describe a kind of request, in words for customers and staff."""
    return _WORDS[kind]


def in_cart(item: Item, rules: Rulebook) -> bool | None:
    """Return whether the cart could have sold this line; None if the catalogue was not read.

    Domains, addons and upgrades are in the cart unless the facts say otherwise.
    """
    if _is_outside(item, rules) or item.price_override is True:
        return False
    if item.kind == "product" and (item.listed is None or item.cycle_offered is None):
        return None
    return True


def cart_sells(items: Iterable[Item], rules: Rulebook) -> bool | None:
    """Return whether the cart could have sold the whole order; None if unknown for some line."""
    answers = {in_cart(item, rules) for item in items}
    if False in answers:
        return False
    return None if None in answers or not answers else True


def handling_unknown(facts: Facts, rules: Rulebook) -> bool:
    """Return whether staff entered the order and it is unknown whether the cart sells it."""
    return facts.order.placed_by in _STAFF and cart_sells(facts.order.items, rules) is None


def _finding(code: str, points: int, words: Callable[[], Words], *, minutes: int = 0) -> Finding:
    return Finding(code, ScoreKind.SELF_SERVICE, points, words, minutes)


def entered_by_staff(facts: Facts, rules: Rulebook) -> Finding | None:
    """Staff entered the order: costs handling minutes, but none if the cart could not have sold it."""
    if facts.order.placed_by not in _STAFF:
        return None
    sells = cart_sells(facts.order.items, rules)
    minutes, points = (rules.policy.labour.minutes.handling, -rules.effort.entered_by_staff) if sells else (0, 0)

    def words() -> Words:
        if sells is None:
            detail = "Our staff entered the order; whether the cart sells it is not known, so no points are taken."
        elif sells:
            detail = f"Our staff entered an order that the cart sells: {minutes} minutes of handling."
        else:
            detail = "Our staff entered the order, which the cart could not have sold, so no points are taken."
        return said(detail, placed_by=facts.order.placed_by.value, cart_sells=sells)

    return _finding(HANDLING, points, words, minutes=minutes)


def asked_by_ticket(facts: Facts, rules: Rulebook) -> Finding | None:
    """A ticket of this customer asked for the order."""
    ticket = facts.order.asking_ticket_id
    if ticket is None:
        return None
    points = -rules.effort.asked_by_ticket
    return _finding("asked_by_ticket", points, lambda: said(f"Ticket {ticket} asked for this order.", ticket_id=ticket))


def _request(kind: TermKind) -> SignalRule:
    """Create the rule for one kind of request: its minutes count once per order, however often it is mentioned."""
    code = request_code(kind)

    def rule(facts: Facts, rules: Rulebook) -> Finding | None:
        if not facts.order.requests:
            return None
        found = [finding for finding in facts.order.requests if finding.kind is kind]
        if not found:
            return None
        minutes = rules.minutes[kind]
        points: int = getattr(rules.effort, code)

        def words() -> Words:
            terms = ", ".join(sorted({finding.term for finding in found})[:10])
            places = ", ".join(sorted({finding.where for finding in found})[:10])
            detail = f"The order asks for {_WORDS[kind]} ({terms}): about {minutes} minutes of work."
            return said(detail, terms=terms, where=places)

        return _finding(code, -points, words, minutes=minutes)

    return rule


_CUT_WORDS: Final = {
    Cut.TOO_LONG: "too much text to read",
    Cut.TOO_MANY: "too many tickets to read",
    Cut.REQUEST_LEFT_OUT: "work named in what looks like a quotation, a signature or mark-up",
    Cut.TERM_LEFT_OUT: "a policy term in what looks like a quotation, a signature or mark-up",
}
_PLACES: Final = {
    "notes": "the notes",
    "custom_field": "custom fields",
    "ticket": "the ticket",
    "tickets": "tickets",
    "domain": "domain names",
}


def cut_words(cut: Iterable[TextCut]) -> str:
    """Return which texts were not fully read, in words for staff."""
    return "; ".join(f"{_PLACES.get(one.where, one.where)}: {_CUT_WORDS[one.why]}" for one in cut)


def text_cut(facts: Facts, rules: Rulebook) -> Finding | None:
    """The texts written with the order could not be read completely."""
    cut = facts.order.cut
    if not cut:
        return None

    def words() -> Words:
        places, kinds = sorted({one.where for one in cut}), sorted({one.why.value for one in cut})
        detail = f"Part of the text could not be judged: {cut_words(cut)}."
        return said(detail, where=", ".join(places), why=", ".join(kinds))

    return _finding("text_cut", -rules.effort.text_cut, words)


def outside_catalogue(facts: Facts, rules: Rulebook) -> Finding | None:
    """The catalogue does not list a line, or not with this billing cycle."""
    lines = [item for item in facts.order.items if _is_outside(item, rules)]
    if not lines:
        return None

    def words() -> Words:
        shown = ", ".join(sorted({item.product or f"{item.kind} {item.relid}" for item in lines})[:10])
        return said(f"Not sold in the cart: {shown}.", lines=len(lines), products=shown)

    return _finding("outside_catalogue", -rules.effort.outside_catalogue, words)


def _is_outside(item: Item, rules: Rulebook) -> bool:
    return item.listed is False or item.cycle_offered is False or item.product_id in rules.not_in_cart


def is_catalogue_gap(facts: Facts, rules: Rulebook) -> bool:
    """Return whether the order has a line or a request that can't be ordered in the cart."""
    for item in facts.order.items:
        if _is_outside(item, rules):
            return True
    return any(finding.kind in rules.gap_kinds for finding in facts.order.requests) if facts.order.requests else False


def price_override(facts: Facts, rules: Rulebook) -> Finding | None:
    """The price of a line differs from the catalogue."""
    lines = 0
    for item in facts.order.items:
        lines += item.price_override is True
    if not lines:
        return None
    points = -rules.effort.price_override
    return _finding("price_override", points, lambda: said(f"Lines with a price of their own: {lines}.", lines=lines))


def manual_payment(facts: Facts, rules: Rulebook) -> Finding | None:
    """The payment method needs a person to book the payment."""
    method = facts.order.payment_method
    if method.casefold() not in rules.manual_methods:
        return None
    return _finding(
        "manual_payment",
        -rules.effort.manual_payment,
        lambda: said(f"Payments by {method} are recorded by hand.", payment_method=method),
    )


def unpaid_after_grace(facts: Facts, rules: Rulebook, now: datetime) -> Finding | None:
    """The order is not paid within the grace time (days from its date)."""
    if facts.order.payment not in _UNPAID or now - facts.order.placed_at <= rules.payment_grace:
        return None
    if payment_settled(facts.order, rules.policy):
        return None
    days = rules.thresholds.payment_grace_days
    points = -rules.effort.unpaid_after_grace
    return _finding("unpaid_after_grace", points, lambda: said(f"Not paid within {days} days.", grace_days=days))


def earlier_manual_orders(facts: Facts, rules: Rulebook) -> Finding | None:
    """Staff entered earlier orders of this customer too."""
    count = facts.customer.earlier_manual_orders if facts.customer else 0
    if count < 1:
        return None
    points = -min(rules.effort.earlier_manual_orders_at_most, count * rules.effort.earlier_manual_order)
    return _finding(
        "earlier_manual_orders", points, lambda: said(f"Earlier orders entered by our staff: {count}.", count=count)
    )


def tickets_per_service(facts: Facts, rules: Rulebook) -> Finding | None:
    """Many tickets per service in the last 14 days; tickets caused by our hold don't count."""
    customer = facts.customer
    if customer is None or not customer.tickets_recent or customer.active_services is None:
        return None
    tickets, services = customer.tickets_recent, customer.active_services
    if tickets < rules.thresholds.tickets_per_service * max(1, services):
        return None

    def words() -> Words:
        detail = f"{tickets} tickets in 14 days with {services} active services."
        return said(detail, tickets=tickets, services=services)

    return _finding("tickets_per_service", -rules.effort.tickets_per_service, words)


def repeat_effortless(facts: Facts, rules: Rulebook) -> Finding | None:
    """Earlier orders of this customer needed no staff time: adds to the score."""
    count = facts.customer.earlier_effortless_orders if facts.customer else 0
    if count < 1:
        return None
    points = min(rules.effort.repeat_effortless_at_most, count * rules.effort.repeat_effortless)
    return _finding(
        "repeat_effortless", points, lambda: said(f"Earlier orders that needed no staff time: {count}.", count=count)
    )


SIGNALS: Final[tuple[SignalRule, ...]] = (
    entered_by_staff,
    asked_by_ticket,
    *(_request(kind) for kind in REQUEST_KINDS),
    text_cut,
    outside_catalogue,
    price_override,
    manual_payment,
    earlier_manual_orders,
    tickets_per_service,
    repeat_effortless,
)
