"""Groups of words that mean the same, from `groups.toml`, where they are explained: which a text has, and where."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from app.core.reading.lexicon.lists import Lists
from app.core.reading.model.marks import Word
from app.core.reading.text import expand

_STEM: Final = "*"
_MEANING: Final = ""


class Hit(NamedTuple):
    """A group that a text has, and its words' positions: the first, and the one behind the last."""

    group: int
    start: int
    end: int


class Groups:
    """The groups of one table, numbered in its order."""

    def __init__(self, patterns: Mapping[str, Iterable[str]]) -> None:
        """Take the patterns of each group."""
        self.names: Final = tuple(patterns)
        self._next: dict[str, Any] = {}
        stems: set[str] = set()
        for number, many in enumerate(patterns.values()):
            for pattern in many:
                for phrase in expand(pattern):
                    words = phrase.split()
                    stems.update(word[:-1] for word in words if word.endswith(_STEM))
                    self._put(words, number)
        self._stems = frozenset(stems)
        self._lengths = sorted({len(stem) for stem in stems})
        self._keys = lru_cache(maxsize=8192)(self._keys_of)

    def _put(self, words: Sequence[str], number: int) -> None:
        node = self._next
        for word in words:
            node = node.setdefault(word, {})
        node[_MEANING] = tuple(sorted({*node.get(_MEANING, ()), number}))

    def _keys_of(self, word: str) -> tuple[str, ...]:
        """Return the keys under which a word may stand: itself and its stems."""
        stems = (word[:length] for length in self._lengths if length <= len(word))
        return (word, *(stem + _STEM for stem in stems if stem in self._stems))

    def hits(self, words: Sequence[Word]) -> list[Hit]:
        """Return each place where a group's words stand, in order."""
        found: list[Hit] = []
        first = self._next
        keys = [self._keys(word.text) for word in words]
        for at, those in enumerate(keys):
            for key in those:
                node = first.get(key)
                if node is not None:
                    found += self._walk(node, keys, at, at + 1)
        return found

    def _walk(self, node: Mapping[str, Any], keys: Sequence[tuple[str, ...]], start: int, at: int) -> Iterator[Hit]:
        for number in node.get(_MEANING, ()):
            yield Hit(number, start, at)
        if at < len(keys) and (len(node) > 1 or _MEANING not in node):
            for key in keys[at]:
                further = node.get(key)
                if further is not None:
                    yield from self._walk(further, keys, start, at + 1)


_LISTS: Final = Lists("groups.toml", package=__package__)
_TABLES: Final = {table: _LISTS.groups(table) for table in ("ordering", "topics")}

#: All groups: first those about ordering, which count in each sentence, then those about topics.
GROUPS: Final = Groups({f"{table}.{name}": many for table, groups in _TABLES.items() for name, many in groups.items()})
ABOUT_ORDERING: Final = len(_TABLES["ordering"])
#: The SHA-256 of the groups, by which a model says with which it was trained.
DIGEST: Final = hashlib.sha256(msgspec.json.encode(_TABLES, order="deterministic")).hexdigest()
