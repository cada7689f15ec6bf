"""Migrations: numbered, one head, equal to the tables, and reversible on both databases."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import asyncpg
import pytest
import sqlalchemy as sa
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


def test_what_waited_before_the_upgrade_still_waits_for_the_same(empty_url: str) -> None:
    """Until revision 0009 only the texts of waiting events and of the timeline said what the program looks for."""
    config = schema.configuration(empty_url)
    command.upgrade(config, "0008")
    asyncio.run(_write(empty_url, WAITING_BEFORE))
    schema.migrate(empty_url)
    assert asyncio.run(_read(empty_url, "SELECT waits_for FROM events ORDER BY id")) == ["panel", "call", None, None]
    assert asyncio.run(_read(empty_url, "SELECT code FROM timeline ORDER BY id")) == ["shown_active", None]


def test_evidence_of_before_the_model_is_still_shown(empty_url: str) -> None:
    """Until revision 0015 evidence was terms of rules; a text with the word itself stays as it is."""
    config = schema.configuration(empty_url)
    command.upgrade(config, "0015")
    asyncio.run(_write(empty_url, (SORTED_BY_RULES,)))
    schema.migrate(empty_url)
    [evidence] = asyncio.run(_read(empty_url, "SELECT CAST(evidence AS text) FROM tickets WHERE model = ''"))
    assert json.loads(evidence or "") == [{"text": 'say "term"', "where": "subject", "topic": "order", "weight": 4.0}]
    command.downgrade(config, "0015")
    [before] = asyncio.run(_read(empty_url, "SELECT CAST(evidence AS text) FROM tickets"))
    assert json.loads(before or "")[0]["term"] == 'say "term"'


async def _write(url: str, statements: Sequence[str]) -> None:
    db = Database.open(url)
    async with db.begin() as tx:
        for statement in statements:
            await tx.execute(sa.text(statement))
    await db.close()


async def _read(url: str, query: str) -> list[str | None]:
    db = Database.open(url)
    async with db.read() as connection:
        found = list((await connection.scalars(sa.text(query))).all())
    await db.close()
    return found


_AT = "'2026-01-01 00:00:00'"
_EVENT = (
    "INSERT INTO events (id, webhook_id, type, source, body, occurred_at, received_at, state, due_at, last_error) "
    f"VALUES ({{id}}, '{{id}}', 'order.created', 'webhook', '{{{{}}}}', {_AT}, {_AT}, '{{state}}', {_AT}, '{{error}}')"
)
WAITING_BEFORE = (
    _EVENT.format(id=1, state="received", error="waits until the panel can be reached again"),
    _EVENT.format(id=2, state="received", error="a call about this order is under way"),
    _EVENT.format(id=3, state="received", error="HTTP 500"),
    _EVENT.format(id=4, state="processed", error="waits until the panel can be reached again"),
    *(
        "INSERT INTO timeline (id, order_id, at, what, by) "
        f"VALUES ({number}, 7, {_AT}, 'the panel shows it {word}', 'panel')"
        for number, word in ((1, "Active"), (2, "Pending"))
    ),
)

_EVIDENCE = json.dumps([{"term": 'say "term"', "where": "subject", "topic": "order", "weight": 4.0}])
SORTED_BY_RULES = (
    "INSERT INTO tickets (ticket_id, opened_by, opened_at, state, topic, confidence, order_intent, minutes, "
    f"self_service, evidence) VALUES (1, 'customer', {_AT}, 'Open', 'order', 0.9, 'none', 20, TRUE, '{_EVIDENCE}')"
).replace(":", r"\:")


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
