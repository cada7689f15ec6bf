"""Real faults of a real database: another process's lock, a full disk, a server that reads only or says nothing."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager

import asyncpg

from app.db import Database
from tests.databases import POSTGRES

_HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
if sys.argv[2] == "everything":
    connection.execute("PRAGMA locking_mode=EXCLUSIVE")
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE installation SET name = name")
print("locked", flush=True)
sys.stdin.read()
connection.execute("ROLLBACK")
"""


def _name(db: Database) -> str:
    return str(db.url.database)


async def _session(db: Database) -> asyncpg.Connection:
    return await asyncpg.connect(f"{POSTGRES}/{_name(db)}")


@asynccontextmanager
async def locked(db: Database, *, reads_too: bool = False, tables: str = "events, orders") -> AsyncIterator[None]:
    """Another process or session holds the lock to write, or keeps readers out as well.

    On PostgreSQL writers are kept out of these tables; readers of orders, events and keys.
    """
    if not db.is_sqlite:
        session = await _session(db)
        try:
            async with session.transaction():
                kind = "ACCESS EXCLUSIVE" if reads_too else "EXCLUSIVE"
                await session.execute(f"LOCK TABLE {tables}{', api_keys' if reads_too else ''} IN {kind} MODE")
                yield
        finally:
            await session.close()
        return
    if reads_too:  # nobody may have the file open when it is taken whole
        await db.reader.dispose()
        await db.writer.dispose()
    holder = await asyncio.to_thread(
        subprocess.Popen,
        [sys.executable, "-c", _HOLDER, _name(db), "everything" if reads_too else "writing"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdin is not None
    assert holder.stdout is not None
    try:
        assert await asyncio.to_thread(holder.stdout.readline) == b"locked\n"
        yield
    finally:
        holder.stdin.close()
        await asyncio.to_thread(holder.wait)
        holder.stdout.close()


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process can be written any more (Python has the signal ignored, so that writing fails)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@asynccontextmanager
async def _altered(db: Database, change: str, back: str) -> AsyncIterator[None]:
    server = await asyncpg.connect(f"{POSTGRES}/postgres")
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1"
    try:
        await server.execute(f'ALTER DATABASE "{_name(db)}" {change}')
        await server.execute(cut, _name(db))
        try:
            yield
        finally:
            await server.execute(f'ALTER DATABASE "{_name(db)}" {back}')
            await server.execute(cut, _name(db))
    finally:
        await server.close()


def read_only_server(db: Database) -> AbstractAsyncContextManager[None]:
    """The server takes no writes, as a standby does (PostgreSQL)."""
    return _altered(db, "SET default_transaction_read_only = on", "RESET default_transaction_read_only")


def refusing_server(db: Database) -> AbstractAsyncContextManager[None]:
    """The server takes no connections (PostgreSQL)."""
    return _altered(db, "ALLOW_CONNECTIONS false", "ALLOW_CONNECTIONS true")


class Stopwatch:
    """Times answers, and how late the machine itself is meanwhile: others run on it."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.lag = 0.0

    @contextmanager
    def time(self) -> Iterator[None]:
        """Time one answer."""
        began = time.monotonic()
        yield
        self.longest = max(self.longest, time.monotonic() - began)

    @asynccontextmanager
    async def minding(self) -> AsyncIterator[Stopwatch]:
        """Measure meanwhile how late the event loop is at most."""
        metronome = asyncio.create_task(self._tick())
        try:
            yield self
        finally:
            metronome.cancel()
            await asyncio.gather(metronome, return_exceptions=True)

    async def _tick(self) -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            self.lag = max(self.lag, time.monotonic() - began - 0.01)

    def check(self, seconds: float) -> None:
        """Every answer was there in time, but for what the machine was late."""
        assert self.longest <= seconds + self.lag, (self.longest, self.lag)


class Freezer:
    """Stands between us and the server, and stops passing anything on while it is frozen: nobody is told why."""

    def __init__(self, host: str, port: int) -> None:
        self._upstream = (host, port)
        self._flowing = asyncio.Event()
        self._flowing.set()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        """Serve on a free port; yields it."""
        pipes: set[asyncio.Task[None]] = set()

        async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there, back = await asyncio.open_connection(*self._upstream)
            pipes.update(asyncio.create_task(pipe) for pipe in (self._pass(reader, back), self._pass(there, writer)))

        server = await asyncio.start_server(connect, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for pipe in pipes:
                pipe.cancel()
            await asyncio.gather(*pipes, return_exceptions=True)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self._flowing.wait()
                writer.write(data)
        finally:
            writer.close()

    @asynccontextmanager
    async def frozen(self) -> AsyncIterator[None]:
        """Pass nothing on meanwhile."""
        self._flowing.clear()
        try:
            yield
        finally:
            self._flowing.set()
