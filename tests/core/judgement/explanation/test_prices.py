"""Prices in words: exact numbers from the policy, free items named as free, safe to paste."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.facts import PlacedBy
from app.core.judgement.decide import decide
from app.core.judgement.explanation.prices import as_html, price_texts
from app.core.judgement.signals.work import REQUEST_KINDS
from app.core.policy.document import Policy, parse_policy
from app.core.reading.requests import TermKind
from tests.core.judging import NOW, a_request, an_order, some_facts

FREE = "currencies.EUR.handling_fee = '0'\ncurrencies.EUR.custom_rate_per_hour = '0'"
NO_WORK = "\n".join(f"labour.minutes.{kind.value} = 0" for kind in REQUEST_KINDS)
SHOP = "https://shop.example/cart.php?a=1&b=2"
AMOUNT = re.compile(r"[0-9]+(?:\.[0-9]+)? (?:EUR|USD|JPY|KWD)")


def everything(document: str = "", currency: str = "EUR") -> str:
    texts = price_texts(parse_policy(document), currency)
    return "\n".join((texts.cart, texts.terms, texts.signature))


def test_the_notice_in_the_cart_by_default() -> None:
    assert price_texts(Policy(), "EUR").cart == (
        "Everything you order here is set up at no extra charge. Would you like us to enter the order for you? "
        "That costs 7.00 EUR. Extra work by our team (for example: moving existing data or sites, an "
        "installation by our staff, special hardware) costs 50.00 EUR an hour, billed in steps of 60 minutes: at "
        "least 50.00 EUR, and never more than 400.00 EUR per order. Tax is added to these prices where "
        "applicable. We tell you the price "
        "first, and you pay only if you agree."
    )


def test_the_signature_is_two_lines_with_the_link() -> None:
    first, second = price_texts(parse_policy(f"cart.url = '{SHOP}'"), "USD").signature.split("\n")

    assert first.endswith(SHOP)
    assert second.startswith("If we enter an order for you, that costs 7.00 USD. Custom work costs 50.00 USD an hour")
    assert "order in our cart." in price_texts(Policy(), "USD").signature


@pytest.mark.parametrize(
    ("document", "told", "not_told"),
    [
        ("", ["500.00 EUR", "7 days", "4 hours", "24 hours", "15 minutes", "renewals, upgrades, domains."], []),
        ("fee.taxed = false", ["7.00 EUR"], ["tax"]),
        ("fee.increment_minutes = 15\nfee.minimum_minutes = 30", ["steps of 15 minutes", "at least 25.00 EUR"], []),
        ("currencies.EUR.handling_fee = '0'", ["We do that free of charge", "50.00 EUR"], ["7.00"]),
        ("labour.minutes.handling = 0", ["We do that free of charge"], ["7.00"]),
        ("labour.minutes.handling = 10", ["We do that free of charge"], ["7.00"]),
        ("currencies.EUR.custom_rate_per_hour = '0'", ["7.00 EUR", "is free of charge"], ["50.00", "500.00"]),
        (
            FREE,
            ["is free of charge", "We do that free of charge", "there is no charge for that"],
            ["EUR", "tax", "agree", "7 days"],
        ),
        ("labour.fee_kinds = []", ["is free of charge", "We do that free of charge"], ["EUR", "tax", "invoice"]),
        ("labour.fee_kinds = ['new', 'upgrade']", ["renewals, addons, domains."], ["upgrades"]),
        ("labour.min_minutes = 0", ["7.00 EUR"], ["0 minutes in total"]),
        ("labour.courtesy_orders = 3", ["first 3 of your orders"], []),
        (
            "labour.catalogue_gap_paid_by = 'provider'\nlabour.catalogue_gap_kinds = ['package', 'hardware']",
            ["asks only for things our cart does not offer yet: extra software packages, special hardware."], [],
        ),
        (
            "labour.catalogue_gap_paid_by = 'provider'",
            ["example: moving existing data or sites, an installation by our staff) costs"], ["example: special"],
        ),
        (
            "labour.minutes.migration = 0\nlabour.minutes.install = 14",
            ["(for example: special hardware, a special configuration, extra software packages) costs"], ["moving"],
        ),
        (NO_WORK, ["(for example: work by our staff) costs 50.00 EUR an hour"], ["special"]),
        ("labour.catalogue_gap_paid_by = 'provider'\nlabour.catalogue_gap_kinds = []", [], ["does not offer yet"]),
        ("hold.expires_days = 9\nhold.review_due_hours_unpaid = 50", ["9 days", "4 hours", "50 hours"], []),
        ("[texts.prices.cart]\ncustom = '{hourly_rate} die Stunde, {{netto}}'", ["50.00 EUR die Stunde, {netto}"], []),
    ],
)  # fmt: skip
def test_what_the_policy_says_is_what_the_texts_say(document: str, told: list[str], not_told: list[str]) -> None:
    text = everything(document)

    assert [words for words in told if words not in text] == []
    assert [words for words in not_told if words in text] == []
    assert "contest" not in text
    assert "our team will check it again" in text


def test_each_currency_has_its_own_amounts_and_decimals() -> None:
    rows = {"JPY": "900", "KWD": "2.500"}
    names = ("staff_cost_per_hour", "custom_rate_per_hour", "max_fee", "mandate_above", "large_order", "postpaid_month")
    document = "\n".join(
        f"[currencies.{code}]\nhandling_fee = '{fee}'\n" + "\n".join(f"{name} = '9000'" for name in names)
        for code, fee in rows.items()
    )

    assert "costs 900 JPY." in everything(document, "JPY")
    assert "costs 2.500 KWD." in everything(document, "KWD")
    assert "USD" not in everything(document, "KWD")
    with pytest.raises(KeyError):
        price_texts(Policy(), "CHF")


@settings(deadline=None, max_examples=60)
@given(
    handling=st.integers(0, 9999), rate=st.integers(0, 9999), step=st.integers(1, 480), least=st.integers(0, 120),
    minutes=st.integers(1, 600), taxed=st.booleans(), min_minutes=st.integers(0, 40),
)  # fmt: skip
def test_nobody_is_asked_for_more_than_was_written(
    handling: int, rate: int, step: int, least: int, minutes: int, taxed: bool, min_minutes: int
) -> None:
    """Any order's fee is within the range in the texts, and is requested only if they name a price."""
    policy = parse_policy(
        f"fee.increment_minutes = {step}\nfee.minimum_minutes = {least}\nfee.taxed = {str(taxed).lower()}\n"
        f"labour.min_minutes = {min_minutes}\nlabour.tolerated_months = 0\nlabour.minutes.migration = {minutes}\n"
        f"[currencies.EUR]\nhandling_fee = '{handling / 100:.2f}'\ncustom_rate_per_hour = '{rate / 100:.2f}'\n"
        "max_fee = '2000.00'\nmandate_above = '3000.00'\n"
    )
    texts = price_texts(policy, "EUR")
    named = [float(found.split()[0]) for found in AMOUNT.findall(texts.cart)]
    entered = an_order(currency="EUR", placed_by=PlacedBy.STAFF)
    moved = an_order(currency="EUR", requests=(a_request(TermKind.MIGRATION, "migrate"),))

    for order, price in ((entered, "you? That costs"), (moved, "an hour")):
        fee = decide(some_facts(order=order), policy, now=NOW).fee
        if fee is not None:
            assert price in texts.cart
            assert float(fee.to_text()) <= max(named)
    if "an hour" in texts.cart and (custom := decide(some_facts(order=moved), policy, now=NOW).fee):
        assert f"at least {named[-2]:.2f} EUR" in texts.cart
        assert float(custom.to_text()) >= named[-2]
    assert ("Tax is added" in texts.cart) == (taxed and bool(named))


