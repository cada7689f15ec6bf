"""A SQLAlchemy driver that runs SQLite's statements in the event loop, for processes that answer no requests.

A statement of ours takes SQLite a few microseconds; aiosqlite hands each to a thread and back, which costs the
processor many times as much. Only what may wait is done in a thread: a commit, which waits for the disk, and the begin
of a transaction that will write, if another one writes now. A process that answers requests uses aiosqlite, as one long
query must not delay the other answers.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util.concurrency import await_

READING: Final = "sqlite+in_loop"
WRITING: Final = "sqlite+in_loop_writing"
_BEGIN_WRITE: Final = "BEGIN IMMEDIATE"
_BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


async def _nothing() -> None:
    """Be awaited: SQLAlchemy refuses a driver that never awaits anything."""


class Cursor(sqlite3.Cursor):
    """A cursor that SQLAlchemy takes for an asynchronous one.

    It holds all rows of its statement: one that was read in part only would keep its connection's view of the database.
    """

    _rows: deque[Any]

    def execute(self, *arguments: Any) -> sqlite3.Cursor:  # type: ignore[override]
        """Execute a statement at once."""
        await_(_nothing())
        super().execute(*arguments)
        self._rows = deque(super().fetchall())
        return self

    def executemany(self, *arguments: Any) -> sqlite3.Cursor:  # type: ignore[override]
        """Execute a statement with many rows at once."""
        await_(_nothing())
        return super().executemany(*arguments)

    def fetchone(self) -> Any:
        """Return the next row, or None."""
        return self._rows.popleft() if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """Return the next rows."""
        return [self._rows.popleft() for _ in range(min(size or 1, len(self._rows)))]

    def fetchall(self) -> list[Any]:
        """Return all rows that are left."""
        rows, self._rows = list(self._rows), deque()
        return rows

    async def _async_soft_close(self) -> None:
        """Keep the rows: they are in memory."""


class Connection(sqlite3.Connection):
    """A connection whose waits are spent in a thread of its own."""

    _thread: ThreadPoolExecutor | None = None
    _patience: int | None = None  # ms

    def cursor(self, *_: Any) -> Cursor:  # type: ignore[override]
        """Return a cursor."""
        return super().cursor(Cursor)

    def begin(self) -> None:
        """Begin a transaction that reads."""
        super().execute("BEGIN")

    def begin_write(self) -> None:
        """Begin a transaction that will write, as soon as nobody else writes.

        Raises sqlite3.OperationalError after the connection's `busy_timeout`.
        """
        execute = super().execute
        if self._patience is None:
            self._patience = int(execute("PRAGMA busy_timeout").fetchone()[0])
        execute("PRAGMA busy_timeout=0")
        try:
            execute(_BEGIN_WRITE)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode not in _BUSY:
                raise
            execute(f"PRAGMA busy_timeout={self._patience}")
            self._wait(lambda: execute(_BEGIN_WRITE))

    def commit(self) -> None:
        """Commit, and wait until it is on the disk."""
        if self.in_transaction:
            self._wait(super().commit)

    def close(self) -> None:
        """Close the connection and end its thread."""
        if self._thread is not None:
            self._thread.shutdown(wait=False)
        super().close()

    def _wait(self, work: Callable[[], object]) -> None:
        """Wait for the thread; who is cancelled waits all the same, as one connection is never used by both."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "sqlite")
        done = asyncio.get_running_loop().run_in_executor(self._thread, work)
        cancelled: asyncio.CancelledError | None = None
        while not done.done():
            try:
                await_(asyncio.wait([done]))
            except asyncio.CancelledError as error:
                cancelled = error
        failed = cancelled or done.exception()
        if failed is not None:
            raise failed


class Dialect(SQLiteDialect_pysqlite):
    """SQLAlchemy's own dialect for the standard library's sqlite3, as an asynchronous one."""

    driver = "in_loop"
    is_async = True
    supports_statement_cache = True

    def do_begin(self, dbapi_connection: Any) -> None:
        """Begin a transaction that reads; an event of the engine would cost each statement some microseconds."""
        dbapi_connection.dbapi_connection.begin()

    @classmethod
    def get_pool_class(cls, _url: sa.URL) -> type[sa.Pool]:
        """Return the pool whose waits don't block the event loop."""
        return sa.AsyncAdaptedQueuePool

    def create_connect_args(self, url: sa.URL) -> Any:
        """Let a connection be used by its thread, too: never by both at once."""
        path, options = super().create_connect_args(url)
        return path, {**options, "factory": Connection, "check_same_thread": False}

    def get_driver_connection(self, connection: Any) -> Any:
        """Return the connection itself."""
        return connection


class WritingDialect(Dialect):
    """The same, for transactions that take the write lock from the start."""

    driver = "in_loop_writing"
    supports_statement_cache = True

    def do_begin(self, dbapi_connection: Any) -> None:
        """Begin a transaction that writes."""
        dbapi_connection.dbapi_connection.begin_write()


registry.register("sqlite.in_loop", __name__, "Dialect")
registry.register("sqlite.in_loop_writing", __name__, "WritingDialect")
