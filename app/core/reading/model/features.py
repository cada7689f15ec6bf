"""What a text is weighed by: words and pairs of words, the letters of words, and groups of words that mean the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from app.core.reading.model import groups
from app.core.reading.model.marks import Sentence

SUBJECT: Final = "s:"
EDGE: Final = "."
ASKS: Final = "?"
#: Groups are counted from 1; a pair of groups is `first * _PAIR + second`, and a trio is a pair with a third.
_PAIR: Final = 64
_ASKS: Final = len(groups.ORDERING.names) + 1
_PRODUCT: Final = groups.ORDERING.names.index("product") + 1
#: Groups that a whole text may lack; such a feature is the group's number, negative.
_LACKING: Final = tuple(
    groups.ORDERING.names.index(name) + 1 for name in ("product", "doit", "want", "how", "paid", "past")
)
_LETTERS: Final = (3, 4, 5)


@dataclass(frozen=True, slots=True)
class Features:
    """The features that a text has, each once."""

    words: frozenset[str]
    letters: frozenset[str]  # the words whose letters count
    ordering: frozenset[int]
    topics: frozenset[int]


def read(subject: Sequence[Sentence], message: Sequence[Sentence]) -> Features:
    """Return the features of a text; the words of a subject count once more by themselves."""
    words: set[str] = set()
    letters: set[str] = set()
    ordering: set[int] = set()
    lacking, about = set(_LACKING), set[int]()
    for sentence in (*subject, *message):
        words.update(words_of(sentence))
        letters.update(word for word, *_ in sentence.words if len(word) > 2 and word[0] != "<")
        found = groups_of(sentence)
        lacking -= found
        ordering.update(combined(found))
        about.update(hit.group + 1 for hit in groups.TOPICS.hits(sentence.words))
    words.update(SUBJECT + word.text for sentence in subject for word in sentence.words)
    ordering.update(-number for number in lacking)
    return Features(frozenset(words), frozenset(letters), frozenset(ordering), frozenset(pairs(about) or (0,)))


def words_of(sentence: Sentence) -> Iterator[str]:
    """Yield the words of a sentence, and each with the one before it."""
    before = EDGE
    for word, *_ in sentence.words:
        yield word
        yield f"{before} {word}"
        before = word
    yield f"{before} {ASKS if sentence.asks else EDGE}"


def groups_of(sentence: Sentence) -> set[int]:
    """Return the groups about ordering that a sentence has, counted from 1."""
    found = {hit.group + 1 for hit in groups.ORDERING.hits(sentence.words)}
    if sentence.asks:
        found.add(_ASKS)
    return found


def pairs(found: Iterable[int]) -> list[int]:
    """Return groups and their pairs."""
    ordered = sorted(found)
    return ordered + [first * _PAIR + second for at, first in enumerate(ordered) for second in ordered[at + 1 :]]


def combined(found: set[int]) -> Iterator[int]:
    """Yield groups about ordering, their pairs, and their pairs beside a product."""
    yield from pairs(found)
    if _PRODUCT in found:
        yield from (_PRODUCT * _PAIR * _PAIR + code for code in pairs(found - {_PRODUCT}) if code > _PAIR)


def letters_of(word: str) -> Iterator[str]:
    """Yield the parts of a word of three to five letters, its ends marked."""
    whole = f"<{word}>"
    for length in _LETTERS:
        yield from (whole[at : at + length] for at in range(len(whole) - length + 1))


def numbered(code: int) -> Iterator[int]:
    """Yield the groups of a pair or trio, or a single one."""
    while code > 0:
        yield code % _PAIR
        code //= _PAIR
