"""Texts for customers: tables of cases, hostile names, orders without a cart, and the provider's own texts."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from app.core.facts import Agreement, Facts, PaymentState, PlacedBy
from app.core.judgement.decide import Outcome, decide
from app.core.judgement.explanation.cart_links import MOST, cart_link
from app.core.judgement.explanation.customer import (
    AskedWork,
    HoldStanding,
    as_message,
    for_customer,
    for_customer_unjudged,
)
from app.core.judgement.explanation.plain import inert
from app.core.money import Money
from app.core.policy.document import Policy, PolicyError, parse_policy
from app.core.reading.requests import TermKind
from tests.core.judging import NOW, a_customer, a_request, an_item, an_order, some_facts

SHOP = "https://shop.example/cart.php"
POLICY = parse_policy(f"[cart]\nurl = '{SHOP}'\nproduct_url = '{SHOP}?a=add&pid={{product_id}}'")
MIGRATION = some_facts(order=an_order(requests=(a_request(TermKind.MIGRATION, "migrate"),)))
ENTERED = some_facts(order=an_order(placed_by=PlacedBy.STAFF))


def message(facts: Facts, policy: Policy = POLICY, asked: AskedWork | None = None) -> str:
    return as_message(for_customer(decide(facts, policy, now=NOW), facts, policy, asked))


def test_a_message_about_custom_work_reads_from_top_to_bottom() -> None:
    asked = AskedWork(
        fee=Money(10_000, "USD"), work="moving existing data or sites (migrate)", minutes=90,
        expires_at=datetime(2026, 11, 27, 13, 24, 59, tzinfo=ZoneInfo("Europe/Berlin")), invoice_url="https://billing.example/viewinvoice.php?id=7",
    )  # fmt: skip

    assert message(MIGRATION, asked=asked) == (
        "Please tell us how to proceed with your order.\n\n"
        "Your order asks for work that its price does not include: moving existing data or sites (migrate). "
        "We expect this to take our team about 90 minutes.\n\n"
        "The one-time charge for this is 100.00 USD plus tax where applicable. "
        "You pay it only if you agree to it.\n\n"
        "Please choose by 2026-11-27 13:24 CET. After that, our team will check the order again.\n\n"
        "1. Pay 100.00 USD plus tax where applicable, and we will carry out your order as requested: "
        "https://billing.example/viewinvoice.php?id=7\n"
        "2. Take the order as sold in our cart, without this charge.\n"
        "3. Cancel the order.\n\n"
        "Products ordered in our cart without special requests cost nothing extra and need no confirmation: "
        f"{SHOP}?a=add&pid=11\n\n"
        "If you think this is a mistake, please write to us and our team will check it."
    )


@pytest.mark.parametrize(
    ("facts", "document", "told", "not_told"),
    [
        (ENTERED, "", ["entered this order for you", "7.00 USD plus tax", "within 7 days"], ["minutes", "viewinvoice"]),
        (ENTERED, "fee.taxed = false\nhold.expires_days = 3", ["charge for this is 7.00 USD.", "3 days"], ["tax"]),
        (MIGRATION, "", ["moving existing data or sites (migrate)", "about 90 minutes", "100.00 USD"], ["cart.php"]),
        (some_facts(), "", ["Your order has been accepted."], ["charge", "mistake"]),
        (
            some_facts(order=an_order(currency="CHF", payment=PaymentState.UNPAID)), "",
            ["our team will check your order", "within 24 hours", "just let us know", "mistake"], ["CHF", "currency"],
        ),
        (
            some_facts(order=MIGRATION.order, customer=a_customer(white_glove=True)), "",
            ["send you a quote before any work begins", "within 4 hours"], ["100.00"],
        ),
        (
            some_facts(customer=a_customer(chargebacks=3)), "risk.auto_reject = true",
            ["We are unable to accept your order.", "will be returned", "check it again"], ["fee", "cart", "charge"],
        ),
    ],
)  # fmt: skip
def test_what_each_verdict_tells(facts: Facts, document: str, told: list[str], not_told: list[str]) -> None:
    text = message(facts, parse_policy(document))

    assert [words for words in told if words not in text] == []
    assert [words for words in not_told if words in text] == []


@pytest.mark.parametrize(
    ("document", "link"),
    [
        ("", ""),
        (f"cart.url = '{SHOP}'", SHOP),
        (f"cart.product_url = '{SHOP}?pid={{product_id}}'", f"{SHOP}?pid=11"),
        (f"cart.url = '{SHOP}'\ncart.product_url = '{SHOP}?pid={{product_id}}'\ncart.not_in_cart = [11]", SHOP),
        (f"cart.product_url = '{SHOP}?pid={{product_id}}'\ncart.not_in_cart = [11]", ""),
    ],
)
def test_the_link_leads_to_the_product_else_to_the_cart_else_nowhere(document: str, link: str) -> None:
    policy = parse_policy(document)

    assert cart_link(MIGRATION, policy) == link
    avoid = for_customer(decide(MIGRATION, policy, now=NOW), MIGRATION, policy).avoid_next_time
    assert avoid is not None
    assert avoid.startswith("Products ordered in our cart without special requests cost nothing extra")
    assert avoid.endswith(f": {link}" if link else ".")


def test_several_products_are_listed_by_name_and_too_many_are_not() -> None:
    def items(count: int) -> Facts:
        lines = tuple(an_item(product_id=number, product=f"Web {number}") for number in range(1, count + 1))
        return some_facts(order=an_order(items=(*lines, lines[0])))

    assert cart_link(items(2), POLICY) == f"\nWeb 1: {SHOP}?a=add&pid=1\nWeb 2: {SHOP}?a=add&pid=2"
    assert cart_link(items(MOST + 1), POLICY) == SHOP


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Web S", "Web S"),
        ("VPS (XL), 2.5 GHz", "VPS (XL), 2.5 GHz"),
        ("Größe Ω 日本", "Größe Ω 日本"),
        ("<script>alert(1)</script>", "script alert(1) /script"),
        ("[click](http://evil.example)", "click (http //evil example)"),
        ("![x](//evil.example/a.png)", "x (//evil example/a png)"),
        ("{$client_password} {{fee}} {php}", "client password fee php"),
        ("**bold** _it_ `code` # Title", "bold it code Title"),
        ("1. first\n2. second\n\n> quoted", "1 first 2 second quoted"),
        ("www.evil.example mail@evil.example", "www evil example mail evil example"),
        ("\u202egnp.exe\u200b &lt;b&gt; \x00", "gnp exe lt b gt"),
        ("\uff1cb\uff1efine\uff0fx\u2024example", "b fine x example"),
        ("***", ""),
        ("x" * 500, "x" * 60),
    ],
)
def test_a_name_from_the_catalogue_is_only_words(name: str, shown: str) -> None:
    assert inert(name, 60) == shown
    two = (an_item(product=name, product_id=1), an_item(product="Web M", product_id=2))
    text = message(some_facts(order=an_order(placed_by=PlacedBy.STAFF, items=two)))
    assert f"\n{shown or 1}: {SHOP}?a=add&pid=1\n" in text
    assert [char for char in "<>[]{}`*_#!@\\&" if char in text.replace(f"{SHOP}?a=add&pid=", "")] == []


def test_terms_that_are_none_of_the_lexicons_are_left_out() -> None:
    odd = ("ubuntu 8.04", "evil.example", "[x](y)", "{fee}", "<b>", "http://a", "x" * 200, "Please!")
    requests = tuple(a_request(TermKind.OS_OLD, term) for term in odd)

    text = message(some_facts(order=an_order(requests=requests)))

    assert "an operating system that is no longer supported (ubuntu 8.04)." in text


def test_what_a_person_decided_about_an_order_that_was_never_judged() -> None:
    fee = AskedWork(fee=Money(2_500, "EUR"), work="work by our staff")
    told = {
        outcome: as_message(for_customer_unjudged(outcome, POLICY, fee if outcome is Outcome.HOLD_FOR_FEE else None))
        for outcome in Outcome
    }

    assert told[Outcome.APPROVE] == "Your order has been accepted."
    assert "work by our staff." in told[Outcome.HOLD_FOR_FEE]
    assert "25.00 EUR plus tax" in told[Outcome.HOLD_FOR_FEE]
    assert "None" not in told[Outcome.HOLD_FOR_FEE]
    assert "hours" not in told[Outcome.HOLD_FOR_REVIEW]
    assert "will be returned to you" in told[Outcome.REJECT]
    assert "how to proceed" in as_message(for_customer_unjudged(Outcome.HOLD_FOR_FEE, POLICY))


def standing(facts: Facts, outcome: Outcome, now: HoldStanding) -> str:
    judgement = replace(decide(facts, POLICY, now=NOW), outcome=outcome)
    return as_message(for_customer(judgement, facts, POLICY, standing=now))


def test_what_is_told_is_true_of_where_the_order_stands_now() -> None:
    """Regardless of what the judgement's facts said about payment, the fee and the question."""
    paid, unpaid = HoldStanding(settled=True), HoldStanding(settled=False)

    assert "invoice for the order itself must also be paid" in standing(MIGRATION, Outcome.HOLD_FOR_FEE, unpaid)
    assert "invoice for the order itself" not in standing(MIGRATION, Outcome.HOLD_FOR_FEE, paid)
    assert "as soon as its invoice is paid" in standing(MIGRATION, Outcome.APPROVE, unpaid)
    assert "no extra charge" in standing(MIGRATION, Outcome.APPROVE, paid)
    assert "no extra charge" not in standing(MIGRATION, Outcome.APPROVE, HoldStanding(settled=True, fee_paid=True))
    assert "within 24 hours" in standing(MIGRATION, Outcome.HOLD_FOR_REVIEW, unpaid)
    assert "within 4 hours" in standing(MIGRATION, Outcome.HOLD_FOR_REVIEW, paid)


