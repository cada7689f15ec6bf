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
#: What opens markup, a template or a link with other words on it, and the sign most like it that opens nothing.
_HARMLESS: Final = str.maketrans("<>{}[]`", "\u2039\u203a()()'")
#: An ampersand that begins an entity: whoever decodes it once more has markup again.
_ENTITY: Final = re.compile(r"&(?=#?[0-9A-Za-z]{1,31};)", re.ASCII)
#: Lines, tabs, and the joiners that some scripts and emoji need.
_KEPT_CONTROLS: Final = "\n\t\u200c\u200d"
_LINE: Final = re.compile(r"\r\n|[\r\x0b\x0c\x85\u2028\u2029]")


def inert(text: str, most: int) -> str:
    """Return a name as one line of words, at most `most` characters; no markup, link, address or brace is left."""
    kept = "".join(char if char in _KEPT or unicodedata.category(char)[0] in "LNM" else " " for char in text)
    return " ".join(_DOT.sub(" ", kept).split())[:most].lstrip(_OPENING).rstrip(" ,/")


def plain(text: str) -> str:
    """Return what staff wrote in the same words and lines, as no longer a text, with nothing that acts as markup.

    Signs that open HTML, a template or a Markdown link become others; control signs and those that turn the direction
    of writing go.
    """
    lines = _ENTITY.sub("\uff06", _LINE.sub("\n", text)).translate(_HARMLESS)
    return "".join(char for char in lines if char in _KEPT_CONTROLS or unicodedata.category(char) not in {"Cc", "Cf"})


def is_plain_term(term: str) -> bool:
    """Say whether a finding's term looks like one of the lexicon's own, and so may stand in a text for customers."""
    return len(term) <= _LONGEST_TERM and _TERM.fullmatch(term) is not None
