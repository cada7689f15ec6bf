"""How the service stands: what `/readyz` judges and `/metrics` shows, by bounded queries, at most once a second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Final

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.lifecycle import OrderState
from app.messaging import inbox, outbox
from app.services import installation, queue, schema
from app.services.context import Context
from app.tables.inbox import EventState, events, workers
from app.tables.orders import orders
from app.tables.outbox import CallState

#: A worker whose last heartbeat is older is dead; it beats every two seconds.
HEARTBEAT_SECONDS: Final = 10.0
#: A worker whose main loop has not turned for so long is stuck; it turns twice a second.
PROGRESS_SECONDS: Final = 30.0
#: An event that has been due for longer is not being handled.
EVENT_SECONDS: Final = 120.0
#: A panel call that has been due for longer is not being sent: the panel is away, or slower than we are.
CALL_SECONDS: Final = 300.0
#: More calls of unknown outcome than this: the panel takes calls and does not answer.
UNKNOWN_CALLS: Final = 20
#: More dead calls than this: something is wrong beyond single calls.
DEAD_CALLS: Final = 50
#: Longer than this the database may not take to answer.
DATABASE_SECONDS: Final = 3.0
#: Counts stop here: "this many or more".
COUNTED: Final = 10_000
_FRESH_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Whether everything that this service needs works, and if not, why."""

    ready: bool
    reasons: Annotated[tuple[str, ...], Field(description="What is wrong; empty when ready.")]
    paused: bool
    workers: Annotated[int, Field(description="Workers alive.")]
    oldest_event_seconds: Annotated[float | None, Field(description="How long the oldest due event has waited.")]
    oldest_call_seconds: Annotated[float | None, Field(description="How long the oldest due panel call has waited.")]
    unknown_calls: int
    dead_calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What was read from the database at one moment."""

    schema_current: bool = False
    paused: bool = False
    workers_alive: int = 0
    workers_moving: int = 0
    oldest_event: float | None = None
    oldest_calls: dict[CallState, float] = field(default_factory=dict)
    calls: dict[CallState, int] = field(default_factory=dict)
    events: dict[EventState, int] = field(default_factory=dict)
    orders: dict[OrderState, int] = field(default_factory=dict)
    queue: int = 0


class Probe:
    """Reads how we stand; many who ask at once share one reading."""

    def __init__(self, context: Context, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._context = context
        self._monotonic = monotonic
        self._lock = asyncio.Lock()
        self._read_at = float("-inf")
        self._last: Standing | None = None
        self._head: str | None = None

    async def standing(self) -> Standing | None:
        """Return how we stand; None when the database can't be reached."""
        async with self._lock:
            if self._monotonic() - self._read_at >= _FRESH_SECONDS:
                self._last = await self._read()
                self._read_at = self._monotonic()
            return self._last

    async def _read(self) -> Standing | None:
        try:
            async with asyncio.timeout(DATABASE_SECONDS):
                self._head = self._head or schema.head()
                if await schema.current(self._context.db) != self._head:
                    return Standing()
                async with self._context.db.read() as connection:
                    return await _standing(connection, self._context.clock())
        except (sa.exc.SQLAlchemyError, OSError):  # a time-out is an OSError too
            return None

    async def readiness(self) -> Readiness:
        """Judge how we stand."""
        standing = await self.standing()
        reasons = _reasons(standing)
        seen = standing or Standing()
        return Readiness(
            ready=not reasons,
            reasons=reasons,
            paused=seen.paused,
            workers=seen.workers_alive,
            oldest_event_seconds=seen.oldest_event,
            oldest_call_seconds=max(seen.oldest_calls.values(), default=None),
            unknown_calls=seen.calls.get(CallState.UNKNOWN, 0),
            dead_calls=seen.calls.get(CallState.DEAD, 0),
        )


def _reasons(standing: Standing | None) -> tuple[str, ...]:
    if standing is None:
        return ("the database can't be reached",)
    if not standing.schema_current:
        return ("the database has another schema than this program: run `doorman migrate`",)
    found = []
    if standing.workers_alive == 0:
        found.append(f"no worker has shown a heartbeat for {HEARTBEAT_SECONDS:.0f} seconds")
    elif standing.workers_moving == 0:
        found.append(f"no worker's loop has turned for {PROGRESS_SECONDS:.0f} seconds")
    if (standing.oldest_event or 0) > EVENT_SECONDS:
        found.append(f"the oldest due event waits for {standing.oldest_event:.0f} seconds")
    waiting = standing.oldest_calls.get(CallState.PENDING, 0)
    if waiting > CALL_SECONDS and not standing.paused:
        found.append(f"the oldest due panel call waits for {waiting:.0f} seconds")
    if standing.calls.get(CallState.UNKNOWN, 0) > UNKNOWN_CALLS:
        found.append(f"more than {UNKNOWN_CALLS} panel calls have an unknown outcome")
    if standing.calls.get(CallState.DEAD, 0) > DEAD_CALLS:
        found.append(f"more than {DEAD_CALLS} panel calls are dead: look at the queue")
    return tuple(found)


async def _standing(connection: AsyncConnection, now: datetime) -> Standing:
    running = sa.select(workers.c.heartbeat_at, workers.c.progress_at).where(workers.c.stopped_at.is_(None))
    beats = (await connection.execute(running.limit(COUNTED))).all()
    alive = [row for row in beats if (now - row.heartbeat_at).total_seconds() <= HEARTBEAT_SECONDS]
    moving = [row for row in alive if (now - row.progress_at).total_seconds() <= PROGRESS_SECONDS]
    oldest = await inbox.oldest_waiting(connection, now=now)
    calls = await outbox.waiting(connection, now=now)
    event_states = (EventState.RECEIVED, EventState.FAILED)
    return Standing(
        schema_current=True,
        paused=await installation.is_paused(connection),
        workers_alive=len(alive),
        workers_moving=len(moving),
        oldest_event=None if oldest is None else _age(oldest, now),
        oldest_calls={state: _age(since, now) for state, since in calls.oldest.items() if state is not CallState.DEAD},
        calls=calls.count,
        events={one: await _count(connection, events, one) for one in event_states},
        orders={one: await _count(connection, orders, one) for one in OrderState},
        queue=await queue.count_queue(connection, at_most=COUNTED),
    )


def _age(since: datetime, now: datetime) -> float:
    return round(max(0.0, (now - since).total_seconds()), 3)


async def _count(connection: AsyncConnection, table: sa.Table, state: str) -> int:
    """Count rows of one state through its index, no further than `COUNTED`."""
    some = sa.select(sa.literal(1)).select_from(table).where(table.c.state == state).limit(COUNTED).subquery()
    return int(await connection.scalar(sa.select(sa.func.count()).select_from(some)) or 0)
