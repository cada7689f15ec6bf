"""One database, two engines: one for reading and one for writing.

On SQLite a transaction that will write must begin with ``BEGIN IMMEDIATE``; with a plain ``BEGIN``, concurrent
read-modify-writes lose updates silently or fail half-way with "database is locked". On PostgreSQL both share one
pool.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from app import sqlite_driver
from app.group_commit import GroupCommit
from app.log import Logger
from app.outage import Outage
from app.precedence import LetPass

log = Logger()

#: How long a connection waits for a lock by default.
LOCK_WAIT = timedelta(seconds=15)
#: The driver for processes that answer requests; `sqlite_driver` says why there are two.
AIOSQLITE = "sqlite+aiosqlite"
#: Statements that each connection to PostgreSQL keeps prepared: an order's road alone has a hundred.
_PREPARED = 400
#: A connection to PostgreSQL that was not used for so long is asked whether it lives.
_IDLE_SECONDS = 1.0
_PRIVATE = 0o600
_OTHERS = 0o077
#: PostgreSQL rolls back a frozen process's transaction after this time, so that its row locks don't block others.
_FROZEN_MS = "15000"


def async_url(url: str) -> sa.URL:
    """Return the URL with the driver we use, replacing any driver suffix.

    Raises ValueError for other databases.
    """
    try:
        parsed = make_url(url)
    except exc.ArgumentError as error:
        raise ValueError("must look like sqlite:///doorman.db or postgresql://…") from error
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return parsed.set(drivername=AIOSQLITE)
    if backend in {"postgresql", "postgres"}:
        return parsed.set(drivername="postgresql+asyncpg")
    raise ValueError(f"must be sqlite or postgresql, not {backend}")


def require_folder(url: sa.URL) -> None:
    """Raise ValueError if the SQLite file's folder is missing, as the driver would fail late and verbosely."""
    if url.get_backend_name() != "sqlite" or url.database in {None, "", ":memory:"}:
        return
    folder = Path(str(url.database)).parent
    if not folder.is_dir():
        raise ValueError(f"the folder {folder} does not exist")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ValueError(f"this user can't write to the folder {folder}")


def keep_private(engine: AsyncEngine) -> None:
    """Make a SQLite engine's file readable by its owner only, from the first byte on."""
    sa.event.listen(engine.sync_engine, "do_connect", _before_connect)


def _before_connect(_dialect: object, _record: object, arguments: list[Any], _more: object) -> None:
    _make_private(str(arguments[0]) if arguments else "")


def _make_private(path: str) -> None:
    """Create the file with mode 0600, or remove access for others that an older version left.

    SQLite gives its `-wal`, `-shm` and `-journal` the mode of the file. An existing file is never opened and closed
    here, as closing it would drop the locks that this process holds on it.
    """
    if not path or path == ":memory:" or path.startswith("file:"):
        return
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, _PRIVATE))
    for file in (Path(path + suffix) for suffix in ("", "-wal", "-shm")):
        try:
            if file.stat().st_mode & _OTHERS:
                file.chmod(_PRIVATE)
        except FileNotFoundError:
            continue
        except OSError as error:
            log.warning("database.readable_by_others", file=file.name, error=error.strerror)


def _set_up(connection: Any, lock_wait: timedelta) -> None:
    connection.isolation_level = None  # SQLAlchemy's own BEGIN below, never the driver's
    cursor = connection.cursor()
    busy = f"busy_timeout={lock_wait // timedelta(milliseconds=1)}"  # first, because the next one may meet a lock
    for pragma in (busy, "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _sqlite_engine(url: sa.URL, *, writes: bool, pool_size: int, lock_wait: timedelta) -> AsyncEngine:
    in_loop = url.drivername != AIOSQLITE
    if in_loop and writes:
        url = url.set(drivername=sqlite_driver.WRITING)
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=60,
        poolclass=sa.AsyncAdaptedQueuePool,
        hide_parameters=True,
    )
    keep_private(engine)

    def on_connect(connection: Any, _record: object) -> None:
        _set_up(connection, lock_wait)

    def on_begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    sa.event.listen(engine.sync_engine, "connect", on_connect)
    if not in_loop:
        sa.event.listen(engine.sync_engine, "begin", on_begin)
    return engine


def _ping_when_idle(engine: AsyncEngine) -> None:
    """Ask PostgreSQL for a sign of life only on connections that were idle: an order takes fifteen.

    A connection that the server closes meanwhile is known to be closed, unless that happened in this very moment. So
    this is for processes that repeat what failed.
    """

    def used(_connection: object, record: Any) -> None:
        record.info["used_at"] = time.monotonic()

    def taken(connection: Any, record: Any, _proxy: object) -> None:
        if connection.driver_connection.is_closed():
            raise exc.DisconnectionError("closed by the server")
        if time.monotonic() - record.info.get("used_at", float("-inf")) < _IDLE_SECONDS:
            return
        try:
            connection.ping()
        except Exception as error:
            raise exc.DisconnectionError("closed while it was idle") from error

    sa.event.listen(engine.sync_engine, "checkin", used)
    sa.event.listen(engine.sync_engine, "checkout", taken)


