"""The keys of the policy document: where each is defined, and for an unknown one, which was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any, Final, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

_LISTED: Final = 12
_LONGEST: Final = 60


def unknown(document: type[BaseModel], location: Sequence[int | str]) -> str:
    """Return the message about an unknown key, with the most similar key of the same table, else of any."""
    key = str(location[-1])[:_LONGEST]
    table = _table_at(document, location[:-1])
    beside = sorted(table.model_fields) if table is not None else []
    near = difflib.get_close_matches(key, beside, n=1)
    if near:
        return f"unknown key; did you mean {near[0]}?"
    everywhere = dict(_keys(document, ""))
    if key in everywhere:
        return f"unknown key here; it belongs under [{everywhere[key]}]" if everywhere[key] else "unknown key here"
    far = difflib.get_close_matches(key, everywhere, n=1, cutoff=0.75)
    if far:
        return f"unknown key; did you mean {f'{everywhere[far[0]]}.{far[0]}'.lstrip('.')}?"
    shown = ", ".join(beside[:_LISTED]) + (" ..." if len(beside) > _LISTED else "")
    return f"unknown key; known here are {shown}" if shown else "unknown key"


def field_at(document: type[BaseModel], location: Sequence[int | str]) -> FieldInfo | None:
    """Return the field at a path; None if the path ends at a row."""
    table = _table_at(document, location[:-1])
    return table.model_fields.get(str(location[-1])) if table is not None else None


def _table_at(table: type[BaseModel] | None, location: Sequence[int | str]) -> type[BaseModel] | None:
    """Return the model of the table at a path; list positions and row names are skipped."""
    for part in location:
        if table is None:
            return None
        field = table.model_fields.get(str(part))
        if field is not None:
            table = _table_of(field.annotation)
    return table


def _table_of(annotation: Any) -> type[BaseModel] | None:
    """Find the model in a type: the type itself, or what a list, a dict or an optional value holds."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for one in get_args(annotation) if (found := _table_of(one)) is not None), None)


def _keys(table: type[BaseModel], above: str) -> Iterator[tuple[str, str]]:
    """Yield (key, its table) of the whole document; deeper ones first, so that shallow ones win."""
    for name, field in table.model_fields.items():
        inner = _table_of(field.annotation)
        if inner is not None:
            yield from _keys(inner, f"{above}.{name}".lstrip("."))
    for name in table.model_fields:
        yield name, above
