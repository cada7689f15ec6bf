"""Properties of every order: sums are exact, worse facts never help, the same facts give the same decision."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.facts import (
    Agreement,
    CustomerFacts,
    Facts,
    FraudCheck,
    FraudVerdict,
    Item,
    ListKind,
    Neighbours,
    OrderKind,
    PaymentState,
    PlacedBy,
)
from app.core.judgement.decide import SEVERITY, Outcome, decide
from app.core.judgement.labour import max_fee
from app.core.judgement.scoring import START
from app.core.judgement.signals.base import HANDLING, ScoreKind
from app.core.judgement.signals.work import REQUEST_KINDS
from app.core.policy.document import Policy, parse_policy
from tests.asked import examples
from tests.core.judging import NOW, a_customer, a_request, an_item, an_order, some_facts

POLICIES = [
    Policy(),
    parse_policy("risk.auto_reject = true\nlabour.courtesy_orders = 2\nlabour.catalogue_gap_paid_by = 'provider'"),
    parse_policy(
        "thresholds.verifies_email = true\nlabour.fee_kinds = ['new', 'upgrade', 'domain', 'addon', 'mixed']\n"
        "labour.tolerated_months = 0.25\nlabour.min_minutes = 0\nfee.increment_minutes = 7\n"
        "[currencies.EUR]\nmax_fee = '90'\nmandate_above = '120'"
    ),
]
maybe = st.one_of(st.none(), st.booleans())
amounts = st.one_of(st.none(), st.integers(-1000, 500_000))
counts = st.integers(0, 30)
countries = st.sampled_from([None, "US", "us", "DE", "BR"])


@st.composite
def items(draw: Any) -> Item:
    return an_item(
        kind=draw(st.sampled_from(["product", "addon", "domain", "upgrade", "renewal"])),
        product_id=draw(st.sampled_from([None, 1, 2])),
        product_type=draw(st.sampled_from(["", "server", "hostingaccount"])),
        module=draw(st.sampled_from([None, "", "cpanel"])),
        cycle=draw(st.sampled_from(["", "monthly", "annually", "free", "onetime", "Semi-Annually", "2 years", "?"])),
        first_amount=draw(amounts),
        recurring_amount=draw(amounts),
        listed=draw(maybe),
        cycle_offered=draw(maybe),
        price_override=draw(maybe),
    )


@st.composite
def customers(draw: Any) -> CustomerFacts:
    kinds = st.sampled_from(["ip", "phone", "address", "email"])
    neighbours = st.builds(Neighbours, kind=kinds, customers=counts, bad_customers=st.integers(0, 3))
    return a_customer(
        country=draw(countries),
        phone_country=draw(countries),
        ip_country=draw(countries),
        email_disposable=draw(maybe),
        email_verified=draw(maybe),
        signed_up_at=draw(st.sampled_from([None, NOW, NOW - timedelta(days=400)])),
        active_services=draw(st.one_of(st.none(), counts)),
        overdue_invoices=draw(st.one_of(st.none(), st.integers(0, 3))),
        collections_invoices=draw(st.one_of(st.none(), st.integers(0, 1))),
        paid_invoices=draw(st.one_of(st.none(), st.integers(0, 2))),
        tickets_recent=draw(st.one_of(st.none(), counts)),
        earlier_manual_orders=draw(st.integers(0, 4)),
        earlier_effortless_orders=draw(st.integers(0, 9)),
        chargebacks=draw(st.integers(0, 2)),
        orders_last_hour=draw(counts),
        ip_orders_last_day=draw(counts),
        neighbours=tuple(draw(st.lists(neighbours, max_size=3))),
        lists=draw(st.sampled_from([(), (), (), ((ListKind.BLOCK, "emails[0]"),), ((ListKind.ALLOW, "emails[0]"),)])),
        white_glove=draw(st.booleans()),
    )


@st.composite
def facts(draw: Any) -> Facts:
    checks = st.builds(
        FraudCheck,
        module=st.just("maxmind"),
        verdict=st.sampled_from(FraudVerdict),
        score=st.one_of(st.none(), st.floats(0, 100)),
    )
    order = an_order(
        placed_by=draw(st.sampled_from(PlacedBy)),
        kind=draw(st.sampled_from(OrderKind)),
        currency=draw(st.sampled_from(["USD", "EUR", "EUR", "CHF", None])),
        amount=draw(amounts),
        payment=draw(st.sampled_from(PaymentState)),
        items=tuple(draw(st.lists(items(), max_size=4))),
        requests=tuple(a_request(kind) for kind in draw(st.lists(st.sampled_from(REQUEST_KINDS), max_size=3))),
        fraud_check=draw(st.one_of(st.none(), checks)),
        placed_at=NOW - timedelta(days=draw(st.integers(-1, 10))),
    )
    return Facts(
        order=order,
        customer=draw(st.one_of(st.none(), customers(), customers(), customers())),
        agreement=draw(st.sampled_from([Agreement.NONE, Agreement.NONE, Agreement.FEE_PAID])),
        muted=draw(st.sampled_from([(), (), ("fraud_check", "shared_ip")])),
    )


policies = st.sampled_from(POLICIES)
quick = settings(deadline=None, max_examples=examples(50))  # must not fail on a busy machine


@quick
@given(facts(), policies)
def test_scores_stay_on_their_scale_and_add_up(seen: Facts, policy: Policy) -> None:
    judgement = decide(seen, policy, now=NOW)

    reached = {ScoreKind.SELF_SERVICE: judgement.scores.self_service, ScoreKind.RISK: judgement.scores.risk}
    for kind, value in reached.items():
        assert 0 <= value <= 100
        assert START[kind] + sum(signal.points for signal in judgement.signals if signal.score is kind) == value


@quick
@given(facts(), policies)
def test_every_decision_has_a_reason_and_is_the_same_again(seen: Facts, policy: Policy) -> None:
    judgement = decide(seen, policy, now=NOW)

    assert judgement.reasons
    assert all(reason.code and reason.text for reason in judgement.reasons)
    assert decide(replace(seen), policy, now=NOW) == judgement


@quick
@given(facts(), policies)
def test_a_fee_is_above_zero_and_never_above_the_cap(seen: Facts, policy: Policy) -> None:
    judgement = decide(seen, policy, now=NOW)

    assert (judgement.fee is not None) == (judgement.outcome is Outcome.HOLD_FOR_FEE)
    if judgement.fee is not None:
        assert 0 < judgement.fee.amount_minor <= max_fee(judgement.fee.currency, policy).amount_minor
        assert judgement.labour.minutes > 0


@quick
@given(facts(), policies)
def test_only_the_policy_rejects(seen: Facts, policy: Policy) -> None:
    assert policy.risk.auto_reject or decide(seen, policy, now=NOW).outcome is not Outcome.REJECT


def _worse_customer(**changes: Any) -> Any:
    return lambda seen: replace(seen, customer=replace(seen.customer, **changes)) if seen.customer else seen


def _more_neighbours(seen: Facts) -> Facts:
    if seen.customer is None:
        return seen
    bad = tuple(Neighbours(kind=kind, customers=9, bad_customers=3) for kind in ("ip", "phone", "address", "email"))
    return replace(seen, customer=replace(seen.customer, neighbours=(*seen.customer.neighbours, *bad)))


def _failed_check(seen: Facts) -> Facts:
    score = seen.order.fraud_check.score if seen.order.fraud_check else None
    check = FraudCheck(module="maxmind", verdict=FraudVerdict.FAIL, score=score)
    return replace(seen, order=replace(seen.order, fraud_check=check))


WORSE = {
    "disposable address": _worse_customer(email_disposable=True),
    "unverified address": _worse_customer(email_verified=False),
    "chargebacks": _worse_customer(chargebacks=3),
    "fraud before": _worse_customer(earlier_fraud_orders=2),
    "collections": _worse_customer(collections_invoices=5),
    "overdue": _worse_customer(overdue_invoices=9),
    "velocity": _worse_customer(orders_last_hour=99, orders_last_day=99, ip_orders_last_hour=99, ip_orders_last_day=99),
    "another country": _worse_customer(ip_country="KP"),
    "bad neighbours": _more_neighbours,
    "failed check": _failed_check,
    "abusive words": lambda seen: replace(seen, order=replace(seen.order, acceptable_use=(a_request(term="carding"),))),
    "disputed": lambda seen: replace(seen, order=replace(seen.order, payment=PaymentState.DISPUTED)),
}


@pytest.mark.parametrize("worsen", WORSE.values(), ids=WORSE.keys())
@quick
@given(seen=facts(), policy=policies)
def test_a_worse_fact_never_lowers_risk_nor_the_outcome(worsen: Any, seen: Facts, policy: Policy) -> None:
    before, after = decide(seen, policy, now=NOW), decide(worsen(seen), policy, now=NOW)

    if not (worsen is WORSE["another country"] and seen.customer and seen.customer.ip_country):
        assert after.scores.risk >= before.scores.risk
    if after.scores.risk >= before.scores.risk:
        assert SEVERITY[after.outcome] >= SEVERITY[before.outcome]


@quick
@given(seen=facts(), policy=policies, channel=st.sampled_from(PlacedBy))
def test_the_channel_changes_only_the_handling_signal(seen: Facts, policy: Policy, channel: PlacedBy) -> None:
    if seen.customer is not None:  # the IP address of staff is never among the facts
        kept = tuple(entry for entry in seen.customer.neighbours if entry.kind != "ip")
        customer = replace(seen.customer, ip_country=None, ip_orders_last_day=0, neighbours=kept)
        seen = replace(seen, customer=customer)
    there = decide(replace(seen, order=replace(seen.order, placed_by=channel)), policy, now=NOW)
    here = decide(replace(seen, order=replace(seen.order, placed_by=PlacedBy.CUSTOMER)), policy, now=NOW)

    apart = {HANDLING, "limit"}
    kept_there = [signal for signal in there.signals if signal.code not in apart]
    assert kept_there == [signal for signal in here.signals if signal.code not in apart]
    assert there.labour.custom_minutes == here.labour.custom_minutes
    if here.labour.custom_minutes:
        assert there.labour.estimate == here.labour.estimate


def test_ten_thousand_lines_take_no_time() -> None:
    lines = tuple(an_item(relid=number, group_id=number, group=f"Group {number}") for number in range(10_000))
    policy = parse_policy("exempt.product_groups = [1, 'Group 2']\nlabour.postpaid_groups = [3]")
    order = an_order(items=lines, placed_by=PlacedBy.STAFF)

    judgement = decide(some_facts(order=order), policy, now=NOW)

    assert judgement.outcome is Outcome.APPROVE
    assert judgement.labour.recurring_monthly is not None
    assert judgement.labour.recurring_monthly.amount_minor == 15_000_000
