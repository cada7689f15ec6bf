"""Read the TOML of a policy document in bounded time, and report values that no policy can hold by their path."""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Iterator
from datetime import date, time
from typing import Any, Final

#: The maximum length of a document, in characters.
MAX_DOCUMENT: Final = 1_000_000
_LONGEST_LIST: Final = 20_000
_MOST_KEYS: Final = 1_000
_DEEPEST: Final = 20
_MOST_DIGITS: Final = 400
_SHOWN: Final = 200

# Keys, values and separators. Possessive quantifiers, so that there is no backtracking.
_TOKEN: Final = re.compile(
    r'(?P<text>"""(?:[^"\\]|\\.|"(?!""))*+(?:""")?+|\'\'\'(?:[^\']|\'(?!\'\'))*+(?:\'\'\')?+)'
    r'|(?P<name>"(?:[^"\\\n]|\\.)*+"?+|\'[^\'\n]*+\'?+|[A-Za-z0-9_+-]++)'
    r"|(?P<comment>\#[^\n]*+)"
    r"|(?P<open>[\[{])|(?P<close>[\]}])|(?P<dot>\.)|(?P<other>[^ \t])",
    re.DOTALL,
)
_NUMBER: Final = re.compile(r"[+-]?(?:0[xob][0-9A-Fa-f_]+|[0-9_]+)")


class BadDocument(ValueError):
    """The document can't be read; `errors` lists (path, message)."""

    def __init__(self, errors: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(message for _, message in errors))
        self.errors = errors


def read_toml(document: str, *, at_most: int) -> str:
    """Return a TOML document as JSON, from which a strict model accepts lists as tuples and strings as enums.

    Raises BadDocument with at most `at_most` errors.
    """
    if len(document) > MAX_DOCUMENT:
        raise _bad(f"longer than {MAX_DOCUMENT} characters")
    text = document.removeprefix("\ufeff")  # the byte order mark that editors on Windows write
    if not text.isascii() and any(0xD800 <= ord(char) <= 0xDFFF for char in text):
        raise _bad("lone surrogates are not allowed")
    _refuse_what_takes_long(text)
    try:
        table = tomllib.loads(text)
    except ValueError as error:
        raise _bad(str(error)[:300]) from error
    except RecursionError as error:
        raise _bad("nested too deeply") from error
    found = [one for one, _ in zip(_impossible(table, ()), range(at_most), strict=False)]
    if found:
        raise BadDocument(found)
    return json.dumps(table, allow_nan=False)


def shown(path: tuple[int | str, ...]) -> str:
    """Format a path of the document for display, printable: a key must not be able to move a terminal's cursor."""
    text = ".".join(str(part)[:_SHOWN] for part in path)[:_SHOWN]
    return "".join(char if char.isprintable() else "?" for char in text)


def _bad(message: str) -> BadDocument:
    return BadDocument([("", message)])


def _refuse_what_takes_long(text: str) -> None:
    """Refuse input on which tomllib is quadratic in time or memory: long dotted keys, deep nesting, huge numbers."""
    dots = depth = 0
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup
        if kind == "name":
            if token.end() - token.start() > _MOST_DIGITS and _NUMBER.fullmatch(token[0]):
                digits = token.end() - token.start()
                raise _bad(f"a number must not have {digits} digits (at line {_line(text, token)})")
            continue
        dots = dots + 1 if kind == "dot" else 0
        depth += (kind == "open") - (kind == "close")
        if dots > _DEEPEST or depth > _DEEPEST:
            raise _bad(f"nested too deeply (at line {_line(text, token)})")


def _line(text: str, token: re.Match[str]) -> int:
    return text.count("\n", 0, token.start()) + 1


def _impossible(value: Any, path: tuple[int | str, ...]) -> Iterator[tuple[str, str]]:
    """Yield what no key of a policy takes, as (path, message). Lists and tables that are too long are not searched."""
    if isinstance(value, dict | list) and len(path) > _DEEPEST:
        yield shown(path), "nested too deeply"
    elif isinstance(value, dict):
        if len(value) > _MOST_KEYS:
            yield shown(path), f"{len(value)} keys; no table of a policy has more than {_MOST_KEYS}"
            return
        for key, one in value.items():
            yield from _impossible(one, (*path, key))
    elif isinstance(value, list):
        if len(value) > _LONGEST_LIST:
            yield shown(path), f"{len(value)} entries; no list of a policy has more than {_LONGEST_LIST}"
            return
        for place, one in enumerate(value):
            if not isinstance(one, str):  # most lists hold only strings, and may be long
                yield from _impossible(one, (*path, place))
    elif isinstance(value, float) and not math.isfinite(value):
        yield shown(path), "must be a finite number"
    elif isinstance(value, date | time):
        yield shown(path), f"dates and times are not allowed: {value}; put text in quotes"
