"""Worker liveness: one row per worker with its heartbeat, and how the others detect that it has stopped.

The others take a frozen worker for dead. When it resumes, it finds its row closed and continues under a new id; its
former claims belong to others, and it can no longer settle them.
"""

from __future__ import annotations

import os
import platform
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog

from app.db import Database
from app.messaging import backlog, claims
from app.panels.brakes.breaker import BreakerState
from app.tables.inbox import events, workers
from app.tables.outbox import panel_calls

log = structlog.get_logger()

_KEEP_STOPPED = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """The state of a live worker's row: its last heartbeat and its circuit breaker."""

    at: datetime
    panel: str


async def register(db: Database, *, now: datetime) -> uuid.UUID:
    """Register a new worker and return its id; delete rows of workers that stopped long ago."""
    worker = uuid.uuid4()
    row = {"id": worker, "host": platform.node()[:255], "pid": os.getpid()}
    async with db.begin() as tx:
        await tx.execute(sa.delete(workers).where(workers.c.stopped_at < now - _KEEP_STOPPED))
        await tx.execute(sa.insert(workers).values(**row, started_at=now, heartbeat_at=now, progress_at=now))
    return worker


async def beat(
    db: Database, worker: uuid.UUID, *, progress_at: datetime, now: datetime, panel: str = BreakerState.CLOSED
) -> bool:
    """Record our heartbeat, the main loop's last turn and the panel's state; False if others took us for dead."""
    alive = sa.and_(workers.c.id == worker, workers.c.stopped_at.is_(None))
    values = {"heartbeat_at": now, "progress_at": progress_at, "panel": panel}
    async with db.begin() as tx:
        changed = await tx.execute(sa.update(workers).where(alive).values(**values))
    return changed.rowcount == 1


async def heartbeats(db: Database) -> dict[uuid.UUID, Beat]:
    """Return the last heartbeat of each worker that has not stopped."""
    columns = (workers.c.id, workers.c.heartbeat_at, workers.c.panel)
    async with db.read() as connection:
        rows = await connection.execute(sa.select(*columns).where(workers.c.stopped_at.is_(None)))
        return {row.id: Beat(at=row.heartbeat_at, panel=row.panel) for row in rows}


async def take_over(db: Database, worker: uuid.UUID, seen: datetime, *, settle: timedelta, now: datetime) -> bool:
    """Declare a worker dead if its last heartbeat is still `seen`, and release its claims; False if it has changed.

    A worker frozen inside a transaction holds locks. Locked rows are skipped and left for the next sweep.
    """
    silent = sa.and_(workers.c.id == worker, workers.c.stopped_at.is_(None), workers.c.heartbeat_at == seen)
    async with db.begin() as tx:
        found = await tx.execute(sa.select(workers.c.id).where(silent).with_for_update(skip_locked=True))
        if found.first() is None:
            return False
        await tx.execute(sa.update(workers).where(workers.c.id == worker).values(stopped_at=now))
        had_events = await backlog.release(tx, events.c.owner == worker, died=True, now=now)
        had_calls = await claims.release(tx, panel_calls.c.owner == worker, settle_for=settle, now=now)
    log.warning("worker.taken_over", worker_id=str(worker), events=had_events, calls=had_calls)
    return True


async def release_orphaned_claims(
    db: Database, me: uuid.UUID, *, at_events: Collection[int], at_calls: Collection[uuid.UUID], settle: timedelta,
    now: datetime,
) -> None:  # fmt: skip
    """Release claims of workers that are not alive, and our own claims that we don't work on (a failed commit)."""
    living = sa.select(workers.c.id).where(workers.c.stopped_at.is_(None))
    event, call = events.c, panel_calls.c
    orphaned_events = sa.or_(event.owner.not_in(living), sa.and_(event.owner == me, event.id.not_in(at_events)))
    orphaned_calls = sa.or_(call.owner.not_in(living), sa.and_(call.owner == me, call.id.not_in(at_calls)))
    async with db.begin() as tx:
        had_events = await backlog.release(tx, orphaned_events, died=True, now=now)
        had_calls = await claims.release(tx, orphaned_calls, settle_for=settle, now=now)
    if had_events or had_calls:
        log.warning("worker.orphaned_claims_released", worker_id=str(me), events=had_events, calls=had_calls)


async def sign_off(db: Database, worker: uuid.UUID, *, settle: timedelta, now: datetime) -> None:
    """Release all claims of the worker, and close its row."""
    async with db.begin() as tx:
        await backlog.release(tx, events.c.owner == worker, died=False, now=now)
        await claims.release(tx, panel_calls.c.owner == worker, settle_for=settle, now=now)
        await tx.execute(sa.update(workers).where(workers.c.id == worker).values(stopped_at=now))


class Watch:
    """Finds dead workers: it looks at intervals of `every`, and a worker silent for `dead_after` is dead.

    Silence is measured by our own monotonic clock and only while we are looking. So a live worker is never taken for
    dead because host clocks differ, we stood still, or the database was down for a while.
    """

    def __init__(self, *, every: timedelta, dead_after: timedelta) -> None:
        self._longest_step = 2 * every.total_seconds()
        self._dead_after = dead_after.total_seconds()
        self._looked_at: float | None = None
        self._silence: dict[uuid.UUID, tuple[datetime, float]] = {}

    def dead(self, beats: dict[uuid.UUID, Beat], *, at: float) -> dict[uuid.UUID, Beat]:
        """Return the workers silent for too long, with their last heartbeat; `at` is the monotonic time of the call."""
        step = at - self._looked_at if self._looked_at is not None else 0.0
        step = min(step, self._longest_step)
        self._looked_at = at
        before, self._silence = self._silence, {}
        for worker, beat in beats.items():
            last, silent = before.get(worker, (None, 0.0))
            self._silence[worker] = (beat.at, silent + step if last == beat.at else 0.0)
        return {worker: beats[worker] for worker, (_, silent) in self._silence.items() if silent >= self._dead_after}
