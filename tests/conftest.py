"""Shared fixtures: a database of each kind, and the rule for missing dependencies."""

from __future__ import annotations

import asyncio
import gc
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator, MutableMapping
from contextlib import closing
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import structlog

from app.db import Database
from app.installation import schema
from tests.asked import EVERYTHING
from tests.databases import Databases, databases_of_this_process
from tests.stories.house import POLICY, House, open_house

_ONE_IS_ENOUGH = (
    "stories", "api", "backtests", "learning", "billing", "cli", "doctor", "evaluation", "gathering", "policies",
    "tickets", "upkeep", "workflow",
)  # fmt: skip
_SLOW_SECONDS = 5


def pytest_configure() -> None:
    """Discard logs of the code under test unless a test reads them; use the same examples each time.

    `make chaos` draws new examples in each run.
    """
    hypothesis.settings.register_profile("same", deadline=None, derandomize=True)
    hypothesis.settings.register_profile("others", deadline=None)
    hypothesis.settings.load_profile("others" if EVERYTHING else "same")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))


def pytest_collection_finish() -> None:
    """Leave what was collected out of each garbage collection from here on: it lives as long as the process."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List slow tests that give no reason; on a busy machine others appear too, so this fails nothing."""
    passed = terminalreporter.getreports("passed")
    slow = [report for report in passed if report.duration > _SLOW_SECONDS and "slow" not in report.keywords]
    if slow:
        terminalreporter.section(f"over {_SLOW_SECONDS} s without a mark `slow` that says why")
        for report in sorted(slow, key=lambda report: -report.duration):
            terminalreporter.line(f"{report.duration:.1f}s {report.when} {report.nodeid}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run database tests on both; stories, API and reports on SQLite, unless marked `both_databases` with a reason.

    The latter do not test the database. `make chaos` runs them on both, too.
    """
    marks = list(metafunc.definition.iter_markers())
    chosen = any(mark.name == "parametrize" and "database_kind" in mark.args[0] for mark in marks)
    if "database_kind" not in metafunc.fixturenames or chosen:
        return
    folder = metafunc.definition.path.relative_to(Path(__file__).parent).parts[0]
    both = folder not in _ONE_IS_ENOUGH or any(mark.name == "both_databases" for mark in marks)
    kinds = ["sqlite", "postgres"] if both or EVERYTHING else ["sqlite"]
    metafunc.parametrize("database_kind", kinds, indirect=True)


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """Restore logging: a test that runs a command in this process leaves a handler with a closed stream behind."""
    kept = structlog.get_config()
    yield
    structlog.configure(**kept)


@pytest.fixture
def logs() -> Iterator[list[MutableMapping[str, Any]]]:
    """All log output; other tests log nothing."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(0))
    with structlog.testing.capture_logs() as captured:
        yield captured


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("DOORMAN_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the newest schema, made by the real migrations; tests copy it."""
    file = tmp_path_factory.mktemp("template") / "doorman.db"
    schema.migrate(f"sqlite:///{file}")
    with closing(sqlite3.connect(file)) as connection:
        # A switch to WAL fails at once where two connections open a file together; the copies need none.
        assert connection.execute("PRAGMA journal_mode=WAL").fetchone() == ("wal",)
    return file


@pytest.fixture(scope="session")
def databases(sqlite_template: Path) -> Iterator[Databases]:
    """The source of databases for tests that need more than `db`."""
    with databases_of_this_process(sqlite_template) as found:
        yield found


@pytest.fixture
def database_kind(request: pytest.FixtureRequest) -> str:
    """The kind of database that a test runs on: see `pytest_generate_tests`."""
    return str(request.param)


@pytest.fixture
def migrated_url(database_kind: str, databases: Databases) -> Iterator[str]:
    """A database of each kind with the newest schema and no rows."""
    url = asyncio.run(databases.give(database_kind))
    yield url
    databases.take_back(url)


@pytest.fixture
async def db(migrated_url: str, databases: Databases) -> AsyncIterator[Database]:
    """An open database with all tables."""
    async with databases.open(migrated_url) as database:
        yield database


@pytest.fixture
async def house(db: Database) -> AsyncIterator[House]:
    async with open_house(db, policy=POLICY) as opened:
        yield opened
