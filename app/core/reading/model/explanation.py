"""The words that spoke for a class: how far the strongest features moved the margin, laid on the words of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest
from typing import Final

from app.core.reading.model.features import ASKS, EDGE, SUBJECT, Features, Text, numbered
from app.core.reading.model.scoring import STEPS, Weighed
from app.core.reading.model.weights import Model

UNKNOWN: Final = "…"
#: Features that are looked at; the others say little.
_STRONGEST: Final = 30
#: A word is shown if it says at least this share of what the strongest word says.
_SHARE: Final = 0.25


@dataclass(frozen=True, slots=True)
class Span:
    """Words that stand together, and how far they moved the margin; words that the model doesn't know are left out."""

    text: str
    sentence: int
    weight: float


class Explainer:
    """What the words of one text say, for any class."""

    def __init__(self, model: Model, text: Text, features: Features, weighed: Weighed) -> None:
        """Take a text as it was weighed."""
        self._model, self._text = model, text
        words, letters, ordering, topics = weighed.factors
        self._features: list[tuple[str | int, bool, float]] = []
        self._rows: list[int] = []
        self._take(((one, model.words.by_name.get(one)) for one in features.words), words)
        self._take(((one, model.of_word(one)) for one in features.letters), letters)
        self._take(((one, model.ordering.by_name.get(one)) for one in features.ordering), ordering, together=True)
        self._take(((one, model.topics.by_name.get(one)) for one in features.topics), topics)
        self._words = [word.text for sentence in text.sentences for word in sentence.words]
        self._places = _places(text)
        self._groups = _group_places(text)

    def _take(self, rows: Iterable[tuple[str | int, int | None]], factor: float, *, together: bool = False) -> None:
        for name, row in rows:
            if row is not None:
                self._features.append((name, together, factor))
                self._rows.append(row)

    def spans(self, which: int, *, most: int) -> list[Span]:
        """Return the words that spoke for a class, the strongest first."""
        said = [0.0] * len(self._words)
        weights = self._model.packer.fields(self._rows, which)
        parts = [(weight * one[2], at) for at, (weight, one) in enumerate(zip(weights, self._features, strict=True))]
        for part, at in nlargest(_STRONGEST, parts):
            if part <= 0:
                break
            name, together, _ = self._features[at]
            places = self._where(name, together=together)
            for place in places:
                said[place] += part / len(places)
        least = max(said, default=0.0) * _SHARE
        if least <= 0:
            return []
        best: dict[str, Span] = {}
        for span in sorted(self._spans(said, least), key=lambda one: -one.weight):
            best.setdefault(span.text, span)
        return list(best.values())[:most]

    def _spans(self, said: Sequence[float], least: float) -> Iterator[Span]:
        """Yield the words that stand together and say enough, in the text's order."""
        start = 0
        for number, sentence in enumerate(self._text.sentences):
            end = start + len(sentence.words)
            at = start
            while at < end:
                first = at
                while at < end and said[at] >= least:
                    at += 1
                    if at + 1 < end and said[at + 1] >= least > said[at] > 0:
                        at += 1  # a weak word between two strong ones
                if at > first:
                    shown = [self._shown(word) for word in self._words[first:at]]
                    if any(word != UNKNOWN for word in shown):
                        yield Span(" ".join(shown), number, round(sum(said[first:at]) / STEPS, 3))
                at += 1
            start = end

    def _shown(self, word: str) -> str:
        return word if word in self._model.words.by_name else UNKNOWN

    def _where(self, name: str | int, *, together: bool) -> list[int]:
        """Return the places of a feature's words; of groups `together` those in sentences that have all of them."""
        if isinstance(name, str):
            return self._places[name]
        by_sentence = [self._groups[group] for group in numbered(name) if group in self._groups]
        found: list[int] = []
        for places in by_sentence:
            for number, those in places.items():
                if not together or all(number in one for one in by_sentence):
                    found += those
        return found


def _group_places(text: Text) -> dict[int, dict[int, list[int]]]:
    """Return where the words of groups stand, by group and sentence."""
    groups: dict[int, dict[int, list[int]]] = {}
    start = 0
    for number, (sentence, hits) in enumerate(zip(text.sentences, text.hits, strict=True)):
        for group, first, end in hits:
            groups.setdefault(group + 1, {}).setdefault(number, []).extend(range(start + first, start + end))
        start += len(sentence.words)
    return groups


def _places(text: Text) -> dict[str, list[int]]:
    """Return where words and pairs of words stand, by their features' names."""
    places: dict[str, list[int]] = {}
    at = 0
    for number, sentence in enumerate(text.sentences):
        before, start = EDGE, at
        for word, *_ in sentence.words:
            places.setdefault(word, []).append(at)
            places.setdefault(f"{before} {word}", []).extend((at,) if at == start else (at - 1, at))
            if number < text.subjects:
                places.setdefault(SUBJECT + word, []).append(at)
            before = word
            at += 1
        places.setdefault(f"{before} {ASKS if sentence.asks else EDGE}", []).append(at - 1)
    return places
