"""Addresses that are probably the same: a table of spellings, and of addresses that must be distinguished."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.customers.addresses import Block, block_of, same_address
from tests.customers.samples import panel_customer


def block(first: str, second: str, city: str, postcode: str, country: str) -> Block | None:
    return block_of(panel_customer(address=(first, second, city, "", postcode), country=country))


def same(one: tuple[str, str], other: tuple[str, str], city: str, postcode: str, country: str) -> bool:
    both = [block(first, second, city, postcode, country) for first, second in (one, other)]
    assert both[0] is not None
    assert both[1] is not None
    assert both[0].block == both[1].block
    return same_address(both[0].street, both[1].street)


US, DE = ("Springfield", "62701", "US"), ("Berlin", "10115", "DE")
AT, NL, PL = ("Wien", "1010", "AT"), ("Utrecht", "3511 AB", "NL"), ("Łódź", "90-001", "PL")
JP, RU = ("東京都", "100-0001", "JP"), ("Москва", "101000", "RU")


@pytest.mark.parametrize(
    ("one", "other", "place"),
    [
        (("Main St 5", ""), ("5 Main Street Apt 2", ""), US),
        (("5 Main Street", ""), ("5 MAIN ST.", ""), US),
        (("5 Main Street", "Apt 2"), ("5 Main Street #2", ""), US),
        (("5 Main Street", "Suite 200"), ("5 Main Street Ste. 200", ""), US),
        (("5 Main Street, 2nd floor", ""), ("5 Main Street", "Floor 2"), US),
        (("5 North Main Street", ""), ("5 N. Main St", ""), US),
        (("5 Main Street", ""), ("5 Main", ""), US),
        (("742 Evergreen Terrace", ""), ("742 Evergren Terrace", ""), US),
        (("742 Evergreen Terrace", ""), ("742 Terrace Evergreen", ""), US),
        (("12 Saint James Road", ""), ("12 St. James Rd", ""), US),
        (("PO Box 123", ""), ("P.O. Box 123", ""), US),
        (("350 5th Avenue", ""), ("350 5th Ave., Suite 12", ""), US),
        (("5 Main Street", "c/o Smith"), ("5 Main Street", ""), US),
        (("Hauptstraße 12", ""), ("Hauptstr. 12", ""), DE),
        (("Hauptstraße 12", ""), ("HAUPTSTRASSE 12", ""), DE),
        (("Hauptstraße 12", ""), ("Hauptstrase 12", ""), DE),
        (("Hauptstraße 12", ""), ("Haupt Str 12", ""), DE),
        (("Hauptstraße 12", ""), ("Haputstraße 12", ""), DE),
        (("Müllerstraße 12 a", ""), ("Muellerstr. 12a", ""), DE),
        (("Müllerstraße 12", ""), ("Mullerstrasse 12", ""), DE),
        (("Karl-Marx-Allee 90", ""), ("Karl Marx Allee 90", "Hinterhaus"), DE),
        (("Kärntner Straße 5/12", ""), ("Kaerntnerstr. 5 Top 12", ""), AT),
        (("Kärntner Straße 5/12", ""), ("Kärntner Straße 5", ""), AT),
        (("Oudegracht 12-14", ""), ("Oude Gracht 12-14", ""), NL),
        (("ul. Piotrkowska 100", ""), ("Piotrkowska 100", ""), PL),
        (("千代田1-1", ""), ("千代田 1-1", ""), JP),
        (("ул. Тверская 7", ""), ("Тверская ул. 7", ""), RU),
    ],
)
def test_one_address_in_two_spellings(
    one: tuple[str, str], other: tuple[str, str], place: tuple[str, str, str]
) -> None:
    assert same(one, other, *place)
    assert same(other, one, *place)


@pytest.mark.parametrize(
    ("one", "other", "place"),
    [
        (("5 Main Street", ""), ("7 Main Street", ""), US),
        (("5 Main Street", ""), ("55 Main Street", ""), US),
        (("5 Main Street", ""), ("Main Street", ""), US),
        (("5a Main Street", ""), ("5b Main Street", ""), US),
        (("5 Main Street Apt 2", ""), ("5 Main Street Apt 9", ""), US),
        (("5 Main Street", "2nd floor"), ("5 Main Street", "3rd floor"), US),
        (("5 Main Street", ""), ("5 Main Road", ""), US),
        (("5 Main Street", ""), ("5 Oak Street", ""), US),
        (("5 Elm Street", ""), ("5 Oak Street", ""), US),
        (("5 North Main Street", ""), ("5 South Main Street", ""), US),
        (("5 1st Avenue", ""), ("5 2nd Avenue", ""), US),
        (("PO Box 123", ""), ("PO Box 132", ""), US),
        (("Hauptstraße 12", ""), ("Hauptstraße 12a", ""), DE),
        (("Hauptstraße 12", ""), ("Hauptstraße 21", ""), DE),
        (("Bergstraße 12", ""), ("Burgstraße 12", ""), DE),
        (("Lindenweg 12", ""), ("Lindenallee 12", ""), DE),
        (("Kärntner Straße 5/12", ""), ("Kärntner Straße 5/13", ""), AT),
        (("Oudegracht 12-14", ""), ("Oudegracht 12", ""), NL),
        (("千代田1-1", ""), ("千代田1-2", ""), JP),
    ],
)
def test_what_is_told_apart(one: tuple[str, str], other: tuple[str, str], place: tuple[str, str, str]) -> None:
    assert not same(one, other, *place)
    assert not same(other, one, *place)


@pytest.mark.parametrize(
    ("city", "other", "expected"),
    [
        ("München", "Muenchen", True),
        ("München", "Munich", True),
        ("Frankfurt", "Frankfurt am Main", True),
        ("Berlin", "Berlin-Mitte", True),
        ("Saint Louis", "St. Louis", True),
        ("Paris", "Paris 11", True),
        ("Berlin", "", True),
        ("Neudorf", "Altenkirchen", False),  # one postcode, two villages, and each has a Hauptstraße
        ("Springfield", "Chatham", False),
    ],
)
def test_cities_of_one_postcode(city: str, other: str, expected: bool) -> None:
    one, two = block("Hauptstraße 5", "", city, "12345", "DE"), block("Hauptstr. 5", "", other, "12345", "DE")
    assert one is not None
    assert two is not None
    assert same_address(one.street, two.street) is expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (("62701", "US"), ("62701-1234", "US"), True),
        (("sw1a 1aa", "GB"), ("SW1A1AA", "GB"), True),
        (("3511 AB", "NL"), ("3511ab", "NL"), True),
        (("1010", "AT"), ("1010", "DE"), False),
        (("10115", "DE"), ("10117", "DE"), False),
        (("", "IE"), ("", "IE"), True),  # by city, where there is no postcode
        (("", "IE"), ("D02", "IE"), False),
    ],
)
def test_which_block_an_address_is_in(one: tuple[str, str], other: tuple[str, str], expected: bool) -> None:
    blocks = [block("5 Main Street", "", "Dublin", *where) for where in (one, other)]
    assert blocks[0] is not None
    assert blocks[1] is not None
    assert (blocks[0].block == blocks[1].block) is expected


@pytest.mark.parametrize(
    ("address", "country"),
    [
        (("", "", "", "", ""), "US"),
        (("5", "", "Springfield", "", "62701"), "US"),
        (("Street", "", "Springfield", "", "62701"), "US"),
        (("n/a", "-", "", "", ""), "US"),
        (("5 Main Street", "", "", "", ""), "US"),
        (("5 Main Street", "", "Springfield", "", "62701"), None),
        ((), "US"),
    ],
)
def test_too_little_is_no_address(address: tuple[str, ...], country: str | None) -> None:
    assert block_of(panel_customer(address=address, country=country)) is None


_FIVE = st.lists(st.text(max_size=40), min_size=5, max_size=5)


@given(lines=_FIVE, others=_FIVE)
def test_any_text_can_be_compared(lines: list[str], others: list[str]) -> None:
    found = [block_of(panel_customer(address=tuple(each), country="US")) for each in (lines, others)]
    streets = [each.street for each in found if each is not None]
    for one in streets:
        assert same_address(one, one)
        for other in streets:
            assert same_address(one, other) == same_address(other, one)
