"""Operating systems and the ends of life of their versions, from `systems.toml`, where each list is explained."""

from collections.abc import Mapping
from datetime import date
from typing import Final

from app.core.reading.lexicon.lists import Lists

_LISTS: Final = Lists("systems.toml")

FAMILIES: Final[Mapping[str, tuple[str, ...]]] = _LISTS.groups("families")
#: Families that most hosts offer: special only where the catalogue names systems and this one is not among them.
COMMON: Final = frozenset(FAMILIES) - {"freebsd", "proxmox", "esxi"}
UNUSUAL: Final[Mapping[str, tuple[str, ...]]] = _LISTS.groups("unusual")
ENDED: Final[Mapping[str, Mapping[str, date]]] = _LISTS.take("ended", dict[str, dict[str, date]])
CODENAMES: Final[Mapping[str, Mapping[str, str]]] = _LISTS.take("codenames", dict[str, dict[str, str]])
FILLERS: Final = _LISTS.words("fillers")
