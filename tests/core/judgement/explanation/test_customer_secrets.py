"""Texts for customers never help fraud: for thousands of orders they contain nothing about risk, lists, neighbours,
scores or thresholds, and do not depend on them. Seeded, not Hypothesis, to check that many within seconds."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from app.core.facts import (
    CustomerFacts,
    EnrichmentReport,
    Facts,
    FraudCheck,
    FraudVerdict,
    ListKind,
    Neighbours,
    PaymentState,
    PlacedBy,
)
from app.core.judgement.decide import Judgement, Outcome, decide
from app.core.judgement.explanation.customer import as_message, for_customer, work_summary
from app.core.judgement.signals.base import Family, ScoreKind
from app.core.judgement.signals.work import REQUEST_KINDS
from app.core.policy.document import Policy, parse_policy
from app.core.reading.requests import TermFinding, TermKind, find_requests
from tests.core.judging import NOW, a_customer, a_request, an_item, an_order, some_facts

CART = "[cart]\nurl = 'https://shop.example/'\nproduct_url = 'https://shop.example/?pid={product_id}'\n"
POLICIES = [
    Policy(),
    parse_policy("risk.auto_reject = true\nlabour.courtesy_orders = 2\n" + CART),
    parse_policy("thresholds.verifies_email = true\nlabour.min_minutes = 0\nlabour.tolerated_months = 0.25\n" + CART),
]
#: Marks every word that must not appear; numbers that must not appear have seven digits and start with these.
MARK, MARKED_NUMBER = "zqx", "7654"
#: Words that would reveal that somebody is suspected, and of what.
HINTS = re.compile(
    r"\b(risk\w*|scor\w+|fraud\w*|block\w*|list(ed|s)?|threshold\w*|neighbou?r\w*|shared|velocity|suspic\w+|chargebacks?"
    r"|charge-backs?|disput\w+|collections|disposable|verified|blacklist\w*|acceptable use|abuse\w*|geoip|maxmind)\b",
    re.IGNORECASE,
)


def marked(about: str) -> str:
    return f"{MARK}{about}{MARK}"


def terms(random: Random, about: str) -> tuple[TermFinding, ...]:
    words = [a_request(TermKind.LISTED, f"{marked(about)} {number}") for number in range(random.randint(0, 2))]
    return tuple(words) if random.random() < 0.4 else ()


def some(random: Random, *values: Any) -> Any:
    return random.choice(values)


#: Overrides for half of all orders: without serious risk facts, the verdict can stay the same.
HARMLESS: dict[str, Any] = {
    "overdue_invoices": 0, "collections_invoices": 0, "earlier_fraud_orders": 0, "chargebacks": 0,
    "orders_last_hour": 0, "ip_orders_last_day": 0, "neighbours": (), "lists": (),
}  # fmt: skip


def suspicion(random: Random) -> dict[str, Any]:
    """Return all facts about a customer that a risk signal may use."""
    big = random.randint(7_654_000, 7_654_999)
    kinds = ["ip", "phone", "address", "similar_address", "email", "payment"]
    near = [Neighbours(kind=kind, customers=big, bad_customers=some(random, 0, 1, big)) for kind in kinds]
    entries = [(kind, marked("entry")) for kind in ListKind]
    return {
        "country": some(random, None, "US", marked("country")),
        "phone_country": some(random, None, "US", marked("phone")),
        "ip_country": some(random, None, "US", marked("ip")),
        "email_domain": marked("domain"),
        "email_disposable": some(random, None, False, True),
        "email_verified": some(random, None, False, True),
        "signed_up_at": some(random, None, NOW, NOW - timedelta(days=900)),
        "overdue_invoices": some(random, None, 0, 2, big),
        "collections_invoices": some(random, None, 0, big),
        "paid_invoices": some(random, None, 0, big),
        "revenue": some(random, None, big),
        "earlier_fraud_orders": some(random, 0, 0, big),
        "chargebacks": some(random, 0, 0, big),
        "orders_last_hour": some(random, 0, big),
        "ip_orders_last_day": some(random, 0, big),
        "neighbours": tuple(random.sample(near, random.randint(0, 3))),
        "lists": tuple(random.sample(entries, some(random, 0, 0, 1))),
    }


def suspect(facts: Facts, random: Random) -> Facts:
    """Return the same order with different risk facts."""
    grave = random.random() < 0.4
    verdicts = list(FraudVerdict) if grave else [FraudVerdict.PASS]
    check = FraudCheck(
        module=marked("module"),
        verdict=random.choice(verdicts),
        score=76.54321 if grave else 7.654321,
        detail=marked("detail"),
    )
    report = EnrichmentReport(
        provider=random.choice([marked("provider"), "fraudrecord"]), score=76.54321, reports=7_654_321,
        page=marked("page"), marks=(marked("mark"), "anonymous_ip"),
    )  # fmt: skip
    order = replace(
        facts.order,
        fraud_check=some(random, None, check),
        fraud_check_ran=True,
        outside=some(random, (), (report,)),
        ip_asn=7_654_321,
        acceptable_use=terms(random, "use") if grave else (),
        vetting=terms(random, "vetting") if grave else (),
        fit=terms(random, "fit"),
        promo_code=marked("promo"),
        payment_method=marked("method"),
        staff_id=7_654_321,
        asking_ticket_id=some(random, None, 7_654_321),
    )
    assert facts.customer is not None
    return replace(
        facts,
        order=order,
        customer=replace(facts.customer, **suspicion(random) | ({} if grave else HARMLESS)),
        muted=some(random, (), ("fraud_check", "shared_ip")),
        missing=some(random, (), (marked("missing"),)),
    )


def some_order(random: Random) -> Facts:
    """Return an order with random facts that may be mentioned: products, work, payment."""
    kinds = random.sample(REQUEST_KINDS, random.randint(0, 2))
    items = tuple(
        an_item(product_id=some(random, None, number), group=marked("group"), listed=some(random, True, None, False))
        for number in range(1, random.randint(2, 4))
    )
    order = an_order(
        placed_by=random.choice(list(PlacedBy)),
        payment=some(random, PaymentState.PAID, PaymentState.UNPAID, PaymentState.PENDING),
        currency=some(random, "USD", "USD", "EUR", "CHF"),
        amount=some(random, 1500, 0, None),
        items=items,
        requests=tuple(a_request(kind) for kind in kinds),
        ours=random.random() < 0.1,
    )
    customer: CustomerFacts = a_customer(
        customer_id=7_654_321, group_id=7_654_321, white_glove=random.random() < 0.1,
        earlier_manual_orders=random.randint(0, 3),
    )  # fmt: skip
    return some_facts(order=order, customer=customer)


def leaks(text: str, judgement: Judgement) -> list[str]:
    """Return the secrets of a judgement that appear in a text."""
    risky = [signal for signal in judgement.signals if signal.score is ScoreKind.RISK]
    secret = [MARK, MARKED_NUMBER, *(reason.text for reason in judgement.reasons), *judgement.missing]
    secret += [signal.code for signal in judgement.signals if "_" in signal.code or signal.score is ScoreKind.RISK]
    secret += [signal.detail for signal in judgement.signals]
    families = set(Family)  # their names are plain words: "an operating system that is not in our catalogue"
    secret += [str(v) for signal in risky for _, v in signal.evidence if len(str(v)) > 4 and v not in families]
    return [words for words in secret if words.lower() in text.lower()] + [hit[0] for hit in HINTS.finditer(text)]


@pytest.mark.parametrize("seed", range(4))
def test_nothing_of_risk_is_told_to_thousands(seed: int) -> None:
    random = Random(seed)
    seen: set[Outcome] = set()
    for _ in range(1_000):
        facts, policy = suspect(some_order(random), random), random.choice(POLICIES)
        judgement = decide(facts, policy, now=NOW)
        seen.add(judgement.outcome)

        text = as_message(for_customer(judgement, facts, policy)) + work_summary(facts, policy)

        assert leaks(text, judgement) == []
    assert seen == set(Outcome)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_told_does_not_change_with_the_suspicion(seed: int) -> None:
    """Two orders that differ only in risk and have the same decision are explained in the same words."""
    random = Random(100 + seed)
    alike: dict[Outcome, int] = dict.fromkeys(Outcome, 0)
    for _ in range(1_000):
        order, policy = some_order(random), random.choice(POLICIES)
        one, other = suspect(order, random), suspect(order, random)
        first, second = decide(one, policy, now=NOW), decide(other, policy, now=NOW)
        if first.outcome is not second.outcome or offered(first) != offered(second):
            continue
        alike[first.outcome] += 1

        assert for_customer(first, one, policy) == for_customer(second, other, policy)
    assert min(alike.values()) > 20


def offered(judgement: Judgement) -> tuple[bool, bool]:
    """Return what a customer may know besides the outcome: an offer will follow, the work is free."""
    return any(reason.code == "mandate" for reason in judgement.reasons), judgement.courtesy_used


@pytest.mark.parametrize("number", [7, 33, 61, 88])
def test_thresholds_and_points_are_not_told(number: int) -> None:
    """If a changed threshold leaves the verdict the same, the text is the same."""
    document = f"[risk]\nreview_from = {max(50, number)}\nreject_from = 99\n[points.risk]\nchargebacks = {number}\n"
    facts = some_facts(customer=a_customer(chargebacks=9))
    default, other = Policy(), parse_policy(document)

    texts = [as_message(for_customer(decide(facts, policy, now=NOW), facts, policy)) for policy in (default, other)]

    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    "wish",
    [
        "Please install Ubuntu 8.04 because Zebraquill told me, see http://zebraquill.example",
        "Bitte migrieren Sie [zebraquill](http://zebraquill.example) von meinem alten Server",
        "please install redis {zebraquill} <b>zebraquill</b> and order it for me, my password is zebraquill",
        "#ours zebraquill: please install zebraquill 8.04 and centos 5",
    ],
)
def test_the_customers_own_words_are_never_repeated(wish: str) -> None:
    found = find_requests(wish, where="notes")
    assert found
    facts = some_facts(order=an_order(requests=found))
    for policy in POLICIES:
        text = as_message(for_customer(decide(facts, policy, now=NOW), facts, policy)) + work_summary(facts, policy)
        assert "zebraquill" not in text.lower()
        assert "password" not in text
