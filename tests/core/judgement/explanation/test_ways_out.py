"""Texts for customers and staff: three alternatives to a fee, nothing that helps fraud, everything for staff."""

from __future__ import annotations

import pytest

from app.core.facts import Facts, FraudCheck, FraudVerdict, ListKind, PaymentState, PlacedBy
from app.core.judgement.decide import Outcome, decide
from app.core.judgement.explanation.customer import Explanation, for_customer, work_summary
from app.core.judgement.explanation.staff import for_staff
from app.core.policy.document import Policy, parse_policy
from app.core.reading.requests import TermKind
from tests.core.judging import NOW, a_customer, a_request, an_item, an_order, some_facts

POLICY = parse_policy("cart.url = 'https://shop.example/cart.php'")
BLOCKED = some_facts(
    order=an_order(
        fraud_check=FraudCheck(module="maxmind", verdict=FraudVerdict.FAIL, score=99.0),
        acceptable_use=(a_request(TermKind.LISTED, "carding"),),
    ),
    customer=a_customer(lists=((ListKind.BLOCK, "emails[0]"),), email_disposable=True, chargebacks=2, ip_country="KP"),
)


def explain(facts: Facts, policy: Policy = POLICY) -> Explanation:
    return for_customer(decide(facts, policy, now=NOW), facts, policy)


def words(explanation: Explanation) -> str:
    ways = [way.text for way in explanation.ways_out]
    rest = [explanation.avoid_next_time or "", explanation.contest or ""]
    return " ".join([explanation.outcome_text, *explanation.paragraphs, *ways, *rest])


def test_a_fee_for_handling_has_three_ways_out_and_the_cart() -> None:
    found = explain(some_facts(order=an_order(placed_by=PlacedBy.STAFF)))

    assert str(found.fee) == "7.00 USD"
    assert [way.code for way in found.ways_out] == ["pay", "drop_request", "cancel"]
    assert "7.00 USD plus tax" in words(found)
    assert "You pay it only if you agree to it" in words(found)
    assert found.avoid_next_time is not None
    assert "https://shop.example/cart.php" in found.avoid_next_time
    assert found.contest


def test_a_fee_for_custom_work_says_which_work() -> None:
    facts = some_facts(order=an_order(requests=(a_request(), a_request(TermKind.MANUAL_ORDER, "please order"))))

    found = explain(facts, parse_policy("fee.taxed = false"))

    assert "an operating system that is no longer supported (ubuntu 8.04)" in words(found)
    assert "about 60 minutes" in words(found)
    assert "tax" not in words(found)


@pytest.mark.parametrize("auto_reject", [True, False])
def test_nothing_that_helps_fraud_is_told(auto_reject: bool) -> None:
    policy = parse_policy(f"risk.auto_reject = {str(auto_reject).lower()}")

    found = explain(BLOCKED, policy)

    told = words(found).lower()
    for secret in ("fraud", "risk", "block", "list", "score", "carding", "country", "charge-back", "disposable"):
        assert secret not in told
    assert found.contest
    assert found.fee is None


def test_a_review_says_how_long_and_how_to_avoid_it() -> None:
    unpaid = some_facts(order=an_order(currency="CHF", payment=PaymentState.UNPAID))

    assert "within 4 hours" in words(explain(some_facts(order=an_order(currency="CHF"))))
    assert "within 24 hours" in words(explain(unpaid))
    assert explain(unpaid).avoid_next_time


def test_a_review_for_an_offer_says_so() -> None:
    facts = some_facts(order=an_order(requests=(a_request(),)), customer=a_customer(white_glove=True))

    assert "We will send you a quote" in words(explain(facts))


def test_an_approval_says_what_happens_next() -> None:
    server = an_item(product_type="server", module="")
    courtesy = parse_policy("labour.courtesy_orders = 1\ncart.url = 'https://shop.example/'")

    assert explain(some_facts()).paragraphs == ()
    assert "as soon as its invoice is paid" in words(explain(some_facts(order=an_order(payment=PaymentState.UNPAID))))
    assert "Our team will set it up" in words(explain(some_facts(order=an_order(items=(server,)))))
    free = explain(some_facts(order=an_order(placed_by=PlacedBy.STAFF)), courtesy)
    assert "no extra charge" in words(free)
    assert (free.avoid_next_time or "").startswith(
        "Products ordered in our cart without special requests cost nothing extra"
    )
    assert (free.avoid_next_time or "").endswith(": https://shop.example/")


def test_work_in_one_phrase() -> None:
    both = (a_request(TermKind.PACKAGE, "redis"), a_request(TermKind.PACKAGE, "ffmpeg"), a_request())

    assert work_summary(some_facts(order=an_order(requests=both)), POLICY) == (
        "an operating system that is no longer supported (ubuntu 8.04); extra software packages (ffmpeg, redis)"
    )
    entered = some_facts(order=an_order(placed_by=PlacedBy.STAFF))
    assert work_summary(entered, POLICY) == "entering the order for you"
    assert work_summary(some_facts(), POLICY) == "work by our staff"


def test_staff_read_everything() -> None:
    judgement = decide(BLOCKED, POLICY, now=NOW)
    assert judgement.outcome is Outcome.HOLD_FOR_REVIEW

    lines = "\n".join(for_staff(judgement, BLOCKED, POLICY))

    for told in ("hold_for_review", "emails[0]", "fraud_check", "carding", "risk 100", "limit", "payback: The work is"):
        assert told in lines


def test_staff_read_what_is_not_known_and_what_the_catalogue_lacks() -> None:
    order = an_order(requests=(a_request(),), items=(an_item(recurring_amount=None),))

    facts = some_facts(order=order)
    lines = "\n".join(for_staff(decide(facts, POLICY, now=NOW), facts, POLICY))

    assert "not counted either way: items.amounts" in lines
    assert "catalogue gap" in lines
    assert "unknown when it is earned back" in lines