class Page(HTMLParser):
    """The page as a browser parses it."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def read(markup: str) -> Page:
    page = Page()
    page.feed(markup)
    page.close()
    return page


@pytest.mark.parametrize(
    ("text", "tags", "shown"),
    [
        ("One & <b>two</b>", [("p", ())], "One & <b>two</b>"),
        ("a\nb\n\nc", [("p", ()), ("br", ()), ("p", ())], "a\nb\nc"),
        (f"See ({SHOP}).", [("p", ()), ("a", (("href", SHOP),))], f"See ({SHOP})."),
        ("javascript:alert(1) data:x", [("p", ())], "javascript:alert(1) data:x"),
        ('https://x.example/"onclick="y', [("p", ()), ("a", (("href", "https://x.example/"),))], None),
        ("'><script>alert(1)</script>", [("p", ())], "'><script>alert(1)</script>"),
        ("https://x.example/<script>", [("p", ()), ("a", (("href", "https://x.example/"),))], None),
    ],
)
def test_html_holds_paragraphs_and_links_and_nothing_else(text: str, tags: list[object], shown: str | None) -> None:
    page = read(as_html(text))

    assert page.tags == tags
    assert page.text == (text if shown is None else shown)


@settings(deadline=None, max_examples=100)
@given(st.text(st.sampled_from("ab <>&\"'/:=.\n\thtps{}()é"), max_size=60))
def test_whatever_the_words_html_shows_them_and_no_more(text: str) -> None:
    page = read(as_html(text))

    assert {tag for tag, _ in page.tags} <= {"p", "br", "a"}
    assert page.text.split() == text.split()
