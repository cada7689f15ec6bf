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
_SHORTEST_RANDOM_WORD: Final = 8
_LETTERS_OF_A_SYLLABLE: Final = 6  # and more are hardly a word
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


def is_numbered(mailbox: str, number: int) -> bool:
    """Return whether an address holds this number: the panel or the provider made it for the account of that number."""
    return str(number) in _DIGITS.findall(mailbox.rpartition("@")[0])


def _stem(local: str) -> str:
    """Return the local part without separators and without a counter at its end; others are marked."""
    return _DIGITS.sub("#", _SEPARATORS.sub("", local)).rstrip("#")


def is_random(local: str) -> bool:
    """Return whether a local part looks as if a program drew it: letters and digits mixed, or hardly a syllable.

    A name may look so, too; that says nothing before others at the same domain do within the hour.
    """
    plain = _SEPARATORS.sub("", local)
    if len(plain) < _SHORTEST_RANDOM or not plain.isascii():
        return False
    if sum(one.isdigit() != other.isdigit() for one, other in pairwise(plain)) >= _CHANGES_OF_A_RANDOM_LOOK:
        return True
    if plain != local or not plain.isalpha() or len(plain) < _SHORTEST_RANDOM_WORD:
        return False
    syllables = sum(letter in "aeiouy" for letter in plain)
    return _CONSONANTS.search(plain) is not None or syllables * _LETTERS_OF_A_SYLLABLE < len(plain)


def own_domain(mailbox: str, *, public: bool) -> str | None:
    """Return the domain of an address that reads like a person's at their own domain, as colleagues have them.

    None at a public provider, and for a local part with digits.
    """
    local, _, domain = mailbox.rpartition("@")
    if public or domain in _EXAMPLES or _NAMES.fullmatch(local) is None:
        return None
    return domain
