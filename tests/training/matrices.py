"""The corpus as matrices: which text has which feature, and the vectors that the model is trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from app.core.reading.model.features import Features, Text, features_of, letters_of
from app.core.reading.model.mail import own_words
from app.core.reading.model.marks import sentences

BLOCKS = ("words", "letters", "ordering", "topics")
#: What each block counts in the sum.
PARTS = {"words": 1.0, "letters": 0.7, "ordering": 0.5, "topics": 0.5}
_RARITY_STEPS = 64
_MIN_SEEDS = 2


def read(subject: str, message: str) -> Features:
    """Return the features of a text, as the service reads it."""
    return features_of(Text.of(sentences(own_words(subject)), sentences(own_words(message))))


class Presence:
    """Which text has which features; `names` are the columns'. Letters are columns of words here."""

    def __init__(self, texts: Sequence[Features]) -> None:
        """Read the features of all texts."""
        self.names: dict[str, list[str] | list[int]] = {}
        self.has: dict[str, sp.csr_matrix] = {}
        for block in BLOCKS:
            self.names[block], self.has[block] = _presence([sorted(getattr(one, block)) for one in texts])
        self.pieces, self.of_word = _presence([list(letters_of(str(word))) for word in self.names["letters"]])

    def columns(self, block: str) -> sp.csr_matrix:
        """Return how often each text has each feature of a block; letters counted by word."""
        return self.has["letters"] @ self.of_word if block == "letters" else self.has[block]


def _presence(rows: Sequence[Sequence[str | int]]) -> tuple[list, sp.csr_matrix]:
    index: dict[str | int, int] = {}
    at = [(row, index.setdefault(name, len(index))) for row, names in enumerate(rows) for name in names]
    places = np.array(at, dtype=np.int64).reshape(-1, 2).T
    counts = sp.csr_matrix((np.ones(len(at)), (places[0], places[1])), shape=(len(rows), len(index)))
    return list(index), counts


@dataclass(frozen=True)
class Vectors:
    """The features that are kept, how rare each is in whole steps, and how texts become vectors by them."""

    kept: dict[str, np.ndarray]
    rarity: dict[str, np.ndarray]

    @classmethod
    def learned(cls, presence: Presence, rows: np.ndarray, seeds: np.ndarray) -> Vectors:
        """Keep the features that texts of two seeds have; rarity is 1 + the logarithm of texts by texts with it."""
        kept, rarity = {}, {}
        for block in BLOCKS:
            columns = presence.columns(block)[rows]
            kept[block] = np.flatnonzero(_seeds_with(columns, seeds[rows]) >= _MIN_SEEDS)
            if block in ("words", "letters"):
                texts = np.asarray((columns[:, kept[block]] > 0).sum(axis=0)).ravel()
                rare = np.log((1 + len(rows)) / (1 + texts)) + 1
            else:
                rare = np.ones(len(kept[block]))
            rarity[block] = np.round(rare * _RARITY_STEPS).astype(np.int64)
        return cls(kept, rarity)

    def of(self, presence: Presence, rows: np.ndarray) -> sp.csr_matrix:
        """Return the vectors of texts: each block of length one, times what it counts."""
        return sp.hstack([self._block(presence, rows, block) for block in BLOCKS]).tocsr()

    def _block(self, presence: Presence, rows: np.ndarray, block: str) -> sp.csr_matrix:
        rare = sp.diags(self.rarity[block].astype(float))
        if block == "letters":
            pieces = presence.of_word[:, self.kept[block]] @ rare
            squares = presence.has[block][rows] @ np.asarray(pieces.multiply(pieces).sum(axis=1)).ravel()
            whole = presence.has[block][rows] @ pieces
        else:
            whole = presence.has[block][rows][:, self.kept[block]] @ rare
            squares = np.asarray(whole.multiply(whole).sum(axis=1)).ravel()
        return sp.diags(PARTS[block] / np.sqrt(np.maximum(squares, 1.0))) @ whole


def _seeds_with(columns: sp.csr_matrix, seeds: np.ndarray) -> np.ndarray:
    """Return of how many seeds texts have each feature."""
    numbers = np.unique(seeds, return_inverse=True)[1]
    by_seed = sp.csr_matrix((np.ones(len(numbers)), (numbers, np.arange(len(numbers)))))
    has = columns.copy()
    has.data[:] = 1
    return np.asarray(((by_seed @ has) > 0).sum(axis=0)).ravel()
