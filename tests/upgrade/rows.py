"""All rows of a database as text, one per line, and back into a database of either kind.

Written from SQLite, by the columns that are really there, so that no version's own tables are needed to read them.
"""

from __future__ import annotations

import json
import uuid
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import Database

_REVISION = "alembic_version"
_BASE64 = "base64"


async def dump(db: Database) -> list[str]:
    """Return a JSON line for each row: its table and its values that are not null, tables and rows in a stable order.

    Raises ValueError for a database other than SQLite.
    """
    if not db.is_sqlite:
        raise ValueError("rows are written from SQLite")
    lines = []
    async with db.read() as connection:
        for table in await _tables(connection):
            rows = await connection.execute(sa.select(table).order_by(*table.primary_key.columns))
            lines += [_line(table.name, dict(row._mapping)) for row in rows]
    return lines


def _line(table: str, row: dict[str, Any]) -> str:
    values = {name: _text(value) for name, value in row.items() if value is not None}
    if table == "workers":  # the machine that wrote this is nobody's business
        values |= {"host": "landed", "pid": 1}
    return json.dumps([table, values], ensure_ascii=False, separators=(",", ":"))


def _text(value: Any) -> Any:
    """Return binary data as text, which most of it is."""
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {_BASE64: b64encode(value).decode()}


def _binary(value: str | dict[str, str]) -> bytes:
    return value.encode() if isinstance(value, str) else b64decode(value[_BASE64])


async def load(db: Database, lines: Iterable[str]) -> None:
    """Insert the rows into a database that has the tables they were written from and no rows."""
    found = [json.loads(line) for line in lines]
    async with db.begin() as tx:
        tables = {table.name: table for table in await _tables(tx)}
        for (name, columns), rows in groupby(found, key=lambda row: (row[0], tuple(row[1]))):
            read = {column: _reader(tx, tables[name].c[column].type) for column in columns}
            values = [{column: read[column](value) for column, value in row.items()} for _, row in rows]
            await tx.execute(tables[name].insert(), values)
        if not db.is_sqlite:
            await _count_on(tx, tables.values())


def _reader(tx: AsyncConnection, kind: sa.types.TypeEngine[Any]) -> Callable[[Any], Any]:
    """Return what reads a value of a column; on SQLite times and ids are texts."""
    if isinstance(kind, sa.LargeBinary):
        return _binary
    if tx.dialect.name != "sqlite" and isinstance(kind, sa.DateTime):
        return datetime.fromisoformat
    if tx.dialect.name != "sqlite" and isinstance(kind, sa.Uuid):
        return uuid.UUID
    return lambda value: value


async def _count_on(tx: AsyncConnection, tables: Iterable[sa.Table]) -> None:
    """Let PostgreSQL's sequences continue after the loaded rows."""
    for table in tables:
        for column in table.primary_key.columns:
            sequence = await tx.scalar(sa.select(sa.func.pg_get_serial_sequence(table.name, column.name)))
            if sequence is not None:
                newest = sa.select(sa.func.coalesce(sa.func.max(column), 0) + 1).scalar_subquery()
                await tx.execute(sa.select(sa.func.setval(sequence, newest, False)))


async def _tables(connection: AsyncConnection) -> list[sa.Table]:
    """Return the tables that the database has, each after those that it refers to."""
    metadata = sa.MetaData()
    await connection.run_sync(metadata.reflect)
    return [table for table in metadata.sorted_tables if table.name != _REVISION]
