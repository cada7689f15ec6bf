"""Things that go wrong at the worst moment: at each step of a call, in housekeeping, between two replicas."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.config import Settings
from app.context import Context
from app.core.actions import PanelAction
from app.core.records import CallState
from app.db import Database
from app.installation import facts as installation
from app.messaging import claims, inbox
from app.messaging.choosing import Places
from app.messaging.liveness import beat, register, sign_off
from app.messaging.sending import send
from app.messaging.worker import WorkerLimits
from app.panels.base import BeforeSend, LookUp
from app.panels.brakes.brakes import Brakes
from app.panels.brakes.breaker import Breaker, BreakerState
from app.panels.brakes.limiter import RateLimiter
from app.processes import worker as working
from app.tables.inbox import WaitsFor, events
from app.tables.outbox import panel_calls
from tests.asked import in_turn
from tests.messaging.outbox_support import (
    RULES,
    SETTLE,
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


# --- each step ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Steps:
    """Counts the steps of a call, and injects a fault at one of them."""

    at: int
    harm: Callable[[], Awaitable[None]]
    taken: int = 0
    harming: bool = False

    async def step(self) -> None:
        if self.harming:
            return
        self.taken += 1
        if self.taken == self.at:
            self.harming = True
            try:
                await self.harm()
            finally:
                self.harming = False


class SteppedDatabase(Database):
    """A database with a step before and after each unit of work."""

    steps: Steps

    @classmethod
    def of(cls, db: Database, steps: Steps) -> SteppedDatabase:
        made = cls(db.url, db.reader, db.writer)
        object.__setattr__(made, "steps", steps)
        return made

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        await self.steps.step()
        async with Database.read(self) as connection:
            yield connection
        await self.steps.step()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        await self.steps.step()
        async with Database.begin(self) as tx:
            yield tx
        await self.steps.step()


class SteppedPanel(FakePanel):
    """A panel with a step before each look-up, and before and after the check before the first byte."""

    steps: Steps

    async def look_up(self, action: PanelAction) -> LookUp:
        await self.steps.step()
        return await super().look_up(action)

    async def perform(self, action: PanelAction, *, before_send: BeforeSend | None = None) -> dict[str, Any]:
        await self.steps.step()
        made = await super().perform(action, before_send=before_send)
        await self.steps.step()
        return made


async def away() -> None:
    raise OSError("connection reset by peer")


async def cancelled() -> None:
    raise asyncio.CancelledError


HARMS = ("away", "cancelled", "taken over", "paused")
CALLS = (
    (credit(), "ok"), (credit(), "lost"), (credit(), "late"), (accept(), "odd"), (note(), "ok"), (note(), "never"),
)  # fmt: skip
#: Turned for each harm, so that both databases see each harm and each call.
HARMED = [(*call, harm) for turn, harm in enumerate(HARMS) for call in (*CALLS[turn:], *CALLS[:turn])]


@pytest.mark.parametrize(("database_kind", "action", "word", "harm"), in_turn(*HARMED), indirect=["database_kind"])
async def test_harm_at_any_step_of_a_call_leaves_at_most_one_effect_and_nothing_stuck(
    db: Database, time: Time, action: PanelAction, word: str, harm: str
) -> None:
    """Whatever happened, another worker finishes it."""

    async def taken_over() -> None:
        async with db.begin() as tx:
            await claims.release(tx, sa.true(), settle_for=SETTLE, now=time.now)

    async def paused() -> None:
        await pause(db, time, on=True)

    harms = {"away": away, "cancelled": cancelled, "taken over": taken_over, "paused": paused}
    for at in range(1, 40):
        steps = Steps(at=at, harm=harms[harm])
        panel = SteppedPanel(time, (word,))
        panel.steps = steps
        call_id = await want(db, action, f"key:{at}", time)
        owner = await register(db, now=time.now)
        (call,) = await claims.claim(db, owner, limit=1, now=time.now)
        stepped = SteppedDatabase.of(db, steps)
        task = asyncio.create_task(send(stepped, panel, call, rules=RULES, clock=time.clock, monotonic=time.monotonic))
        await asyncio.gather(task, return_exceptions=True)
        taken, steps.at = steps.taken, 0
        await sign_off(db, owner, settle=SETTLE, now=time.now)
        await pause(db, time, on=False)

        successor = worker(db, time, panel)
        for _ in range(12):
            await successor.drain()
            if (await read(db, call_id)).state in {CallState.DONE, CallState.DEAD}:
                break
            time.advance(SETTLE / 4)
        time.advance(SETTLE)
        left = await read(db, call_id)
        assert left.owner is None
        assert left.state in {CallState.DONE, CallState.DEAD}, (at, left)
        effects = panel.effects(action) if action != note() else len(panel.applied)
        surely = left.state is CallState.DONE and not left.uncertain
        assert effects == 1 if surely else effects <= 1, (at, left)
        async with db.begin() as tx:
            await tx.execute(sa.delete(panel_calls))
        if taken < at:
            return
    raise AssertionError("a call has no end")


async def pause(db: Database, time: Time, *, on: bool) -> None:
    async with db.begin() as tx:
        await installation.put(tx, installation.PAUSED, on, now=time.now)


async def test_a_courtesy_that_was_not_sent_yet_is_not_lost_with_its_worker(db: Database, time: Time) -> None:
    """It waited for a slot or a connection when the worker was stopped."""
    reached = asyncio.Event()

    class Busy(FakePanel):
        async def perform(self, action: PanelAction, *, before_send: BeforeSend | None = None) -> dict[str, Any]:
            reached.set()
            await asyncio.Event().wait()
            raise AssertionError("never")

    call_id = await want(db, note(), "note:1", time)
    stopped = worker(db, time, Busy(time), limits=QUICK)
    task = asyncio.create_task(stopped.run())
    await reached.wait()
    stopped.stop()
    await task
    panel = FakePanel(time)
    await worker(db, time, panel).drain()
    left = await read(db, call_id)
    assert (left.state, left.uncertain, panel.performed) == (CallState.DONE, False, [note()])


async def test_what_the_adapter_reads_before_its_write_makes_nothing_too_old(db: Database, time: Time) -> None:
    """A slow panel, or a low rate: a quote takes two reads before it is created."""

    class Slow(FakePanel):
        async def perform(self, action: PanelAction, *, before_send: BeforeSend | None = None) -> dict[str, Any]:
            time.advance(20)
            return await super().perform(action, before_send=before_send)

    call_id = await want(db, credit(), "credit:1", time)
    await worker(db, time, Slow(time)).run_once()
    assert (await read(db, call_id)).state is CallState.DONE


async def test_a_brake_pulled_while_the_adapter_reads_stops_the_write(db: Database, time: Time) -> None:
    class Reading(FakePanel):
        async def perform(self, action: PanelAction, *, before_send: BeforeSend | None = None) -> dict[str, Any]:
            await pause(db, time, on=True)
            return await super().perform(action, before_send=before_send)

    panel = Reading(time)
    call_id = await want(db, credit(), "credit:1", time)
    await worker(db, time, panel).run_once()
    left = await read(db, call_id)
    assert (left.state, left.owner, left.attempts, panel.performed) == (CallState.PENDING, None, 0, [])


# --- the worker ---------------------------------------------------------------------------------------------------


class Shaky(Database):
    """A database whose units of work fail, or run after another event, according to `before`."""

    before: Callable[[], None]

    @classmethod
    def of(cls, db: Database, before: Callable[[], None]) -> Shaky:
        made = cls(db.url, db.reader, db.writer)
        object.__setattr__(made, "before", before)
        return made

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        self.before()
        async with Database.begin(self) as tx:
            yield tx


async def test_a_sweep_that_failed_is_made_again_at_once(db: Database, time: Time) -> None:
    """The outcome of a call could not be recorded, and at first its claim could not be released either."""
    failures = 0

    def before() -> None:
        nonlocal failures
        if panel.performed and failures < 3:
            failures += 1
            raise OSError("connection refused")

    panel = FakePanel(time)
    call_id = await want(db, credit(), "credit:1", time)
    limits = WorkerLimits(poll=timedelta(seconds=0.02), heartbeat=timedelta(hours=1))
    shaken = worker(Shaky.of(db, before), time, panel, limits=limits)
    task = asyncio.create_task(shaken.run())

    async def done() -> bool:
        return (await read(db, call_id)).state is CallState.DONE

    await until(done, seconds=20)  # no time passes on the worker's own clock
    assert failures == 3
    assert panel.effects(credit()) == 1
    shaken.stop()
    await task


def closed_brakes() -> Brakes:
    return Brakes(limiter=RateLimiter(10_000), breaker=Breaker())


async def put_off(db: Database, time: Time, order_id: int) -> None:
    """Add an event that waits for the panel, as postponed by another replica."""
    async with db.begin() as tx:
        data = {"order_id": order_id}
        await inbox.add_internal(tx, type="order.created", data=data, now=time.now)
    owner = uuid.uuid4()
    (event,) = await inbox.claim(db, owner, Places(ordinary=1), now=time.now)
    later = time.now + timedelta(minutes=5)
    await inbox.postpone(db, event, due_at=later, error=None, now=time.now, counted=False, waits_for=WaitsFor.PANEL)


async def processed(db: Database) -> list[int]:
    async with db.read() as connection:
        found = sa.select(events.c.order_id).where(events.c.state == "processed").order_by(events.c.order_id)
        return list((await connection.execute(found)).scalars())


async def test_a_database_error_does_not_make_it_forget_who_waits_for_the_panel(db: Database, time: Time) -> None:
    await put_off(db, time, 1)
    left = 1

    def before() -> None:
        nonlocal left
        if registered and left:
            left -= 1
            raise OSError("connection refused")

    registered = False
    shaken = worker(Shaky.of(db, before), time, FakePanel(time), handler_of(db, time), brakes=closed_brakes())
    await beat(db, await register(db, now=time.now), progress_at=time.now, now=time.now)
    registered = True
    task = asyncio.create_task(shaken.run())

    async def handled() -> bool:
        return await processed(db) == [1]

    await until(handled, seconds=20)
    shaken.stop()
    await task


async def test_who_reaches_the_panel_takes_over_what_another_put_off(db: Database, time: Time) -> None:
    """The other can't know yet that the panel is reachable: its events would wait for minutes."""
    reaches = worker(db, time, FakePanel(time), handler_of(db, time), brakes=closed_brakes())
    await reaches.drain()
    other = await register(db, now=time.now)
    await beat(db, other, progress_at=time.now, now=time.now, panel=BreakerState.OPEN)
    await put_off(db, time, 1)
    time.advance(2)
    await reaches.drain()
    assert await processed(db) == [1]


# --- housekeeping -------------------------------------------------------------------------------------------------


async def test_housekeeping_outlives_a_database_that_is_away(db: Database, time: Time) -> None:
    """A refused connection is an OSError, not an error of SQLAlchemy."""
    asked = asyncio.Event()

    def before() -> None:
        asked.set()
        raise ConnectionRefusedError("connect call failed")

    context = Context(db=Shaky.of(db, before), settings=Settings())
    keeping = asyncio.create_task(working._keep_house(context, None))
    await asked.wait()
    done, _ = await asyncio.wait([keeping], timeout=0.2)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    assert not done
