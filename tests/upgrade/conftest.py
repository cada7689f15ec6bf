"""A house on the database of a landed version, upgraded to the newest schema, with the panel that belongs to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from alembic import command

from app.db import Database
from app.installation import schema
from tests.asked import missing
from tests.databases import create_postgres_database, drop_postgres_database, folder_for_files
from tests.stories.house import open_house
from tests.upgrade import panel_state, rows
from tests.upgrade.landed import Landed, folders
from tests.upgrade.situations import Story


@pytest.fixture(params=folders(), ids=lambda folder: folder.name)
def landed(request: pytest.FixtureRequest) -> Landed:
    """Each landed version in turn."""
    folder: Path = request.param
    return Landed.read(folder)


@pytest.fixture
def new_url(database_kind: str) -> Iterator[str]:
    """A database of each kind without tables."""
    if database_kind == "sqlite":
        with folder_for_files() as folder:
            yield f"sqlite:///{folder / 'landed.db'}"
        return
    try:
        url, name = asyncio.run(create_postgres_database())
    except (OSError, asyncpg.PostgresError):
        missing("PostgreSQL is not reachable; see tests/conftest.py", "DOORMAN_TEST_REQUIRE_POSTGRES")
        return
    yield url
    asyncio.run(drop_postgres_database(name))


@pytest.fixture
def upgraded_url(new_url: str, landed: Landed) -> str:
    """The rows of the landed version, loaded into the schema of its time and then upgraded."""
    command.upgrade(schema.configuration(new_url), landed.revision)
    asyncio.run(_load(new_url, landed))
    schema.migrate(new_url)
    return new_url


async def _load(url: str, landed: Landed) -> None:
    db = Database.open(url)
    await rows.load(db, landed.rows)
    await db.close()


@pytest.fixture
async def story(upgraded_url: str, landed: Landed) -> AsyncIterator[Story]:
    """The landed stories right after the upgrade; nothing happens until the test releases `house.turn`."""
    db = Database.open(upgraded_url)
    try:
        async with open_house(db, now=landed.at) as house:
            panel_state.load(house.panel, landed.panel)
            await house.turn.acquire()  # at once, before the worker gets its first turn
            yield Story(house, landed.orders)
            if house.turn.locked():
                house.turn.release()
    finally:
        await db.close()
