"""Rows of the database as typed, frozen records: dataclasses that name the columns that they take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from enum import StrEnum
from types import UnionType
from typing import Any, Final, TypeVar, get_args, get_type_hints

T = TypeVar("T")

_Enums = dict[str, type[StrEnum] | None]
_KNOWN: Final[dict[type[Any], _Enums]] = {}


def read(kind: type[T], row: Any) -> T:
    """Return a row as a record of this kind."""
    return kind(**{name: _typed(enum, getattr(row, name)) for name, enum in _shape(kind).items()})


def typed(kind: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with those of enum fields as members."""
    enums = _shape(kind)
    return {name: _typed(enums[name], value) for name, value in values.items()}


def columns(kind: type[Any]) -> tuple[str, ...]:
    """Return the names of a record's columns."""
    return tuple(_shape(kind))


def _shape(kind: type[Any]) -> _Enums:
    """Return a record's columns, and the enum of each whose values are one's."""
    if kind not in _KNOWN:
        hints = get_type_hints(kind)
        _KNOWN[kind] = {field.name: _enum_of(hints[field.name]) for field in fields(kind)}
    return _KNOWN[kind]


def _enum_of(hint: Any) -> type[StrEnum] | None:
    one = get_args(hint)[0] if isinstance(hint, UnionType) else hint
    return one if isinstance(one, type) and issubclass(one, StrEnum) else None


def _typed(kind: type[StrEnum] | None, value: Any) -> Any:
    return value if kind is None or value is None else kind(value)
