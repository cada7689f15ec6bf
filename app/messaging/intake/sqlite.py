"""The intake's writer on SQLite: one thread, one connection, one statement for a batch.

One statement, because each call into SQLite releases the GIL and has to regain it from the event loop.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from queue import SimpleQueue
from typing import Any

from sqlalchemy.dialects import sqlite

from app.db import sqlite_connection
from app.messaging.intake.batch import UNKNOWN_TYPE, Arrival, BatchWriter, DatabaseDown
from app.precedence import first
from app.tables.columns import UtcDateTime

_COLUMNS = "webhook_id, type, body, order_id, customer_id, occurred_at, received_at, due_at, state, finished_at, result"
_dialect = sqlite.dialect()
_utc = UtcDateTime()

_Batch = Sequence[Arrival]
_New = Collection[str]


class SqliteWriter(BatchWriter):
    """Writes in its own thread, so that a commit never blocks the event loop."""

    def __init__(self, path: str, *, patience: timedelta) -> None:
        self._path = path
        self._patience = patience
        self._connection: sqlite3.Connection | None = None
        self._jobs: SimpleQueue[tuple[_Batch, asyncio.Future[_New]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="intake", daemon=True)
        self._thread.start()

    async def write(self, batch: _Batch) -> _New:
        """Commit the batch; see `BatchWriter`."""
        answer: asyncio.Future[_New] = asyncio.get_running_loop().create_future()
        self._jobs.put((batch, answer))
        return await answer

    async def aclose(self) -> None:
        """Close the connection and end the thread."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            batch, answer = job
            try:
                new = self._write(batch)
            except Exception as error:  # noqa: BLE001  (passed on to the caller)
                answer.get_loop().call_soon_threadsafe(_fail, answer, error)
            else:
                answer.get_loop().call_soon_threadsafe(_succeed, answer, new)
        self._disconnect()

    def _write(self, batch: _Batch) -> _New:
        try:
            with first(self._path):
                return _insert(self._connected(), batch)
        except sqlite3.OperationalError as error:  # locked, full, unreadable, no such table
            self._disconnect()
            raise DatabaseDown(str(error)) from error

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = sqlite_connection(self._path, lock_wait=self._patience)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _succeed(answer: asyncio.Future[_New], new: _New) -> None:
    if not answer.done():
        answer.set_result(new)


def _fail(answer: asyncio.Future[_New], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)


@lru_cache
def _sql(rows: int) -> str:
    values = ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"] * rows)
    return f"INSERT INTO events ({_COLUMNS}) VALUES {values} ON CONFLICT (webhook_id) DO NOTHING"  # noqa: S608


def _insert(connection: sqlite3.Connection, batch: _Batch) -> _New:
    """Insert and commit: outside a transaction the statement is its own, and takes the write lock at its start."""
    cursor = connection.execute(_sql(len(batch)), [value for arrival in batch for value in _row(arrival)])
    if cursor.rowcount == len(batch):
        return {arrival.webhook_id for arrival in batch}
    if not cursor.rowcount:
        return ()
    found = connection.execute(  # rows of one statement have consecutive ids, as it holds the write lock
        "SELECT webhook_id FROM events WHERE id > ? - ? AND id <= ?",
        (cursor.lastrowid, cursor.rowcount, cursor.lastrowid),
    )
    return {webhook_id for (webhook_id,) in found}


def _row(arrival: Arrival) -> tuple[Any, ...]:
    event = arrival.event
    occurred_at, received_at = _text(event.occurred_at), _text(arrival.received_at)
    row = (
        arrival.webhook_id,
        event.type,
        arrival.body,
        event.order_id,
        event.customer_id,
        occurred_at,
        received_at,
        received_at,
    )
    return (*row, "received", None, None) if event.known else (*row, "ignored", received_at, UNKNOWN_TYPE)


def _text(moment: datetime) -> str:
    return str(_utc.process_bind_param(moment, _dialect))
