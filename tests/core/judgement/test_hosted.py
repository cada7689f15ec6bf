"""What is hosted, from the words of an order to its outcome, in six languages."""

from __future__ import annotations

import pytest

from app.core.judgement.decide import Outcome
from app.core.policy.document import Policy, PolicyError, parse_policy
from tests.core.hosting import Told, figures, judged, told

LANGUAGES = ("en", "de", "es", "fr", "pt", "ru")


@pytest.mark.parametrize(
    ("name", "found_from", "alarms_at_most"),
    [
        ("texts.jsonl", 141, 0),
        ("texts_held_back.jsonl", 69, 0),
        ("texts_more.jsonl", 159, 0),
        ("texts_blind.jsonl", 39, 0),
    ],
)
def test_the_figures_hold(name: str, found_from: int, alarms_at_most: int) -> None:
    """Never lower than they were; the handbook says which of them are honest."""
    counts = figures(name)

    assert counts["found"] >= found_from
    assert counts["alarms"] <= alarms_at_most


def test_every_language_has_both_kinds_of_texts() -> None:
    every = [one for name in ("texts.jsonl", "texts_held_back.jsonl") for one in told(name)]

    assert len([one for one in every if not one.is_innocent]) >= 150
    assert len([one for one in every if one.is_innocent]) >= 300
    for language in LANGUAGES:
        assert {one.is_innocent for one in every if one.lang == language} == {True, False}


def a_text(text: str, *, plan: str = "shared", domain: str = "") -> Told:
    return Told(lang="en", plan=plan, truth="", text=text, domain=domain)


def held(text: str, *, plan: str = "shared", domain: str = "") -> bool:
    return judged(a_text(text, plan=plan, domain=domain)).outcome is Outcome.HOLD_FOR_REVIEW


def signal(one: Told, code: str, policy: Policy | None = None) -> str:
    return next((found.detail for found in judged(one, policy).signals if found.code == code), "")


@pytest.mark.parametrize(
    ("text", "stands_on_a_server"),
    [
        ("Minecraft server for twenty friends", True),
        ("We stream our video lessons straight from the hosting", True),
        ("A newsletter to 30,000 subscribers", True),
        ("Backup of the office, 6 TB", True),
        ("Mass mailing to purchased lists, two million a day", False),
    ],
)
def test_what_a_plan_does_not_stand_is_asked_about_alone(text: str, stands_on_a_server: bool) -> None:
    assert held(text)
    assert held(text, plan="dedicated") is not stands_on_a_server


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Newsletter to our 150 members", False),
        ("Newsletter to our 1,999 members", False),
        ("Newsletter to our 2,001 members", True),
        ("Newsletter", True),
        ("The newsletter is sent by Mailchimp", False),
        ("No newsletter", False),
    ],
)
def test_a_newsletter_that_the_plan_stands_is_no_question(text: str, expected: bool) -> None:
    assert held(text) is expected


@pytest.mark.parametrize(
    ("guilty", "innocent"),
    [
        ("carding tools and shop", "carding tools and shop for wool and felt"),
        ("We sell phishing kits", "We train staff to recognise phishing kits"),
        ("hosting for phishing pages", "As a security researcher I archive phishing pages"),
        ("bulk email for our clients", "no bulk email for our clients"),
        ("Рассылка спама казино", "Никакой рассылки спама казино"),
        ("Envoi en masse de mails", "Pas d'envoi en masse de mails"),
        ("Stresser mit Webpanel", "Yoga im Alltag statt Stresser mit Webpanel"),
        ("Servicio de ataques ddos por encargo", "Charla sobre ataques ddos por encargo"),
    ],
)
def test_the_same_words_in_innocence(guilty: str, innocent: str) -> None:
    assert held(guilty, plan="vps")
    assert not held(innocent, plan="vps")


@pytest.mark.parametrize(
    "text",
    [
        "No limits please: bulk email to purchased lists",
        "We are not a spam company. Mass mailing to purchased lists, a million a day",
        "DDoS protected server for our booter",
        "Carding forum, fullz and cvv shop. Course material included",
    ],
)
def test_an_excuse_covers_only_what_it_is_about(text: str) -> None:
    assert held(text, plan="vps")


def test_a_term_of_the_list_counts_where_it_is_meant() -> None:
    policy = parse_policy('[acceptable_use]\nterms = ["phishing"]\nkinds = []')

    assert "phishing" in signal(a_text("phishing"), "acceptable_use", policy)
    assert not signal(a_text("No phishing, just a blog"), "acceptable_use", policy)
    assert signal(a_text("No phishing, just a blog. Phishing starts in May"), "acceptable_use", policy)
    assert not signal(a_text("", domain="anti-phishing-training.example"), "acceptable_use", policy)
    assert signal(a_text("", domain="best-phishing.example"), "acceptable_use", policy)


def test_each_hit_is_told_with_the_words_that_spoke_for_it() -> None:
    text = "Massenmailing an gekaufte Adressen"
    assert signal(a_text(text), "acceptable_use") == (
        "The order's texts or domain names speak for mass mail (massenmail…)."
    )
    assert signal(a_text("", domain="paypa1-login.example"), "look_alike_domain") == (
        "A domain name of the order reads like a bank or brand: paypal, written with characters that look alike."
    )
    assert signal(a_text("", domain="sparkasse-login.example"), "look_alike_domain") == (
        "A domain name of the order reads like a bank or brand: sparkasse, beside words that ask for trust (login)."
    )
    (reason,) = judged(a_text("Minecraft server with 20 slots")).reasons
    assert "game-server (minecraft server" in reason.text


def test_kinds_that_the_policy_leaves_out_are_not_counted() -> None:
    policy = parse_policy('[acceptable_use]\nterms = []\nkinds = ["carding"]')

    assert not signal(a_text("Mass mailing to purchased lists"), "acceptable_use", policy)
    assert signal(a_text("fullz and cvv shop"), "acceptable_use", policy)


def test_an_agency_may_name_its_bank_but_not_ask_for_passwords() -> None:
    agency = "We are the agency of the bank"

    assert signal(a_text("", domain="barclays-fair.example"), "brand_in_domain")
    assert not signal(a_text(agency, domain="barclays-fair.example"), "brand_in_domain")
    assert not held("", domain="barclays-fair.example")
    assert held(agency, domain="barclays-login-verify.example")


def test_words_alone_never_reach_the_reject_threshold() -> None:
    one = a_text("fullz, cvv shop, phishing kits, mass mailing", domain="paypa1-login.example")

    assert judged(one).scores.risk < Policy().risk.reject_from


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ('[acceptable_use]\nkinds = ["chess"]', "acceptable_use.kinds.0"),
        ('[acceptable_use]\nbrands = ["x"]', "acceptable_use.brands.0"),
        ("[acceptable_use]\neveryday_brands = [1]", "acceptable_use.everyday_brands.0"),
    ],
)
def test_mistakes_in_the_policy_are_named(document: str, path: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(document)

    assert path in [where for where, _ in caught.value.errors]
