"""Workers: concurrent handling, exceptions of handlers, taking over from dead workers, waking, stopping."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import uuid
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.core.records import CallState
from app.db import Database
from app.messaging import backlog, claims, inbox
from app.messaging import liveness as workers
from app.messaging.choosing import Places
from app.messaging.inbox import Event, GiveUp, Postpone, VersionMoved
from app.messaging.liveness import Beat, Watch
from app.messaging.lock import WorkerRunning, only_worker
from app.messaging.wake import Wake, Waker, wake_pipe
from app.messaging.worker import WorkerLimits
from app.panels.base import PanelTooBusy, PanelUnavailable
from app.tables.inbox import EventState, events
from app.tables.inbox import workers as workers_table
from tests.databases import Databases
from tests.messaging.outbox_support import (
    SETTLE,
    FakePanel,
    Time,
    accept,
    credit,
    handler_of,
    note,
    read,
    told,
    until,
    want,
    worker,
)

QUICK = WorkerLimits(poll=timedelta(seconds=0.05), heartbeat=timedelta(seconds=0.05), grace=timedelta(seconds=0.2))


@pytest.fixture
def time() -> Time:
    return Time()


async def add(db: Database, time: Time, **data: Any) -> None:
    async with db.begin() as tx:
        await inbox.add_internal(tx, type="order.created", data=data, now=time.now)


async def rows(db: Database) -> list[Any]:
    async with db.read() as connection:
        return list(await connection.execute(sa.select(events).order_by(events.c.id)))


def raising(*errors: Exception, then: Any):
    """Return a handler that raises these exceptions in turn, and then succeeds."""
    left = list(errors)

    async def handle(event: Event) -> None:
        if left:
            raise left.pop(0)
        await then(event)

    return handle


# --- handling -----------------------------------------------------------------------------------------------------


async def test_events_and_the_calls_that_come_of_them_are_worked_off(db: Database, time: Time) -> None:
    panel, seen = FakePanel(time), []
    finish = handler_of(db, time, seen)

    async def handle(event: Event) -> None:
        if event.type == "order.created":
            await want(db, accept(event.data["order_id"]), f"order:{event.data['order_id']}:accept", time)
        await finish(event)

    for n in range(1, 41):
        await add(db, time, order_id=n)
    await worker(db, time, panel, handle).drain()

    assert {row.state for row in await rows(db)} == {"processed"}
    assert sorted(event.type for event in seen) == ["order.created"] * 40 + ["panel_call.settled"] * 40
    assert len(panel.performed) == 40


async def test_two_events_of_one_order_are_never_handled_at_once(db: Database, time: Time) -> None:
    at_once: dict[Any, int] = {}
    most: dict[Any, int] = {}
    finish = handler_of(db, time)

    async def handle(event: Event) -> None:
        at_once[event.key] = at_once.get(event.key, 0) + 1
        most[event.key] = max(most.get(event.key, 0), at_once[event.key])
        await asyncio.sleep(0.002)
        await finish(event)
        at_once[event.key] -= 1

    for n in range(30):
        await add(db, time, order_id=n % 3 + 1)
    running = worker(db, time, FakePanel(time), handle, limits=QUICK)
    task = asyncio.create_task(running.run())

    async def finished() -> bool:
        return {row.state for row in await rows(db)} == {"processed"}

    await until(finished)
    running.stop()
    await task
    assert most == {("order", 1): 1, ("order", 2): 1, ("order", 3): 1}


async def test_one_customers_pile_delays_nobody_and_the_gate_waits_for_no_place(db: Database, time: Time) -> None:
    """All places are taken by events of one customer, which stand still; then others' come, and an urgent one."""
    seen: list[int | None] = []
    go_on = asyncio.Semaphore(0)
    finish = handler_of(db, time)

    async def handle(event: Event) -> None:
        seen.append(event.order_id)
        if not event.urgent:
            await go_on.acquire()
        await finish(event)

    for n in range(1, 31):
        await add(db, time, order_id=n, customer_id=7)
    limits = replace(QUICK, events=4, urgent=1)
    running = worker(db, time, FakePanel(time), handle, limits=limits)
    task = asyncio.create_task(running.run())

    async def shown(*order_ids: int) -> None:
        await until(lambda: _true(seen[-len(order_ids) :] == list(order_ids)))

    await shown(1, 2, 3, 4)
    for n in (41, 42):
        await add(db, time, order_id=n, customer_id=n)
    async with db.begin() as tx:
        await inbox.add_internal(tx, type="order.created", data={"order_id": 51}, now=time.now, urgent=True)
    await shown(51)
    for expected in (41, 42, 5):
        go_on.release()
        await shown(expected)
    for _ in range(40):
        go_on.release()
    await until(lambda: _all_processed(db))
    running.stop()
    await task


