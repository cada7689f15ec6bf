"""The work that customers ask for, from `work.toml`, where each list is explained."""

from collections.abc import Mapping
from typing import Final

from app.core.reading.lexicon.lists import Lists

_LISTS: Final = Lists("work.toml")

INSTALL_VERBS: Final[Mapping[str, tuple[str, ...]]] = _LISTS.groups("install_verbs")
#: The group of `INSTALL_VERBS` of everyday use: they ask for an installation only next to a system or a program.
WEAK: Final = "load"
INSTALL_DONE: Final[Mapping[str, tuple[str, ...]]] = _LISTS.groups("install_done")
INSTALL_NOUNS: Final[Mapping[str, tuple[str, ...]]] = _LISTS.groups("install_nouns")

MIGRATION_VERBS: Final = _LISTS.phrases("migration_verbs")
MOVE_VERBS: Final = _LISTS.phrases("move_verbs")
MOVABLE: Final = _LISTS.words("movable")
NOT_MOVABLE: Final = _LISTS.words("not_movable")
LIGHT_VERBS: Final = _LISTS.phrases("light_verbs")

HARDWARE: Final = _LISTS.phrases("hardware")
EXTRA: Final = _LISTS.phrases("extra")
PHYSICAL: Final = _LISTS.phrases("physical")
PARTS: Final = _LISTS.words("parts")

CONFIG_PLAIN: Final[Mapping[str, tuple[str, ...]]] = _LISTS.groups("config_plain")
CONFIG_ASKED: Final[Mapping[str, tuple[str, ...]]] = _LISTS.groups("config_asked")

ORDER_PHRASES: Final = _LISTS.phrases("order_phrases")
ORDER_ASKED: Final = _LISTS.phrases("order_asked")
