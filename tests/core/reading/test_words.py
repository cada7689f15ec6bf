"""Names, addresses and domains are stored and searched for in one spelling."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.reading import words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Ada  Lovelace", ("ada", "lovelace")),
        ("O'Brien-Müller, Ångström GmbH & Co. KG", ("o", "brien", "muller", "angstrom", "gmbh", "co", "kg")),
        ("STRASSE straße", ("strasse",)),
        ("Æsir Þór Œuvre", ("aesir", "thor", "oeuvre")),
        ("100%_off", ("100", "off")),
        ("Ёлка ИВАНОВ", ("елка", "иванов")),
        ("% _ * ' \\", ()),
        ("", ()),
    ],
)
def test_words_of_a_name(text: str, found: tuple[str, ...]) -> None:
    assert words.of_name(text) == found


@pytest.mark.parametrize(
    ("domain", "found"),
    [
        ("Shop.Example.COM", ("shop.example.com", "example.com")),
        ("xn--mnchen-3ya.de", ("xn--mnchen-3ya.de", "munchen.de")),
        ("münchen.de", ("munchen.de",)),
        ("xn--\u00fc.de", ("xn--u.de",)),
        ("xn--999999999.de", ("xn--999999999.de",)),
        ("localhost", ()),
        ("..", ()),
        ("", ()),
    ],
)
def test_what_a_domain_is_found_by(domain: str, found: tuple[str, ...]) -> None:
    assert words.of_domain(domain) == found


def test_what_an_address_is_found_by() -> None:
    assert words.of_email(" Ada@Mail.Example.com ") == ("ada@mail.example.com", "mail.example.com", "example.com")
    assert words.of_email("nobody") == words.of_email("@example.com") == words.of_email("ada@") == ()


@given(st.text(max_size=60))
def test_folding_twice_changes_nothing_and_no_way_of_composing_letters_counts(text: str) -> None:
    once = words.folded(text)
    assert words.folded(once) == once
    for form in ("NFC", "NFD"):
        assert words.folded(unicodedata.normalize(form, text)) == once


@given(st.text(max_size=60))
def test_a_name_is_found_by_each_of_its_words(text: str) -> None:
    found = words.of_name(text)
    assert words.of_name(" ".join(found)) == found
    assert all(words.folded(word) == word and word for word in found)