@dataclass(frozen=True, slots=True)
class Database:
    """The engines of one database; call `close` when done. `outage` logs when they can't be used."""

    url: sa.URL
    reader: AsyncEngine
    writer: AsyncEngine
    outage: Outage = field(default_factory=Outage)
    let_pass: LetPass | None = None
    group_commit: GroupCommit | None = None

    @classmethod
    def open(
        cls, url: str, *, pool_size: int = 5, lock_wait: timedelta = LOCK_WAIT, answers_requests: bool = False
    ) -> Database:
        """Open by URL, without connecting. A wait for a lock longer than `lock_wait` fails.

        A process that answers requests gets the SQLite driver whose queries delay no other answer.
        """
        parsed = async_url(url)
        if parsed.get_backend_name() == "sqlite":
            let_pass = LetPass(parsed.database) if parsed.database else None
            parsed = parsed if answers_requests else parsed.set(drivername=sqlite_driver.READING)
            writer = _sqlite_engine(parsed, writes=True, pool_size=1, lock_wait=lock_wait)
            return cls(
                parsed,
                _sqlite_engine(parsed, writes=False, pool_size=pool_size, lock_wait=lock_wait),
                writer,
                let_pass=let_pass,
                group_commit=None if answers_requests else GroupCommit(writer, let_pass),
            )
        waits = {
            "idle_in_transaction_session_timeout": _FROZEN_MS,
            "lock_timeout": str(lock_wait // timedelta(milliseconds=1)),
        }
        # the connection that was used last is taken first: it has prepared most of the statements
        engine = create_async_engine(
            parsed, pool_size=pool_size, max_overflow=pool_size, pool_pre_ping=answers_requests, pool_use_lifo=True,
            hide_parameters=True,
            connect_args={"server_settings": waits, "prepared_statement_cache_size": _PREPARED},
        )  # fmt: skip
        if not answers_requests:
            _ping_when_idle(engine)
        # each statement of READ COMMITTED has a snapshot of its own anyway: reads save the round trips of a transaction
        return cls(parsed, engine.execution_options(isolation_level="AUTOCOMMIT"), engine)

    @property
    def is_sqlite(self) -> bool:
        """True for SQLite, the embedded database."""
        return self.url.get_backend_name() == "sqlite"

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A read-only transaction."""
        async with self.reader.connect() as connection:
            yield connection

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """One unit of work: committed at the end, rolled back on an exception. On SQLite the intake goes first."""
        if self.group_commit is not None:
            async with self.group_commit.unit() as connection:
                yield connection
            return
        if self.let_pass is not None:
            await self.let_pass()
        async with self.writer.begin() as connection:
            yield connection

    async def wait_less(self, tx: AsyncConnection, seconds: float) -> None:
        """Make a transaction fail at the first lock wait longer than `seconds`; does nothing on SQLite.

        A SQLite file has only one lock, which the transaction already holds. PostgreSQL enforces the limit itself,
        which is more reliable than cancelling from here.
        """
        if not self.is_sqlite:
            await tx.execute(sa.text(f"SET LOCAL lock_timeout = {int(seconds * 1000)}"))

    async def close(self) -> None:
        """Close all connections."""
        if self.group_commit is not None:
            await self.group_commit.close()
        if self.let_pass is not None:
            self.let_pass.close()
        await self.reader.dispose()
        if self.writer is not self.reader:
            await self.writer.dispose()


def sqlite_connection(path: str, *, lock_wait: timedelta = LOCK_WAIT) -> sqlite3.Connection:
    """Open a plain connection with the same durability as the engines, for the intake's writer thread."""
    _make_private(path)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    _set_up(connection, lock_wait)
    return connection


#: SQLSTATE classes of temporary errors: connection, rollback, resources, object in use, operator intervention; and a
#: read-only server.
_PASSING = ("08", "40", "53", "55", "57", "25006")


def is_unavailable(error: BaseException) -> bool:
    """Return whether the database is down, busy, full or read-only, so that a retry may succeed later."""
    if isinstance(error, OSError | exc.OperationalError | exc.InterfaceError | exc.TimeoutError):
        return True  # TimeoutError is an OSError too
    if not isinstance(error, exc.DBAPIError):
        return False
    state = str(getattr(error.orig, "sqlstate", None) or "")
    return error.connection_invalidated or state.startswith(_PASSING)


def insert_new(tx: AsyncConnection, table: sa.Table, *returning: sa.Column[Any]) -> Any:
    """Return an INSERT in the database's dialect that skips rows which violate a unique index.

    It is one statement for each table. Rows that are given when it is executed cost a quarter of `values`.
    """
    return _insert_new(tx.dialect.name, table, returning)


@cache
def _insert_new(dialect: str, table: sa.Table, returning: tuple[sa.Column[Any], ...]) -> Any:
    statement = insert(dialect, table).on_conflict_do_nothing()
    return statement.returning(*returning) if returning else statement


def insert_into(tx: AsyncConnection, table: sa.Table) -> Any:
    """Return an INSERT in the database's dialect that supports `on_conflict_do_update`."""
    return insert(tx.dialect.name, table)


def insert(dialect: str, table: sa.Table) -> Any:
    """Return an INSERT in the dialect of this name, for statements that are made once.

    Only the dialect in use is loaded.
    """
    return import_module(f"sqlalchemy.dialects.{dialect}").insert(table)


def note_failure(db: Database, what: str, error: BaseException, **fields: Any) -> None:
    """Log a failure; an unavailable database is logged at most once a minute, without a traceback."""
    if is_unavailable(error):
        db.outage.note(what, error)
    else:
        log.error(what, exc_info=error, **fields)


def storable(value: Any) -> Any:
    """Return text, or a structure with texts, without characters that databases reject: NUL and lone surrogates."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {storable(name): storable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable(item) for item in value]
    return value
