"""The worker's brakes: a rate limit before each claim, no calls while the panel is down, all work resumes after."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app.core.actions import PanelAction
from app.core.records import CallState
from app.db import Database
from app.messaging import claims as outbox_claims
from app.messaging import inbox
from app.messaging import worker as workers
from app.messaging.choosing import Places
from app.messaging.inbox import WAITS_FOR_PANEL, Event
from app.messaging.liveness import beat, heartbeats, register, release_orphaned_claims, take_over
from app.messaging.sending import send
from app.messaging.worker import WorkerLimits
from app.panels.base import BeforeSend, LookUp
from app.panels.brakes.brakes import Brakes
from app.panels.brakes.breaker import UNREACHED_LIMIT, Breaker, BreakerState
from app.panels.brakes.limiter import RateLimiter
from app.tables.inbox import EventState, WaitsFor, events
from app.tables.inbox import workers as workers_table
from tests.databases import Databases
from tests.messaging.outbox_support import (
    RULES,
    FakePanel,
    Time,
    accept,
    credit,
    handler_of,
    note,
    read,
    until,
    want,
    worker,
)

QUICK = WorkerLimits(poll=timedelta(seconds=0.02), heartbeat=timedelta(seconds=0.02), grace=timedelta(seconds=0.2))


@pytest.fixture
def time() -> Time:
    return Time()


def brakes(rate: float = 10_000) -> Brakes:
    """A breaker whose probes never finish: tests open and close it manually."""

    async def never(seconds: float) -> None:
        await asyncio.Event().wait()

    return Brakes(limiter=RateLimiter(rate), breaker=Breaker(sleep=never))


def open_breaker(brakes: Brakes) -> None:
    for _ in range(UNREACHED_LIMIT):
        brakes.breaker.missed(began=brakes.breaker.now(), reached=False)


class GuardedPanel(FakePanel):
    """A panel behind a breaker, as in the adapter."""

    def __init__(self, time: Time, brakes: Brakes) -> None:
        super().__init__(time)
        self.brakes = brakes

    async def perform(self, action: PanelAction, *, before_send: BeforeSend | None = None) -> dict[str, Any]:
        self.brakes.breaker.check()
        return await super().perform(action, before_send=before_send)

    async def look_up(self, action: PanelAction) -> LookUp:
        self.brakes.breaker.check()
        return await super().look_up(action)

    async def handle_with(self, db: Database, event: Event) -> None:
        """Read the panel, then finish."""
        self.brakes.breaker.check()
        await handler_of(db, self.time)(event)


async def add(db: Database, time: Time, order_id: int, *, urgent: bool = False) -> None:
    async with db.begin() as tx:
        data = {"order_id": order_id}
        await inbox.add_internal(tx, type="order.created", data=data, now=time.now, urgent=urgent)


async def orders(db: Database) -> list[Any]:
    async with db.read() as connection:
        chosen = sa.select(events).where(events.c.type == "order.created").order_by(events.c.id)
        return list(await connection.execute(chosen))


# --- turns --------------------------------------------------------------------------------------------------------


async def test_a_call_is_claimed_only_with_a_turn_in_hand(db: Database, time: Time) -> None:
    panel = FakePanel(time)
    calls = [await want(db, note(n), f"note:{n}", time) for n in range(1, 5)]
    working = worker(db, time, panel, brakes=brakes(rate=1 / 3600), limits=QUICK)
    task = asyncio.create_task(working.run())

    async def one_done() -> bool:
        return [(await read(db, call)).state for call in calls].count(CallState.DONE) == 1

    await until(one_done)
    before = {each: last.at for each, last in (await heartbeats(db)).items()}
    time.advance(1)

    async def turned_again() -> bool:
        return all(last.at > before[each] for each, last in (await heartbeats(db)).items())

    await until(turned_again)
    left = [call for call in [await read(db, call) for call in calls] if call.state is not CallState.DONE]
    assert [(call.state, call.owner) for call in left] == [(CallState.PENDING, None)] * 3
    assert len(panel.performed) == 1
    working.stop()
    await task


async def test_the_turn_of_a_call_that_was_not_sent_goes_to_another(db: Database, time: Time) -> None:
    panel = FakePanel(time)
    await panel.perform(credit())  # it exists already: the look-up finds it, nothing is sent
    done = [await want(db, credit(), "credit:1", time), await want(db, note(), "note:1", time)]
    working = worker(db, time, panel, brakes=brakes(rate=1 / 3600), limits=QUICK)
    task = asyncio.create_task(working.run())

    async def both_done() -> bool:
        return all([(await read(db, call)).state is CallState.DONE for call in done])

    await until(both_done)
    assert panel.performed == [credit(), note()]
    working.stop()
    await task


async def test_with_turns_enough_everything_goes_out(db: Database, time: Time) -> None:
    panel = FakePanel(time)
    calls = [await want(db, credit(n, f"doorman:credit:{n}"), f"credit:{n}", time) for n in range(1, 31)]
    await worker(db, time, panel, brakes=brakes()).drain()
    assert {(await read(db, call)).state for call in calls} == {CallState.DONE}
    assert len(panel.performed) == 30


# --- the panel down -----------------------------------------------------------------------------------------------


async def test_an_outage_of_four_days_fails_nothing_and_ends_within_seconds(db: Database, time: Time) -> None:
    away = brakes()
    panel = GuardedPanel(time, away)

    async def handle(event: Event) -> None:
        await panel.handle_with(db, event)

    lost = await want(db, credit(8, "doorman:credit:8"), "credit:8", time)
    panel.script = ["never"]
    working = worker(db, time, panel, handle, brakes=away)
    await working.drain()  # this one is unknown when the outage begins
    for n in range(1, 6):
        await add(db, time, n)
    calls = [await want(db, credit(), "credit:1", time), await want(db, accept(), "order:42:accept", time)]
    open_breaker(away)
    looked = len(panel.looked)
    for _ in range(4 * 24):
        await working.drain()
        time.advance(3600)

    assert {(row.state, row.attempts, row.last_error) for row in await orders(db)} == {("received", 0, WAITS_FOR_PANEL)}
    assert [((await read(db, call)).state, (await read(db, call)).attempts) for call in calls] == [
        (CallState.PENDING, 0)
    ] * 2
    assert (await read(db, lost)).state is CallState.UNKNOWN
    assert len(panel.looked) == looked

    time.advance(1)
    away.breaker.answered()
    await working.drain()  # and no time passes
    assert {row.state for row in await orders(db)} == {"processed"}
    assert {(await read(db, call)).state for call in calls} == {CallState.DONE}
    assert panel.effects(credit()) == panel.effects(accept()) == panel.effects(credit(8, "doorman:credit:8")) == 1


async def test_the_panel_comes_back_while_an_event_is_being_put_off(db: Database, time: Time) -> None:
    away = brakes()
    panel = GuardedPanel(time, away)

    async def handle(event: Event) -> None:
        try:
            await panel.handle_with(db, event)
        finally:
            away.breaker.answered()

    working = worker(db, time, panel, handle, brakes=away)
    await working.drain()
    open_breaker(away)
    await add(db, time, 1)
    await working.drain()
    await working.drain()
    assert [row.state for row in await orders(db)] == ["processed"]


async def test_what_was_put_off_is_brought_forward_in_portions(
    db: Database, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_RESCHEDULED_AT_ONCE", 3)
    for n in range(1, 11):
        await add(db, time, n)
    later = time.now + timedelta(days=1)
    async with db.begin() as tx:
        await tx.execute(sa.update(events).values(due_at=later, waits_for=WaitsFor.PANEL))
        await tx.execute(
            sa.update(events).where(events.c.order_id == 10).values(waits_for=None, last_error="another reason")
        )
    await worker(db, time, FakePanel(time), brakes=brakes()).drain()  # a starting worker also reschedules it
    *rescheduled, other = await orders(db)
    assert {row.state for row in rescheduled} == {"processed"}
    assert (other.state, other.due_at) == ("received", later)


@pytest.mark.parametrize("when", ["look", "perform"])
async def test_a_call_that_meets_the_closed_door_counts_no_attempt(db: Database, time: Time, when: str) -> None:
    away = brakes()
    panel = GuardedPanel(time, away)
    action: PanelAction = credit() if when == "look" else note()
    call_id = await want(db, action, "key:1", time)
    owner = await register(db, now=time.now)
    (call,) = await outbox_claims.claim(db, owner, limit=1, now=time.now)
    open_breaker(away)
    unused: list[int] = []
    state = await send(
        db, panel, call, rules=RULES, clock=time.clock, monotonic=time.monotonic, unused=lambda: unused.append(1)
    )
    left = await read(db, call_id)
    assert (state, left.state, left.attempts, left.last_error, left.owner) == (
        CallState.PENDING, CallState.PENDING, 0, WAITS_FOR_PANEL, None,
    )  # fmt: skip
    assert left.due_at > time.now + timedelta(minutes=1)
    assert unused == [1]

    away.breaker.answered()
    await worker(db, time, panel, brakes=away).drain()
    assert (await read(db, call_id)).state is CallState.DONE


async def test_the_gate_is_told_at_once(db: Database, time: Time) -> None:
    away = brakes()
    panel = GuardedPanel(time, away)
    errors: list[str] = []

    async def handle(event: Event) -> None:
        try:
            await panel.handle_with(db, event)
        except Exception as error:
            errors.append(type(error).__name__)
            raise

    open_breaker(away)
    await add(db, time, 1, urgent=True)
    await worker(db, time, panel, handle, brakes=away).drain()
    assert errors == ["PanelDown"]


async def test_who_can_not_reach_the_panel_leaves_the_events_to_those_who_can(db: Database, time: Time) -> None:
    away = brakes()
    panel = GuardedPanel(time, away)

    async def handle(event: Event) -> None:
        await panel.handle_with(db, event)

    other = await register(db, now=time.now)
    await add(db, time, 1)
    open_breaker(away)
    cut_off = worker(db, time, panel, handle, brakes=away)
    await cut_off.drain()
    assert [(row.owner, row.last_error) for row in await orders(db)] == [(None, None)]

    assert await beat(db, other, progress_at=time.now, now=time.now, panel=BreakerState.OPEN)
    time.advance(1)
    await cut_off.drain()
    assert [row.last_error for row in await orders(db)] == [WAITS_FOR_PANEL]


async def test_the_state_is_shown_with_the_heartbeat(db: Database, time: Time) -> None:
    away = brakes()
    working = worker(db, time, FakePanel(time), brakes=away, limits=QUICK)
    task = asyncio.create_task(working.run())

    async def shows(state: str) -> bool:
        return [last.panel for last in (await heartbeats(db)).values()] == [state]

    await until(lambda: shows("closed"))
    open_breaker(away)
    await until(lambda: shows("open"))
    away.breaker.answered()
    await until(lambda: shows("closed"))
    working.stop()
    await task


# --- frozen and resumed -------------------------------------------------------------------------------------------


async def test_after_a_standstill_it_asks_whether_it_lives_before_it_claims(db: Database, time: Time) -> None:
    owners: list[Any] = []

    async def handle(event: Event) -> None:
        owners.append(event.owner)
        await handler_of(db, time)(event)

    frozen = worker(db, time, FakePanel(time), handle)
    await frozen.drain()
    ((old, seen),) = (await heartbeats(db)).items()
    time.advance(60)
    assert await take_over(db, old, seen.at, settle=RULES.settle, now=time.now)
    await add(db, time, 1)
    await frozen.drain()

    ((new, _),) = (await heartbeats(db)).items()
    assert new != old
    assert owners == [new]


async def test_the_claim_is_looked_at_again_when_the_write_is_about_to_leave(db: Database, time: Time) -> None:
    """Frozen inside the adapter, after `sending` was committed and before the first byte."""

    class Freezing(FakePanel):
        async def perform(self, action: PanelAction, *, before_send: BeforeSend | None = None) -> dict[str, Any]:
            async with db.begin() as tx:
                await outbox_claims.release(tx, sa.true(), settle_for=RULES.settle, now=time.now)
            return await super().perform(action, before_send=before_send)

    panel = Freezing(time)
    call_id = await want(db, credit(), "credit:1", time)
    await worker(db, time, panel).run_once()
    left = await read(db, call_id)
    assert (left.state, left.owner, left.attempts) == (CallState.PENDING, None, 0)
    assert panel.performed == []


async def test_too_old_before_the_first_byte_it_goes_back_uncounted_and_not_at_once(db: Database, time: Time) -> None:
    """Frozen between the commit of `sending` and the first byte."""

    class Slow(Database):
        """A database whose reads take long."""

        def read(self):  # type: ignore[no-untyped-def]
            time.advance(5.1)
            return super().read()

    panel = FakePanel(time)
    call_id = await want(db, credit(), "credit:1", time)
    owner = await register(db, now=time.now)
    (claimed,) = await outbox_claims.claim(db, owner, limit=1, now=time.now)
    slow = Slow(db.url, db.reader, db.writer)
    await send(slow, panel, claimed, rules=RULES, clock=time.clock, monotonic=time.monotonic)
    call = await read(db, call_id)
    assert (call.state, call.attempts, call.due_at) == (CallState.PENDING, 0, time.now + timedelta(seconds=1))
    assert panel.performed == []


async def test_a_second_write_of_one_call_may_come_later(db: Database, time: Time) -> None:
    """If the first write is refused, the time it took does not make its substitute too old."""

    class Twice(FakePanel):
        async def perform(self, action: PanelAction, *, before_send: BeforeSend | None = None) -> dict[str, Any]:
            assert before_send is not None
            await before_send()
            time.advance(30)
            return await super().perform(action, before_send=before_send)

    call_id = await want(db, note(), "note:1", time)
    await worker(db, time, Twice(time)).run_once()
    assert (await read(db, call_id)).state is CallState.DONE


async def test_a_database_away_just_before_the_first_byte_sends_nothing(db: Database, time: Time) -> None:
    class Away(Database):
        """A database whose reads fail."""

        def read(self):  # type: ignore[no-untyped-def]
            raise OSError("connection refused")

    panel = FakePanel(time)
    call_id = await want(db, note(), "note:1", time)
    owner = await register(db, now=time.now)
    (call,) = await outbox_claims.claim(db, owner, limit=1, now=time.now)
    away = Away(db.url, db.reader, db.writer)
    await send(away, panel, call, rules=RULES, clock=time.clock, monotonic=time.monotonic)
    left = await read(db, call_id)
    assert (left.state, left.attempts) == (CallState.PENDING, 0)
    assert panel.performed == []


@pytest.fixture
async def shared(databases: Databases) -> AsyncIterator[Database]:
    """PostgreSQL: SQLite has one worker and one writer, so a lock blocks no others."""
    async with databases.opened("postgres") as db:
        yield db


async def test_locks_of_a_frozen_worker_hold_nobody_up(shared: Database, time: Time) -> None:
    """It freezes during the transaction that finishes an event; others take over its work."""
    frozen = await register(shared, now=time.now)
    for n in (1, 2):
        await add(shared, time, n)
    call_id = await want(shared, credit(), "credit:1", time)
    first, second = await inbox.claim(shared, frozen, Places(ordinary=2), now=time.now)
    await outbox_claims.claim(shared, frozen, limit=1, now=time.now)
    async with shared.begin() as in_the_middle:
        await inbox.finish(in_the_middle, first, state=EventState.PROCESSED, result="ours", now=time.now)
        async with asyncio.timeout(10):
            assert await take_over(shared, frozen, time.now, settle=RULES.settle, now=time.now)
            me = await register(shared, now=time.now)
            await release_orphaned_claims(shared, me, at_events=[], at_calls=[], settle=RULES.settle, now=time.now)
        assert [row.owner for row in await orders(shared)] == [frozen, None]
        assert (await read(shared, call_id)).owner is None
    rows = await orders(shared)
    assert [(row.state, row.deaths) for row in rows] == [("processed", 0), ("received", 1)]
    assert second.id == rows[1].id


async def test_a_row_whose_heartbeat_hangs_is_not_waited_for(shared: Database, time: Time) -> None:
    frozen = await register(shared, now=time.now)
    async with shared.begin() as beating:
        await beating.execute(sa.update(workers_table).values(progress_at=time.now))
        async with asyncio.timeout(10):
            assert not await take_over(shared, frozen, time.now, settle=RULES.settle, now=time.now)
    assert await take_over(shared, frozen, time.now, settle=RULES.settle, now=time.now)


# --- events that kill workers -------------------------------------------------------------------------------------


async def test_what_kills_its_worker_is_shown_and_blocks_nobody(db: Database, time: Time) -> None:
    """Two events of one order, and one of another: the deadly one fails, the others are handled in the same pass."""
    for order_id in (1, 1, 2):
        await add(db, time, order_id)
    async with db.begin() as tx:
        deadly = (await tx.execute(sa.select(sa.func.min(events.c.id)))).scalar_one()
        await tx.execute(sa.update(events).where(events.c.id == deadly).values(deaths=inbox.DEATHS_ALLOWED))
    await worker(db, time, FakePanel(time)).drain()

    bad, *others = await orders(db)
    assert (bad.state, bad.result, bad.owner) == ("failed", inbox.KILLS_ITS_WORKER, None)
    assert bad.finished_at == time.now
    assert {row.state for row in others} == {"processed"}
    async with db.begin() as tx:
        assert await inbox.replay(tx, bad.id, time.now)
    assert (await orders(db))[0].deaths == 0
