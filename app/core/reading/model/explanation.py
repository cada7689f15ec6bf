"""The words that spoke for a class: each feature's part of the margin, laid evenly on the words where it was found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app.core.reading.model import groups
from app.core.reading.model.features import EDGE, SUBJECT, combined, numbered, pairs
from app.core.reading.model.marks import Sentence
from app.core.reading.model.scoring import STEPS, Weighed
from app.core.reading.model.weights import Model

UNKNOWN: Final = "…"
#: A word is shown if it says at least this share of what the strongest word says.
_SHARE: Final = 0.3


@dataclass(frozen=True, slots=True)
class Span:
    """Words that stand together, and how far they moved the margin; words that the model doesn't know are left out."""

    text: str
    where: int  # the number of the sentence
    weight: float


class Explainer:
    """What the words of one text say, for any class."""

    def __init__(self, model: Model, sentences: Sequence[Sentence], weighed: Weighed, *, subjects: int) -> None:
        """Find the words of each feature; the first `subjects` sentences are the subject's."""
        self._model, self._sentences, self._weighed = model, sentences, weighed
        self._starts = [0]
        for sentence in sentences:
            self._starts.append(self._starts[-1] + len(sentence.words))
        self._subjects = subjects
        self._rows = tuple(self._placed())

    def spans(self, which: int, *, most: int) -> list[Span]:
        """Return the words that spoke for a class, the strongest first."""
        said = [0.0] * self._starts[-1]
        field = self._model.packer.field
        for row, factor, places in self._rows:
            part = field(row, which) * factor / len(places)
            for place in places:
                said[place] += part
        least = max(said, default=0.0) * _SHARE
        if least <= 0:
            return []
        found = [span for number in range(len(self._sentences)) for span in self._of_sentence(number, said, least)]
        best: dict[str, Span] = {}
        for span in sorted(found, key=lambda one: -one.weight):
            best.setdefault(span.text, span)
        return list(best.values())[:most]

    def _of_sentence(self, number: int, said: Sequence[float], least: float) -> Iterator[Span]:
        start, words = self._starts[number], self._sentences[number].words
        at = 0
        while at < len(words):
            end = at
            while end < len(words) and said[start + end] >= least:
                end += 1
            if end > at:
                shown = [word.text if word.text in self._model.words.by_name else UNKNOWN for word in words[at:end]]
                if any(one != UNKNOWN for one in shown):
                    weight = round(sum(said[start + at : start + end]) / STEPS, 3)
                    yield Span(" ".join(shown), number, weight)
            at = end + 1

    def _placed(self) -> Iterator[tuple[int, float, list[int]]]:
        """Yield the row of each known feature, what its block makes of a weight, and the places of its words."""
        model, factors = self._model, self._weighed.factors
        words, letters, ordering, topics = self._places()
        for rows, factor, places in (
            (model.words.by_name, factors[0], words),
            (model.ordering.by_name, factors[2], ordering),
            (model.topics.by_name, factors[3], topics),
        ):
            yield from ((rows[name], factor, at) for name, at in places.items() if name in rows)  # type: ignore[index]
        yield from ((model.of_word(word), factors[1], at) for word, at in letters.items())

    def _places(self) -> tuple[dict[str, list[int]], dict[str, list[int]], dict[int, list[int]], dict[int, list[int]]]:
        """Return the places of the words of each feature, by block."""
        words, letters = defaultdict[str, list[int]](list), defaultdict[str, list[int]](list)
        ordering = defaultdict[int, list[int]](list)
        about: dict[int, list[int]] = {}
        for number, sentence in enumerate(self._sentences):
            start, before = self._starts[number], EDGE
            for at, (word, *_) in enumerate(sentence.words, start):
                words[word].append(at)
                words[f"{before} {word}"] += [at] if before is EDGE else [at - 1, at]
                before = word
                if len(word) > 2 and word[0] != "<":
                    letters[word].append(at)
                if number < self._subjects:
                    words[SUBJECT + word].append(at)
            _lay(ordering, _by_group(groups.ORDERING, sentence, start, {}), ordering=True)
            _by_group(groups.TOPICS, sentence, start, about)
        topics = defaultdict[int, list[int]](list)
        _lay(topics, about, ordering=False)
        return words, letters, ordering, topics


def _by_group(
    those: groups.Groups, sentence: Sentence, start: int, found: dict[int, list[int]]
) -> dict[int, list[int]]:
    for group, first, end in those.hits(sentence.words):
        found.setdefault(group + 1, []).extend(range(start + first, start + end))
    return found


def _lay(places: defaultdict[int, list[int]], found: Mapping[int, list[int]], *, ordering: bool) -> None:
    """Add the places of groups, their pairs and trios."""
    for code in combined(set(found)) if ordering else pairs(found):
        for number in numbered(code):
            places[code] += found[number]
