"""Signals of risk: bad neighbours and non-neighbours, ends of scales, and no signal if nothing is known."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.core.facts import Facts, FraudCheck, FraudVerdict, Neighbours, PaymentState, PlacedBy
from app.core.judgement.rulebook import rulebook
from app.core.judgement.signals import enrichment
from app.core.judgement.signals import risk as signals
from app.core.judgement.signals.base import Signal
from app.core.policy.document import Policy
from tests.core.judging import NOW, a_customer, a_request, an_order, some_facts

POLICY = Policy()


def fired(seen: Facts) -> dict[str, Signal]:
    found = [rule(seen, rulebook(POLICY)) for rule in (*enrichment.SIGNALS, *signals.SIGNALS)]
    return {finding.code: finding.written() for finding in found if finding is not None}


@pytest.mark.parametrize(
    ("verdict", "score", "points"),
    [
        (FraudVerdict.PASS, None, None),
        (FraudVerdict.UNKNOWN, 74.9, None),
        (FraudVerdict.UNKNOWN, 75.0, 40),
        (FraudVerdict.UNKNOWN, float("nan"), None),
        (FraudVerdict.REVIEW, 99.0, 60),
        (FraudVerdict.FAIL, 1.0, 70),
    ],
)
def test_the_panels_own_check(verdict: FraudVerdict, score: float | None, points: int | None) -> None:
    check = FraudCheck(module="fraudlabs", verdict=verdict, score=score)

    signal = fired(some_facts(order=an_order(fraud_check=check))).get("fraud_check")

    assert (signal.points if signal else None) == points


@pytest.mark.parametrize("kind", ["ip", "phone", "address", "email"])
def test_good_neighbours_count_nothing_bad_ones_count(kind: str) -> None:
    good = a_customer(neighbours=(Neighbours(kind=kind, customers=500, bad_customers=0),))
    one = a_customer(neighbours=(Neighbours(kind=kind, customers=500, bad_customers=1),))
    many = a_customer(neighbours=(Neighbours(kind=kind, customers=500, bad_customers=500),))
    first = getattr(POLICY.points.risk, f"shared_{kind}")

    assert fired(some_facts(customer=good)) == {}
    assert fired(some_facts(customer=one))[f"shared_{kind}"].points == first
    assert fired(some_facts(customer=many))[f"shared_{kind}"].points == 100


@pytest.mark.parametrize("channel", [PlacedBy.STAFF, PlacedBy.STAFF_AS_CUSTOMER, PlacedBy.API, PlacedBy.UNKNOWN])
def test_an_ip_address_that_is_not_the_customers_says_nothing(channel: PlacedBy) -> None:
    bad = (Neighbours(kind="ip", customers=9, bad_customers=9),)
    customer = a_customer(neighbours=bad, ip_country="KP", ip_orders_last_hour=99, ip_orders_last_day=99)

    assert fired(some_facts(order=an_order(placed_by=channel), customer=customer)) == {}
    assert set(fired(some_facts(customer=customer))) == {"shared_ip", "countries_disagree", "ip_velocity"}


@pytest.mark.parametrize(("count", "points"), [(1, None), (5, None), (6, 25), (10, 25), (11, 50), (16, 75), (900, 75)])
def test_velocity_counts_as_a_person_would_by_full_limits(count: int, points: int | None) -> None:
    """More than 5 is the 6th order: `count` is what a person sees, so this order is one of them."""
    customer = a_customer(orders_last_hour=count - 1, orders_last_day=count - 1)
    signal = fired(some_facts(customer=customer)).get("customer_velocity")

    assert (signal.points if signal else None) == points
    if signal is not None:
        said = f"This customer placed {count} orders within an hour and {count} within a day, this one included;"
        assert signal.detail == f"{said} more than 5 in an hour or 15 in a day is fast."
        assert dict(signal.evidence) == {"last_hour": count, "last_day": count}


@pytest.mark.parametrize(
    ("days", "amount", "paid_invoices", "payment", "fires"),
    [
        (1, 30_000, 0, PaymentState.UNPAID, True),
        (7, 30_000, 0, PaymentState.UNPAID, True),
        (9, 30_000, 0, PaymentState.UNPAID, False),
        (1, 29_999, 0, PaymentState.UNPAID, False),
        (1, 30_000, 1, PaymentState.UNPAID, False),
        (1, 30_000, 1, PaymentState.PAID, True),
        (1, 30_000, 2, PaymentState.PAID, False),
        (1, 30_000, None, PaymentState.UNPAID, False),
        (1, None, 0, PaymentState.UNPAID, False),
    ],
)
def test_a_large_order_of_a_new_account(
    days: int, amount: int | None, paid_invoices: int | None, payment: PaymentState, fires: bool
) -> None:
    order = an_order(amount=amount, payment=payment, placed_at=NOW)
    customer = a_customer(signed_up_at=NOW - timedelta(days=days), paid_invoices=paid_invoices)

    assert ("new_account_large_order" in fired(some_facts(order=order, customer=customer))) is fires


def test_the_same_country_in_other_letters_agrees() -> None:
    assert fired(some_facts(customer=a_customer(country="us", phone_country="US", ip_country=None))) == {}


def test_evidence_names_terms_and_places_never_the_text() -> None:
    hits = (a_request(term="carding", where="notes"), a_request(term="botnet", where="ticket"))

    signal = fired(some_facts(order=an_order(acceptable_use=hits)))["acceptable_use"]

    assert dict(signal.evidence) == {"terms": "botnet, carding", "where": "notes, ticket"}


def test_without_a_customer_only_the_order_speaks() -> None:
    seen = Facts(order=an_order(payment=PaymentState.DISPUTED), customer=None)

    assert set(fired(seen)) == {"payment_disputed"}
