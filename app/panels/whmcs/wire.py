"""Tolerant parsing of WHMCS's answers, in one place.

Each function takes one value of a decoded answer, of any type, and returns a clean Python value or None. An unexpected
value never raises, except where rows could be hidden (`AnswerError`). HTML entities are decoded in texts; NULs and lone
surrogates are removed, so that every database can store them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any, Final

from app.core.reading.text import unescape
from app.panels.base import PanelUnavailable

Row = dict[str, Any]

_BIGGEST: Final = 2**63 - 1
_DIGITS: Final = 19  # of this many digits a number may exceed 64 bits
_MAX_NESTING: Final = 4
_INTEGER: Final = re.compile(r"\s*(-?[0-9]{1,19})(?:\.0+)?\s*")
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_BRACKET_KEY: Final = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])+)")
_TRUE: Final = frozenset({"1", "true", "on", "yes"})
_FALSE: Final = frozenset({"0", "false", "off", "no", ""})
_DAY_FORM: Final = "2026-08-14"
_FORM: Final = f"{_DAY_FORM} 09:30:00"
_YEAR_FIRST: Final = re.compile(r"\s*([0-9]{4})([-/.])([0-9]{1,2})\2([0-9]{1,2})(?![0-9])")
_YEAR_LAST: Final = re.compile(r"\s*([0-9]{1,2})([-/.])([0-9]{1,2})\2([0-9]{4})(?![0-9])")
_TIME: Final = re.compile(
    r"[T ]\s*([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]+)?)?\s*(Z|[+-][0-9]{2}:?[0-9]{2})?\s*\Z"
)


class AnswerError(PanelUnavailable):
    """The answer has a shape that we can't trust, as it could hide rows."""


# --- lists --------------------------------------------------------------------------------------------------------


def as_list(container: object, key: str, *, strict: bool = False) -> list[Row]:
    """Return the rows of ``container[key]`` in each shape that WHMCS gives a list.

    Two levels (``orders.order[]``), flat lists, a single object, objects with numeric keys, ``""``, ``[]``, ``{}``,
    ``[[]]``, null. Anything that is not a row is left out, or raises AnswerError with `strict`.
    """
    value = container
    if isinstance(container, dict) and container and not _numeric(container):
        if key not in container:
            return _no_rows(strict=strict)
        value = container[key]
    return _rows(value, strict=strict, depth=0)


def _rows(value: object, *, strict: bool, depth: int) -> list[Row]:
    if value is None or value is False or (isinstance(value, str) and not value.strip()):
        return []
    if depth > _MAX_NESTING or not isinstance(value, dict | list):
        return _no_rows(strict=strict)
    if isinstance(value, dict) and not _numeric(value):
        return [value] if value else []
    inner = value.values() if isinstance(value, dict) else value
    return [row for item in inner for row in _rows(item, strict=strict, depth=depth + 1)]


def _no_rows(*, strict: bool) -> list[Row]:
    if strict:
        raise AnswerError("the panel answered with a list that can't be read")
    return []


def _numeric(value: dict[Any, Any]) -> bool:
    for key in value:
        if not (isinstance(key, str) and key.isascii() and key.isdigit()):
            return False
    return bool(value)


def unflatten(answer: Row) -> Row:
    """Turn NVP-style keys (``credits[credit][0][id]``) into nested objects; other answers are returned unchanged."""
    if "[" not in "".join(answer):
        return answer
    nested: Row = {}
    for key, value in answer.items():
        match = _BRACKET_KEY.fullmatch(key)
        path = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])] if match else [key]
        if len(path) > _MAX_NESTING + 2:
            raise AnswerError("the panel answered with keys nested too deep")
        level = nested
        for part in path[:-1]:
            child = level.setdefault(part, {})
            if not isinstance(child, dict):
                raise AnswerError("the panel answered with keys that contradict each other")
            level = child
        level[path[-1]] = value
    return nested


def missing(value: object) -> bool:
    """True if the field is absent, null or an empty text."""
    return value is None or (isinstance(value, str) and not value.strip())


def mapping(value: object) -> Row:
    """Return the object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


# --- numbers and truth --------------------------------------------------------------------------------------------


def integer(value: object) -> int | None:
    """Return a whole 64-bit number, given as number or text; None for booleans."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        if len(value) < _DIGITS and value.isdecimal() and value.isascii():
            return int(value)
        match = _INTEGER.fullmatch(value)
        value = int(match[1]) if match else None
    return value if isinstance(value, int) and -_BIGGEST <= value <= _BIGGEST else None


def identifier(value: object) -> int | None:
    """Return an id; WHMCS writes 0 for *none*."""
    number = integer(value)
    return number if number is not None and number > 0 else None


