"""The customer score: costs lower it, and it is pulled towards the average while history is short."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.judgement.customer_score import CustomerHistory, Segment, score_customer
from app.core.policy.document import Policy, parse_policy

REGULAR = CustomerHistory(
    currency="USD",
    revenue=18_000,
    months_known=12,
    service_months=12,
    invoices_paid=12,
    orders=1,
)


def test_a_year_without_any_time_spent() -> None:
    result = score_customer(REGULAR, Policy())

    assert result.score == 90  # twelve months of 100 and six of the average of 70
    assert result.segment is Segment.STANDARD
    assert [reason.code for reason in result.reasons] == ["nothing_against"]


def test_nothing_known_is_the_average() -> None:
    result = score_customer(CustomerHistory(currency=None, revenue=None), Policy())

    assert (result.score, result.segment) == (70, Segment.NEW)
    assert [reason.code for reason in result.reasons] == ["nothing_against", "little_history"]


@pytest.mark.parametrize(
    ("changes", "code", "score"),
    [
        ({"staff_minutes": 60}, "labour", 77),  # 40.00 of 81.00 margin: half of 40 points
        ({"staff_minutes": 6000}, "labour", 63),
        ({"staff_minutes": 60, "revenue": 0}, "labour", 63),
        ({"staff_minutes": 60, "revenue": None}, "labour_unknown", 90),
        ({"staff_minutes": 60, "currency": "CHF"}, "labour_unknown", 90),
        ({"invoices_paid_late": 6}, "late_payment", 83),
        ({"manual_orders": 1}, "manual_orders", 80),
        ({"tickets": 3}, "tickets", 85),
        ({"tickets": 50}, "tickets", 80),
        ({"disputes": 1}, "disputes", 77),
        ({"disputes": 9}, "disputes", 63),
    ],
)
def test_what_costs_us_is_named(changes: dict[str, Any], code: str, score: int) -> None:
    result = score_customer(replace(REGULAR, **changes), Policy())

    assert [reason.code for reason in result.reasons] == [code]
    assert result.score == score


def test_the_tolerated_tickets_cost_nothing() -> None:
    assert score_customer(replace(REGULAR, tickets=2), Policy()).score == 90


def test_new_until_known_and_paying() -> None:
    assert score_customer(replace(REGULAR, months_known=2), Policy()).segment is Segment.NEW
    assert score_customer(replace(REGULAR, invoices_paid=1), Policy()).segment is Segment.NEW


def test_without_a_prior_only_the_customer_counts() -> None:
    policy = parse_policy("customers.prior_months = 0")

    assert score_customer(replace(REGULAR, months_known=1), policy).score == 100
    assert score_customer(replace(REGULAR, months_known=0), policy).score == 100


counts = st.integers(-1, 500)


@settings(deadline=None)
@given(
    st.builds(
        CustomerHistory,
        currency=st.sampled_from(["USD", "CHF", None]),
        revenue=st.one_of(st.none(), st.integers(-1000, 10**9)),
        staff_minutes=counts,
        months_known=counts,
        service_months=counts,
        invoices_paid=counts,
        invoices_paid_late=counts,
        orders=counts,
        manual_orders=counts,
        tickets=counts,
        disputes=counts,
    )
)
def test_any_history_has_a_score_and_a_reason(history: CustomerHistory) -> None:
    result = score_customer(history, Policy())

    assert 0 <= result.score <= 100
    assert result.reasons
    assert score_customer(replace(history, disputes=history.disputes + 1), Policy()).score <= result.score
