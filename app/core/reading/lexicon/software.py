"""Software that customers ask a host to put on a server, from `software.toml`, where each list is explained."""

from typing import Final

from app.core.reading.lexicon.lists import Lists

_LISTS: Final = Lists("software.toml")

PACKAGES: Final = _LISTS.phrases("packages")
VERSIONED: Final = _LISTS.words("versioned")