def test_who_paid_a_fee_is_not_told_that_there_was_none() -> None:
    agreed = replace(MIGRATION, agreement=Agreement.FEE_PAID)

    assert message(agreed) == "Your order has been accepted."


def test_who_was_asked_reads_that_we_wait_for_the_answer() -> None:
    text = standing(MIGRATION, Outcome.HOLD_FOR_REVIEW, HoldStanding(settled=True, question_open=True))

    assert "We have sent you a question about it and will continue as soon as we have read your answer." in text
    assert "hours" not in text
    assert "If we have a question" not in text


def test_an_order_that_was_cancelled_is_not_called_turned_away() -> None:
    over = HoldStanding(settled=True, cancelled=True)
    texts = (
        standing(MIGRATION, Outcome.REJECT, over),
        as_message(for_customer_unjudged(Outcome.REJECT, POLICY, standing=over)),
    )

    for text in texts:
        assert text.startswith("Your order has been cancelled.\n\nAny payment you made for it will be returned to you.")
        assert "unable to accept" not in text


def test_the_provider_says_it_in_his_own_words_and_changes_only_what_he_names() -> None:
    document = """
        [texts.fee]
        custom = "Ihre Bestellung braucht Arbeit: {work}."
        price = "Das kostet {price}. {{Einmal.}}"
        plus_tax = "{fee} zzgl. MwSt."
        [texts.work]
        migration = "Umzug Ihrer Daten {nicht gefüllt}"
    """

    text = message(MIGRATION, parse_policy(document))

    assert "braucht Arbeit: Umzug Ihrer Daten {nicht gefüllt} (migrate). We expect this" in text
    assert "Das kostet 100.00 USD zzgl. MwSt.. {Einmal.}" in text
    assert "3. Cancel the order." in text


