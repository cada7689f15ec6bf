"""The prepared lexicon: one book of phrases, each with its role, and what a catalogue covers."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum, auto
from functools import lru_cache

from app.core.reading.lexicon import asking as lexicon
from app.core.reading.lexicon import software as lexicon_software
from app.core.reading.lexicon import systems as lexicon_systems
from app.core.reading.lexicon import work as lexicon_work
from app.core.reading.lexicon.asking import Cue
from app.core.reading.text import PhraseBook, Token, expand, split, words


class PhraseRole(Enum):
    """The role of a phrase; for a cue, `Entry.cue` says which."""

    CUE = auto()
    NEGATION = auto()
    BLOCK = auto()
    INSTALL = auto()
    INSTALL_DONE = auto()
    INSTALL_NOUN = auto()
    MIGRATION = auto()
    MOVE = auto()
    LIGHT = auto()
    SYSTEM = auto()
    UNUSUAL = auto()
    PACKAGE = auto()
    HARDWARE = auto()
    EXTRA = auto()
    PHYSICAL = auto()
    CONFIG = auto()
    CONFIG_ASKED = auto()
    ORDER = auto()
    ORDER_ASKED = auto()


@dataclass(frozen=True, slots=True)
class Entry:
    """The meaning of a phrase: its role, and the canonical term that a finding shows."""

    role: PhraseRole
    term: str
    cue: Cue | None = None


def _entries() -> Iterator[tuple[str, Entry]]:
    work = lexicon_work
    plain: tuple[tuple[PhraseRole, Iterable[str], str], ...] = (
        (PhraseRole.ORDER, work.ORDER_PHRASES, "order"),
        (PhraseRole.ORDER_ASKED, work.ORDER_ASKED, "place order"),
        (PhraseRole.NEGATION, lexicon.NEGATIONS, ""),
        (PhraseRole.MIGRATION, work.MIGRATION_VERBS, "migrate"),
        (PhraseRole.MOVE, work.MOVE_VERBS, "move"),
        (PhraseRole.LIGHT, work.LIGHT_VERBS, ""),
        (PhraseRole.EXTRA, work.EXTRA, ""),
        (PhraseRole.PHYSICAL, work.PHYSICAL, ""),
    )
    for role, patterns, term in plain:
        yield from ((pattern, Entry(role, term)) for pattern in patterns)
    for cue, patterns in lexicon.CUES.items():
        yield from ((pattern, Entry(PhraseRole.CUE, "", cue)) for pattern in patterns)
    yield from ((pattern, Entry(PhraseRole.BLOCK, "")) for pattern in lexicon.BLOCKS)
    named = (
        (PhraseRole.INSTALL, work.INSTALL_VERBS),
        (PhraseRole.INSTALL_DONE, work.INSTALL_DONE),
        (PhraseRole.INSTALL_NOUN, work.INSTALL_NOUNS),
        (PhraseRole.SYSTEM, lexicon_systems.FAMILIES),
        (PhraseRole.UNUSUAL, lexicon_systems.UNUSUAL),
        (PhraseRole.CONFIG, work.CONFIG_PLAIN),
        (PhraseRole.CONFIG_ASKED, work.CONFIG_ASKED),
    )
    for role, groups in named:
        for term, patterns in groups.items():
            yield from ((pattern, Entry(role, term)) for pattern in patterns)
    own_names = ((PhraseRole.PACKAGE, lexicon_software.PACKAGES), (PhraseRole.HARDWARE, work.HARDWARE))
    for role, patterns in own_names:
        for pattern in patterns:
            yield from ((phrase, Entry(role, phrase)) for phrase in expand(pattern))


def _book() -> PhraseBook[Entry]:
    return PhraseBook((split(phrase), entry) for pattern, entry in _entries() for phrase in expand(pattern))


BOOK = _book()
"""Every phrase of the lexicon."""


@dataclass(frozen=True, slots=True)
class Version:
    """An operating system named in a text: family, version if given, and the number of words it takes."""

    family: str
    version: str
    length: int


def read_system(found: Sequence[Token], at: int, length: int, family: str) -> Version:
    """Return the system whose family name is at `at` and takes `length` words."""
    position = at + length
    fillers = 0
    while position < len(found) and fillers < 2 and found[position].text in lexicon_systems.FILLERS:
        family = "centos stream" if family == "centos" and found[position].text == "stream" else family
        position, fillers = position + 1, fillers + 1
    word = found[position].text if position < len(found) else ""
    version = lexicon_systems.CODENAMES.get(family, {}).get(word, "")
    if not version and word[:1].isdecimal():
        version = word
    return Version(family, version, position + 1 - at if version else length)


def ended(system: Version, on: date) -> str:
    """Return the matching version of the table if it had reached its end of life by then, else ""."""
    table = lexicon_systems.ENDED.get(system.family, {})
    parts = system.version.split(".")
    for length in range(len(parts), 0, -1):
        version = ".".join(parts[:length])
        if version in table:
            return version if table[version] < on else ""
    return ""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What the cart offers: systems with their versions ("" means any) and programs."""

    systems: frozenset[tuple[str, str]]
    names: frozenset[str]

    def offers_system(self, family: str, version: str) -> bool:
        """Return whether the cart sells this system; without a version, any of the family counts."""
        offered = {have for name, have in self.systems if name == family}
        if not version:
            return bool(offered)
        return any(not have or f"{version}.".startswith(f"{have}.") or f"{have}.".startswith(f"{version}.")
                   for have in offered)  # fmt: skip

    def offers(self, term: str) -> bool:
        """Return whether the cart offers this program or system."""
        return term in self.names


@lru_cache(maxsize=64)
def read_catalogue(catalogue: frozenset[str]) -> Catalogue:
    """Parse the names of the cart's options and products."""
    systems: set[tuple[str, str]] = set()
    names: set[str] = set()
    for name in sorted(catalogue):
        found = list(words(name.casefold()))
        for at in range(len(found)):
            match = BOOK.match(found, at)
            if not match:
                continue
            length, entry = match
            if entry.role is PhraseRole.SYSTEM:
                system = read_system(found, at, length, entry.term)
                systems.add((system.family, system.version))
            elif entry.role in (PhraseRole.PACKAGE, PhraseRole.UNUSUAL):
                names.add(entry.term)
    return Catalogue(frozenset(systems), frozenset(names))
