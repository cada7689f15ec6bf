"""Migrations: numbered, one head, equal to the tables, and reversible on both databases."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from alembic import command
from alembic.script import ScriptDirectory

from app.db import Database
from app.installation import schema
from tests.asked import missing
from tests.databases import create_postgres_database, drop_postgres_database


@pytest.fixture
def empty_url(database_kind: str, tmp_path: Path) -> Iterator[str]:
    if database_kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    try:
        url, name = asyncio.run(create_postgres_database())
    except (OSError, asyncpg.PostgresError):
        missing("PostgreSQL is not reachable; see tests/conftest.py", "DOORMAN_TEST_REQUIRE_POSTGRES")
        return
    yield url
    asyncio.run(drop_postgres_database(name))


async def _state(url: str) -> tuple[bool, str | None]:
    db = Database.open(url)
    try:
        return await schema.is_empty(db), await schema.current(db)
    finally:
        await db.close()


def test_up_to_head_equals_the_tables_and_down_again(empty_url: str) -> None:
    assert asyncio.run(_state(empty_url)) == (True, None)
    schema.migrate(empty_url)
    schema.migrate(empty_url)  # a second time changes nothing
    assert asyncio.run(_state(empty_url)) == (False, schema.head())
    config = schema.configuration(empty_url)
    command.check(config)
    command.downgrade(config, "base")
    schema.migrate(empty_url)
    command.check(config)


def test_migrations_are_numbered_and_have_one_head() -> None:
    scripts = ScriptDirectory.from_config(schema.configuration())
    assert len(scripts.get_heads()) == 1
    for script in scripts.walk_revisions():
        assert re.fullmatch(r"\d{4}", script.revision)
        assert Path(script.path).name.startswith(script.revision)


async def test_an_old_schema_is_refused_with_the_command_that_helps(tmp_path: Path) -> None:
    db = Database.open(f"sqlite:///{tmp_path / 'old.db'}")
    with pytest.raises(schema.OldSchema, match="doorman migrate"):
        await schema.require_current(db)
    await db.close()
