"""Fit the model, and look at it honestly: by cross-validation over seeds, and over authors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import GroupKFold
from sklearn.svm import LinearSVC

from tests.training.corpus import Labelled
from tests.training.matrices import Presence, Vectors, read

_PENALTY = 1.0
_FOLDS = 5
_NOT_LEARNED = -3.0  # the margin of a class that a part of the corpus lacks


@dataclass(frozen=True)
class Fit:
    """What was learned: the vectors, and for each class weights and bias."""

    vectors: Vectors
    classes: list[str]
    weights: np.ndarray
    bias: np.ndarray

    def margins(self, presence: Presence, rows: np.ndarray) -> np.ndarray:
        """Return how far texts are on each class's side."""
        return self.vectors.of(presence, rows) @ self.weights.T + self.bias


class Bench:
    """A corpus ready to be fitted in part or whole."""

    def __init__(self, texts: Sequence[Labelled]) -> None:
        """Read the features of all texts."""
        self.presence = Presence([read(text.subject, text.message) for text in texts])
        self.labels = np.array([text.seed.label for text in texts])
        self.seeds = np.array([text.seed.source for text in texts])
        self.authors = np.array([text.seed.author for text in texts])
        self.classes = sorted(set(self.labels.tolist()))

    def fit(self, rows: np.ndarray) -> Fit:
        """Learn from some texts."""
        vectors = Vectors.learned(self.presence, rows, self.seeds)
        machine = LinearSVC(C=_PENALTY, random_state=0)
        machine.fit(vectors.of(self.presence, rows), self.labels[rows], sample_weight=self._counts(rows))
        return Fit(vectors, list(machine.classes_), machine.coef_, machine.intercept_)

    def _counts(self, rows: np.ndarray) -> np.ndarray:
        """Return what each text counts: less in a large class, and less where a seed gave many texts."""
        labels, seeds = Counter(self.labels[rows]), Counter(self.seeds[rows])
        counts = np.array([(labels[self.labels[row]] * seeds[self.seeds[row]]) ** -0.5 for row in rows])
        return counts / counts.mean()

    def across_seeds(self) -> np.ndarray:
        """Return the margins of each text by a model that has not seen its seed."""
        every = np.arange(len(self.labels))
        folds = GroupKFold(_FOLDS, shuffle=True, random_state=7).split(every, groups=self.seeds)
        return self._across(list(folds))

    def across_authors(self) -> np.ndarray:
        """Return the margins of each text by a model that has seen nothing of its author."""
        every = np.arange(len(self.labels))
        return self._across(
            [(every[self.authors != one], every[self.authors == one]) for one in np.unique(self.authors)]
        )

    def _across(self, folds: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        margins = np.full((len(self.labels), len(self.classes)), _NOT_LEARNED)
        for learned, tested in folds:
            fit = self.fit(learned)
            columns = [self.classes.index(name) for name in fit.classes]
            margins[np.ix_(tested, columns)] = fit.margins(self.presence, tested)
        return margins
