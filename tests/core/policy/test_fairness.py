"""Equal facts are judged equally, and no policy can hold an order for its mail provider, country or network alone."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.facts import (
    CustomerFacts,
    EnrichmentReport,
    Facts,
    FraudCheck,
    Item,
    Neighbours,
    NewAccount,
    OrderFacts,
    PlacedBy,
    Regulars,
)
from app.core.judgement.decide import Judgement, Outcome, decide
from app.core.judgement.signals.base import HANDLING, LIMITS
from app.core.policy.document import Policy, PolicyError, parse_policy, parse_published
from app.core.reading.requests import TermFinding, TermKind
from tests.core.judgement.test_properties import facts, policies, quick
from tests.core.judging import NOW, a_customer, an_order, some_facts

CHANNELS = ["notes", "custom_field", "ticket"]
#: Facts from the IP address, which is the customer's own only if the customer placed the order.
OF_THE_IP = {"shared_ip", "ip_velocity", "countries_disagree", "hosting_network", "anonymous_ip"}


@st.composite
def findings(draw: Any, kinds: list[TermKind]) -> tuple[TermFinding, ...]:
    one = st.builds(
        TermFinding,
        kind=st.sampled_from(kinds),
        term=st.sampled_from(["ubuntu 8.04", "carding", "tor exit"]),
        where=st.sampled_from(CHANNELS),
        start=st.integers(0, 50),
    )
    return tuple(draw(st.lists(one, max_size=3)))


@st.composite
def told_facts(draw: Any) -> Facts:
    seen: Facts = draw(facts())
    listed = findings([TermKind.LISTED])
    order = replace(
        seen.order,
        requests=draw(findings([kind for kind in TermKind if kind is not TermKind.LISTED])),
        acceptable_use=draw(listed),
        vetting=draw(listed),
        ip_asn=draw(st.sampled_from([None, 16509])),
        outside=draw(st.sampled_from([(), (EnrichmentReport(provider="minfraud", marks=("anonymous_ip",)),)])),
    )
    return replace(seen, order=order)


def judged(judgement: Judgement) -> tuple[Any, ...]:
    """Return the decision on the order; the evidence may name the place where a term was found."""
    signals = [(signal.code, signal.points, signal.minutes, signal.detail) for signal in judgement.signals]
    return (
        judgement.outcome,
        judgement.reasons,
        judgement.fee,
        judgement.scores,
        judgement.labour,
        signals,
        judgement.accept,
        judgement.missing,
    )


@quick
@given(told_facts(), policies, st.permutations(CHANNELS))
def test_the_channel_of_a_message_changes_nothing(seen: Facts, policy: Policy, swapped: list[str]) -> None:
    moved = dict(zip(CHANNELS, swapped, strict=True))

    def elsewhere(found: tuple[TermFinding, ...]) -> tuple[TermFinding, ...]:
        return tuple(replace(finding, where=moved[finding.where]) for finding in found)

    order = replace(
        seen.order,
        requests=elsewhere(seen.order.requests),
        acceptable_use=elsewhere(seen.order.acceptable_use),
        vetting=elsewhere(seen.order.vetting),
    )

    assert judged(decide(replace(seen, order=order), policy, now=NOW)) == judged(decide(seen, policy, now=NOW))


@quick
@given(told_facts())
def test_entered_by_staff_or_by_oneself_differ_by_the_typing_in_alone(seen: Facts) -> None:
    policy = parse_policy("thresholds.hosting_asns = [16509]")
    told = {}
    for channel in (PlacedBy.CUSTOMER, PlacedBy.STAFF):
        decision = decide(replace(seen, order=replace(seen.order, placed_by=channel)), policy, now=NOW)
        told[channel] = {(signal.code, signal.points, signal.minutes) for signal in decision.signals}

    differing = {code for code, _, _ in told[PlacedBy.CUSTOMER] ^ told[PlacedBy.STAFF]}

    assert differing <= {HANDLING} | OF_THE_IP | LIMITS
    assert all(code not in OF_THE_IP - {"countries_disagree"} for code, _, _ in told[PlacedBy.STAFF])


PARTS = (Facts, FraudCheck, EnrichmentReport, Neighbours, NewAccount, Regulars)


def test_facts_know_no_name_no_sex_and_no_age() -> None:
    """A developer who adds a fact confirms here that it is none of these."""
    known = {kind.__name__: sorted(field.name for field in fields(kind)) for kind in (OrderFacts, CustomerFacts, Item)}
    every = {f"{kind}.{name}" for kind, names in known.items() for name in names}
    every |= {f"{kind.__name__}.{field.name}" for kind in PARTS for field in fields(kind)}

    assert every == KNOWN_FACTS
    persons = ("name", "sex", "gender", "title", "salutation", "age", "birth", "born", "religion", "origin", "language")
    assert [fact for fact in every for word in fact.partition(".")[2].split("_") if word in persons] == []


KNOWN_FACTS = {
    *(f"Facts.{name}" for name in ("order", "customer", "agreement", "muted", "missing", "today")),
    *(f"FraudCheck.{name}" for name in ("module", "verdict", "score", "detail")),
    *(f"EnrichmentReport.{name}" for name in ("provider", "degraded", "score", "reports", "page", "marks")),
    *(f"Neighbours.{name}" for name in ("kind", "customers", "bad_customers", "bad")),
    *(f"NewAccount.{name}" for name in ("order_id", "minutes", "days", "shares", "colleague")),
    *(f"Regulars.{name}" for name in ("kind", "customers")),
    *(f"OrderFacts.{name}" for name in (
        "order_id", "placed_at", "placed_by", "staff_id", "kind", "panel_status", "currency", "amount", "payment",
        "payment_method", "invoice_id", "promo_code", "items", "requests", "acceptable_use", "vetting", "fit",
        "expected", "hosted", "look_alikes", "cut", "ours", "labour_billed", "asking_ticket_id", "fraud_check",
        "fraud_check_ran", "outside", "first_order_rank", "first_orders", "ip_asn",
    )),
    *(f"CustomerFacts.{name}" for name in (
        "customer_id", "status", "group_id", "signed_up_at", "signed_up_exact", "country", "phone_country",
        "ip_country", "email_domain",
        "email_disposable", "email_verified", "active_services", "total_services", "overdue_invoices",
        "collections_invoices", "paid_invoices", "revenue", "tickets_total", "tickets_recent", "earlier_orders",
        "earlier_manual_orders", "earlier_effortless_orders", "earlier_fraud_orders", "chargebacks",
        "orders_last_hour", "orders_last_day", "ip_orders_last_hour", "ip_orders_last_day", "neighbours", "together",
        "regulars", "lists", "white_glove",
    )),
    *(f"Item.{name}" for name in (
        "kind", "relid", "product_id", "product", "group_id", "group", "product_type", "module", "cycle",
        "first_amount", "recurring_amount", "list_first", "list_recurring", "listed", "cycle_offered",
        "price_override", "service_status", "domain_terms",
    )),
}  # fmt: skip


@st.composite
def soft_policies(draw: Any) -> Policy | None:
    """Return any valid policy with soft points."""
    points = st.integers(0, 60)
    document = f"""
    risk.review_from = {draw(st.integers(1, 89))}
    [points.risk]
    email_disposable = {draw(points)}
    email_unverified = {draw(points)}
    countries_disagree = {draw(st.integers(0, 30))}
    hosting_network = {draw(points)}
    anonymous_ip = {draw(points)}
    [thresholds]
    verifies_email = true
    hosting_asns = [16509]
    """
    try:
        return parse_policy(document)
    except PolicyError:
        return None


@quick
@given(soft_policies())
def test_mail_country_and_network_alone_never_hold_an_order(policy: Policy | None) -> None:
    customer = a_customer(email_disposable=True, email_verified=False, phone_country="DE", ip_country="BR")
    seen = some_facts(order=an_order(ip_asn=16509), customer=customer)

    assert policy is None or decide(seen, policy, now=NOW).outcome is Outcome.APPROVE


@quick
@given(soft_policies())
def test_a_vpn_alone_never_holds_an_order(policy: Policy | None) -> None:
    veiled = EnrichmentReport(provider="geoip", marks=("anonymous_ip", "hosting_ip", "vpn"))
    seen = some_facts(order=an_order(ip_asn=16509, outside=(veiled,)), customer=a_customer(ip_country="BR"))

    assert policy is None or decide(seen, policy, now=NOW).outcome is Outcome.APPROVE


@pytest.mark.parametrize(
    ("document", "fair"),
    [
        ("[points.risk]\nanonymous_ip = 51", True),
        ("[points.risk]\nanonymous_ip = 52", False),
        ("[points.risk]\nanonymous_ip = 42\n[thresholds]\nhosting_asns = [16509]", False),
        ("[points.risk]\nanonymous_ip = 60\ncountries_disagree = 0", False),
    ],
)
def test_policies_that_would_hold_an_order_for_its_vpn_are_refused(document: str, fair: bool) -> None:
    if not fair:
        with pytest.raises(PolicyError, match="a VPN alone adds up to"):
            parse_policy(document)
    assert parse_published(document).points.risk.anonymous_ip > 41  # the policy in force stays in force


@pytest.mark.parametrize(
    "document",
    [
        "[points.risk]\nemail_disposable = 39",
        "[points.risk]\nemail_unverified = 60",
        "[points.risk]\ncountries_disagree = 15",
        "[points.risk]\nhosting_network = 14\n[thresholds]\nhosting_asns = [16509]",
        "[risk]\nreview_from = 40",
    ],
)
def test_policies_whose_soft_signs_would_hold_an_order_are_refused(document: str) -> None:
    with pytest.raises(PolicyError, match=r"must stay below risk\.review_from"):
        parse_policy(document)


@pytest.mark.parametrize(
    ("domain", "fair"),
    [
        ("gmail.com", False), ("@Gmail.com", False), ("outlook.com", False), ("hotmail.co.uk", False),
        ("yahoo.com", False), ("yahoo.com.br", False), ("gmx.net", False), ("gmx.at", False), ("web.de", False),
        ("icloud.com", False), ("proton.me", False), ("protonmail.com", False), ("co.uk", False), ("ru", False),
        ("spam.example", True), ("yahoo.spam.example", True), ("mail.spam.example", True), ("mygmail.com", True),
        ("spam.co.uk", True),
    ],
)  # fmt: skip
def test_no_mail_provider_of_the_public_and_no_country_on_the_block_list(domain: str, fair: bool) -> None:
    document = f"[block]\nemail_domains = ['fine.example', '{domain}']"
    if fair:
        assert parse_policy(document).block.email_domains[1] == domain
        return
    with pytest.raises(PolicyError) as refused:
        parse_policy(document)
    ((path, message),) = refused.value.errors
    assert path == "block.email_domains.1"
    assert "alone must never hold an order" in message


def test_what_was_published_before_stays_in_force() -> None:
    assert parse_published("[block]\nemail_domains = ['gmail.com']").block.email_domains == ("gmail.com",)