async def _true(value: bool) -> bool:
    return value


async def _all_processed(db: Database) -> bool:
    return {row.state for row in await rows(db)} == {"processed"}


async def test_a_faulty_event_is_tried_after_each_delay_then_fails_and_blocks_nobody(db: Database, time: Time) -> None:
    finish = handler_of(db, time)
    tried: list[float] = []
    start = time.now

    async def handle(event: Event) -> None:
        if event.data.get("order_id") == 1:
            tried.append((time.now - start).total_seconds())
            raise ZeroDivisionError("a customer's own words")
        await finish(event)

    await add(db, time, order_id=1)
    await add(db, time, order_id=2)
    working = worker(db, time, FakePanel(time), handle)
    for _ in range(100):
        await working.drain()
        time.advance(0.5)

    bad, good = await rows(db)
    assert tried == [0, 1, 6, 36]
    assert (bad.state, bad.result, bad.attempts) == ("failed", "handling-failed", 4)
    assert bad.last_error.startswith(f"ZeroDivisionError at {Path(__file__).name}:")
    assert good.state == "processed"


async def test_the_panel_being_away_is_a_reason_to_wait(db: Database, time: Time) -> None:
    handle = raising(PanelUnavailable("refused", retry_after=9), then=handler_of(db, time))
    await add(db, time, order_id=1)
    working = worker(db, time, FakePanel(time), handle)
    await working.drain()
    (event,) = await rows(db)
    assert (event.state, event.due_at, event.last_error) == ("received", time.now + timedelta(seconds=9), "refused")

    time.advance(9)
    await working.drain()
    assert (await rows(db))[0].state == "processed"


async def test_a_panel_that_is_too_busy_is_asked_again_later_however_often(db: Database, time: Time) -> None:
    await add(db, time, order_id=1)
    busy = [PanelTooBusy("429", retry_after=20) for _ in range(30)]
    handle = raising(*busy, then=handler_of(db, time))
    for _ in busy:
        await worker(db, time, FakePanel(time), handle).drain()
        (row,) = await rows(db)
        assert (row.state, row.attempts, row.due_at) == ("received", 0, time.now + timedelta(seconds=20))
        time.advance(20)
    await worker(db, time, FakePanel(time), handle).drain()
    assert [row.state for row in await rows(db)] == ["processed"]


async def test_postpone_counts_only_if_it_says_so(db: Database, time: Time) -> None:
    later = time.now + timedelta(seconds=30)
    handle = raising(
        Postpone("hook fires before the change", delay=timedelta(seconds=30)),
        Postpone("not listed yet", due_at=later + timedelta(seconds=5), counted=True),
        then=handler_of(db, time),
    )
    await add(db, time, order_id=1)
    working = worker(db, time, FakePanel(time), handle)
    await working.drain()
    (event,) = await rows(db)
    assert (event.attempts, event.due_at) == (0, later)
    time.advance(30)
    await working.drain()
    (event,) = await rows(db)
    assert (event.attempts, event.due_at) == (1, later + timedelta(seconds=5))


async def test_counted_postpones_end(db: Database, time: Time) -> None:
    handle = raising(*[Postpone("not listed", delay=timedelta(seconds=1), counted=True)] * 9, then=handler_of(db, time))
    await add(db, time, order_id=1)
    working = worker(db, time, FakePanel(time), handle)
    for _ in range(9):
        await working.drain()
        time.advance(1)
    (event,) = await rows(db)
    assert (event.state, event.result, event.attempts) == ("failed", "out-of-attempts", 4)


