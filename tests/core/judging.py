"""Facts with defaults for tests of the judgement: a regular who orders a 15.00 plan in the cart and has paid."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from app.core.facts import (
    Agreement,
    BadNeighbour,
    CustomerFacts,
    Cut,
    EnrichmentReport,
    Facts,
    FraudCheck,
    FraudVerdict,
    Item,
    ListKind,
    Neighbours,
    NewAccount,
    OrderFacts,
    OrderKind,
    PaymentState,
    PlacedBy,
    Regulars,
    TextCut,
)
from app.core.reading.requests import TermFinding, TermKind

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PLACED_AT = NOW - timedelta(minutes=5)


def an_item(**changes: Any) -> Item:
    plan = Item(
        kind="product",
        relid=1402,
        product_id=11,
        product="Web S",
        group_id=1,
        group="Web hosting",
        product_type="hostingaccount",
        module="cpanel",
        cycle="monthly",
        first_amount=1500,
        recurring_amount=1500,
        list_first=1500,
        list_recurring=1500,
        listed=True,
        cycle_offered=True,
        price_override=False,
        service_status="Pending",
    )
    return replace(plan, **changes)


def an_order(**changes: Any) -> OrderFacts:
    order = OrderFacts(
        order_id=812,
        placed_at=PLACED_AT,
        placed_by=PlacedBy.CUSTOMER,
        currency="USD",
        amount=1500,
        payment=PaymentState.PAID,
        payment_method="stripe",
        invoice_id=2210,
        items=(an_item(),),
    )
    return replace(order, **changes)


def a_customer(**changes: Any) -> CustomerFacts:
    customer = CustomerFacts(
        customer_id=93,
        status="Active",
        group_id=0,
        signed_up_at=NOW - timedelta(days=900),
        country="US",
        phone_country="US",
        ip_country="US",
        email_domain="example.com",
        email_disposable=False,
        email_verified=True,
        active_services=2,
        total_services=3,
        overdue_invoices=0,
        collections_invoices=0,
        paid_invoices=30,
        revenue=90_000,
        tickets_total=2,
        tickets_recent=0,
    )
    return replace(customer, **changes)


def some_facts(*, order: OrderFacts | None = None, customer: CustomerFacts | None = None, **changes: Any) -> Facts:
    return replace(Facts(order=order or an_order(), customer=customer or a_customer()), **changes)


def a_request(kind: TermKind = TermKind.OS_OLD, term: str = "ubuntu 8.04", where: str = "notes") -> TermFinding:
    return TermFinding(kind=kind, term=term, where=where, start=0)


def facts_from(case: dict[str, Any]) -> Facts:
    """Build the facts of one row of a decision table: the regular's order with the row's changes."""
    items = tuple(an_item(**_item(changes)) for changes in case.get("items", [{}]))
    order = an_order(items=items, **_order(case.get("order", {})))
    customer = a_customer(**_customer(case["customer"])) if "customer" in case else a_customer()
    return Facts(
        order=order,
        customer=None if case.get("no_customer") else customer,
        agreement=Agreement(case.get("agreement", "none")),
        muted=tuple(case.get("muted", [])),
        missing=tuple(case.get("missing", [])),
    )


def _unknown(changes: dict[str, Any]) -> dict[str, Any]:
    """TOML has no null: "?" stands for a value that could not be learned."""
    return {name: None if value == "?" else value for name, value in changes.items()}


def _item(changes: dict[str, Any]) -> dict[str, Any]:
    found = _unknown(changes)
    if "domain_terms" in found:
        found["domain_terms"] = tuple(_listed(term, "domain") for term in found["domain_terms"])
    return found


def _order(changes: dict[str, Any]) -> dict[str, Any]:
    found = _unknown(changes)
    for name, kind in {"placed_by": PlacedBy, "kind": OrderKind, "payment": PaymentState}.items():
        if name in found:
            found[name] = kind(found[name])
    if "requests" in found:
        pairs = [text.split(": ", 1) for text in found["requests"]]
        found["requests"] = tuple(a_request(TermKind(kind), term) for kind, term in pairs)
    if "cut" in found:
        pairs = [text.split(": ", 1) for text in found["cut"]]
        found["cut"] = tuple(TextCut(where=where, why=Cut(why)) for where, why in pairs)
    for name in ("acceptable_use", "vetting"):
        if name in found:
            found[name] = tuple(_listed(term, "notes") for term in found[name])
    if "days_ago" in found:
        found["placed_at"] = NOW - timedelta(days=found.pop("days_ago"))
    if "fraud_check" in found:
        check = found["fraud_check"]
        verdict = FraudVerdict(check.get("verdict", "unknown"))
        found["fraud_check"] = FraudCheck(module="maxmind", verdict=verdict, score=check.get("score"))
    if "outside" in found:
        reports = [{**one, "marks": tuple(one.get("marks", ()))} for one in found["outside"]]
        found["outside"] = tuple(EnrichmentReport(**one) for one in reports)
    return found


def _customer(changes: dict[str, Any]) -> dict[str, Any]:
    found = _unknown(changes)
    if "days_old" in found:
        found["signed_up_at"] = NOW - timedelta(days=found.pop("days_old"))
    if "lists" in found:
        pairs = [text.split(": ", 1) for text in found["lists"]]
        found["lists"] = tuple((ListKind(kind), entry) for kind, entry in pairs)
    if "neighbours" in found:
        found["neighbours"] = tuple(_neighbours(entry) for entry in found["neighbours"])
    if "together" in found:
        found["together"] = tuple(_new_account(place, entry) for place, entry in enumerate(found["together"]))
    if "regulars" in found:
        found["regulars"] = tuple(Regulars(**entry) for entry in found["regulars"])
    return found


def _neighbours(entry: dict[str, Any]) -> Neighbours:
    """Return neighbours; of each bad one, the hours since the first sighting and the days since the evidence."""
    bad = tuple(BadNeighbour(hours, days) for hours, days in entry.get("bad", ()))
    return Neighbours(**{**entry, "bad": bad})


def _new_account(place: int, entry: dict[str, Any]) -> NewAccount:
    """Return a new account of a row: how many minutes apart it ordered, and what it shares."""
    shares = tuple(entry["shares"].split(", "))
    return NewAccount(
        order_id=900 + place,
        minutes=entry["minutes"],
        days=entry.get("days", 0),
        shares=shares,
        colleague=entry.get("colleague", False),
    )


def _listed(term: str, where: str) -> TermFinding:
    return TermFinding(kind=TermKind.LISTED, term=term, where=where, start=0)
