"""Read the amounts that go with what is hosted: mails, readers of a newsletter, files to be kept; in six languages.

`quantities` reads whole phrases ("10 TB traffic a month"); this reads the numbers near words of the lexicon, whatever
stands between ("backup of our office, some 6 TB"). Each pattern is linear in the text, whose length is capped.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from app.core.reading.quantities import MOST
from app.core.reading.text import COMMA, Token

#: Numbers from which mails count as many: "large" for readers of a newsletter, "huge" for unasked mail.
_LARGE: Final = 1_000
_HUGE: Final = 50_000
#: "150 club members": the readers stand at most this many words after their number.
_READERS_AFTER: Final = 2
#: Files stand at most this many words from the word that keeps them.
_KEPT_WITHIN: Final = 10
_NUMBER: Final = re.compile(
    r"(?<![\w.,])(?P<digits>\d{1,3}(?:[.,]\d{3}){1,3}|\d{1,3}(?: \d{3}){1,3}(?!\d)|\d{1,9})"
    r"(?: ?(?P<scale>k|mil|tsd|tausend|thousand|mille|тыс|тысяч\w{0,3}|m|mio|million\w{0,3}|millon\w{0,3}|milh\w{0,4}"
    r"|миллион\w{0,3}|млн)\b)?"
)
_WRITTEN_MILLION: Final = re.compile(r"\b(?:million|millon|milhao|миллион|millionen)\b")
_THOUSANDS: Final = ("k", "mil", "tsd", "tausend", "thousand", "mille", "тыс")
# Normalised texts have no "й": its mark is an accent.
#: "5 To" is French, "from 3 to 5" is not: there the number goes on, or a word does.
_BYTES: Final = re.compile(
    r"(?<![\w.,])(?P<digits>\d{1,7}(?:[.,]\d{1,3})?) ?(?:(?P<tera>tb|tib|тб|терабаит\w{0,3}|tera(?:byte|octet)s?)\b"
    r"|(?P<giga>gb|gib|гб|гигабаит\w{0,3}|giga(?:byte|octet)s?)\b"  # noqa: RUF001
    r"|(?P<octets>[tg]o)(?= ?(?:[,;.!?)\n]|$|de |d'|pour |environ|minimum|au )))"
)
#: Concepts that a number of mails or readers stands beside.
_MAIL: Final = frozenset({"mail", "newsletter", "letter", "cold", "bought"})
_GB_OF_TB: Final = 1_000


class Hit(NamedTuple):
    """A phrase of the lexicon in a text: its first word, the place after its last, and how it is shown."""

    at: int
    end: int
    shown: str


class Amounts(NamedTuple):
    """The largest amounts that a text names; 0: none."""

    readers: int = 0
    gigabytes: int = 0


def read_amounts(text: str, found: Sequence[Token], hits: dict[str, list[Hit]]) -> Amounts:
    """Return the amounts, and add "large" and "huge" to the hits where mail is spoken of.

    Beside anything else, a number says nothing; what is sold, like disks, is not kept.
    """
    starts = [token.start for token in found]
    readers = _readers(text, found, starts, hits) if not _MAIL.isdisjoint(hits) else 0
    kept = _kept(text, starts, hits["kept"]) if "kept" in hits and "sold" not in hits else 0
    return Amounts(min(readers, MOST), min(kept, MOST))


def _readers(text: str, found: Sequence[Token], starts: list[int], hits: dict[str, list[Hit]]) -> int:
    readers = [hit.at for hit in hits.get("readers", ())]
    most = 0
    large: list[Hit] = []
    huge: list[Hit] = []
    for match in (*_NUMBER.finditer(text), *_WRITTEN_MILLION.finditer(text)):
        amount = 10**6 if match.re is _WRITTEN_MILLION else amount_of(match["digits"], match["scale"])
        at, end = bisect_left(starts, match.start()), bisect_left(starts, match.end())
        named = bisect_left(readers, end)
        is_named = named < len(readers) and readers[named] <= end + _READERS_AFTER
        if amount > most and is_named and not any(_parts(token) for token in found[end : readers[named]]):
            most = amount
        if amount >= _LARGE and at < len(starts):
            hit = Hit(at, max(end, at + 1), f"{amount:,}")
            large.append(hit)
            huge += [hit] if amount >= _HUGE else []
    hits.update({name: sorted(every) for name, every in (("large", large), ("huge", huge)) if every})
    return most


def _parts(token: Token) -> bool:
    """Return whether a word between a number and the readers says that the number is of something else."""
    return token.text == COMMA or token.text.isdecimal()


def amount_of(digits: str, scale: str | None) -> int:
    """Return the number of digits with marks between thousands, and of a word like "k" or "million" after them."""
    value = int(re.sub(r"\D", "", digits))
    if not scale:
        return value
    return value * (1_000 if scale.startswith(_THOUSANDS) and not scale.startswith(("milh", "mill")) else 10**6)


def _kept(text: str, starts: list[int], kept: list[Hit]) -> int:
    places = [hit.at for hit in kept]
    return max((amount for at, amount in _gigabytes(text, starts) if _is_near(at, places)), default=0)


def _gigabytes(text: str, starts: list[int]) -> Iterator[tuple[int, int]]:
    for match in _BYTES.finditer(text):
        whole, _, part = match["digits"].replace(",", ".").partition(".")
        is_tera = bool(match["tera"]) or (match["octets"] or "").startswith("t")
        amount = int(whole + part) * (_GB_OF_TB if is_tera else 1)
        yield bisect_left(starts, match.start()), -(-amount // 10 ** len(part))


def _is_near(at: int, places: list[int]) -> bool:
    nearest = bisect_left(places, at - _KEPT_WITHIN)
    return nearest < len(places) and places[nearest] <= at + _KEPT_WITHIN
