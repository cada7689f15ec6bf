"""The database layer: concurrent read-modify-writes lose nothing (plain BEGIN on SQLite would)."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.config import SettingsError, load_settings, safe_panel_url
from app.db import Database, async_url, sqlite_connection
from app.installation import facts as installation
from app.installation import schema
from app.messaging.lock import only_worker
from app.policies import versions
from app.tables.everything import metadata
from tests.databases import Databases


async def test_eight_concurrent_read_modify_writes_count_to_eight(db: Database) -> None:
    now = datetime.now(UTC)
    async with db.begin() as tx:
        await installation.put(tx, "counter", 0, now=now)

    async def add_one() -> None:
        async with db.begin() as tx:
            if not db.is_sqlite:
                await tx.execute(sa.text("SELECT pg_advisory_xact_lock(1)"))
            value = await installation.get(tx, "counter")
            await asyncio.sleep(0)
            await installation.put(tx, "counter", value + 1, now=now)

    await asyncio.gather(*(add_one() for _ in range(8)))
    async with db.read() as connection:
        assert await installation.get(connection, "counter") == 8


@pytest.mark.parametrize(
    ("given", "driver"),
    [
        ("sqlite:///x.db", "sqlite+aiosqlite"),
        ("sqlite+aiosqlite:///x.db", "sqlite+aiosqlite"),
        ("postgresql://u@h/d", "postgresql+asyncpg"),
        ("postgresql+psycopg://u@h/d", "postgresql+asyncpg"),
    ],
)
def test_driver_suffix_does_not_matter(given: str, driver: str) -> None:
    assert async_url(given).drivername == driver


def test_other_databases_are_refused() -> None:
    with pytest.raises(ValueError, match="sqlite or postgresql"):
        async_url("mysql://u@h/d")


@pytest.mark.parametrize(
    "url", ["http://billing.example.com", "ftp://x", "https://u:p@billing.example.com", "https://x/?a=1", ""]
)
def test_unsafe_panel_addresses_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must"):
        safe_panel_url(url)


@pytest.mark.parametrize(
    "url", ["https://billing.example.com/whmcs/", "http://127.0.0.1:8080", "http://[::1]:1", "http://localhost"]
)
def test_safe_panel_addresses(url: str) -> None:
    assert safe_panel_url(url) == url.rstrip("/")


def test_an_unknown_setting_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOORMAN_PANNEL_URL", "https://x.example")
    with pytest.raises(SettingsError, match="DOORMAN_PANNEL_URL"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DOORMAN_RETRY_DELAYS", "1,two"),
        ("DOORMAN_PANEL_RATE", "0"),
        ("DOORMAN_PANEL_TIMEZONE", "Mars/Olympus"),
        ("DOORMAN_ADMIN_KEY", "short"),
        ("DOORMAN_MODE", "on"),
        ("DOORMAN_DATABASE_URL", "nonsense"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path, name: str, value: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name):
        load_settings()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_each_test_finds_empty_tables_whatever_the_one_before_left(databases: Databases, kind: str) -> None:
    """Rows in each table, numbers drawn, and a connection in a transaction that holds locks."""
    now = datetime.now(UTC)
    url = await databases.give(kind)
    before = Database.open(url)
    async with before.begin() as tx:
        await versions.publish(tx, "", by="test", now=now)
        await installation.put(tx, "counter", 1, now=now)
    left_open = await before.writer.connect()
    await installation.put(left_open, "counter", 2, now=now)
    databases.take_back(url)

    async with databases.opened(kind) as db, db.begin() as tx:
        names = await tx.run_sync(lambda sync: sa.inspect(sync).get_table_names())
        assert set(names) == {"alembic_version", *metadata.tables}
        counted = {name: await tx.scalar(sa.text(f"SELECT count(*) FROM {name}")) for name in names}
        assert counted == dict.fromkeys(metadata.tables, 0) | {"alembic_version": 1}
        assert (await versions.publish(tx, "", by="test", now=now)).version == 1
    with suppress(sa.exc.DBAPIError):  # PostgreSQL has terminated it
        await left_open.close()
    await before.close()


@pytest.fixture
def _open_umask() -> Iterator[None]:
    """Set an umask that gives everybody access to new files, as our parent process may have."""
    before = os.umask(0)
    yield
    os.umask(before)


def _modes(folder: Path) -> dict[str, str]:
    return {file.name: oct(file.stat().st_mode & 0o777) for file in folder.iterdir()}


@pytest.mark.usefixtures("_open_umask")
@pytest.mark.parametrize("made_by", ["migrate", "engine", "intake"])
async def test_the_files_of_a_database_are_its_owners_alone(tmp_path: Path, made_by: str) -> None:
    path = tmp_path / "doorman.db"
    url = f"sqlite:///{path}"
    if made_by == "migrate":
        await asyncio.to_thread(schema.migrate, url)
    if made_by == "intake":
        sqlite_connection(str(path)).close()
    db = Database.open(url)
    with only_worker(db):
        async with db.begin() as tx:
            await tx.execute(sa.text("CREATE TABLE written (a INTEGER)"))
        found = _modes(tmp_path)
    await db.close()

    assert set(found) == {"doorman.db", "doorman.db-wal", "doorman.db-shm", "doorman.db.lock"}
    assert set(found.values()) == {"0o600"}


async def test_files_that_an_older_version_left_to_others_are_taken_from_them(tmp_path: Path) -> None:
    path = tmp_path / "doorman.db"
    with sqlite3.connect(path) as older:
        older.execute("PRAGMA journal_mode=WAL")
        older.execute("CREATE TABLE written (a INTEGER)")
        (tmp_path / "doorman.db.lock").touch()
        for file in tmp_path.iterdir():
            file.chmod(0o664)
        db = Database.open(f"sqlite:///{path}")
        with only_worker(db):
            async with db.read() as connection:
                await connection.execute(sa.text("SELECT * FROM written"))
            found = _modes(tmp_path)
        await db.close()
    older.close()

    assert set(found) == {"doorman.db", "doorman.db-wal", "doorman.db-shm", "doorman.db.lock"}
    assert set(found.values()) == {"0o600"}


def test_opening_makes_no_file(tmp_path: Path) -> None:
    Database.open(f"sqlite:///{tmp_path / 'doorman.db'}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("idle", [0.0, 5.0], ids=["used just now", "idle"])
async def test_connections_that_the_server_closed_are_replaced_unnoticed(
    databases: Databases, idle: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = sa.text("SELECT pg_backend_pid()")
    async with databases.opened("postgres") as db:
        other = Database.open(db.url.render_as_string(hide_password=False))
        async with db.read() as connection:
            pid = await connection.scalar(mine)
        async with other.read() as killer:
            await killer.execute(sa.text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        await other.close()
        now = time.monotonic() + idle
        monkeypatch.setattr(time, "monotonic", lambda: now)
        async with db.read() as connection:
            assert await connection.scalar(mine) != pid
