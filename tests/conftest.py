"""What all tests share: a database of each kind, and the rule for what this machine does not have."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import uuid
from collections.abc import AsyncIterator, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import structlog

from app.db import Database
from app.services import schema

#: What whoever runs the tests asks of them (DOORMAN_TEST_…); no test has it in its environment, because to the program
#: they are settings that it does not know.
ASKED = {name: value for name, value in os.environ.items() if name.startswith("DOORMAN_TEST_")}
POSTGRES = ASKED.get("DOORMAN_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432")
_HOW = (
    "PostgreSQL is not reachable at {url}; install it (Debian: apt-get install postgresql) with trust for 127.0.0.1, "
    "or name one with DOORMAN_TEST_POSTGRES"
)


def pytest_configure() -> None:
    """Logs of the code under test go nowhere unless a test looks at them."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """A test that runs a command in this process leaves its log behind, on a stream that is closed by then."""
    kept = structlog.get_config()
    yield
    structlog.configure(**kept)


@pytest.fixture
def logs() -> Iterator[list[MutableMapping[str, Any]]]:
    """Everything that is logged; other tests log nothing at all."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(0))
    with structlog.testing.capture_logs() as captured:
        yield captured


def missing(what: str, require: str) -> None:
    """Skip a test for what this machine lacks, or fail it where CI must run it."""
    if ASKED.get(require) == "1":
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("DOORMAN_"):
            monkeypatch.delenv(name)


async def _on_server(statement: str) -> None:
    connection = await asyncpg.connect(f"{POSTGRES}/postgres", timeout=5)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def create_postgres_database(template: str = "template1") -> tuple[str, str]:
    """Return the URL and the name of a new database. Raises OSError where there is no server."""
    name = f"doorman_test_{uuid.uuid4().hex[:12]}"
    await _on_server(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return f"{POSTGRES}/{name}", name


async def drop_postgres_database(name: str) -> None:
    """Drop it, whoever is still connected."""
    await _on_server(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file brought to the newest schema by the real migrations, to be copied."""
    file = tmp_path_factory.mktemp("template") / "doorman.db"
    schema.migrate(f"sqlite:///{file}")
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    connection.close()
    return file


@pytest.fixture(scope="session")
def postgres_template() -> Iterator[str]:
    """A PostgreSQL database brought to the newest schema by the real migrations, to be copied."""
    try:
        url, name = asyncio.run(create_postgres_database())
    except (OSError, asyncpg.PostgresError):
        missing(_HOW.format(url=POSTGRES), "DOORMAN_TEST_REQUIRE_POSTGRES")
        return
    schema.migrate(url)
    yield name
    asyncio.run(drop_postgres_database(name))


@pytest.fixture(params=["sqlite", "postgres"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Both databases, one after the other."""
    return str(request.param)


@pytest.fixture
def migrated_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of each kind with the newest schema."""
    if database_kind == "sqlite":
        shutil.copyfile(request.getfixturevalue("sqlite_template"), tmp_path / "doorman.db")
        yield f"sqlite:///{tmp_path / 'doorman.db'}"
        return
    url, name = asyncio.run(create_postgres_database(request.getfixturevalue("postgres_template")))
    yield url
    asyncio.run(drop_postgres_database(name))


@pytest.fixture
async def db(migrated_url: str) -> AsyncIterator[Database]:
    """An open database with all tables."""
    database = Database.open(migrated_url)
    yield database
    await database.close()
