"""Weigh a text with a model: a margin for each class, and probabilities from them; whole numbers throughout."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from typing import Final, NamedTuple

from app.core.reading.model.features import Features
from app.core.reading.model.weights import Model

#: A probability of one.
WHOLE: Final = 1_000_000
#: Margins have this many steps to one.
STEPS: Final = 4096
#: `heat` has this many steps to one.
HEAT_STEPS: Final = 16
_STEP_BITS: Final = 8  # an exponent's steps to one, as a power of two
_FROM_MARGIN: Final = (STEPS * HEAT_STEPS) >> _STEP_BITS
_ONE: Final = 1 << 40
_EACH_STEP: Final = 4278222805  # 2**32 * exp(-1/256), rounded
_LARGEST: Final = 16 << _STEP_BITS  # exp(-16) is nothing in millionths


def _exponentials() -> tuple[int, ...]:
    values = [_ONE]
    while len(values) < _LARGEST:
        values.append(values[-1] * _EACH_STEP >> 32)
    return tuple(values)


_EXP: Final = _exponentials()


class Weighed(NamedTuple):
    """How far a text is on each class's side, in steps of 1/4096, and what each block makes of one unit of a row."""

    margins: list[int]
    factors: tuple[float, ...]


def weigh(model: Model, features: Features) -> Weighed:
    """Return the margins of a text: for each block the sum of its features' rows, by the block's length."""
    sums = list(model.document.bias)
    of_word = model.of_word
    totals = (
        (model.words.total(features.words), model.words.share),
        (sum([of_word(word) for word in features.letters]), model.letters.share),
        (model.ordering.total(features.ordering), model.ordering.share),
        (model.topics.total(features.topics), model.topics.share),
    )
    factors: list[float] = []
    for total, share in totals:
        *fields, squares = model.packer.unpacked(total)
        length = isqrt(squares) or 1
        sums = [sum_ + field * share // length for sum_, field in zip(sums, fields, strict=True)]
        factors.append(share / length)
    return Weighed(sums, tuple(factors))


def probabilities(sums: Sequence[int], heat: int) -> list[int]:
    """Return the probability of each class, in millionths."""
    highest = max(sums)
    parts = []
    for one in sums:
        at = (highest - one) * heat // _FROM_MARGIN
        parts.append(_EXP[at] if at < _LARGEST else 0)
    whole = sum(parts)
    return [part * WHOLE // whole for part in parts]