@pytest.mark.parametrize(
    ("document", "path", "says"),
    [
        ("texts.fee.custom = 'for {fee}'", "texts.fee.custom", "{fee}; known are work"),
        ("texts.fee.pay = 'at {invoice_url}'", "texts.fee.pay", "{invoice_url}; known are price"),
        ("texts.contest = 'write to {order_number}'", "texts.contest", "known are none"),
        ("texts.fee.price = '{price.currency}'", "texts.fee.price", "known are price"),
        ("texts.fee.price = '{price!r}'", "texts.fee.price", "write {price} instead of {price!r}"),
        ("texts.fee.price = '{price:>99999999}'", "texts.fee.price", "write {price} instead of {price:>99999999}"),
        ("texts.fee.price = '{}'", "texts.fee.price", "known are price"),
        ("texts.fee.price = 'open {price'", "texts.fee.price", "braces do not match"),
        ("texts.fee.price = ''", "texts.fee.price", "at least 1"),
        ("texts.fee.price = ' '", "texts.fee.price", "at least 1"),
        (f"texts.contest = '{'x' * 1001}'", "texts.contest", "at most 1000"),
        ('texts.contest = "bell \\u0007"', "texts.contest", "control characters"),
        ("texts.prices.cart.tax = '{risk}'", "texts.prices.cart.tax", "known are cart_url"),
        ("texts.risk = 'x'", "texts.risk", "unknown key"),
        ("texts.work.listed = 'x'", "texts.work.listed", "unknown key"),
        ("messages.fee_hold.subject = '{explanation}'", "messages.fee_hold.subject", "{explanation}"),
        ("fee.custom_line = '{explanation}'", "fee.custom_line", "{explanation}"),
        ("cart.product_url = 'https://shop.example/'", "cart.product_url", "must contain {product_id}"),
        ("cart.product_url = 'https://shop.example/{{product_id}}'", "cart.product_url", "must contain {product_id}"),
        ("cart.product_url = 'https://shop.example/{product_id}{name}'", "cart.product_url", "{name}"),
        ("cart.product_url = 'javascript:alert({product_id})'", "cart.product_url", "match"),
        ("cart.product_url = 'https://shop.example/<{product_id}>'", "cart.product_url", "match"),
    ],
)
def test_a_text_that_names_what_it_may_not_is_refused_with_its_place(document: str, path: str, says: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(document)

    assert says in dict(caught.value.errors)[path]
