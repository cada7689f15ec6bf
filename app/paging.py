"""Paged lists: newest first, with a cursor that identifies the last row shown, so that pages never shift."""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import Invalid

DEFAULT_LIMIT: Final = 25
MAX_LIMIT: Final = 100
MAX_CURSOR: Final = 400

_LARGEST = 2**63 - 1
Item = TypeVar("Item")
KeyPart = int | str | datetime | uuid.UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Item]):
    """One page of a list, and the cursor of the next page."""

    items: tuple[Item, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The requested part of a list."""

    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The requested part of time, in UTC: from `since` on, before `until`; None: no bound."""

    since: datetime | None = None
    until: datetime | None = None

    def __bool__(self) -> bool:
        return self.since is not None or self.until is not None

    def holds(self, column: sa.ColumnElement[Any]) -> list[sa.ColumnElement[bool]]:
        """Return the conditions for a column of times."""
        found = [] if self.since is None else [column >= self.since]
        return found if self.until is None else [*found, column < self.until]


def encode_cursor(key: Sequence[KeyPart]) -> str:
    """Return a cursor for the row with this key."""
    parts = [part if isinstance(part, int) else _text(part) for part in key]
    return base64.urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).decode().rstrip("=")


def _text(part: str | datetime | uuid.UUID) -> str:
    return part.isoformat() if isinstance(part, datetime) else str(part)


def decode_cursor(cursor: str, kinds: Sequence[type[KeyPart]]) -> tuple[KeyPart, ...]:
    """Return the key in a cursor. Raises Invalid for a cursor that this list did not create."""
    try:
        if len(cursor) > MAX_CURSOR:
            raise ValueError
        parts = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        if not isinstance(parts, list) or len(parts) != len(kinds):
            raise ValueError
        return tuple(_part(part, kind) for part, kind in zip(parts, kinds, strict=True))
    except (ValueError, RecursionError, OverflowError, binascii.Error):
        error = {"path": "query.cursor", "message": "must be the next_cursor of a previous page of this list"}
        raise Invalid("unknown cursor", [error]) from None


def _part(part: object, kind: type[KeyPart]) -> KeyPart:
    if kind is int:
        if type(part) is not int or not -_LARGEST <= part <= _LARGEST:
            raise ValueError
        return part
    if not isinstance(part, str):
        raise ValueError
    if kind is uuid.UUID:
        return uuid.UUID(part)
    if kind is datetime:
        moment = datetime.fromisoformat(part)
        if moment.tzinfo is None:
            raise ValueError
        return moment.astimezone(UTC)
    if "\x00" in part or not part.isascii():
        raise ValueError
    return part


@dataclass(frozen=True, slots=True, kw_only=True)
class SortOrder:
    """The sort order of a list: by these columns, all descending or all ascending."""

    columns: tuple[sa.ColumnElement[Any], ...]
    kinds: tuple[type[KeyPart], ...]
    falling: bool = True

    def __post_init__(self) -> None:
        if len(self.columns) != len(self.kinds):
            raise ValueError("one kind for each column")

    def after(self, cursor: str) -> sa.ColumnElement[bool]:
        """Return the condition for rows after the cursor's row. Raises Invalid."""
        key = decode_cursor(cursor, self.kinds)
        literals = [sa.literal(part, column.type) for part, column in zip(key, self.columns, strict=True)]
        left, right = sa.tuple_(*self.columns), sa.tuple_(*literals)
        return left < right if self.falling else left > right

    def key_of(self, row: Any) -> tuple[KeyPart, ...]:
        """Return a row's key."""
        return tuple(getattr(row, str(column.key)) for column in self.columns)

    @property
    def clauses(self) -> tuple[sa.ColumnElement[Any], ...]:
        """The ORDER BY clauses."""
        return tuple(column.desc() if self.falling else column.asc() for column in self.columns)


async def read_page(
    connection: AsyncConnection, query: sa.Select[Any], order: SortOrder, window: Window
) -> tuple[list[Any], str | None]:
    """Return the rows of a page and the cursor of the next page. Raises Invalid for a cursor that is not ours."""
    if window.cursor is not None:
        query = query.where(order.after(window.cursor))
    rows = list((await connection.execute(query.order_by(*order.clauses).limit(window.limit + 1))).all())
    return _page(rows, order, window)


async def read_page_by_state(
    connection: AsyncConnection,
    table: sa.Table,
    states: Sequence[str],
    order: SortOrder,
    window: Window,
    *conditions: sa.ColumnElement[bool],
) -> tuple[list[Any], str | None]:
    """Like `read_page`, over several states of a table indexed by state: reads the newest of each and merges them."""
    if window.cursor is not None:
        conditions = (*conditions, order.after(window.cursor))
    parts = [
        sa.select(table).where(table.c.state == state, *conditions).order_by(*order.clauses).limit(window.limit + 1)
        for state in states
    ]
    merged = sa.union_all(*(sa.select(part.subquery()) for part in parts)).subquery()
    columns = [merged.c[str(column.key)] for column in order.columns]
    sorted_by = [column.desc() if order.falling else column.asc() for column in columns]
    rows = list((await connection.execute(sa.select(merged).order_by(*sorted_by).limit(window.limit + 1))).all())
    return _page(rows, order, window)


def _page(rows: list[Any], order: SortOrder, window: Window) -> tuple[list[Any], str | None]:
    shown = rows[: window.limit]
    more = len(rows) > window.limit
    return shown, encode_cursor(order.key_of(shown[-1])) if more else None
