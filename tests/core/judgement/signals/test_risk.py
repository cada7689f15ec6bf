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


@pytest.mark.parametrize(
    ("rank", "among", "fires"),
    [(94, 5000, False), (95, 5000, True), (95, 99, False), (100, 100, True), (None, 0, False)],
)
def test_an_order_above_the_95th_percentile_of_first_orders_is_large(rank: int | None, among: int, fires: bool) -> None:
    order = an_order(amount=2_000, payment=PaymentState.UNPAID, first_order_rank=rank, first_orders=among)
    customer = a_customer(signed_up_at=order.placed_at - timedelta(days=1), paid_invoices=0)

    signal = fired(some_facts(order=order, customer=customer)).get("new_account_large_order")

    assert (signal is not None) is fires
    if signal is not None:
        assert signal.points == POLICY.points.risk.new_account_large_order
        assert "first orders of the last year" in signal.detail


@pytest.mark.parametrize(
    ("age", "exact", "words"),
    [
        (timedelta(seconds=30), True, "0 minutes old"),
        (timedelta(minutes=12), True, "12 minutes old"),
        (timedelta(hours=30), True, "30 hours old"),
        (timedelta(days=3), True, "3 days old"),
        (timedelta(hours=9), False, "opened on the same day"),
        (timedelta(days=3, hours=9), False, "3 days old"),
        (timedelta(minutes=-5), True, "0 minutes old"),
    ],
)
def test_an_age_is_said_as_exactly_as_it_is_known(age: timedelta, exact: bool, words: str) -> None:
    order = an_order(amount=30_000, payment=PaymentState.UNPAID)
    customer = a_customer(signed_up_at=order.placed_at - age, signed_up_exact=exact, paid_invoices=0)

    signal = fired(some_facts(order=order, customer=customer))["new_account_large_order"]

    assert signal.detail == (
        f"The account was {words} and ordered for 300.00 USD; 300.00 USD or more is large for a new account."
    )


def test_the_same_country_in_other_letters_agrees() -> None:
    assert fired(some_facts(customer=a_customer(country="us", phone_country="US", ip_country=None))) == {}


def test_evidence_names_terms_and_places_never_the_text() -> None:
    hits = (a_request(term="carding", where="notes"), a_request(term="botnet", where="ticket"))

    signal = fired(some_facts(order=an_order(acceptable_use=hits)))["acceptable_use"]

    assert dict(signal.evidence) == {"terms": "botnet, carding", "where": "notes, ticket"}


def test_without_a_customer_only_the_order_speaks() -> None:
    seen = Facts(order=an_order(payment=PaymentState.DISPUTED), customer=None)

    assert set(fired(seen)) == {"payment_disputed"}
