"""The words that spoke for a class: each feature's part of the margin, laid evenly on the words where it was found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from app.core.reading.model.features import EDGE, SUBJECT, Text, has_letters, numbered, ordering_codes, pairs
from app.core.reading.model.scoring import STEPS, Weighed
from app.core.reading.model.weights import Model

UNKNOWN: Final = "…"
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

    def __init__(self, model: Model, text: Text, weighed: Weighed) -> None:
        """Find the words of each feature."""
        self._model, self._text = model, text
        self._starts = [0]
        for sentence in text.sentences:
            self._starts.append(self._starts[-1] + len(sentence.words))
        placed = (*self._placed_words(), *self._placed_groups())
        self._rows = [row for row, _, _ in placed]
        self._places = [(weighed.factors[block] / len(places), places) for _, block, places in placed]

    def spans(self, which: int, *, most: int) -> list[Span]:
        """Return the words that spoke for a class, the strongest first."""
        said = [0.0] * self._starts[-1]
        for weight, (factor, places) in zip(self._model.packer.fields(self._rows, which), self._places, strict=True):
            if weight:
                part = weight * factor
                for place in places:
                    said[place] += part
        least = max(said, default=0.0) * _SHARE
        if least <= 0:
            return []
        found = [span for number in range(len(self._text.sentences)) for span in self._of_sentence(number, said, least)]
        best: dict[str, Span] = {}
        for span in sorted(found, key=lambda one: -one.weight):
            best.setdefault(span.text, span)
        return list(best.values())[:most]

    def _of_sentence(self, number: int, said: Sequence[float], least: float) -> Iterator[Span]:
        start, words = self._starts[number], self._text.sentences[number].words
        at = 0
        while at < len(words):
            end = at
            while end < len(words) and said[start + end] >= least:
                end += 1
                if end + 1 < len(words) and said[start + end + 1] >= least > said[start + end] > 0:
                    end += 1  # a weak word between two strong ones
            if end > at:
                shown = [word.text if word.text in self._model.words.by_name else UNKNOWN for word in words[at:end]]
                if any(one != UNKNOWN for one in shown):
                    weight = round(sum(said[start + at : start + end]) / STEPS, 3)
                    yield Span(" ".join(shown), number, weight)
            at = end + 1

    def _placed_words(self) -> Iterator[tuple[int, int, list[int]]]:
        """Yield the row of each known word, pair of words and word's letters, its block's number, and its places."""
        words: defaultdict[str, list[int]] = defaultdict(list)
        letters: defaultdict[str, list[int]] = defaultdict(list)
        for number, sentence in enumerate(self._text.sentences):
            before = EDGE
            for at, (word, *_) in enumerate(sentence.words, self._starts[number]):
                words[word].append(at)
                words[f"{before} {word}"] += [at] if before is EDGE else [at - 1, at]
                before = word
                if has_letters(word):
                    letters[word].append(at)
                if number < self._text.subjects:
                    words[SUBJECT + word].append(at)
        known = self._model.words.by_name
        yield from ((known[name], 0, at) for name, at in words.items() if name in known)
        yield from ((self._model.of_word(word), 1, at) for word, at in letters.items())

    def _placed_groups(self) -> Iterator[tuple[int, int, list[int]]]:
        """Yield the same for groups: their places are those of their words."""
        rows, about = self._model.ordering.by_name, self._model.topics.by_name
        ordering: defaultdict[int, list[int]] = defaultdict(list)
        whole: defaultdict[int, list[int]] = defaultdict(list)
        for number, (sentence, hits) in enumerate(zip(self._text.sentences, self._text.hits, strict=True)):
            start = self._starts[number]
            found: defaultdict[int, list[int]] = defaultdict(list)
            for group, first, end in hits:
                found[group + 1] += range(start + first, start + end)
            for code in ordering_codes(found, asks=sentence.asks):
                if code in rows:
                    for one in numbered(code):
                        ordering[code] += found.get(one, ())
            for one, places in found.items():
                whole[one] += places
        yield from ((rows[code], 2, at) for code, at in ordering.items() if at)
        for code in pairs(whole):
            if code in about:
                yield about[code], 3, [place for one in numbered(code) for place in whole[one]]
