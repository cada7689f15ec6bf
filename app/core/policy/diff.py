"""The differences between two policies in words: one sentence per change, grouped by section."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.core.policy.document import Policy
from app.core.policy.keys import field_at

_ENTRIES: Final = 5
_TEXT: Final = 60
_AROUND: Final = 12
_ROW: Final = 300
_ENTRY: Final = 200
#: Units by the suffix of a key; longer suffixes first.
_UNITS: Final = {
    "_per_hour": "an hour",
    "_per_day": "a day",
    "_minutes": "minutes",
    "_months": "months",
    "_days": "days",
    "days_after_expiry": "days",
    "_hours_paid": "hours",
    "_hours_unpaid": "hours",
    "_hours": "hours",
    "_percent": "%",
    "held_share": "%",
    "days": "days",
}


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """One changed value, list or row; `path` is its place in the document, with dots."""

    section: str
    path: str
    sentence: str


def differences(before: Policy, after: Policy) -> tuple[PolicyChange, ...]:
    """Return every change from one policy to the other: modes, then the sections of `Policy`; empty if equal."""
    found = sorted(
        _walk((), before.model_dump(mode="json"), after.model_dump(mode="json")), key=lambda one: one[0][0] != "modes"
    )
    return tuple(
        PolicyChange(section=_title(path[:1]) or path[0], path=".".join(path), sentence=_sentence(path, old, new))
        for path, old, new in found
    )


_Found = tuple[tuple[str, ...], Any, Any]


def _walk(path: tuple[str, ...], before: Any, after: Any) -> Iterator[_Found]:
    if before == after:
        return
    if not (isinstance(before, dict) and isinstance(after, dict)):
        yield path, before, after
        return
    for name in [*before, *(name for name in after if name not in before)]:
        yield from _walk((*path, str(name)), before.get(name), after.get(name))


def _sentence(path: tuple[str, ...], before: Any, after: Any) -> str:
    if before is None and isinstance(after, dict):
        return f"The amounts in {path[-1]} were added: {_cut(_entry(after), _ROW)}."
    if after is None and isinstance(before, dict):
        return f"The amounts in {path[-1]} were removed."
    if isinstance(before, list) and isinstance(after, list):
        rows = all(isinstance(one, dict) for one in (*before, *after))
        told = _rows(before, after) if rows else _entries(before, after)
        return f"{_words(path)}: {told}."
    words = _OTHERWISE.get(".".join(path)) or (_BY_PREFIX.get(path[:-1]) if isinstance(after, int) else None)
    if words is not None:
        return words.format(what=_words(path), before=_value(path, before), after=_value(path, after))
    texts = isinstance(before, str) and isinstance(after, str)
    if texts and (max(len(before), len(after)) > _TEXT or before.split() == after.split()):
        return f"{_words(path)} was reworded: {_excerpts(before, after)}."
    if isinstance(before, bool) and isinstance(after, bool):
        return f"{_words(path)} is now {'on' if after else 'off'}; it was {'on' if before else 'off'}."
    return f"{_words(path)} is now {_value(path, after)} instead of {_value(path, before)}."


#: Sentences for numbers in these tables.
_BY_PREFIX: Final[Mapping[tuple[str, ...], str]] = {
    ("points", "risk"): "{what} now adds {after} risk points instead of {before}.",
    ("points", "self_service"): "{what} now takes {after} points from the self-service score instead of {before}.",
    ("labour", "minutes"): "{what} now counts as {after} minutes of work instead of {before}.",
    ("labour", "topic_minutes"): "{what} now counts as {after} minutes instead of {before}.",
}
#: Keys that need another sentence: they act in the other direction, or are a limit.
_OTHERWISE: Final = {
    "points.risk.allow_listed": "{what} now takes {after} risk points away instead of {before}.",
    "points.self_service.repeat_effortless": "{what} now gives {after} points back instead of {before}.",
    "points.self_service.repeat_effortless_at_most": "{what} now give {after} points back instead of {before}.",
}


def _words(path: tuple[str, ...]) -> str:
    """Name a value by its title, in which `{}` stands for the table or row that it is in."""
    if path[0] == "texts":
        return f'The text "{" ".join(path[1:]).replace("_", " ")}" for customers'
    table = _title(path[:-1])
    return (_title(path) or _said(path[-1])).format(table.lower() if table else _said(path[-2]))


def _title(path: tuple[str, ...]) -> str | None:
    field = field_at(Policy, path)
    return field.title if field is not None else None


def _value(path: tuple[str, ...], value: Any) -> str:
    """Write a value with its unit."""
    if value is None or value == "":
        return "nothing"
    if isinstance(value, bool):
        return "on" if value else "off"
    number = isinstance(value, int) or path[0] == "currencies" or path[-1] == "tolerated_months"
    if not number:
        return f'"{_cut(value)}"' if isinstance(value, str) else _cut(_entry(value))
    if path[0] == "currencies":
        return f"{value} {path[1]}"
    if path[:-1] in _BY_PREFIX:
        return str(value)
    unit = next((unit for ending, unit in _UNITS.items() if path[-1].endswith(ending)), "")
    return f"{value} {unit}".rstrip()


def _entries(before: Sequence[Any], after: Sequence[Any]) -> str:
    """List the added and removed entries."""
    old, new = dict.fromkeys(map(_listed, before)), dict.fromkeys(map(_listed, after))
    added, gone = [one for one in new if one not in old], [one for one in old if one not in new]
    said = []
    if added:
        said.append(f"{_some(added)} {'was' if len(added) == 1 else 'were'} added")
    if gone:
        said.append(f"{_some(gone)} {'was' if len(gone) == 1 else 'were'} removed")
    return "; ".join(said) or "the order or repetition of its entries changed"


def _listed(value: Any) -> str:
    """Write an entry of a list; the name of a product group may look like a number without being an id."""
    return f"{value} (a name)" if isinstance(value, str) and value.isdecimal() else _entry(value)


def _rows(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> str:
    """Describe the changes to a list's rows: added, removed, or what is different in a row that remains."""
    old, new = _by_name(before), _by_name(after)
    said = [f'"{name}" was added: {_cut(_entry(new[name]), _ROW)}' for name in new if name not in old]
    said += [f'"{name}" was removed' for name in old if name not in new]
    for name in new:
        if name in old and new[name] != old[name]:
            said.append(f'in "{name}" {", ".join(_inside(old[name], new[name]))}')
    if [name for name in old if name in new] != [name for name in new if name in old]:
        said.append("the order of the rows changed")
    more = f"; and {len(said) - _ENTRIES} more changes" if len(said) > _ENTRIES else ""
    return f"{'; '.join(said[:_ENTRIES])}{more}"


