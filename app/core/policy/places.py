"""Names of mail providers and countries, which alone must never hold an order through a list of the policy: from
`places.toml`, where each list is explained.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from app.core.reading.lexicon.lists import Lists
from app.core.reading.text import spellings

#: A term, split into words.
Phrase = tuple[str, ...]

_LISTS: Final = Lists("places.toml", package=__package__)

PUBLIC_MAIL: Final = _LISTS.words("public_mail")
_BRANDS: Final = _LISTS.words("brands")
_SINGLE_BRANDS: Final = _LISTS.words("single_brands")
_OF_MAIL: Final = _LISTS.words("of_mail")
_EVERYWHERE: Final = re.compile(rf"(?:{'|'.join(_BRANDS)})\.(?:com?\.)?[a-z]{{2,4}}")
#: A second-level registry of a country, or a top-level domain.
_COUNTRY: Final = re.compile(rf"(?:(?:{'|'.join(_LISTS.words('registries'))})\.[a-z]{{2}})|[a-z0-9-]+")
_CODES: Final = _LISTS.words("codes")
_NAMES: Final = _LISTS.take("countries", str).split(",")
_FILLING: Final = _LISTS.words("filling")
_DIALLED: Final = re.compile(r"\s*(?:\+|00)\s*[1-9][0-9]{0,2}\s*")


def is_public_mail(domain: str) -> bool:
    """Return whether a domain is a public mail provider."""
    return domain in PUBLIC_MAIL or _EVERYWHERE.fullmatch(domain) is not None


def is_all_of_a_country(domain: str) -> bool:
    """Return whether a domain is a top-level domain, or a second-level registry of a country."""
    return _COUNTRY.fullmatch(domain) is not None


def only_names(term: str) -> str | None:
    """Return which of the two a term is if it only names a mail provider or a country; None otherwise."""
    phrases = spellings(term)
    if _DIALLED.fullmatch(term) or any(_is_a_country(phrase) for phrase in phrases):
        return "is just a country or its code"
    if is_public_mail(term.strip().casefold().lstrip("@.")) or any(_is_public_mail(phrase) for phrase in phrases):
        return "is part of every address of a public mail provider"
    return None


def _is_a_country(phrase: Phrase) -> bool:
    names = _country_phrases()
    if phrase in names or tuple(word for word in phrase if word not in _FILLING) in names:
        return True
    return phrase[-1] in _CODES and is_all_of_a_country(".".join(phrase))


def _is_public_mail(phrase: Phrase) -> bool:
    """Return whether every address of some provider holds these words, as "gmail" is in somebody@gmail.com."""
    plain = tuple(word for word in phrase if word not in _OF_MAIL)
    return phrase in _mail_phrases() or plain in _brand_phrases()


@cache
def _mail_phrases() -> frozenset[Phrase]:
    """Return every run of words in the providers' domains: a term of just these words matches all their addresses."""
    found: set[Phrase] = set()
    for domain in (*PUBLIC_MAIL, *(f"{brand}.com" for brand in _BRANDS)):
        words = spellings(domain)[0]
        found |= {words[start:end] for start in range(len(words)) for end in range(start + 1, len(words) + 1)}
    return frozenset(found)


@cache
def _brand_phrases() -> frozenset[Phrase]:
    return frozenset(spelling for name in (*_BRANDS, *_SINGLE_BRANDS) for spelling in spellings(name))


@cache
def _country_phrases() -> frozenset[Phrase]:
    return frozenset(spelling for name in _NAMES for spelling in spellings(name))
