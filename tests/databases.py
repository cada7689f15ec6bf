"""Databases for tests: each test gets one with the newest schema and no rows."""

from __future__ import annotations

import asyncio
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg

from app.db import Database
from app.installation import schema
from app.outage import Outage
from app.tables.everything import metadata
from tests.asked import ASKED, missing

POSTGRES = ASKED.get("DOORMAN_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432")
_HOW = (
    f"PostgreSQL is not reachable at {POSTGRES}; install it (Debian: apt-get install postgresql) with trust for "
    "127.0.0.1, or name one with DOORMAN_TEST_POSTGRES"
)

_MEMORY = Path("/dev/shm")
_MEMORY_NEEDED = 256 * 2**20

#: Remaining connections could write into the next test's data, or hold a lock that it waits for.
_ALONE = (
    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)
_EMPTY = "".join(f'DELETE FROM "{table.name}";' for table in reversed(metadata.sorted_tables))
_COUNT_FROM_ONE = (
    "SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false) "
    "FROM pg_sequences WHERE last_value IS NOT NULL"
)


async def _on_server(statement: str) -> None:
    connection = await asyncpg.connect(f"{POSTGRES}/postgres", timeout=5)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def create_postgres_database() -> tuple[str, str]:
    """Return the URL and the name of a new database. Raises OSError if there is no server."""
    name = f"doorman_test_{uuid.uuid4().hex[:12]}"
    await _on_server(f'CREATE DATABASE "{name}"')
    return f"{POSTGRES}/{name}", name


async def drop_postgres_database(name: str) -> None:
    """Drop it, even if others are connected."""
    await _on_server(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


async def empty_postgres_database(url: str) -> None:
    """Reset a database to its state after migration: no other connections, no rows, each sequence at its start.

    Deleting takes five milliseconds where creating a database takes a second.
    """
    connection = await asyncpg.connect(url, timeout=5)
    try:
        await connection.execute(f"{_ALONE};{_EMPTY}{_COUNT_FROM_ONE}")
        await connection.execute("UPDATE alembic_version SET version_num = $1", schema.head())
    finally:
        await connection.close()


@contextmanager
def folder_for_files() -> Iterator[Path]:
    """A folder for SQLite files: in memory where there is room, because each commit waits for the disk."""
    roomy = os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _MEMORY_NEEDED
    with TemporaryDirectory(prefix="doorman-tests-", dir=_MEMORY if roomy else None) as name:
        yield Path(name)


class Databases:
    """The databases of one test process: a new SQLite file for each test, and one PostgreSQL database, emptied.

    Engines are kept between tests, without their connections.
    """

    def __init__(self, template: Path, folder: Path) -> None:
        self._template = template
        self._folder = folder
        self._postgres: tuple[str, str] | None = None
        self._given: set[str] = set()
        self._engines: dict[tuple[str, bool], Database] = {}

    async def give(self, kind: str) -> str:
        """Return the URL of a migrated, empty database; only one test at a time can have the PostgreSQL one."""
        url = self._copied() if kind == "sqlite" else await self._emptied()
        self._given.add(url)
        return url

    def take_back(self, url: str) -> None:
        """Make it available to the next test."""
        self._given.remove(url)
        if url.startswith("sqlite"):
            file = Path(url.removeprefix("sqlite:///"))
            for left in self._folder.glob(f"{file.name}*"):
                left.unlink()

    @asynccontextmanager
    async def open(self, url: str, *, answers_requests: bool = False) -> AsyncIterator[Database]:
        """Open a database that `give` returned."""
        kind = (url, answers_requests)
        if kind not in self._engines:
            self._engines[kind] = Database.open(url, answers_requests=answers_requests)
        db = replace(self._engines[kind], outage=Outage())  # what one test logged of an outage silences no other
        try:
            yield db
        finally:
            await db.close()

    @asynccontextmanager
    async def opened(self, kind: str) -> AsyncIterator[Database]:
        """A database of this kind, open."""
        url = await self.give(kind)
        try:
            async with self.open(url) as db:
                yield db
        finally:
            self.take_back(url)

    async def drop(self) -> None:
        """Drop the database on the server."""
        if self._postgres is not None:
            await drop_postgres_database(self._postgres[1])

    def _copied(self) -> str:
        files = (self._folder / f"{number}.db" for number in count(1))
        file = next(file for file in files if f"sqlite:///{file}" not in self._given)
        shutil.copyfile(self._template, file)
        return f"sqlite:///{file}"

    async def _emptied(self) -> str:
        if self._postgres is None:
            self._postgres = await self._migrated()
        url, _ = self._postgres
        if url in self._given:
            raise AssertionError("a test asks for a second PostgreSQL database: take create_postgres_database")
        await empty_postgres_database(url)
        return url

    async def _migrated(self) -> tuple[str, str]:
        try:
            url, name = await create_postgres_database()
        except (OSError, asyncpg.PostgresError):
            missing(_HOW, "DOORMAN_TEST_REQUIRE_POSTGRES")
            raise
        await asyncio.to_thread(schema.migrate, url)
        await _on_server(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
        return url, name


@contextmanager
def databases_of_this_process(template: Path) -> Iterator[Databases]:
    """Yield the databases of a run, and remove them at its end."""
    with folder_for_files() as folder:
        databases = Databases(template, folder)
        try:
            yield databases
        finally:
            asyncio.run(databases.drop())
