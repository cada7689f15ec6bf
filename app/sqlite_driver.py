"""A SQLAlchemy driver that runs SQLite's statements in the event loop, for processes that answer no requests.

A statement of ours takes SQLite a few microseconds; aiosqlite hands each to a thread and back, which costs the
processor many times as much. Only what may wait is done in a thread: a commit, which waits for the disk, and the begin
of a transaction that will write, if another one writes now. A process that answers requests uses aiosqlite, as one long
query must not delay the other answers.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util.concurrency import await_

DRIVER: Final = "sqlite+in_loop"
_BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


async def _nothing() -> None:
    """Be awaited: SQLAlchemy refuses a driver that never awaits anything."""


class Cursor(sqlite3.Cursor):
    """A cursor that SQLAlchemy takes for an asynchronous one."""

    def execute(self, *arguments: Any) -> sqlite3.Cursor:  # type: ignore[override]
        """Execute a statement at once."""
        await_(_nothing())
        return super().execute(*arguments)

    def executemany(self, *arguments: Any) -> sqlite3.Cursor:  # type: ignore[override]
        """Execute a statement with many rows at once."""
        await_(_nothing())
        return super().executemany(*arguments)

    async def _async_soft_close(self) -> None:
        """Keep the rows: they are read where they are."""


class Connection(sqlite3.Connection):
    """A connection whose waits are spent in a thread of its own."""

    _thread: ThreadPoolExecutor | None = None

    def cursor(self, *_: Any) -> Cursor:  # type: ignore[override]
        """Return a cursor."""
        return super().cursor(Cursor)

    def begin_immediate(self, patience_ms: int) -> None:
        """Begin a transaction that will write, as soon as nobody else writes.

        Raises sqlite3.OperationalError after that many milliseconds.
        """
        begin = super().execute
        begin("PRAGMA busy_timeout=0")
        try:
            begin("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode not in _BUSY:
                raise
            begin(f"PRAGMA busy_timeout={patience_ms}")
            self._wait(lambda: begin("BEGIN IMMEDIATE"))

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
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "sqlite")
        await_(asyncio.get_running_loop().run_in_executor(self._thread, work))


class Dialect(SQLiteDialect_pysqlite):
    """SQLAlchemy's own dialect for the standard library's sqlite3, as an asynchronous one."""

    driver = "in_loop"
    is_async = True
    supports_statement_cache = True

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


registry.register("sqlite.in_loop", __name__, "Dialect")
