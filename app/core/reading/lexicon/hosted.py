"""The words and signs of `hosted.toml`: what is hosted, and what turns a word around."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import msgspec

from app.core.reading.lexicon.lists import Lists
from app.core.reading.text import normalise, split

_STEM: Final = "*"
#: The longest phrase of a concept, in words.
MOST_WORDS: Final = 5


class Sign(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Concepts that speak for a use where those of one alternative stand within `near` words of each other."""

    kind: str  # of AbuseKind or PlanUse
    needs: tuple[tuple[str, ...], ...]
    near: int = 12
    excused: bool = False  # not where the text teaches, warns or studies
    unless: frozenset[str] = frozenset()  # not beside one of these concepts: an innocent trade that shares the words
    elsewhere: bool = False  # not where the text says that somebody else hosts it


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one phrase of the lexicon means, and how it is shown to staff."""

    concepts: tuple[str, ...]
    shown: str


class Concepts:
    """All phrases of the lexicon, looked up word by word; a phrase may hold stems ("рассыл*")."""

    def __init__(self, concepts: dict[str, tuple[str, ...]]) -> None:
        """Take phrases by the name of their concept."""
        meant: dict[tuple[str, ...], list[str]] = {}
        for name, phrases in concepts.items():
            for phrase in phrases:
                names = meant.setdefault(_keys_of(phrase), [])
                if name not in names:
                    names.append(name)
        self._next: dict[str, Any] = {}
        keys: set[str] = set()
        for phrase_keys, names in meant.items():
            keys.update(phrase_keys)
            node = self._next
            for key in phrase_keys:
                node = node.setdefault(key, {})
            shown = " ".join(phrase_keys).replace(_STEM, "…")
            node[""] = Meaning(tuple(names), shown)
        self._words: Final = frozenset(key for key in keys if not key.endswith(_STEM))
        stems = frozenset(key[:-1] for key in keys if key.endswith(_STEM))
        self._stems: Final = stems
        self._lengths: Final = tuple(sorted({len(stem) for stem in stems}))
        self._keys = lru_cache(maxsize=16_384)(self._keys_of_word)
        self._first = lru_cache(maxsize=16_384)(self._nodes_of_word)

    def at(self, texts: list[str], first: int) -> Iterator[tuple[int, Meaning]]:
        """Yield (number of words, meaning) of every phrase that begins at this word."""
        open_nodes = self._first(texts[first])
        last = min(len(texts), first + MOST_WORDS)
        for position in range(first + 1, last + 1):
            for node in open_nodes:
                if "" in node:
                    yield position - first, node[""]
            if position == last or not open_nodes:
                return
            keys = self._keys(texts[position])
            open_nodes = [node[key] for node in open_nodes for key in keys if key in node]

    def begins_with(self, word: str) -> bool:
        """Return whether a phrase begins with this word; few words do."""
        return bool(self._first(word))

    def is_word(self, word: str) -> bool:
        """Return whether a phrase holds this very word."""
        return word in self._words

    def knows(self, word: str) -> bool:
        """Return whether a phrase holds this word, itself or by its stem."""
        return bool(self._keys(word))

    def _nodes_of_word(self, word: str) -> list[dict[str, Any]]:
        return [self._next[key] for key in self._keys(word) if key in self._next]

    def _keys_of_word(self, word: str) -> tuple[str, ...]:
        whole = (word,) if word in self._words else ()
        stems = [
            word[:length] + _STEM for length in self._lengths if word[:length] in self._stems and length <= len(word)
        ]
        return (*whole, *stems)


def _keys_of(phrase: str) -> tuple[str, ...]:
    """Return the words of a phrase as they are compared; a word that ends in "*" is a stem."""
    keys: list[str] = []
    for part in phrase.split():
        found = split(normalise(part.rstrip(_STEM)))
        keys += found[:-1]
        keys += [found[-1] + _STEM if part.endswith(_STEM) else found[-1]]
    return tuple(keys)


_LISTS: Final = Lists("hosted.toml")
_DOMAINS: Final = _LISTS.groups("domains")

CONCEPTS: Final = Concepts(_LISTS.groups("concepts"))
SIGNS: Final = _LISTS.take("signs", tuple[Sign, ...])


def _plain(listed: Iterable[str]) -> frozenset[str]:
    return frozenset(normalise(word) for word in listed)


LURES: Final = _plain(_DOMAINS["lures"])
WEAK_LURES: Final = _plain(_DOMAINS["weak_lures"])
FILLERS: Final = _plain(_DOMAINS["fillers"])
