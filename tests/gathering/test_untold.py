"""A fact that the panel does not provide counts neither way and is named, however it is missing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from app.core.facts import Facts, PlacedBy
from app.core.judgement.decide import Judgement, decide
from app.core.money import Money
from app.core.policy.document import Policy
from app.gathering.facts import TOLD_BY_PANEL, OwnKnowledge, build_facts
from app.gathering.panel import Gathered
from app.gathering.sign_up import SignUp
from app.panels.records import PanelLine, PanelOrder
from app.panels.whmcs import wire
from app.panels.whmcs.mapping import customers

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CLIENT: dict[str, Any] = {
    "id": 7, "status": "Active", "email": "jo@example.com", "email_verified": True, "countrycode": "DE",
    "phonenumberformatted": "+49.30123456", "currency_code": "EUR",
}  # fmt: skip
STATS: dict[str, Any] = {
    "productsnumactive": 3, "numoverdueinvoices": 0, "numcollectionsinvoices": 0, "numpaidinvoices": 12,
}  # fmt: skip
#: The fact, and the panel's fields that contain it.
TOLD_IN: dict[str, tuple[dict[str, Any], str]] = {
    "country": (CLIENT, "countrycode"),
    "phone_country": (CLIENT, "phonenumberformatted"),
    "email_disposable": (CLIENT, "email"),
    "email_verified": (CLIENT, "email_verified"),
    "active_services": (STATS, "productsnumactive"),
    "overdue_invoices": (STATS, "numoverdueinvoices"),
    "collections_invoices": (STATS, "numcollectionsinvoices"),
    "paid_invoices": (STATS, "numpaidinvoices"),
}
ABSENT = object()


def facts(answer: Any, *, signed_up_on: date | None = date(2019, 5, 1)) -> Facts:
    """Return the facts of a plain order whose customer has these fields in the panel."""
    line = PanelLine(
        kind="domain", relid=1, product_type="", product="", domain="example.com", cycle="", amount=Money(1000, "EUR"),
        status="Pending",
    )  # fmt: skip
    order = PanelOrder(
        order_id=1, order_number="1", customer_id=7, placed_by=PlacedBy.CUSTOMER, staff_id=None, placed_at=NOW,
        amount=Money(1000, "EUR"), currency="EUR", payment_method="stripe", promo_code="", invoice_id=None,
        status="Pending", ip=None, notes="", fraud_check=None, lines=(line,),
    )  # fmt: skip
    gathered = Gathered(
        order_id=1, order_version=None, read_at=NOW, order=order, customer=customers.customer(answer),
        signed_up=None if signed_up_on is None else SignUp.on(signed_up_on, UTC),
    )  # fmt: skip
    return build_facts(gathered, OwnKnowledge(placed_by=PlacedBy.CUSTOMER), Policy())


def answer_without(name: str, value: Any) -> dict[str, Any]:
    told, key = TOLD_IN[name]
    client, stats = dict(CLIENT), dict(STATS)
    part = client if told is CLIENT else stats
    part.pop(key)
    if value is not ABSENT:
        part[key] = value
    return {"result": "success", "client": client, "stats": stats}


def judged(seen: Facts) -> Judgement:
    return decide(seen, Policy(), now=NOW)


def test_nothing_is_named_of_a_customer_who_is_told_of_in_full() -> None:
    assert judged(facts({"result": "success", "client": CLIENT, "stats": STATS})).missing == ()
    assert set(TOLD_IN) == set(TOLD_BY_PANEL)


@pytest.mark.parametrize("value", [ABSENT, "", None], ids=["absent", "empty", "null"])
@pytest.mark.parametrize("name", TOLD_BY_PANEL)
def test_what_is_not_told_counts_neither_way_and_is_named(name: str, value: Any) -> None:
    full = judged(facts({"result": "success", "client": CLIENT, "stats": STATS}))
    found = judged(facts(answer_without(name, value)))
    also = {"customer.phone_country"} if name == "country" and "customer.phone_country" in found.missing else set()
    assert set(found.missing) == {f"customer.{name}"} | also
    assert (found.outcome, found.scores, found.signals) == (full.outcome, full.scores, full.signals)


@pytest.mark.parametrize("shown", ["0000-00-00", "", None, "0000-00-00 00:00:00"])
def test_a_date_that_is_none_is_not_known(shown: str | None) -> None:
    assert wire.day(shown) is None
    full = {"result": "success", "client": CLIENT, "stats": STATS}
    assert judged(facts(full, signed_up_on=None)).missing == ("signed_up_on",)


def test_a_bare_success_is_no_customer() -> None:
    seen = facts({"result": "success"})
    assert seen.customer is None
    found = judged(seen)
    assert "customer" in found.missing
    assert found.outcome == "hold_for_review"
    assert found.reasons[0].code == "facts_missing"


def test_statistics_that_are_left_out_whole_are_named_one_by_one() -> None:
    found = judged(facts({"result": "success", "client": CLIENT}))
    assert set(found.missing) == {f"customer.{name}" for name, (told, _) in TOLD_IN.items() if told is STATS}
    assert found.signals == ()
