"""Find addresses that are probably the same but written differently: normalise, then compare letter by letter.

A library for postal addresses (libpostal) needs two gigabytes of models. Within one postcode, spellings differ only in
word order, abbreviations, accents, typing errors and the flat.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from app.customers.identities import hashed
from app.panels.records import PanelCustomer

_ALIKE: Final = 90.0  # words of the street, in any order; 0 to 100
_CITY_ALIKE: Final = 75.0  # München and Munich; the postcode is the same
_ONE_TYPO_FROM: Final = 8  # letters: Bergstraße and Burgstraße are two streets
_STROKES: Final = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "a", "œ": "o", "\u0131": "i"})
_SHORT: Final = {
    "street": "st", "str": "st", "strasse": "st", "straat": "st", "saint": "st", "sankt": "st", "road": "rd",
    "avenue": "ave", "av": "ave", "boulevard": "blvd", "bd": "blvd", "lane": "ln", "drive": "dr", "court": "ct",
    "place": "pl", "platz": "pl", "square": "sq", "highway": "hwy", "n": "north", "s": "south", "e": "east",
    "w": "west",
}  # fmt: skip
_COMPASS: Final = frozenset({"north", "south", "east", "west"})
_KINDS: Final = _COMPASS | {"st", "rd", "ave", "blvd", "ln", "dr", "ct", "pl", "sq", "hwy"}
_FLATS: Final = frozenset(
    {
        "apt", "apartment", "app", "appartment", "appartement", "unit", "suite", "ste", "flat", "room", "rm", "whg",
        "wohnung", "top", "lgh", "bus", "bte",
    }
)  # fmt: skip
_FLOORS: Final = frozenset({"floor", "fl", "etage", "og", "stock", "piso"})
_NAMED: Final = _FLATS | _FLOORS | _KINDS
_GLUED: Final = re.compile(r"([^\W\d_]{3,})str(?:asse|ase|aat)?\b")
_BOX: Final = re.compile(r"\bp\.?\s*o\.?\s*box\b")
_LAST_LETTER: Final = re.compile(r"([0-9])\s+([a-z])\s*$")
_NO_WORD: Final = re.compile(r"\W+")
_UMLAUT: Final = re.compile(r"([aou])e")
_TOKEN: Final = re.compile(r"[0-9][0-9a-z]*(?:[/-][0-9a-z]+)*|[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Block:
    """The group in which an address is searched, and what is compared within it."""

    block: str  # hash of country and postcode; of country and city where there is no postcode
    street: str  # house numbers | flats | words of the street | words of the city


def block_of(customer: PanelCustomer) -> Block | None:
    """Return a customer's address in the form to compare; None if too little is known."""
    first, second, city, _state, postcode = (*customer.address, *("",) * 5)[:5]
    numbers, flats, words = _street((first, second))
    place = " ".join(words_of(city))
    code = _NO_WORD.sub("", postcode).casefold()
    if customer.country == "US":
        code = code[:5]  # without the four digits that many leave out
    specific = _says_something(words) or len(numbers) > 1  # 350 5th Avenue
    if not (customer.country and (code or place) and specific):
        return None
    street = "|".join((" ".join(sorted(numbers)), " ".join(sorted(flats)), " ".join(words), place))
    return Block(hashed("block", f"{customer.country}|{code or place}"), street)


def same_address(one: str, other: str) -> bool:
    """True if two streets of one block are probably the same address.

    House numbers must be equal, as must flats and cities if both addresses name one.
    """
    numbers, flats, words, city = one.split("|", 3)
    other_numbers, other_flats, other_words, other_city = other.split("|", 3)
    if numbers != other_numbers or (flats and other_flats and flats != other_flats):
        return False
    if city and other_city and fuzz.token_set_ratio(city, other_city) < _CITY_ALIKE:
        return False
    return _same_street(words.split(), other_words.split())


def _same_street(words: list[str], others: list[str]) -> bool:
    """True if two streets are alike: words may be missing, swapped, joined or mistyped; but north is not south."""
    compass, other_compass = _COMPASS & set(words), _COMPASS & set(others)
    if compass and other_compass and compass != other_compass:
        return False
    if _says_something(set(words) & set(others)) and fuzz.token_set_ratio(" ".join(words), " ".join(others)) >= _ALIKE:
        return True
    spellings = [
        (" ".join(sorted(words)), " ".join(sorted(others))),
        ("".join(words), "".join(others)),
    ]
    return any(_same_text(one, other) for one, other in spellings)


def _same_text(one: str, other: str) -> bool:
    if min(len(one), len(other)) < _ONE_TYPO_FROM:
        return one == other
    return fuzz.ratio(one, other) >= _ALIKE or OSA.distance(one, other) <= 1


def _says_something(words: list[str] | set[str]) -> bool:
    """True if there is more than *street*, *north* and single letters."""
    return any(word not in _KINDS and len(word) > 1 for word in words)


def _street(lines: tuple[str, ...]) -> tuple[set[str], set[str], list[str]]:
    """Return house numbers, flats and the words of the street."""
    tokens = [token for line in lines for token in (*_tokens(line), "")]  # "": the end of a line
    numbers: set[str] = set()
    flats: set[str] = set()
    words: list[str] = []
    for index, token in enumerate(tokens):
        before, after = tokens[index - 1] if index else "", tokens[index + 1] if index + 1 < len(tokens) else ""
        if not token or token in _FLATS or token in _FLOORS:
            continue
        named = (before in _FLATS or before in _FLOORS) and (token[0].isdigit() or len(token) == 1)
        if named or (token[0].isdigit() and after in _FLOORS):
            flats.add(_flat(token))
        elif token[0].isdigit():
            number, _slash, flat = token.partition("/")
            numbers.add(number)
            flats |= {flat} - {""}
        else:
            words.append(token)
    return numbers, flats, words


def _flat(token: str) -> str:
    """Return the number of a flat or floor without its ending: *2nd* and *2* are the same."""
    return re.sub(r"(?<=[0-9])(?:st|nd|rd|th)$", "", token)


def words_of(text: str) -> list[str]:
    """Return the words of any text, without case, accents and punctuation."""
    return [token for token in _tokens(text) if not token[0].isdigit()]


def _tokens(text: str) -> list[str]:
    """Return words and numbers, without case, accents and punctuation, in abbreviated form."""
    if not text:
        return []
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_STROKES))
    if not plain.isascii():
        plain = "".join(char for char in plain if not unicodedata.combining(char))
    plain = _GLUED.sub(r"\1 st", _BOX.sub("pobox", plain.replace("#", " unit ")))
    return [_alike(token) for token in _TOKEN.findall(_LAST_LETTER.sub(r"\1\2", plain))]


def _alike(token: str) -> str:
    """Return the abbreviation of a word if there is one; in other words treat *Mueller* and *Müller* as the same."""
    if token in _SHORT or token in _NAMED:
        return _SHORT.get(token, token)
    return _UMLAUT.sub(r"\1", token) if "e" in token else token
