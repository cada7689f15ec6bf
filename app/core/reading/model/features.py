"""What a text is weighed by: words and pairs of words, the letters of words, and groups of words that mean the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from app.core.reading.model.groups import ABOUT_ORDERING, GROUPS, Hit
from app.core.reading.model.marks import Sentence

SUBJECT: Final = "s:"
EDGE: Final = "."
ASKS: Final = "?"
#: Groups are counted from 1; a pair of groups is `first * _PAIR + second`, and a trio is a pair with a third.
_PAIR: Final = 128
_ASKING: Final = len(GROUPS.names) + 1
_PRODUCT: Final = GROUPS.names.index("ordering.product") + 1
#: Groups that a whole text may lack; such a feature is the group's number, negative.
_LACKING: Final = tuple(
    GROUPS.names.index(f"ordering.{name}") + 1 for name in ("product", "doit", "want", "how", "paid", "past")
)
_LETTERS: Final = (3, 4, 5)


@dataclass(frozen=True, slots=True)
class Text:
    """The sentences of a text, of which the first `subjects` are its subject's, and where each has groups of words."""

    sentences: tuple[Sentence, ...]
    subjects: int
    hits: tuple[list[Hit], ...]

    @classmethod
    def of(cls, subject: Sequence[Sentence], message: Sequence[Sentence]) -> Text:
        """Look for groups in all sentences."""
        every = (*subject, *message)
        return cls(every, len(subject), tuple(GROUPS.hits(sentence.words) for sentence in every))


@dataclass(frozen=True, slots=True)
class Features:
    """The features that a text has, each once."""

    words: set[str]
    letters: set[str]  # the words whose letters count
    ordering: set[int]
    topics: set[int]


def features_of(text: Text) -> Features:
    """Return the features of a text; the words of a subject count once more by themselves."""
    words: set[str] = set()
    letters: set[str] = set()
    ordering: set[int] = set()
    whole: set[int] = set()
    for sentence, hits in zip(text.sentences, text.hits, strict=True):
        before = EDGE
        for word, *_ in sentence.words:
            words.add(word)
            words.add(f"{before} {word}")
            before = word
            if has_letters(word):
                letters.add(word)
        words.add(f"{before} {ASKS if sentence.asks else EDGE}")
        found = {hit.group + 1 for hit in hits}
        whole |= found
        ordering.update(ordering_codes(found, asks=sentence.asks))
    for sentence in text.sentences[: text.subjects]:
        words.update([SUBJECT + word.text for word in sentence.words])
    ordering.update([-number for number in _LACKING if number not in whole])
    return Features(words, letters, ordering, set(pairs(whole) or [0]))


def has_letters(word: str) -> bool:
    """True if a word is read letter by letter, too: marks and the shortest words are not."""
    return len(word) > 2 and word[0] != "<"


def ordering_codes(found: Iterable[int], *, asks: bool) -> list[int]:
    """Return what a sentence's groups say about ordering: groups, their pairs, and their pairs beside a product."""
    groups = [number for number in found if number <= ABOUT_ORDERING]
    if asks:
        groups.append(_ASKING)
    codes = pairs(groups)
    if _PRODUCT in groups:
        groups.remove(_PRODUCT)
        codes += [_PRODUCT * _PAIR * _PAIR + code for code in pairs(groups) if code > _PAIR]
    return codes


def pairs(found: Iterable[int]) -> list[int]:
    """Return groups and their pairs."""
    ordered = sorted(found)
    return ordered + [first * _PAIR + second for at, first in enumerate(ordered) for second in ordered[at + 1 :]]


@lru_cache(maxsize=16_384)
def numbered(code: int) -> tuple[int, ...]:
    """Return the groups of a pair or trio, or a single one."""
    return () if code <= 0 else (code % _PAIR, *numbered(code // _PAIR))


def letters_of(word: str) -> Iterator[str]:
    """Yield the parts of a word of three to five letters, its ends marked."""
    whole = f"<{word}>"
    for length in _LETTERS:
        yield from (whole[at : at + length] for at in range(len(whole) - length + 1))
