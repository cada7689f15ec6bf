"""What tickets are about, from `topics.toml`, where each list is explained."""

from collections.abc import Mapping
from typing import Final

from app.core.reading.lexicon.lists import Lists

_LISTS: Final = Lists("topics.toml")

#: Phrases by topic and weight.
TOPICS: Final[Mapping[str, Mapping[float, tuple[str, ...]]]] = _LISTS.take(
    "topics", dict[str, dict[float, tuple[str, ...]]]
)
ORDER_HOW_TO: Final = _LISTS.phrases("order_how_to")
ORDER_CUSTOM: Final = _LISTS.phrases("order_custom")
ORDER_MESSAGE: Final = _LISTS.phrases("order_message")
