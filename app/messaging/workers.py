"""The worker: takes what is due from inbox and outbox, and takes over what dead workers left.

Any number of workers share a PostgreSQL database; a SQLite file has one (`lock.only_worker`).
"""

from __future__ import annotations

import asyncio
import os
import platform
import time
import traceback
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog

from app.core.retry import next_delay
from app.db import Database
from app.messaging import inbox, outbox_claims
from app.messaging.inbox import ClaimLost, Event, GiveUp, Postpone, VersionMoved
from app.messaging.outbox import Call
from app.messaging.sending import SendRules, send
from app.messaging.wake import Wake
from app.panels.base import PanelError, PanelUnavailable, PanelWriter
from app.tables.inbox import events, workers
from app.tables.outbox import panel_calls

log = structlog.get_logger()

_VERSION_TRIES = 5
_KEEP_STOPPED = timedelta(days=1)

Handler = Callable[[Event], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLimits:
    """How much at once, and how long."""

    events: int = 16
    calls: int = 8
    poll: timedelta = timedelta(seconds=0.5)
    heartbeat: timedelta = timedelta(seconds=2)
    dead_after: timedelta = timedelta(seconds=10)
    watch: timedelta = timedelta(seconds=1)
    sweep: timedelta = timedelta(seconds=60)
    handling: timedelta = timedelta(minutes=5)
    grace: timedelta = timedelta(seconds=8)


# --- who is there -------------------------------------------------------------------------------------------------


async def register(db: Database, *, now: datetime) -> uuid.UUID:
    """Enter a new worker and return its id; rows of workers that stopped long ago go."""
    worker = uuid.uuid4()
    row = {"id": worker, "host": platform.node()[:255], "pid": os.getpid()}
    async with db.begin() as tx:
        await tx.execute(sa.delete(workers).where(workers.c.stopped_at < now - _KEEP_STOPPED))
        await tx.execute(sa.insert(workers).values(**row, started_at=now, heartbeat_at=now, progress_at=now))
    return worker


async def beat(db: Database, worker: uuid.UUID, *, progress_at: datetime, now: datetime) -> bool:
    """Show that we live, and when the main loop last turned; False if others took us for dead."""
    alive = sa.and_(workers.c.id == worker, workers.c.stopped_at.is_(None))
    async with db.begin() as tx:
        changed = await tx.execute(sa.update(workers).where(alive).values(heartbeat_at=now, progress_at=progress_at))
    return changed.rowcount == 1


async def heartbeats(db: Database) -> dict[uuid.UUID, datetime]:
    """Return the last heartbeat of each worker that has not stopped."""
    async with db.read() as connection:
        rows = await connection.execute(
            sa.select(workers.c.id, workers.c.heartbeat_at).where(workers.c.stopped_at.is_(None))
        )
        return {row.id: row.heartbeat_at for row in rows}


async def take_over(db: Database, worker: uuid.UUID, seen: datetime, *, settle: timedelta, now: datetime) -> bool:
    """Declare a worker dead whose last heartbeat is still `seen`, and release what it had; False if it moved."""
    silent = sa.and_(workers.c.id == worker, workers.c.stopped_at.is_(None), workers.c.heartbeat_at == seen)
    async with db.begin() as tx:
        changed = await tx.execute(sa.update(workers).where(silent).values(stopped_at=now))
        if changed.rowcount != 1:
            return False
        had_events = await inbox.release(tx, events.c.owner == worker, died=True, now=now)
        had_calls = await outbox_claims.release(tx, panel_calls.c.owner == worker, settle_for=settle, now=now)
    log.warning("worker.taken_over", worker_id=str(worker), events=had_events, calls=had_calls)
    return True


class Watch:
    """Finds workers whose heart has stopped.

    Silence counts by our own monotonic clock and only while we are looking: neither hosts whose clocks differ, nor a
    standstill of ours, nor a database that was away for a while make a live worker dead.
    """

    def __init__(self, limits: WorkerLimits) -> None:
        self._limits = limits
        self._looked_at: float | None = None
        self._silence: dict[uuid.UUID, tuple[datetime, float]] = {}

    def dead(self, beats: dict[uuid.UUID, datetime], *, at: float) -> dict[uuid.UUID, datetime]:
        """Return those silent for too long, with their last heartbeat; `at` is the monotonic time of this look."""
        step = at - self._looked_at if self._looked_at is not None else 0.0
        step = min(step, 2 * self._limits.watch.total_seconds())
        self._looked_at = at
        before, self._silence = self._silence, {}
        for worker, beaten_at in beats.items():
            last, silent = before.get(worker, (None, 0.0))
            self._silence[worker] = (beaten_at, silent + step if last == beaten_at else 0.0)
        limit = self._limits.dead_after.total_seconds()
        return {worker: last for worker, (last, silent) in self._silence.items() if silent >= limit}


# --- the worker ---------------------------------------------------------------------------------------------------


class Worker:
    """Handles due events and sends due panel calls until told to stop.

    The handler finishes its event in its own unit of work (`inbox.finish`), or raises: `Postpone`, `GiveUp`,
    `VersionMoved`, `PanelUnavailable`; anything else is logged and tried again after the next delay. Without a panel
    nothing is taken. `alone` says that no other worker can exist, so that what a predecessor left is taken at once.
    """

    def __init__(
        self,
        db: Database,
        *,
        panel: PanelWriter | None,
        handler: Handler,
        rules: SendRules,
        clock: Callable[[], datetime],
        wake: Wake,
        monotonic: Callable[[], float] = time.monotonic,
        limits: WorkerLimits | None = None,
        alone: bool = False,
    ) -> None:
        self._db = db
        self._panel = panel
        self._handler = handler
        self._rules = rules
        self._clock = clock
        self._wake = wake
        self._monotonic = monotonic
        self._limits = limits or WorkerLimits()
        self._alone = alone
        self._id: uuid.UUID | None = None
        self._events: dict[asyncio.Task[None], Event] = {}
        self._calls: dict[asyncio.Task[None], Call] = {}
        self._watch = Watch(self._limits)
        self._watched_at = self._swept_at = float("-inf")
        self._progress_at = clock()
        self._stopping = False

    async def run(self) -> None:
        """Work until `stop` is called or the other end of the wake-up pipe is gone."""
        self._wake.listen()
        heart = asyncio.create_task(self._keep_beating())
        try:
            while not self._stopping and not self._wake.abandoned:
                try:
                    await self._turn()
                except Exception:
                    log.exception("worker.turn_failed")  # the database is away, most likely: look again shortly
                await self._wake.wait(self._limits.poll.total_seconds())
        finally:
            await self._finish_under_way()
            heart.cancel()
            await asyncio.gather(heart, return_exceptions=True)
            await self.release()
            self._wake.close()

    def stop(self) -> None:
        """Take nothing new, finish what is under way within the grace time, let go of the rest."""
        self._stopping = True
        self._wake.ring()

    async def run_once(self) -> bool:
        """Take what is due now, within the limits, and handle it to the end; False if there was nothing."""
        found = await self._turn()
        while under_way := [*self._events, *self._calls]:
            await asyncio.wait(under_way)
        return found

    async def drain(self) -> None:
        """Work until nothing is due any more."""
        while await self.run_once():
            pass

    # --- one turn of the main loop

    async def _turn(self) -> bool:
        now = self._progress_at = self._clock()
        if self._id is None:
            self._id = await register(self._db, now=now)
            self._swept_at = float("-inf")
            log.info("worker.started", worker_id=str(self._id))
        await self._look_after_others(self._id)
        if self._panel is None:
            return False
        busy = {event.key for event in self._events.values() if event.key is not None}
        free = self._limits.events - len(self._events)
        claimed = await inbox.claim(self._db, self._id, limit=free, now=now, busy=busy)
        for event in claimed:
            self._start(self._handle(event), self._events, event)
        free = self._limits.calls - len(self._calls)
        calls = await outbox_claims.claim(self._db, self._id, limit=free, now=now)
        for call in calls:
            self._start(self._send(self._panel, call), self._calls, call)
        return bool(claimed or calls)

    def _start(self, work: Coroutine[Any, Any, None], under_way: dict[asyncio.Task[None], Any], item: Any) -> None:
        task = asyncio.create_task(work)
        under_way[task] = item

        def done(finished: asyncio.Task[None]) -> None:
            del under_way[finished]
            self._wake.ring()
            if not finished.cancelled() and (error := finished.exception()) is not None:
                log.error("worker.task_failed", exc_info=error)  # its claim was not settled: sweep for it
                self._swept_at = float("-inf")

        task.add_done_callback(done)

    # --- events

    async def _handle(self, event: Event) -> None:
        ids = {"event_id": event.id, "type": event.type, "order_id": event.order_id, "customer_id": event.customer_id}
        structlog.contextvars.bind_contextvars(**ids)  # this task's own context
        try:
            async with asyncio.timeout(self._limits.handling.total_seconds()):
                await self._ask_handler(event)
        except ClaimLost:
            log.warning("event.claim_lost")
        except GiveUp as error:
            await self._fail(event, error.result, error.detail or None)
        except Postpone as error:
            await self._postpone(event, error)
        except PanelUnavailable as error:
            await self._later(event, str(error), result="panel-unavailable", at_least=error.retry_after or 0)
        except PanelError as error:
            await self._later(event, str(error), result="panel-error")
        except Exception as error:
            log.exception("event.error", attempts=event.attempts)
            await self._later(event, _describe(error), result="handling-failed")

    async def _ask_handler(self, event: Event) -> None:
        for _ in range(_VERSION_TRIES):
            try:
                return await self._handler(event)
            except VersionMoved:
                log.info("event.version_moved")
        raise Postpone("what it is about keeps changing", counted=True)

    async def _fail(self, event: Event, result: str, error: str | None) -> None:
        if await inbox.fail(self._db, event, result=result, error=error, now=self._clock()):
            log.error("event.failed", result=result, attempts=event.attempts)

    async def _later(
        self, event: Event, error: str, *, result: str, at_least: float = 0, due_at: datetime | None = None
    ) -> None:
        """Put back an event whose attempt counts, until its attempts are used up."""
        delay = next_delay(event.attempts, self._rules.delays, jitter=self._rules.jitter())
        if delay is None:
            await self._fail(event, result, error)
            return
        now = self._clock()
        due_at = due_at or now + timedelta(seconds=max(delay, at_least))
        await inbox.postpone(self._db, event, due_at=due_at, error=error, now=now)
        log.info("event.postponed", attempts=event.attempts, due_at=due_at.isoformat())

    async def _postpone(self, event: Event, wish: Postpone) -> None:
        now = self._clock()
        due_at = wish.due_at or (None if wish.delay is None else now + wish.delay)
        if wish.counted:
            await self._later(event, wish.reason, result="out-of-attempts", due_at=due_at)
            return
        due_at = due_at or now + timedelta(seconds=self._rules.delays[0])
        await inbox.postpone(self._db, event, due_at=due_at, error=wish.reason, now=now, counted=False)

    # --- calls

    async def _send(self, panel: PanelWriter, call: Call) -> None:
        structlog.contextvars.bind_contextvars(call_id=str(call.id))
        await send(self._db, panel, call, rules=self._rules, clock=self._clock, monotonic=self._monotonic)

    # --- living and dying

    async def _keep_beating(self) -> None:
        while True:
            await asyncio.sleep(self._limits.heartbeat.total_seconds())
            if (worker := self._id) is None:
                continue
            try:
                alive = await beat(self._db, worker, progress_at=self._progress_at, now=self._clock())
            except Exception:
                log.exception("worker.heartbeat_failed", worker_id=str(worker))
                continue
            if not alive:
                log.warning("worker.declared_dead", worker_id=str(worker))
                self._id = None  # what it had is lost and settles nothing any more; it goes on under a new id
                self._wake.ring()

    async def _look_after_others(self, me: uuid.UUID) -> None:
        at = self._monotonic()
        if at - self._watched_at >= self._limits.watch.total_seconds():
            self._watched_at = at
            others = {worker: last for worker, last in (await heartbeats(self._db)).items() if worker != me}
            dead = others if self._alone else self._watch.dead(others, at=at)
            for worker, seen in dead.items():
                await take_over(self._db, worker, seen, settle=self._rules.settle, now=self._clock())
        if at - self._swept_at >= self._limits.sweep.total_seconds():
            self._swept_at = at
            await self._sweep(me)

    async def _sweep(self, me: uuid.UUID) -> None:
        """Release what is claimed by nobody who lives, and what is ours though we are not at it (a failed commit)."""
        living = sa.select(workers.c.id).where(workers.c.stopped_at.is_(None))
        my_events = [event.id for event in self._events.values()]
        my_calls = [call.id for call in self._calls.values()]
        stray_events = sa.or_(
            events.c.owner.not_in(living), sa.and_(events.c.owner == me, events.c.id.not_in(my_events))
        )
        stray_calls = sa.or_(
            panel_calls.c.owner.not_in(living), sa.and_(panel_calls.c.owner == me, panel_calls.c.id.not_in(my_calls))
        )
        now = self._clock()
        async with self._db.begin() as tx:
            had_events = await inbox.release(tx, stray_events, died=True, now=now)
            had_calls = await outbox_claims.release(tx, stray_calls, settle_for=self._rules.settle, now=now)
        if had_events or had_calls:
            log.warning("worker.strays_released", worker_id=str(me), events=had_events, calls=had_calls)

    async def _finish_under_way(self) -> None:
        if under_way := [*self._events, *self._calls]:
            _, late = await asyncio.wait(under_way, timeout=self._limits.grace.total_seconds())
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def release(self) -> None:
        """Let go of everything and sign off; the next worker need not wait for our heart to stop."""
        if self._id is None:
            return
        worker, self._id = self._id, None
        now = self._clock()
        try:
            async with self._db.begin() as tx:
                await inbox.release(tx, events.c.owner == worker, died=False, now=now)
                await outbox_claims.release(tx, panel_calls.c.owner == worker, settle_for=self._rules.settle, now=now)
                await tx.execute(sa.update(workers).where(workers.c.id == worker).values(stopped_at=now))
        except Exception:
            log.exception("worker.release_failed", worker_id=str(worker))  # others find our heart stopped
            return
        log.info("worker.stopped", worker_id=str(worker))


def _describe(error: Exception) -> str:
    """Kind and place of an error; its text may hold what customers wrote."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return type(error).__name__ + place
