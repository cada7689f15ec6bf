"""No term and no network of a policy holds an order for its mail provider or its country alone."""

from __future__ import annotations

import pytest

from app.core.policy.document import Policy, PolicyError, parse_policy, parse_published
from app.core.policy.places import PUBLIC_MAIL, only_names
from app.core.reading.requests import find_terms

LISTS = {
    "acceptable_use.terms.1": "[acceptable_use]\nterms = ['tor exit', {term}]",
    "vetting.terms.1": "[vetting]\nterms = ['tor exit', {term}]",
    "vetting.rules.0.terms.1": "[vetting]\nrules = [{{name = 'x', terms = ['spam', {term}], weight = 1, "
    "question = 'Which?'}}]",
}


def refused(document: str) -> list[tuple[str, str]]:
    with pytest.raises(PolicyError) as caught:
        parse_policy(document)
    return caught.value.errors


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    ("term", "why"),
    [
        ("gmail", "mail provider"), ("@GMail.com", "mail provider"), ("Yahoo mail", "mail provider"),
        ("gmx.at", "mail provider"), ("mail.ru", "mail provider"), ("g-mail", "mail provider"),
        ("Nigeria", "country"), ("from Nigeria", "country"), ("Vietnamese customers", "country"), (".ru", "country"),
        ("CN", "country"), ("co.uk", "country"), ("+234", "country"), ("Côte d'Ivoire", "country"),
        ("U.S.A.", "country"),
    ],
)  # fmt: skip
def test_a_term_that_is_a_mail_provider_or_a_country_is_refused(path: str, term: str, why: str) -> None:
    ((where, message),) = refused(LISTS[path].format(term=f'"{term}"'))
    assert where == path
    assert message.startswith(f"{term} ")
    assert why in message
    assert "alone must never hold an order" in message


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    "term",
    ["iptv", "nigerian prince", "iran sanctions", "email list", "live streaming", "yahoo groups scraper", "cvv", "c2"],
)
def test_a_term_that_says_what_is_done_is_not(path: str, term: str) -> None:
    document = LISTS[path].format(term=f"'{term}'")
    assert parse_policy(document) == parse_published(document)


def test_no_accepted_term_is_found_in_every_address_of_a_mail_provider() -> None:
    """For any part of a provider's domain as a term, in any spelling."""
    for domain in PUBLIC_MAIL:
        parts = [*domain.split("."), domain, domain.replace(".", " "), domain.replace(".", "-"), domain.upper()]
        held = [term for term in parts if find_terms(f"write to ann@{domain}", [term], where="notes")]
        assert held
        assert all(only_names(term) for term in held), domain


def test_the_default_terms_name_nobody() -> None:
    policy = Policy()
    every = [*policy.acceptable_use.terms, *policy.vetting.terms]
    every += [term for rule in policy.vetting.rules for term in rule.terms]
    assert not [term for term in every for domain in PUBLIC_MAIL if find_terms(f"ann@{domain}", [term], where="notes")]


@pytest.mark.parametrize(
    ("networks", "where"),
    [
        (["0.0.0.0/0"], ["0"]), (["203.0.113.7", "0.0.0.0/1", "128.0.0.0/1"], ["1", "2"]), (["41.0.0.0/8"], ["0"]),
        (["10.0.0.0/15"], ["0"]), (["::/0"], ["0"]), (["2000::/3"], ["0"]), (["2a00::/31"], ["0"]),
        ([f"10.{number}.0.0/16" for number in range(65)], [""]),
        ([f"2a01:{number:x}::/32" for number in range(65)], [""]),
        (["10.0.0.0/16", "2001:db8::/32", "203.0.113.7"], []),
        ([f"10.{number}.0.0/16" for number in range(64)], []),
        (["10.0.0.0/16"] * 100, []),
    ],
)  # fmt: skip
def test_networks_as_wide_as_a_country_are_refused(networks: list[str], where: list[str]) -> None:
    document = f"[block]\nnetworks = {networks}"
    if where:
        found = refused(document)
        assert [path for path, _ in found] == [f"block.networks.{place}".rstrip(".") for place in where]
        assert all("alone must never hold an order" in message for _, message in found)
    assert parse_published(document).block.networks == tuple(networks)  # the policy in force stays in force
    assert parse_policy(document.replace("block", "allow"))


@pytest.mark.parametrize("domain", ["foxmail.com", "ukr.net", "ltd.uk", "yahoo.co.jp", "ymail.com", "gouv.fr"])
def test_more_providers_and_countries_on_the_block_list(domain: str) -> None:
    ((path, _),) = refused(f"[block]\nemail_domains = ['{domain}']")
    assert path == "block.email_domains.0"