def boolean(value: object) -> bool | None:
    """Return the boolean for ``true``/``1``/``"on"``/``"true"`` and their opposites; None for anything else."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | str):
        word = str(value).strip().lower() if isinstance(value, str) else str(value)[:2]
        return True if word in _TRUE else False if word in _FALSE else None
    return None


# --- texts --------------------------------------------------------------------------------------------------------


def clean(value: str) -> str:
    """Drop NULs and replace lone surrogates, which no database column takes."""
    if "\0" in value:
        value = value.replace("\0", "")
    if value.isascii():
        return value
    return _SURROGATES.sub("\ufffd", value) if _SURROGATES.search(value) else value


def plain(value: object) -> str:
    """Return the value as clean text without decoding entities; empty for lists and objects."""
    if isinstance(value, str):
        return clean(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def text(value: object) -> str:
    """Return the value as clean text; WHMCS entity-encodes form input, so it is decoded once."""
    if isinstance(value, str) and value.isascii() and "&" not in value and "\0" not in value:
        return value  # the fast path for nearly all values; an import reads millions
    return clean(unescape(plain(value)))


def json_text(value: object) -> str:
    """Return JSON text as it is and an object as JSON text; decode entities where they broke the JSON."""
    if isinstance(value, dict | list):
        try:
            return json.dumps(value) if value else ""
        except RecursionError:
            return ""
    raw = plain(value).strip()
    return text(raw) if raw.startswith(("{&quot;", "[&quot;", "{&#", "[{&quot;")) else raw


def mentions(value: object, reference: str) -> bool:
    """True if the text contains this reference as a whole word (``…:12`` is not in ``…:123``)."""
    pattern = rf"(?<![\w:-]){re.escape(reference)}(?![\w-])"
    return re.search(pattern, text(value), re.IGNORECASE) is not None


# --- dates and times ----------------------------------------------------------------------------------------------


def day(value: object) -> date | None:
    """Return a date; None for ``0000-00-00``.

    Localised dates (General Settings) are read only if they are unambiguous: WHMCS has no format with dots or dashes
    that puts the month before the day, and ``14/08/2026`` has one reading; ``04/08/2026`` has two, so it gives None.
    """
    if isinstance(value, str) and len(value) == len(_DAY_FORM) and value[4] == value[7] == "-":
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raw = plain(value)
    if match := _YEAR_FIRST.match(raw):
        return _date(match[1], match[3], match[4])
    match = _YEAR_LAST.match(raw)
    if match is None:
        return None
    first, second = int(match[1]), int(match[3])
    if match[2] != "/" or first > 12 or first == second:
        return _date(match[4], match[3], match[1])
    return _date(match[4], match[1], match[3]) if second > 12 else None


def _date(year: str, month: str, day_of_month: str) -> date | None:
    try:
        return date(int(year), int(month), int(day_of_month))
    except ValueError:
        return None


def local_moment(value: object) -> datetime | None:
    """Return a date and time as the panel wrote it: without a zone, unless it named its offset."""
    if isinstance(value, str) and len(value) == len(_FORM) and value[10] == " " and value[13] == value[16] == ":":
        try:
            return datetime.fromisoformat(value)  # the format of all panels without localised dates
        except ValueError:
            pass
    on, at = day(value), _TIME.search(plain(value))
    if on is None:
        return None
    if at is None:
        return datetime(on.year, on.month, on.day)  # noqa: DTZ001  (the panel writes no zone)
    try:
        return datetime(on.year, on.month, on.day, int(at[1]), int(at[2]), int(at[3] or 0), tzinfo=_offset(at[4]))
    except ValueError:
        return None


def _offset(written: str | None) -> tzinfo | None:
    if not written:
        return None
    if written == "Z":
        return UTC
    delta = timedelta(hours=int(written[1:3]), minutes=int(written[-2:]))
    return timezone(-delta if written[0] == "-" else delta)


def moment(value: object, zone: tzinfo | None) -> datetime | None:
    """Return an aware UTC time from text in the panel's `zone`; None if it can't be read or the zone is unknown."""
    local = local_moment(value)
    if local is None or (local.tzinfo is None and zone is None):
        return None
    try:
        return (local if local.tzinfo else local.replace(tzinfo=zone)).astimezone(UTC)
    except (OverflowError, ValueError):
        return None


def pairs(rows: list[Row], name_keys: tuple[str, ...], value_key: str = "value") -> tuple[tuple[str, str], ...]:
    """Return name and value of custom fields or options; the name is the first of the name keys that is not empty."""
    return tuple((_first(row, name_keys), text(row.get(value_key))) for row in rows)


def _first(row: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    return next((found for key in keys if (found := text(row.get(key)).strip())), "")
