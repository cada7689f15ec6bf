"""Sanitise text from others before it goes into a text that a panel shows as HTML, Markdown or a template."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

#: Characters allowed as well as letters, digits and marks: they can't start a link, markup or a template.
_KEPT: Final = frozenset(" -+,/%()'.")
#: Characters that could start a list or a quotation at the beginning of a line.
_OPENING: Final = " -+,/%()'."
#: A dot that is not between digits: mail programs turn "evil.example" into a link.
_DOT: Final = re.compile(r"(?<![0-9])\.|\.(?![0-9])")
#: The form of the lexicon's terms ("ubuntu 8.04", "asp net").
_TERM: Final = re.compile(r"[a-z0-9+-]+(\.[0-9]+)*( [a-z0-9+-]+(\.[0-9]+)*)*", re.ASCII)
_LONGEST_TERM: Final = 60
#: Characters that start markup, a template or a link with another label, and their harmless look-alikes.
_HARMLESS: Final = str.maketrans("<>{}[]`", "\u2039\u203a()()'")
#: An ampersand that begins an entity: decoding it once more would give markup again.
_ENTITY: Final = re.compile(r"&(?=#?[0-9A-Za-z]{1,31};)", re.ASCII)
#: Line breaks, tabs, and the joiners that some scripts and emoji need.
_KEPT_CONTROLS: Final = "\n\t\u200c\u200d"
_LINE: Final = re.compile(r"\r\n|[\r\x0b\x0c\x85\u2028\u2029]")


def inert(text: str, most: int) -> str:
    """Return a name as one line of at most `most` characters, without markup, links, addresses or braces."""
    kept = "".join(char if char in _KEPT or unicodedata.category(char)[0] in "LNM" else " " for char in text)
    return " ".join(_DOT.sub(" ", kept).split())[:most].lstrip(_OPENING).rstrip(" ,/")


def plain(text: str) -> str:
    """Return what staff wrote with the same words and lines, never longer, without anything that acts as markup.

    Characters that start HTML, a template or a Markdown link are replaced; control characters and those that change
    the writing direction are removed.
    """
    lines = _ENTITY.sub("\uff06", _LINE.sub("\n", text)).translate(_HARMLESS)
    return "".join(char for char in lines if char in _KEPT_CONTROLS or unicodedata.category(char) not in {"Cc", "Cf"})


def is_plain_term(term: str) -> bool:
    """Return whether a finding's term has the form of the lexicon's terms and so may be shown to customers."""
    return len(term) <= _LONGEST_TERM and _TERM.fullmatch(term) is not None