async def test_giving_up_fails_at_once(db: Database, time: Time) -> None:
    handle = raising(GiveUp("order-not-found", "five tries"), then=handler_of(db, time))
    await add(db, time, order_id=1)
    await worker(db, time, FakePanel(time), handle).drain()
    (event,) = await rows(db)
    assert (event.state, event.result, event.last_error) == ("failed", "order-not-found", "five tries")


async def test_a_version_that_moved_is_asked_again_at_once_but_not_for_ever(db: Database, time: Time) -> None:
    handle = raising(*[VersionMoved()] * 4, then=handler_of(db, time))
    await add(db, time, order_id=1)
    await worker(db, time, FakePanel(time), handle).drain()
    assert (await rows(db))[0].state == "processed"

    handle = raising(*[VersionMoved()] * 5, then=handler_of(db, time))
    await add(db, time, order_id=2)
    await worker(db, time, FakePanel(time), handle).drain()
    event = (await rows(db))[1]
    assert (event.state, event.due_at) == ("received", time.now + timedelta(seconds=1))


async def test_a_handler_that_hangs_is_stopped(db: Database, time: Time) -> None:
    async def hang(event: Event) -> None:
        await asyncio.Event().wait()

    await add(db, time, order_id=1)
    limits = WorkerLimits(handling=timedelta(milliseconds=20))
    await worker(db, time, FakePanel(time), hang, limits=limits).run_once()
    (event,) = await rows(db)
    assert (event.state, event.last_error.split()[0]) == ("received", "TimeoutError")


async def test_an_event_that_its_handler_forgot_comes_back(db: Database, time: Time) -> None:
    forgot = []

    async def forget(event: Event) -> None:
        forgot.append(event.id)

    await add(db, time, order_id=1)
    working = worker(db, time, FakePanel(time), forget)
    for _ in range(8):
        await working.drain()
        time.advance(60)
    assert len(forgot) == 5
    assert (await rows(db))[0].result == "kills-its-worker"


async def test_without_a_panel_everything_waits_and_the_heart_beats(db: Database, time: Time) -> None:
    await add(db, time, order_id=1)
    await want(db, note(), "note:1", time)
    working = worker(db, time, None, limits=QUICK)
    task = asyncio.create_task(working.run())

    async def registered() -> bool:
        return bool(await workers.heartbeats(db))

    await until(registered)
    time.advance(3)

    async def beating() -> bool:
        return {last.at for last in (await workers.heartbeats(db)).values()} == {time.now}

    await until(beating)
    working.stop()
    await task
    (event,) = await rows(db)
    assert (event.state, event.attempts) == ("received", 0)


# --- dying and taking over ----------------------------------------------------------------------------------------


async def leave_work_behind(db: Database, time: Time) -> tuple[uuid.UUID, uuid.UUID, uuid.UUID]:
    """Run a worker that claims an event, is sending a credit and a note, and dies."""
    dead = await workers.register(db, now=time.now)
    money = await want(db, credit(), "credit:1", time)
    courtesy = await want(db, note(), "note:1", time)
    waiting = await want(db, accept(), "order:42:accept", time)
    await add(db, time, order_id=1)
    await inbox.claim(db, dead, Places(ordinary=1), now=time.now)
    for call in await claims.claim(db, dead, limit=8, now=time.now):
        if call.id in {money, courtesy}:
            await claims.start_sending(db, call, now=time.now)
    return money, courtesy, waiting


async def test_what_a_dead_worker_had_is_taken_over(db: Database, time: Time) -> None:
    money, courtesy, waiting = await leave_work_behind(db, time)
    panel = FakePanel(time)
    working = worker(db, time, panel)
    for _ in range(10):
        await working.drain()
        assert panel.performed == []
        time.advance(1)
    await working.drain()

    assert (await read(db, waiting)).state is CallState.DONE
    lost = await read(db, money)
    assert (lost.state, lost.applies_until) == (CallState.UNKNOWN, time.now + SETTLE)
    guess = await read(db, courtesy)
    assert (guess.state, guess.uncertain) == (CallState.DONE, True)
    assert (str(courtesy), "done") in await told(db)
    assert (await rows(db))[0].state == "processed"

    while (await read(db, money)).state is not CallState.DONE:
        time.advance(5)
        await working.drain()
    assert time.now >= lost.applies_until
    assert panel.effects(credit()) == 1
    assert panel.effects(note()) == 0


