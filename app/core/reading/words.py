"""The words of names, addresses and domains, in the one spelling in which they are stored and searched for.

Case, accents and the way in which a letter is composed don't count, in any alphabet: *MÜLLER* is found by *muller*. No
character has a special meaning.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_STROKES: Final = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "\u0131": "i"}
)
_WORD: Final = re.compile(r"[^\W_]+")
_PUNYCODE: Final = "xn--"


def folded(text: str) -> str:
    """Return a text without case and accents, its blanks trimmed."""
    plain = unicodedata.normalize("NFKD", text.casefold()).casefold().translate(_STROKES)
    if not plain.isascii():
        plain = "".join(char for char in plain if not unicodedata.combining(char))
    return " ".join(plain.split())


def of_name(text: str) -> tuple[str, ...]:
    """Return the words and numbers of a text, folded, each once, in their order."""
    return tuple(dict.fromkeys(_WORD.findall(folded(text))))


def of_email(email: str) -> tuple[str, ...]:
    """Return what an e-mail address is found by: the whole address, and its domain."""
    whole = folded(email)
    local, at, domain = whole.rpartition("@")
    return (whole, *of_domain(domain)) if local and at and domain else ()


def of_domain(domain: str) -> tuple[str, ...]:
    """Return what a domain is found by: itself and the domains above it, but no top-level domain alone.

    A name in punycode is found by the letters that it stands for, too.
    """
    forms = [domain, *([_readable(domain)] if _PUNYCODE in domain.casefold() else [])]
    found: list[str] = []
    for form in forms:
        labels = [label for label in folded(form).split(".") if label]
        found += [".".join(labels[start:]) for start in range(len(labels) - 1)]
    return tuple(dict.fromkeys(found))


def _readable(domain: str) -> str:
    try:
        return domain.encode("ascii").decode("idna")
    except UnicodeError:
        return domain
