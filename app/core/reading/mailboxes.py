"""What the address of a new account looks like: patterns that several accounts of one maker have in common.

Only the shape of the local part is read: digits, separators, their order and length. No language and no origin of a
name is guessed, because a name that looks unusual to us is somebody's name.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

#: Domains that are reserved for examples (RFC 2606): nobody's own.
_EXAMPLES: Final = frozenset({"example.com", "example.net", "example.org"})
_DIGITS: Final = re.compile(r"[0-9]+")
_SEPARATORS: Final = re.compile(r"[._-]+")
_NAMES: Final = re.compile(r"[^\W\d_]{2,}(?:[._-][^\W\d_]+)*|[^\W\d_][._-][^\W\d_]{2,}")
_CONSONANTS: Final = re.compile(r"[bcdfghjklmnpqrstvwxz]{5,}")
_SHORTEST_STEM: Final = 3
#: A stem that counts whatever the domain: shorter ones are first names that many people have.
_SHORTEST_ANYWHERE: Final = 8
_SHORTEST_RANDOM: Final = 6
_CHANGES_OF_A_RANDOM_LOOK: Final = 3


def patterns(mailbox: str, *, public: bool) -> tuple[str, ...]:
    """Return the patterns of a mailbox (`local@domain`, lower case, without tag) at its own domain.

    Its stem without a counter, and its look if that is random. At a public provider (`public`), where some random
    looks always meet, the look includes length and kinds of characters.
    """
    local, _, domain = mailbox.rpartition("@")
    stem = _stem(local)
    found = [f"stem|{stem}|{domain}"] if len(stem.replace("#", "")) >= _SHORTEST_STEM else []
    if is_random(local):
        look = f"{len(local)}{'d' if _DIGITS.search(local) else ''}" if public else ""
        found.append(f"random|{look}|{domain}")
    return tuple(found)


def stem_anywhere(mailbox: str) -> str | None:
    """Return the stem of a mailbox with a counter, to be found at any domain; None for one that many people have."""
    local = mailbox.rpartition("@")[0]
    stem = _stem(local)
    counted = _DIGITS.search(local) is not None and not is_random(local)
    return stem if counted and len(stem.replace("#", "")) >= _SHORTEST_ANYWHERE else None


def _stem(local: str) -> str:
    """Return the local part without separators and without a counter at its end; others are marked."""
    return _DIGITS.sub("#", _SEPARATORS.sub("", local)).rstrip("#")


def is_random(local: str) -> bool:
    """Return whether a local part looks as if a program drew it: letters and digits mixed, or no syllables."""
    plain = _SEPARATORS.sub("", local)
    if len(plain) < _SHORTEST_RANDOM or not plain.isascii():
        return False
    changes = sum(one.isdigit() != other.isdigit() for one, other in pairwise(plain))
    return changes >= _CHANGES_OF_A_RANDOM_LOOK or _CONSONANTS.search(plain) is not None


def own_domain(mailbox: str, *, public: bool) -> str | None:
    """Return the domain of an address that reads like a person's at their own domain, as colleagues have them.

    None at a public provider, for a local part with digits, and for one that looks random.
    """
    local, _, domain = mailbox.rpartition("@")
    if public or domain in _EXAMPLES or _NAMES.fullmatch(local) is None or is_random(local):
        return None
    return domain
