"""Group commit: nothing is answered before it is on disk, and a bad row affects no other."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app.core.webhooks import ParsedEvent
from app.db import Database, sqlite_connection
from app.messaging.intake.batch import Arrival
from app.messaging.intake.group_commit import Intake, IntakeUnavailable
from app.tables.inbox import events
from tests.faults import locked

NOW = datetime(2026, 1, 31, 12, 0, 0, 5, tzinfo=UTC)


def arrival(
    webhook_id: str, *, known: bool = True, order_id: int | None = 7, body: Any = b'{"x": "\xf0\x9f\x8e\x89"}'
) -> Arrival:
    data = {} if order_id is None else {"order_id": order_id, "customer_id": 3}
    event = ParsedEvent(
        "order.created", NOW - timedelta(hours=1), known=known, data=data, actor={}
    )  # fmt: skip
    return Arrival(webhook_id, body, event, NOW)


@asynccontextmanager
async def running(db: Database, wake: Callable[[], None] = lambda: None, **options: Any) -> AsyncIterator[Intake]:
    intake = Intake(db, wake=wake, **options)
    intake.start()
    try:
        yield intake
    finally:
        await intake.aclose()


async def stored(db: Database) -> list[sa.Row[Any]]:
    async with db.read() as connection:
        return list(await connection.execute(sa.select(events).order_by(events.c.webhook_id)))


async def test_an_event_is_stored_as_it_came(db: Database) -> None:
    async with running(db) as intake:
        assert await intake.record(arrival("msg_1")) is False
        [row] = await stored(db)
    assert row._asdict() | {"id": None} == {
        "id": None,
        "webhook_id": "msg_1",
        "type": "order.created",
        "source": "webhook",
        "body": b'{"x": "\xf0\x9f\x8e\x89"}',
        "order_id": 7,
        "customer_id": 3,
        "occurred_at": NOW - timedelta(hours=1),
        "received_at": NOW,
        "state": "received",
        "attempts": 0,
        "deaths": 0,
        "reads_failed_at": None,
        "waits_for": None,
        "due_at": NOW,
        "urgent": False,
        "owner": None,
        "claimed_at": None,
        "finished_at": None,
        "result": None,
        "last_error": None,
    }


async def test_an_unknown_type_is_stored_as_ignored_and_wakes_nobody(db: Database) -> None:
    woken: list[str] = []
    async with running(db, wake=lambda: woken.append("woken")) as intake:
        await intake.record(arrival("msg_1", known=False, order_id=None))
        [row] = await stored(db)
        assert (row.state, row.result, row.finished_at, row.order_id) == ("ignored", "unknown-type", NOW, None)
        assert not woken
        await intake.record(arrival("msg_2"))
        await intake.record(arrival("msg_2"))
    assert woken == ["woken"]


async def test_a_repeat_is_told_and_changes_nothing(db: Database) -> None:
    async with running(db) as intake:
        assert await intake.record(arrival("msg_1")) is False
        assert await intake.record(arrival("msg_1", order_id=99)) is True
    async with running(db) as intake:
        assert await intake.record(arrival("msg_1")) is True
    assert [row.order_id for row in await stored(db)] == [7]


async def test_of_repeats_at_the_same_moment_exactly_one_is_new(db: Database) -> None:
    async with running(db) as intake:
        await intake.record(arrival("msg_3"))
        answers = await asyncio.gather(*(intake.record(arrival(f"msg_{n % 10}")) for n in range(200)))
    assert answers.count(False) == 9
    assert answers[:10] == [n == 3 for n in range(10)]
    assert [row.webhook_id for row in await stored(db)] == [f"msg_{n}" for n in range(10)]


async def test_what_waits_together_is_committed_together(db: Database) -> None:
    async with running(db) as intake:
        sizes = watch(intake)
        await asyncio.gather(*(intake.record(arrival(f"msg_{n}")) for n in range(100)))
    assert sum(sizes) == 100
    assert len(sizes) <= 3


async def test_a_bad_row_fails_alone(db: Database) -> None:
    bad: Any = "not bytes" if not db.is_sqlite else {"not": "storable"}
    async with running(db) as intake:
        answers = await asyncio.gather(
            intake.record(arrival("msg_1")),
            intake.record(arrival("msg_2", body=bad)),
            intake.record(arrival("msg_3", order_id=2**70)),
            intake.record(arrival("msg_4")),
            return_exceptions=True,
        )
        assert answers[0] is answers[3] is False
        assert [type(answer) for answer in answers[1:3]] == [IntakeUnavailable, IntakeUnavailable]
        assert await intake.record(arrival("msg_5")) is False
    assert [row.webhook_id for row in await stored(db)] == ["msg_1", "msg_4", "msg_5"]


async def test_whoever_gives_up_hurts_nobody(db: Database) -> None:
    async with running(db) as intake:
        asked = [asyncio.create_task(intake.record(arrival(f"msg_{n}"))) for n in range(20)]
        await asyncio.sleep(0)
        for task in asked[::2]:
            task.cancel()
        answers = await asyncio.gather(*asked, return_exceptions=True)
    assert answers[1::2] == [False] * 10
    assert all(isinstance(answer, asyncio.CancelledError) for answer in answers[::2])


async def test_closing_writes_what_waits_and_takes_nothing_more(db: Database) -> None:
    intake = Intake(db, wake=lambda: None)
    with pytest.raises(IntakeUnavailable):
        await intake.record(arrival("early"))
    intake.start()
    asked = [asyncio.create_task(intake.record(arrival(f"msg_{n}"))) for n in range(20)]
    await asyncio.sleep(0)
    await intake.aclose()
    assert await asyncio.gather(*asked) == [False] * 20
    with pytest.raises(IntakeUnavailable):
        await intake.record(arrival("late"))
    assert len(await stored(db)) == 20


async def test_a_full_queue_refuses(db: Database) -> None:
    async with running(db, max_waiting=5) as intake:
        answers = await asyncio.gather(*(intake.record(arrival(f"msg_{n}")) for n in range(8)), return_exceptions=True)
        assert answers[:5] == [False] * 5
        assert all(isinstance(answer, IntakeUnavailable) for answer in answers[5:])
        assert await intake.record(arrival("after")) is False


async def test_a_wake_up_that_fails_changes_nothing(db: Database) -> None:
    def broken() -> None:
        raise OSError("pipe is gone")

    async with running(db, wake=broken) as intake:
        assert await intake.record(arrival("msg_1")) is False
        assert await intake.record(arrival("msg_2")) is False


async def test_a_missing_table_refuses_until_it_is_there(db: Database) -> None:
    async with running(db) as intake:
        async with db.begin() as tx:
            await tx.execute(sa.text("ALTER TABLE events RENAME TO away"))
        with pytest.raises(IntakeUnavailable):
            await intake.record(arrival("msg_1"))
        async with db.begin() as tx:
            await tx.execute(sa.text("ALTER TABLE away RENAME TO events"))
        assert await intake.record(arrival("msg_1")) is False


async def test_what_was_refused_before_its_turn_is_not_written(db: Database) -> None:
    """A long lock does not pile up work: the writer waits with the first row, the others leave the queue unwritten."""
    async with running(db, patience=timedelta(seconds=14), answer=timedelta(seconds=1)) as intake:
        await stored_at_last(intake, arrival("msg_0"))
        async with locked(db):
            with pytest.raises(IntakeUnavailable):
                await intake.record(arrival("msg_1"))
            asked = (intake.record(arrival(f"msg_{n}")) for n in range(2, 6))
            answers = await asyncio.gather(*asked, return_exceptions=True)
            assert [type(answer) for answer in answers] == [IntakeUnavailable] * 4
        await stored_at_last(intake, arrival("msg_6"))
    assert [row.webhook_id for row in await stored(db)] == ["msg_0", "msg_1", "msg_6"]


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_locked_sqlite_file_refuses_and_the_writer_goes_on(db: Database) -> None:
    other = sqlite_connection(str(db.url.database))
    async with running(db, patience=timedelta(milliseconds=50)) as intake:
        await intake.record(arrival("msg_1"))
        other.execute("BEGIN IMMEDIATE")
        answers = await asyncio.gather(
            *(intake.record(arrival(f"msg_{n}")) for n in range(2, 30)), return_exceptions=True
        )
        assert all(isinstance(answer, IntakeUnavailable) for answer in answers)
        other.execute("ROLLBACK")
        assert await intake.record(arrival("msg_2")) is False
    other.close()
    assert [row.webhook_id for row in await stored(db)] == ["msg_1", "msg_2"]


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_file_locked_for_a_moment_is_waited_for(db: Database) -> None:
    other = sqlite_connection(str(db.url.database))
    async with running(db) as intake:
        other.execute("BEGIN IMMEDIATE")
        asked = asyncio.create_task(intake.record(arrival("msg_1")))
        await asyncio.sleep(0.1)
        assert not asked.done()
        other.execute("COMMIT")
        assert await asked is False
    other.close()


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_times_on_sqlite_sort_with_those_of_the_engines(db: Database) -> None:
    async with running(db) as intake:
        await intake.record(arrival("msg_1"))
    async with db.read() as connection:
        due = sa.select(events.c.id).where(events.c.due_at <= NOW, events.c.due_at > NOW - timedelta(microseconds=1))
        assert len((await connection.execute(due)).all()) == 1
    with sqlite3.connect(str(db.url.database)) as plain:
        assert plain.execute("SELECT received_at FROM events").fetchall() == [("2026-01-31T12:00:00.000005+00:00",)]
    plain.close()


@pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)
async def test_a_cut_connection_is_replaced_unnoticed(db: Database) -> None:
    cut = sa.text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    async with running(db) as intake:
        await intake.record(arrival("msg_1"))
        async with db.read() as connection:
            await connection.execute(cut)
        assert await intake.record(arrival("msg_1")) is True
        assert await intake.record(arrival("msg_2")) is False


@pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)
async def test_replicas_that_take_the_same_events_do_not_block_each_other(db: Database) -> None:
    ids = [f"msg_{n}" for n in range(100)]
    async with running(db) as one, running(db) as other:
        answers = await asyncio.gather(
            *(one.record(arrival(id_)) for id_ in ids), *(other.record(arrival(id_)) for id_ in reversed(ids))
        )
    assert answers.count(False) == 100


async def stored_at_last(intake: Intake, one: Arrival) -> None:
    """Send it again until it is stored, as the panel does."""
    while True:
        try:
            await intake.record(one)
        except IntakeUnavailable:
            continue
        return


def watch(intake: Intake) -> list[int]:
    """Return a list that grows by the size of each batch."""
    sizes: list[int] = []
    writer = intake._writer
    write = writer.write

    async def noted(batch: Sequence[Arrival]) -> Collection[str]:
        sizes.append(len(batch))
        return await write(batch)

    writer.write = noted  # type: ignore[method-assign]
    return sizes
