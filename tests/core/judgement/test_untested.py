"""Every signal that past orders can't test is named, with the reason."""

from __future__ import annotations

import pytest

from app.core.judgement.signals.catalogue import CATALOGUE
from app.core.judgement.untested import ONLY_LIVE, Untested, facts_of, untested


def named(**given: dict[str, int]) -> dict[str, Untested]:
    found = untested(imported=10, missing=given.get("missing", {}), today=given.get("today", {}))
    return {one.signal: one for one in found}


def test_what_only_live_orders_have_is_never_tested() -> None:
    found = named()
    assert set(found) == {
        "minfraud", "fraudrecord", "anonymous_ip", "hosting_network", "similar_address", "countries_disagree"
    }  # fmt: skip
    assert {one.orders for one in found.values()} == {10}


def test_without_pay_methods_shared_cards_are_not_tested() -> None:
    found = named(missing={"neighbours.payment": 10})
    assert found["shared_payment"].why == "pay methods could not be read (API action GetPayMethods)"
    assert "shared_payment" not in named()


@pytest.mark.parametrize(
    "name", ["asking_ticket", "catalogue", "invoice", "invoices", "services", "signed_up_on", "tickets"]
)
def test_a_read_that_failed_is_a_reason(name: str) -> None:
    facts = set(facts_of(name))
    hit = {entry.code for entry in CATALOGUE if facts.intersection(entry.needs)}
    assert hit
    assert {code for code, one in named(missing={name: 11}).items() if one.orders == 11} == hit


def test_the_reason_of_most_orders_is_named() -> None:
    found = named(missing={"neighbours.payment": 3}, today={"neighbours.payment": 7})["shared_payment"]
    assert (found.orders, found.why) == (7, "the panel shows what it needs only as of today")


def test_nothing_imported_leaves_nothing_untested() -> None:
    assert untested(imported=0, missing={}, today={}) == ()
    needs = {need for entry in CATALOGUE for need in entry.needs}
    assert needs.issuperset(ONLY_LIVE)
