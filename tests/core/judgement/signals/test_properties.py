"""Signals are additive: families are capped, removing a fact removes exactly its points, unknown facts count zero."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.facts import (
    CustomerFacts,
    EnrichmentReport,
    Facts,
    FraudCheck,
    FraudVerdict,
    ListKind,
    Neighbours,
    NewAccount,
    OrderKind,
    PaymentState,
    PlacedBy,
)
from app.core.judgement.decide import Outcome, decide
from app.core.judgement.provenance import NAMES, without
from app.core.judgement.scoring import START
from app.core.judgement.signals.base import FAMILIES, FAMILY_LIMIT, LIMITS, ScoreKind, Signal
from app.core.judgement.signals.catalogue import CATALOGUE
from app.core.judgement.signals.work import REQUEST_KINDS, request_code
from app.core.policy.document import Policy, parse_policy
from tests.core.judgement.test_properties import facts, policies, quick
from tests.core.judging import NOW, a_customer, a_request, an_order, some_facts


def signals(seen: Facts, policy: Policy) -> tuple[Signal, ...]:
    return decide(seen, policy, now=NOW).signals


def unlimited(found: tuple[Signal, ...]) -> dict[str, int]:
    return {signal.code: signal.points for signal in found if signal.code not in LIMITS}


@st.composite
def rich_facts(draw: Any) -> Facts:
    """Return facts with everything that external signals and further identities use."""
    seen: Facts = draw(facts())
    reports = st.builds(
        EnrichmentReport,
        provider=st.sampled_from(["minfraud", "fraudrecord", "geoip"]),
        degraded=st.booleans(),
        score=st.one_of(st.none(), st.floats(0, 100)),
        reports=st.one_of(st.none(), st.integers(0, 3)),
        marks=st.sampled_from([(), ("anonymous_ip",)]),
    )
    order = replace(
        seen.order,
        outside=tuple(draw(st.lists(reports, max_size=2))),
        ip_asn=draw(st.sampled_from([None, 16509, 3320])),
    )
    customer = seen.customer
    if customer is not None:
        kinds = st.sampled_from(["similar_address", "address", "payment"])
        more = st.builds(Neighbours, kind=kinds, customers=st.integers(1, 9), bad_customers=st.integers(0, 2))
        newcomers = st.builds(
            NewAccount, order_id=st.integers(1, 9), minutes=st.integers(0, 1440), days=st.integers(0, 9),
            shares=st.sampled_from([("ip",), ("email", "ip"), ("payment",), ("stem",)]), colleague=st.booleans(),
        )  # fmt: skip
        customer = replace(
            customer,
            neighbours=(*customer.neighbours, *draw(st.lists(more, max_size=2))),
            together=tuple(draw(st.lists(newcomers, max_size=4))),
        )
    return replace(seen, order=order, customer=customer)


@quick
@given(rich_facts(), policies)
def test_points_add_up_and_no_family_is_above_its_cap(seen: Facts, policy: Policy) -> None:
    decision = decide(seen, policy, now=NOW)
    caps = policy.families.model_dump()
    families = dict.fromkeys(caps, 0)
    for signal in decision.signals:
        family = dict(signal.evidence).get("family") if signal.code == FAMILY_LIMIT else FAMILIES.get(signal.code)
        if family in families:
            families[str(family)] += signal.points

    for kind, scored in (
        (ScoreKind.RISK, decision.scores.risk),
        (ScoreKind.SELF_SERVICE, decision.scores.self_service),
    ):
        assert START[kind] + sum(signal.points for signal in decision.signals if signal.score is kind) == scored
    assert all(reached <= caps[family] for family, reached in families.items())


#: Rejects wherever a review would start, and lets external services count as much as possible.
SEVERE = parse_policy("risk.auto_reject = true\nrisk.reject_from = 61\nfamilies.outside = 100")


@quick
@given(rich_facts())
def test_what_is_said_outside_turns_no_order_away(seen: Facts) -> None:
    unasked = replace(seen, order=replace(seen.order, outside=()))

    assert (decide(seen, SEVERE, now=NOW).outcome is Outcome.REJECT) is (
        decide(unasked, SEVERE, now=NOW).outcome is Outcome.REJECT
    )


def test_a_family_limit_takes_back_what_is_above_the_cap_and_says_so() -> None:
    bad = tuple(
        Neighbours(kind=kind, customers=1, bad_customers=1) for kind in ("phone", "address", "email", "payment")
    )
    decision = decide(some_facts(customer=a_customer(neighbours=bad)), Policy(), now=NOW)

    limit = decision.signals[-1]

    assert (limit.code, limit.points, decision.scores.risk) == (FAMILY_LIMIT, 80 - 220, 80)
    assert dict(limit.evidence) == {"family": "identity", "cap": 80, "reached": 220}


@pytest.mark.parametrize(
    ("order", "customer", "risk"),
    [
        ({"fraud_check": FraudCheck(module="maxmind", verdict=FraudVerdict.FAIL, score=None)}, {}, 70),
        ({"payment": PaymentState.DISPUTED}, {}, 60),
        ({"acceptable_use": (a_request(),)}, {}, 60),
        ({}, {"earlier_fraud_orders": 1}, 60),
        ({}, {"earlier_fraud_orders": 9}, 100),
        ({}, {"orders_last_hour": 900}, 75),
        ({}, {"lists": ((ListKind.BLOCK, "emails[0]"),)}, 100),
    ],
)
def test_one_grave_sign_counts_whole(order: dict[str, Any], customer: dict[str, Any], risk: int) -> None:
    seen = some_facts(order=an_order(**order), customer=a_customer(**customer))

    assert decide(seen, Policy(), now=NOW).scores.risk == risk


def test_the_allow_list_is_weighed_against_what_the_caps_leave() -> None:
    bad = tuple(
        Neighbours(kind=kind, customers=1, bad_customers=1) for kind in ("phone", "address", "email", "payment")
    )
    allowed = a_customer(neighbours=bad, lists=((ListKind.ALLOW, "emails[0]"),))

    assert decide(some_facts(customer=allowed), Policy(), now=NOW).scores.risk == 80 - 50


def _order(**changes: Any) -> Callable[[Facts], Facts]:
    return lambda seen: replace(seen, order=replace(seen.order, **changes))


def _customer(**changes: Any) -> Callable[[Facts], Facts]:
    return lambda seen: replace(seen, customer=replace(_known(seen), **changes))


def _known(seen: Facts) -> CustomerFacts:
    assert seen.customer is not None
    return seen.customer


def _without_neighbours(*kinds: str) -> Callable[[Facts], Facts]:
    return lambda seen: _customer(neighbours=tuple(one for one in _known(seen).neighbours if one.kind not in kinds))(
        seen
    )


def _without_request(kind: object) -> Callable[[Facts], Facts]:
    return lambda seen: _order(requests=tuple(one for one in seen.order.requests if one.kind is not kind))(seen)


def _without_reports(provider: str) -> Callable[[Facts], Facts]:
    def without(seen: Facts) -> Facts:
        left = [
            replace(one, score=None, reports=None) if one.provider == provider else one for one in seen.order.outside
        ]
        return _order(outside=tuple(left))(seen)

    return without


def _without_lists(kind: ListKind) -> Callable[[Facts], Facts]:
    return lambda seen: _customer(lists=tuple(one for one in _known(seen).lists if one[0] is not kind))(seen)


def _unmarked(seen: Facts) -> Facts:
    return _order(outside=tuple(replace(one, marks=()) for one in seen.order.outside))(seen)


#: How to remove only the fact that a signal uses.
REMOVING: dict[str, Callable[[Facts], Facts]] = {
    "entered_by_staff": _order(placed_by=PlacedBy.UNKNOWN),
    "asked_by_ticket": _order(asking_ticket_id=None),
    **{request_code(kind): _without_request(kind) for kind in REQUEST_KINDS},
    "text_cut": _order(cut=()),
    "manual_payment": _order(payment_method=""),
    "earlier_manual_orders": _customer(earlier_manual_orders=0),
    "tickets_per_service": _customer(tickets_recent=None),
    "repeat_effortless": _customer(earlier_effortless_orders=0),
    "fraud_check": _order(fraud_check=None),
    "minfraud": _without_reports("minfraud"),
    "fraudrecord": _without_reports("fraudrecord"),
    "anonymous_ip": _unmarked,
    "hosting_network": _order(ip_asn=None),
    "email_disposable": _customer(email_disposable=None),
    "email_unverified": _customer(email_verified=None),
    "countries_disagree": _customer(country=None, phone_country=None, ip_country=None),
    "shared_ip": _without_neighbours("ip"),
    "shared_phone": _without_neighbours("phone"),
    "shared_address": _without_neighbours("address", "similar_address"),
    "similar_address": _without_neighbours("similar_address"),
    "shared_email": _without_neighbours("email"),
    "shared_payment": _without_neighbours("payment"),
    "customer_velocity": _customer(orders_last_hour=0, orders_last_day=0),
    "ip_velocity": _customer(ip_orders_last_hour=0, ip_orders_last_day=0),
    "new_accounts_together": _customer(together=()),
    "new_account_large_order": _order(amount=None),
    "earlier_fraud_orders": _customer(earlier_fraud_orders=0),
    "chargebacks": _customer(chargebacks=0),
    "collections_invoices": _customer(collections_invoices=None),
    "overdue_invoices": _customer(overdue_invoices=None),
    "payment_disputed": _order(payment=PaymentState.UNKNOWN),
    "acceptable_use": _order(acceptable_use=(), hosted=()),
    "look_alike_domain": _order(look_alikes=()),
    "brand_in_domain": _order(look_alikes=()),
    "block_listed": _without_lists(ListKind.BLOCK),
    "allow_listed": _without_lists(ListKind.ALLOW),
}
#: The catalogue data of a line also shows if staff entered a cart product; time is not a fact.
_ENTANGLED = {"outside_catalogue", "price_override", "unpaid_after_grace"}


def test_a_fact_can_be_removed_for_every_signal() -> None:
    assert set(REMOVING) | _ENTANGLED | LIMITS == {entry.code for entry in CATALOGUE}


@quick
@given(rich_facts(), policies)
def test_a_fact_that_goes_takes_exactly_its_points(seen: Facts, policy: Policy) -> None:
    policy = parse_policy("thresholds.hosting_asns = [16509]") if policy == Policy() else policy
    before = unlimited(signals(seen, policy))
    ip = {"shared_ip", "ip_velocity", "anonymous_ip", "hosting_network", "countries_disagree"}

    for code in set(before) - _ENTANGLED:
        after = unlimited(signals(REMOVING[code](seen), policy))
        assert after == {other: points for other, points in before.items() if other != code}, code
        assert code not in ip or seen.order.placed_by is PlacedBy.CUSTOMER or code == "countries_disagree"


@quick
@given(rich_facts(), policies, st.sets(st.sampled_from(sorted(NAMES))))
def test_what_is_not_known_makes_no_signal_and_is_named(seen: Facts, policy: Policy, unknown: set[str]) -> None:
    before = unlimited(signals(seen, policy))
    decision = decide(without(seen, tuple(sorted(unknown))), policy, now=NOW)

    new = set(unlimited(decision.signals)) - set(before)
    assert new <= _MASKED | {"unpaid_after_grace"}
    assert set(decision.missing) >= unknown
    asked = () if "order.outside" in unknown else seen.order.outside
    assert set(decision.missing) >= {f"outside.{one.provider}" for one in asked if one.degraded}


#: If the exact address is not known, a similar one counts separately.
_MASKED = {"similar_address"}


def test_a_renewal_has_no_signals_whatever_is_known() -> None:
    seen = some_facts(order=an_order(kind=OrderKind.RENEWAL, payment=PaymentState.DISPUTED))

    decision = decide(seen, Policy(), now=NOW)

    assert (decision.signals, decision.scores.risk, decision.scores.self_service) == ((), 0, 100)
