"""Ticket topics that two words make together, from `topic_pairs.toml`, where they are explained."""

from collections.abc import Mapping
from typing import Final

import msgspec

from app.core.reading.lexicon.lists import Lists


class _Pair(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    weight: float
    first: tuple[str, ...]
    second: tuple[str, ...]


#: By topic: (weight, list, list).
PAIRS: Final[Mapping[str, tuple[float, tuple[str, ...], tuple[str, ...]]]] = {
    topic: (pair.weight, pair.first, pair.second)
    for topic, pair in Lists("topic_pairs.toml").take("pairs", dict[str, _Pair]).items()
}
