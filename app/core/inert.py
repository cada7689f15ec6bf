"""Words of others made harmless, before they stand in a text that a panel shows as HTML, Markdown or a template."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

#: Beside letters, digits and marks: what can open no link, no markup and no template.
_KEPT: Final = frozenset(" -+,/%()'.")
#: What could open a list or a quotation where it begins a line.
_OPENING: Final = " -+,/%()'."
#: A dot that is not between digits: mail programs make a link of "evil.example".
_DOT: Final = re.compile(r"(?<![0-9])\.|\.(?![0-9])")
#: What the lexicon's terms look like ("ubuntu 8.04", "asp net"); anything else is none of them.
_TERM: Final = re.compile(r"[a-z0-9+-]+(\.[0-9]+)*( [a-z0-9+-]+(\.[0-9]+)*)*", re.ASCII)
_LONGEST_TERM: Final = 60


def inert(text: str, most: int) -> str:
    """Return a name as one line of words, at most `most` characters; no markup, link, address or brace is left."""
    kept = "".join(char if char in _KEPT or unicodedata.category(char)[0] in "LNM" else " " for char in text)
    return " ".join(_DOT.sub(" ", kept).split())[:most].lstrip(_OPENING).rstrip(" ,/")


def is_plain_term(term: str) -> bool:
    """Say whether a finding's term looks like one of the lexicon's own, and so may stand in a text for customers."""
    return len(term) <= _LONGEST_TERM and _TERM.fullmatch(term) is not None