async def test_a_worker_that_must_be_alone_takes_over_at_once(db: Database, time: Time) -> None:
    money, _, waiting = await leave_work_behind(db, time)
    await worker(db, time, FakePanel(time), alone=True).drain()
    assert (await read(db, waiting)).state is CallState.DONE
    assert (await read(db, money)).state is CallState.UNKNOWN


async def test_one_that_is_only_late_is_left_alone(db: Database, time: Time) -> None:
    other = await workers.register(db, now=time.now)
    seen = (await workers.heartbeats(db))[other].at
    time.advance(9)
    assert await workers.beat(db, other, progress_at=time.now, now=time.now)
    assert not await workers.take_over(db, other, seen, settle=SETTLE, now=time.now)
    assert await workers.take_over(db, other, time.now, settle=SETTLE, now=time.now)
    assert not await workers.beat(db, other, progress_at=time.now, now=time.now)


def test_silence_counts_only_while_somebody_listens() -> None:
    watch, one = Watch(every=timedelta(seconds=1), dead_after=timedelta(seconds=10)), uuid.uuid4()
    last = Beat(at=Time().now, panel="closed")
    assert watch.dead({one: last}, at=0) == {}
    assert watch.dead({one: last}, at=3600) == {}  # we stood still, or the database did
    for second in range(3601, 3609):
        dead = watch.dead({one: last}, at=second)
    assert dead == {one: last}
    earlier = Beat(at=last.at - timedelta(hours=2), panel="closed")
    assert watch.dead({one: earlier}, at=3610) == {}  # its heartbeats arrive, whatever its clock says


async def test_a_worker_taken_for_dead_goes_on_under_a_new_name_and_does_no_harm(db: Database, time: Time) -> None:
    panel = FakePanel(time)
    panel.hold = asyncio.Event()
    call_id = await want(db, credit(), "credit:1", time)
    frozen = worker(db, time, panel, limits=QUICK)
    task = asyncio.create_task(frozen.run())

    async def on_the_wire() -> bool:
        return bool(panel.performed)

    await until(on_the_wire)
    async with db.read() as connection:
        owner = await connection.scalar(sa.select(workers_table.c.id))
    async with db.begin() as tx:
        await tx.execute(sa.update(workers_table).values(stopped_at=time.now))
        await claims.release(tx, sa.true(), settle_for=SETTLE, now=time.now)
    panel.hold.set()

    async def settled() -> bool:
        return (await read(db, call_id)).state is CallState.DONE

    async def renamed() -> bool:
        return set(await workers.heartbeats(db)) not in (set(), {owner})

    await until(renamed)
    await until(settled)
    frozen.stop()
    await task
    assert len(panel.performed) == 1
    assert panel.effects(credit()) == 1


async def test_stopping_lets_go_of_everything(db: Database, time: Time) -> None:
    panel = FakePanel(time)
    panel.hold = asyncio.Event()
    call_id = await want(db, credit(), "credit:1", time)
    waits = asyncio.Event()

    async def hang(event: Event) -> None:
        waits.set()
        await asyncio.Event().wait()

    await add(db, time, order_id=1)
    working = worker(db, time, panel, hang, limits=QUICK)
    task = asyncio.create_task(working.run())
    await waits.wait()

    async def on_the_wire() -> bool:
        return bool(panel.performed)

    await until(on_the_wire)
    working.stop()
    await task

    (event,) = await rows(db)
    assert (event.state, event.owner, event.attempts, event.last_error) == ("received", None, 0, None)
    left = await read(db, call_id)
    assert (left.state, left.owner) == (CallState.UNKNOWN, None)
    assert await workers.heartbeats(db) == {}


async def test_a_database_that_is_away_for_a_moment_stops_nothing(db: Database, time: Time) -> None:
    panel = FakePanel(time)

    class Flaky(Database):
        """A database whose first writes fail."""

        failures = 6

        def begin(self):
            if Flaky.failures:
                Flaky.failures -= 1
                raise OSError("connection refused")
            return Database.begin(db)

    await add(db, time, order_id=1)
    call_id = await want(db, credit(), "credit:1", time)
    flaky = Flaky(db.url, db.reader, db.writer)
    working = worker(flaky, time, panel, handler_of(db, time), limits=QUICK)
    task = asyncio.create_task(working.run())

    async def settled() -> bool:
        time.advance(0.5)
        return (await read(db, call_id)).state is CallState.DONE and (await rows(db))[0].state == "processed"

    await until(settled)
    working.stop()
    await task
    assert panel.effects(credit()) == 1


