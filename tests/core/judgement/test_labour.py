"""Work against value: cost, monthly margin, payback and the fee, exact to the minor unit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.facts import Item, PaymentState
from app.core.judgement.labour import Labour, custom_fee, max_fee, uncapped_fee, weigh
from app.core.judgement.labour_value import cycle_months, payment_settled
from app.core.judgement.rulebook import rulebook
from app.core.money import Money
from app.core.policy.document import Policy, parse_policy
from tests.core.judging import an_item, an_order, some_facts

POLICY = Policy()


def labour(*items: Item, handling: int = 20, custom: int = 0, policy: Policy = POLICY) -> Labour:
    facts = some_facts(order=an_order(items=items))
    return weigh(facts, rulebook(policy), minutes=handling + custom, handling=handling).written()


def test_the_case_that_it_is_all_about() -> None:
    found = labour(an_item())

    assert found.cost == Money(1333, "USD")
    assert found.recurring_monthly == Money(1500, "USD")
    assert found.margin_month == Money(675, "USD")
    assert found.payback_months == Decimal("1.98")
    assert found.tolerated is False
    assert found.estimate == Money(700, "USD")
    assert found.payback_words == "earned back by 1.98 months of margin"


@pytest.mark.parametrize(
    ("cycle", "months"),
    [
        ("monthly", 1), ("Quarterly", 3), ("Semi-Annually", 6), ("semiannually", 6), ("annually", 12), ("Annual", 12),
        ("biennially", 24), ("triennially", 36), ("One Time", 0), ("onetime", 0), ("2 Years", 24), ("1 Year(s)", 12),
        ("", None), ("weekly", None), ("0 years", None), ("free", None),
    ],
)  # fmt: skip
def test_billing_cycles(cycle: str, months: int | None) -> None:
    assert cycle_months(an_item(cycle=cycle)) == months


@pytest.mark.parametrize(
    ("changes", "recurring", "margin"),
    [
        ({"cycle": "annually", "recurring_amount": 12_000, "first_amount": 12_000}, 1000, 450),
        ({"first_amount": 3900}, 1500, 765),  # 24.00 set-up over twelve months
        ({"first_amount": 300}, 1500, 630),  # a first month at a discount
        ({"cycle": "onetime", "first_amount": 12_000, "recurring_amount": None}, 0, 450),
        ({"cycle": "Free Account", "first_amount": 0, "recurring_amount": None}, 0, 0),
        ({"kind": "renewal"}, 0, 0),
        ({"kind": "domain", "cycle": "", "first_amount": 1200, "recurring_amount": None}, 100, 45),
        ({"kind": "addon", "first_amount": 500, "recurring_amount": None}, 500, 225),
        ({"recurring_amount": 0, "first_amount": 0}, 0, 0),
    ],
)
def test_what_a_line_brings(changes: dict[str, Any], recurring: int, margin: int) -> None:
    found = labour(an_item(**changes))

    assert found.recurring_monthly == Money(recurring, "USD")
    assert found.margin_month == Money(margin, "USD")
    assert found.missing == ()


def test_postpaid_lines_bring_their_price_else_the_catalogues_else_the_policys() -> None:
    policy = parse_policy("labour.postpaid_groups = [1]")
    own = an_item(first_amount=0, recurring_amount=3000)
    listed = an_item(first_amount=0, recurring_amount=0, list_recurring=2500)
    unknown = an_item(first_amount=None, recurring_amount=None, list_recurring=None, cycle="")

    amounts = [labour(item, policy=policy).recurring_monthly for item in (own, listed, unknown)]

    assert amounts == [Money(3000, "USD"), Money(2500, "USD"), Money(2000, "USD")]


def test_without_margin_work_is_never_earned_back() -> None:
    found = labour(an_item(recurring_amount=0, first_amount=0))

    assert (found.payback_months, found.tolerated) == (None, False)
    assert found.payback_words == "never earned back"


def test_without_work_there_is_nothing_to_earn_back() -> None:
    found = labour(an_item(recurring_amount=-5), handling=0)

    assert (found.payback_months, found.tolerated, found.estimate) == (Decimal("0.00"), True, None)


def test_unknown_amounts_leave_the_answer_open() -> None:
    found = labour(an_item(recurring_amount=None))

    assert (found.tolerated, found.payback_months, found.missing) == (None, None, ("items.amounts",))
    assert found.payback_words == "unknown when it is earned back"


@pytest.mark.parametrize(
    ("minutes", "fee"), [(0, 5000), (1, 5000), (60, 5000), (61, 10_000), (480, 40_000), (481, 40_000)]
)
def test_custom_work_is_rounded_up_and_capped(minutes: int, fee: int) -> None:
    assert custom_fee(minutes, "USD", POLICY) == Money(fee, "USD")


def test_only_handling_is_flat_and_custom_work_includes_it() -> None:
    both = labour(an_item(), custom=60)

    assert both.estimate == Money(5000, "USD")
    assert (both.minutes, both.handling_minutes, both.custom_minutes) == (80, 20, 60)


def test_a_quote_is_not_capped() -> None:
    assert uncapped_fee(660, "USD", POLICY) == Money(55_000, "USD")
    assert labour(an_item(), handling=0, custom=660).above_mandate


def test_an_unknown_currency_has_minutes_and_no_money() -> None:
    facts = some_facts(order=an_order(currency="CHF"))
    found = weigh(facts, rulebook(POLICY), minutes=60, handling=0).written()

    assert (found.minutes, found.cost, found.estimate, found.tolerated) == (60, None, None, None)
    with pytest.raises(KeyError):
        custom_fee(60, "CHF", POLICY)


@settings(deadline=None)
@given(st.integers(0, 100_000), st.integers(1, 480), st.integers(0, 480))
def test_more_minutes_never_cost_less(minutes: int, increment: int, minimum: int) -> None:
    policy = parse_policy(f"fee.increment_minutes = {increment}\nfee.minimum_minutes = {minimum}")
    fee = custom_fee(minutes, "EUR", policy)

    assert 0 <= fee.amount_minor <= max_fee("EUR", policy).amount_minor
    assert custom_fee(minutes + 1, "EUR", policy) >= fee


@pytest.mark.parametrize(
    ("payment", "amount", "settled"),
    [
        (PaymentState.PAID, 1500, True),
        (PaymentState.NONE, 1500, True),
        (PaymentState.UNPAID, 0, True),
        (PaymentState.UNPAID, 1500, False),
        (PaymentState.PENDING, 1500, False),
        (PaymentState.REFUNDED, 1500, False),
        (PaymentState.UNKNOWN, None, False),
    ],
)
def test_what_counts_as_paid(payment: PaymentState, amount: int | None, settled: bool) -> None:
    assert payment_settled(an_order(payment=payment, amount=amount), POLICY) is settled


def test_postpaid_orders_count_as_paid_only_whole() -> None:
    policy = parse_policy("labour.postpaid_groups = [1]")
    unpaid = {"payment": PaymentState.UNPAID}

    assert payment_settled(an_order(**unpaid), policy)
    assert not payment_settled(an_order(items=(an_item(), an_item(group_id=2)), **unpaid), policy)
    assert not payment_settled(an_order(items=(), **unpaid), policy)
