"""A clock that jumps ahead and is corrected: work scheduled meanwhile runs by the corrected clock."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app.db import Database
from app.messaging import clock_jumps, inbox
from app.messaging.inbox import Event, Postpone
from app.tables.inbox import events
from app.tables.outbox import panel_calls
from tests.messaging.outbox_support import SETTLE, FakePanel, Time, accept, credit, handler_of, read, want, worker

DAY = timedelta(days=1)


@pytest.fixture
def time() -> Time:
    return Time()


def jump(time: Time, by: timedelta) -> None:
    """Move the wall clock alone."""
    time.now += by


async def schedule(db: Database, time: Time, delay: float, name: str = "timer") -> None:
    async with db.begin() as tx:
        due_at = time.now + timedelta(seconds=delay)
        await inbox.add_internal(tx, type="timer", data={"order_id": 1}, now=time.now, due_at=due_at, name=name)


@pytest.mark.parametrize("restarted", [False, True])
async def test_an_event_of_a_jump_comes_after_its_delay(db: Database, time: Time, restarted: bool) -> None:
    seen: list[Event] = []
    working = worker(db, time, FakePanel(time), handler_of(db, time, seen))
    await working.drain()
    jump(time, DAY)
    await schedule(db, time, 60)
    await working.drain()
    jump(time, -DAY)
    if restarted:  # no process remembers the jump
        await working.release()
        working = worker(db, time, FakePanel(time), handler_of(db, time, seen))

    await working.drain()
    time.advance(59)
    await working.drain()
    assert seen == []
    time.advance(2)
    await working.drain()
    assert len(seen) == 1
    assert seen[0].received_at <= time.now


async def test_an_attempt_of_a_jump_is_made_again_after_its_delay(db: Database, time: Time) -> None:
    seen: list[Event] = []
    finish = handler_of(db, time, seen)
    postponed: list[bool] = []

    async def handle(event: Event) -> None:
        if not postponed:
            postponed.append(True)
            raise Postpone("not yet", delay=timedelta(seconds=30))
        await finish(event)

    await schedule(db, time, 0)
    working = worker(db, time, FakePanel(time), handle)
    jump(time, DAY)
    await working.drain()
    assert postponed
    jump(time, -DAY)
    await working.drain()
    time.advance(31)
    await working.drain()
    assert len(seen) == 1


async def test_a_long_delay_stays_what_it_was_and_others_are_left_alone(db: Database, time: Time) -> None:
    await schedule(db, time, 9 * 86_400, "before")
    begun = time.now
    jump(time, DAY)
    await schedule(db, time, 7 * 86_400, "meanwhile")
    jump(time, -DAY)
    for _ in range(3):
        await clock_jumps.correct(db, settle=SETTLE, now=time.now)
        time.advance(60)

    async with db.read() as connection:
        due = list(await connection.scalars(sa.select(events.c.due_at).order_by(events.c.id)))
    assert due == [begun + timedelta(days=9), begun + timedelta(days=7)]


async def test_what_another_host_wrote_by_a_clock_ahead_is_found_within_a_minute(db: Database, time: Time) -> None:
    seen: list[Event] = []
    working = worker(db, time, FakePanel(time), handler_of(db, time, seen))
    await working.drain()
    jump(time, DAY)
    await schedule(db, time, 0)
    jump(time, -DAY)
    await working.drain()
    assert seen == []
    time.advance(60)
    await working.drain()
    assert len(seen) == 1


async def test_clocks_that_differ_a_little_move_nothing(db: Database, time: Time) -> None:
    jump(time, timedelta(seconds=3))
    await schedule(db, time, 60)
    jump(time, timedelta(seconds=-3))
    assert await clock_jumps.correct(db, settle=SETTLE, now=time.now) == 0


async def test_calls_of_a_jump_go_out_after_their_delay_and_in_their_order(db: Database, time: Time) -> None:
    panel = FakePanel(time)
    working = worker(db, time, panel, handler_of(db, time))
    await working.drain()
    jump(time, DAY)
    first = await want(db, accept(), "order:42:accept", time, due_at=time.now + timedelta(seconds=30))
    await working.drain()
    jump(time, -DAY)
    await working.drain()
    second = await want(db, credit(), "credit:1", time)
    await working.drain()
    assert (await read(db, first)).state == "pending"
    assert (await read(db, second)).state == "done"
    time.advance(31)
    await working.drain()
    assert (await read(db, first)).state == "done"
    async with db.read() as connection:
        sequence: dict[Any, int] = {
            row.id: row.seq for row in await connection.execute(sa.select(panel_calls.c.id, panel_calls.c.seq))
        }
    assert sequence[first] <= int(time.now.timestamp() * 1_000_000)


async def test_an_attempt_without_an_answer_is_settled_by_the_corrected_clock(db: Database, time: Time) -> None:
    panel = FakePanel(time, ("never",))
    working = worker(db, time, panel, handler_of(db, time))
    jump(time, DAY)
    call = await want(db, credit(), "credit:1", time)
    await working.run_once()
    assert (await read(db, call)).state == "unknown"
    jump(time, -DAY)
    await working.drain()
    time.advance(SETTLE - timedelta(seconds=5))
    await working.drain()
    assert len(panel.performed) == 1, "it may take effect still"
    for _ in range(20):
        time.advance(30)
        await working.drain()
    assert panel.effects(credit()) == 1
    assert (await read(db, call)).state == "done"