def _by_name(rows: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Name each row by its subject; if several have the same name, the later ones also by their position."""
    found: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        about = (row.get("name"), row.get("unit"), row.get("product_types"), row.get("groups"))
        name = _cut(" for ".join(_entry(one) for one in about if one))
        found[f"{name}, no. {len(found) + 1}" if name in found else name] = row
    return found


def _inside(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for key in before:
        old, new = before[key], after[key]
        if old == new:
            continue
        if isinstance(old, list):
            yield f"the {_said(key)}: {_entries(old, new)}"
        elif isinstance(old, str) and max(len(old), len(new)) > _TEXT:
            yield f"the {_said(key)} is now {_excerpts(old, new)}"
        else:
            yield f"{_said(key)} is {_entry(new)} instead of {_entry(old)}"


def _said(key: str) -> str:
    return key.replace("_", " ")


def _entry(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_entry(one)}" for name, one in value.items())
    if isinstance(value, list):
        return " and ".join(_entry(one) for one in value) or "nothing"
    return value if isinstance(value, str) else json.dumps(value)


def _some(entries: Sequence[str]) -> str:
    shown = ", ".join(f'"{_cut(one, _ENTRY)}"' for one in entries[:_ENTRIES])
    return f"{shown} and {len(entries) - _ENTRIES} more" if len(entries) > _ENTRIES else shown


def _cut(text: str, length: int = _TEXT) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= length else f"{plain[: length - 1]}…"


def _excerpts(before: str, after: str) -> str:
    """Show excerpts of two long texts, starting shortly before they differ."""
    if before.split() == after.split():
        return "only spaces or line breaks differ"
    shared = 0
    for one, other in zip(before, after, strict=False):
        if one != other:
            break
        shared += 1
    start = max(0, shared - _AROUND)
    lead = "…" if start else ""
    return f'"{lead}{_cut(after[start:])}" instead of "{lead}{_cut(before[start:])}"'
