"""Reading what customers write with an order: which special requests a text makes, and which listed terms it holds."""

from collections.abc import Iterable, Sequence
from datetime import date
from functools import lru_cache

from app.core.reading.kinds import TermFinding, TermKind
from app.core.reading.phrases import read_catalogue, split
from app.core.reading.reader import Reader
from app.core.reading.text import PhraseBook, Token, normalise, tokens, words

__all__ = ["LEXICON_DATE", "TermFinding", "TermKind", "find_requests", "find_terms", "normalise", "spellings"]

LEXICON_DATE = date(2026, 11, 21)
"""The day up to which the ends of life in the lexicon are known; versions are judged by it unless told otherwise."""


def find_requests(
    text: str, *, where: str, catalogue: frozenset[str] = frozenset(), on: date = LEXICON_DATE
) -> tuple[TermFinding, ...]:
    """Return the special requests of a text in order of appearance, each term once per kind.

    `catalogue` holds names of options and products that the cart offers ("ubuntu 24.04", "cpanel"). A system or program
    that it names is no request, and neither is asking to install just that: the cart does it. "debian" covers every
    Debian, "debian 12" covers 12 and its point releases. Once the catalogue names any system, others count as
    `os_unusual` too; while it names none, only those that hosts rarely offer do.
    `on` is the day for ends of life, so that old orders are judged by their own time. `start` counts characters of
    `normalise(text)`.
    """
    return find_asked(tokens(normalise(text)), where=where, catalogue=catalogue, on=on)


def find_asked(
    found: list[Token], *, where: str, catalogue: frozenset[str] = frozenset(), on: date = LEXICON_DATE
) -> tuple[TermFinding, ...]:
    """Return what `find_requests` does of a text whose tokens are at hand."""
    return Reader(found, where=where, catalogue=read_catalogue(catalogue), on=on).findings()


def find_terms(text: str, terms: Iterable[str], *, where: str) -> tuple[TermFinding, ...]:
    """Return which of the listed terms a text or domain name holds, each once, in order of appearance.

    Whole words or phrases, whatever the case and diacritics; hyphens, dots and digits part words, so "casino" is found
    in "cheap-casino24.example", and a phrase also where it is written as one word ("onlinecasino.example"). A part of
    a longer word is no hit. Nobody's intention is judged: "no casino" holds "casino".
    """
    return find_listed(words_of(text), terms, where=where)


def find_listed(found: Sequence[Token], terms: Iterable[str], *, where: str) -> tuple[TermFinding, ...]:
    """Return what `find_terms` does of a text whose words are at hand."""
    book = _listed(tuple(terms))
    first: dict[str, TermFinding] = {}
    for at, token in enumerate(found):
        if not book.begins_with(token.text):
            continue
        for _, term in book.matches(found, at):
            first.setdefault(term, TermFinding(kind=TermKind.LISTED, term=term, where=where, start=token.start))
    return tuple(first.values())


def words_of(text: str) -> Sequence[Token]:
    """Return the words of a text for `find_listed`: one text is held against one list after the other."""
    return tuple(words(normalise(text)))


@lru_cache(maxsize=64)
def _listed(terms: tuple[str, ...]) -> PhraseBook[str]:
    """An order of many lines meets the same list at each of them, so the book is kept."""
    return PhraseBook((spelling, term) for term in terms for spelling in spellings(term))


def spellings(term: str) -> tuple[tuple[str, ...], ...]:
    """Return the words by which `find_terms` finds a term: as they are, and written as one; none without a word."""
    phrase = split(normalise(term))
    return (phrase, ("".join(phrase),)) if phrase else ()