@pytest.mark.parametrize("commit", [1, 2, 3, 4])
async def test_a_commit_that_fails_on_the_way_costs_time_and_nothing_else(
    db: Database, time: Time, commit: int
) -> None:
    """Register, claim, start sending, settle: whichever commit is lost, there is exactly one effect."""
    panel = FakePanel(time)
    call_id = await want(db, credit(), "credit:1", time)
    count = 0

    class Flaky(Database):
        """A database that loses one commit."""

        def begin(self):
            nonlocal count
            count += 1
            if count == commit + 2:  # after registering and the first sweep
                raise OSError("connection reset")
            return Database.begin(db)

    working = worker(Flaky(db.url, db.reader, db.writer), time, panel, handler_of(db, time))
    for _ in range(80):
        with suppress(OSError):
            await working.drain()
        time.advance(5)

    assert (await read(db, call_id)).state is CallState.DONE
    assert panel.effects(credit()) == 1


# --- waking and locking -------------------------------------------------------------------------------------------


async def test_the_pipe_wakes_and_its_end_ends_the_worker(databases: Databases, time: Time) -> None:
    async with databases.opened("sqlite") as db:
        reading, writing = wake_pipe()
        waker, seen = Waker(writing), []
        limits = WorkerLimits(poll=timedelta(seconds=60))
        working = worker(db, time, FakePanel(time), handler_of(db, time, seen), wake=Wake(reading), limits=limits)
        task = asyncio.create_task(working.run())

        async def registered() -> bool:
            return bool(await workers.heartbeats(db))

        await until(registered)
        await add(db, time, order_id=1)
        for _ in range(100_000):  # far more than a pipe holds: never blocks
            waker.notify()

        async def handled() -> bool:
            return bool(seen)

        await until(handled)
        os.close(writing)
        await asyncio.wait_for(task, 10)
        assert await workers.heartbeats(db) == {}


def test_notifying_a_closed_pipe_does_no_harm() -> None:
    reading, writing = wake_pipe()
    os.close(reading)
    Waker(writing).notify()
    os.close(writing)


async def test_a_second_worker_on_a_sqlite_file_is_refused(tmp_path: Path) -> None:
    db = Database.open(f"sqlite:///{tmp_path / 'doorman.db'}")
    program = (
        "import sys; from app.db import Database; from app.messaging.lock import only_worker\n"
        "with only_worker(Database.open(sys.argv[1])): print('locked', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, f"sqlite:///{tmp_path / 'doorman.db'}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(WorkerRunning, match=rf"process {other.pid}\).*--no-worker"), only_worker(db):
            pass
        other.kill()
    with only_worker(db) as alone:
        assert alone
    with only_worker(db) as alone:
        assert alone
    await db.close()


async def test_postgres_takes_any_number_of_workers() -> None:
    db = Database.open("postgresql://postgres@127.0.0.1/none")
    with only_worker(db) as first, only_worker(db) as second:
        assert (first, second) == (False, False)


async def test_an_event_that_ends_elsewhere_is_not_finished_twice(db: Database, time: Time) -> None:
    """The handler's unit of work is rolled back if its claim was lost meanwhile."""
    finish = handler_of(db, time)

    async def handle(event: Event) -> None:
        async with db.begin() as tx:
            await backlog.release(tx, events.c.id == event.id, died=True, now=time.now)
        async with db.begin() as tx:
            await inbox.add_internal(tx, type="effect", data={}, now=time.now)
            await inbox.finish(tx, event, state=EventState.PROCESSED, result=None, now=time.now)

    await add(db, time, order_id=1)
    await worker(db, time, FakePanel(time), handle).run_once()
    await worker(db, time, FakePanel(time), finish).drain()

    assert [(row.type, row.state) for row in await rows(db)] == [("order.created", "processed")]
