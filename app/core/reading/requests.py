"""Find special requests and listed terms in the texts that customers write with an order."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import lru_cache

from app.core.reading.kinds import TermFinding, TermKind
from app.core.reading.phrases import read_catalogue
from app.core.reading.reader import Reader
from app.core.reading.text import PhraseBook, Token, normalise, spellings, tokens, words

__all__ = ["LEXICON_DATE", "TermFinding", "TermKind", "find_requests", "find_terms", "normalise"]

LEXICON_DATE = date(2026, 11, 21)
"""The day up to which the ends of life in the lexicon are known; versions are judged by it unless told otherwise."""


def find_requests(
    text: str, *, where: str, catalogue: frozenset[str] = frozenset(), on: date = LEXICON_DATE
) -> tuple[TermFinding, ...]:
    """Return the special requests in a text in order of appearance, each term once per kind.

    `catalogue` holds names of options and products that the cart offers ("ubuntu 24.04", "cpanel"). A system or program
    in it is not a request, nor is asking to install just that, because the cart does it. "debian" covers every Debian,
    "debian 12" covers 12 and its point releases. If the catalogue names any system, all others count as `os_unusual`;
    if it names none, only those that hosts rarely offer do.
    `on` is the date for end-of-life checks, so that old orders are judged as of their own time. `start` is an offset
    in `normalise(text)`.
    """
    return find_asked(tokens(normalise(text)), where=where, catalogue=catalogue, on=on)


def find_asked(
    found: list[Token], *, where: str, catalogue: frozenset[str] = frozenset(), on: date = LEXICON_DATE
) -> tuple[TermFinding, ...]:
    """Do the same as `find_requests` for a text that is already tokenised."""
    return Reader(found, where=where, catalogue=read_catalogue(catalogue), on=on).findings()


def find_terms(text: str, terms: Iterable[str], *, where: str) -> tuple[TermFinding, ...]:
    """Return which of the listed terms are in a text or domain name, each once, in order of appearance.

    Matches whole words or phrases, ignoring case and diacritics. Hyphens, dots and digits separate words, so "casino"
    is found in "cheap-casino24.example"; a phrase is also found written as one word ("onlinecasino.example"). Part of
    a longer word is no match. Intention is ignored: "no casino" contains "casino".
    """
    return find_listed(words_of(text), terms, where=where)


def find_listed(
    found: Sequence[Token], terms: Iterable[str], *, where: str, skip: Callable[[int], bool] | None = None
) -> tuple[TermFinding, ...]:
    """Do the same as `find_terms` for a text that is already split into words, without those at offsets to skip."""
    book = _listed(tuple(terms))
    first: dict[str, TermFinding] = {}
    for at, token in enumerate(found):
        if not book.begins_with(token.text) or (skip is not None and skip(token.start)):
            continue
        for _, term in book.matches(found, at):
            first.setdefault(term, TermFinding(kind=TermKind.LISTED, term=term, where=where, start=token.start))
    return tuple(first.values())


def words_of(text: str) -> Sequence[Token]:
    """Return the words of a text for `find_listed`, because one text is searched for several lists."""
    return tuple(words(normalise(text)))


@lru_cache(maxsize=64)
def _listed(terms: tuple[str, ...]) -> PhraseBook[str]:
    """Return the phrase book of a list; cached, because an order with many lines uses the same list for each."""
    return PhraseBook((spelling, term) for term in terms for spelling in spellings(term))
