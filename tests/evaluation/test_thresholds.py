"""Thresholds tried at other values: each effect counted again by judging every order anew."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.core.facts import CustomerFacts, Facts, Item, NewAccount, OrderFacts, PaymentState, PlacedBy
from app.core.judgement.decide import Outcome, decide
from app.core.judgement.quick import QuickJudge
from app.core.policy.document import Policy, PolicyError, parse_policy
from app.evaluation.thresholds import Trial, Trials, best, changed

NOW = datetime(2026, 11, 1, tzinfo=UTC)
POLICY = parse_policy(
    "[risk]\nreview_from = 60\n[thresholds]\nip_orders_per_hour = 5\n[points.risk]\nip_velocity = 65\n"
)


def an_order(number: int, *, orders_last_hour: int = 0, amount: int = 1_500, age: int = 400) -> Facts:
    order = OrderFacts(
        order_id=number, placed_at=NOW, placed_by=PlacedBy.CUSTOMER, currency="EUR", amount=amount,
        payment=PaymentState.UNPAID,
        items=(Item(kind="product", relid=number, cycle="monthly", first_amount=amount, recurring_amount=amount),),
    )  # fmt: skip
    customer = CustomerFacts(
        customer_id=number, signed_up_at=NOW - timedelta(days=age), paid_invoices=0,
        ip_orders_last_hour=orders_last_hour, ip_orders_last_day=orders_last_hour,
    )  # fmt: skip
    return Facts(order=order, customer=customer)


def a_member(number: int, *, minutes: int = 20, age: int = 0) -> Facts:
    """Return an order of a new account, as many minutes from two others that share its address."""
    facts = an_order(number, age=age)
    others = [
        NewAccount(order_id=number + one, minutes=minutes, days=0, shares=("ip",), colleague=False) for one in (1, 2)
    ]
    assert facts.customer is not None
    return replace(facts, customer=replace(facts.customer, together=tuple(others)))


def results(orders: Iterable[tuple[Facts, bool]], policy: Policy = POLICY) -> dict[tuple[str, str], Trial]:
    """Try the thresholds on orders, each with whether it was bad."""
    trials, judge = Trials(policy), QuickJudge(policy)
    for facts, bad in orders:
        trials.add(facts, judge.verdict(facts, now=NOW), judged_at=NOW, source="live", bad=bad)
    return {(one.key, one.value): one for one in trials.results()}


BURST = [(an_order(number, orders_last_hour=4), True) for number in range(1, 13)]
QUIET = [(an_order(number), False) for number in range(100, 140)]
FAMILY = [(an_order(number, orders_last_hour=2), False) for number in range(200, 206)]


def test_every_effect_is_that_of_judging_every_order_again() -> None:
    orders = [
        *BURST,
        *QUIET,
        *FAMILY,
        (an_order(300, amount=40_000, age=2), True),
        (an_order(301, amount=20_000), False),
        (an_order(302, orders_last_hour=1), False),
        (a_member(310), True),
        (a_member(320, minutes=300), False),
        (a_member(330, age=10), True),
    ]
    found = results(orders)
    tried = {"risk.review_from", "thresholds.ip_orders_per_hour", "thresholds.new_account_days"}
    assert {key for key, _ in found} >= tried | {"currencies.EUR.large_order"}
    for (key, value), trial in found.items():
        policy = changed(POLICY, {key: value if key.startswith("currencies") else int(value)})
        held = {bad: [_held(facts, policy) for facts, is_bad in orders if is_bad is bad] for bad in (True, False)}
        before = {bad: [_held(facts, POLICY) for facts, is_bad in orders if is_bad is bad] for bad in (True, False)}
        assert (trial.bad_held, trial.good_held) == (sum(held[True]), sum(held[False])), (key, value)
        assert trial.bad_change == sum(held[True]) - sum(before[True])
        assert trial.good_change == sum(held[False]) - sum(before[False])


def _held(facts: Facts, policy: Policy) -> bool:
    return decide(facts, policy, now=NOW).outcome in {Outcome.HOLD_FOR_REVIEW, Outcome.REJECT}


def test_the_value_that_finds_a_burst_and_spares_a_family_is_proposed() -> None:
    chosen = {one.key: one for one in best(results([*BURST, *QUIET, *FAMILY]).values())}
    found = chosen["thresholds.ip_orders_per_hour"]
    assert found.bad_change == len(BURST)
    assert found.good_change == 0
    alone = changed(POLICY, {found.key: int(found.value)})
    assert all(_held(facts, alone) for facts, _ in BURST)
    assert not any(_held(facts, alone) for facts, _ in [*QUIET, *FAMILY])


def test_the_time_within_which_new_accounts_count_as_together_is_tried() -> None:
    burst = [(a_member(10 * number, minutes=20), True) for number in range(1, 13)]
    campus = [(a_member(10 * number, minutes=300), False) for number in range(20, 32)]
    chosen = {one.key: one for one in best(results([*burst, *campus]).values())}["together.hours"]
    assert (int(chosen.value) < 5, chosen.bad_change, chosen.good_change) == (True, 0, -len(campus))


def test_of_equal_values_the_mildest_is_proposed() -> None:
    found = results([*BURST, *QUIET])
    chosen = {one.key: one for one in best(found.values())}["thresholds.ip_orders_per_hour"]
    rivals = [one for one in found.values() if one.key == chosen.key and one.gain == chosen.gain]
    assert int(chosen.value) == max(int(one.value) for one in rivals)


@pytest.mark.parametrize("orders", [BURST[:4], [*BURST[:6], *((facts, False) for facts, _ in BURST[6:])]])
def test_a_handful_and_what_hits_good_and_bad_alike_prove_nothing(orders: list[tuple[Facts, bool]]) -> None:
    assert best(results([*orders, *QUIET]).values()) == ()


def test_good_orders_are_let_go_where_the_threshold_holds_only_them() -> None:
    strict = parse_policy(
        "[risk]\nreview_from = 60\n[thresholds]\nip_orders_per_hour = 1\n[points.risk]\nip_velocity = 65\n"
    )
    office = [(an_order(number, orders_last_hour=3), False) for number in range(1, 13)]
    chosen = {one.key: one for one in best(results([*office, *QUIET], strict).values())}
    assert chosen["thresholds.ip_orders_per_hour"].good_change == -len(office)


def test_what_would_be_unfair_or_out_of_range_is_never_tried() -> None:
    soft = parse_policy("[risk]\nreview_from = 60\n")
    tried = [int(value) for key, value in results([], soft) if key == "risk.review_from"]
    assert 40 not in tried  # e-mail and countries alone would hold an order
    for value in tried:
        assert changed(soft, {"risk.review_from": value}).risk.review_from == value
    with pytest.raises(PolicyError):
        changed(soft, {"risk.review_from": 40})
    assert changed(soft, {}) == soft


def test_orders_held_only_for_lack_of_past_facts_are_not_held() -> None:
    facts = replace(an_order(1), customer=None)
    trials, judge = Trials(POLICY), QuickJudge(POLICY)
    trials.add(facts, judge.verdict(facts, now=NOW), judged_at=NOW, source="imported", bad=False)
    assert {one.good_held for one in trials.results()} == {0}
