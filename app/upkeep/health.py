"""The state of the service, for `/readyz` and `/metrics`: read by bounded queries, at most once a second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Final

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from app.billing import limits
from app.config import Settings
from app.context import Context
from app.core.consequences.limits import Limit, LimitWindow
from app.core.records import NO_GATE, CallState, Mode
from app.core.states import OrderState
from app.deadline import within
from app.errors import NotFound, WrongState
from app.installation import facts as installation
from app.installation import lacking, panel_requests, schema
from app.messaging import backlog, outbox
from app.panels.brakes.breaker import BreakerState
from app.policies import versions
from app.tables.inbox import EventState, events, workers
from app.tables.orders import orders
from app.workflow import provisioning, queue, waiting
from app.workflow.gate import presence
from app.workflow.waiting import Waiting

#: A worker whose last heartbeat is older than this is dead; it beats every two seconds.
HEARTBEAT_SECONDS: Final = 10.0
#: A worker whose main loop has not run for this long is stuck: it runs twice a second, and its heartbeat reports that
#: within two seconds, so that a stall shows within thirty.
PROGRESS_SECONDS: Final = 20.0
#: An event that has been due for longer than this is not being handled.
EVENT_SECONDS: Final = 120.0
#: A panel call that has been due for longer than this is not being sent: the panel is down, or slower than we are.
CALL_SECONDS: Final = 300.0
#: With more calls of unknown outcome than this, the panel accepts calls and does not answer.
UNKNOWN_CALLS: Final = 20
#: With more dead calls than this, the cause is not in single calls.
DEAD_CALLS: Final = 50
#: The longest that the database may take to answer, and then to store a row.
DATABASE_SECONDS: Final = 3.0
WRITE_SECONDS: Final = 1.5
#: Counting stops here, which means "this many or more".
COUNTED: Final = 10_000
_FRESH_SECONDS = 1.0
_OF_CALLS = {
    CallState.PENDING: Waiting.CALL_PENDING,
    CallState.SENDING: Waiting.CALL_SENDING,
    CallState.UNKNOWN: Waiting.CALL_UNKNOWN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Whether everything that this service needs works, and the reasons if not."""

    ready: bool
    reasons: Annotated[tuple[str, ...], Field(description="What is wrong; empty when ready.")]
    paused: Annotated[bool, Field(description="Staff have paused all panel calls.")]
    workers: Annotated[int, Field(description="Workers alive.")]
    oldest_event_seconds: Annotated[float | None, Field(description="How long the oldest due event has waited.")]
    oldest_call_seconds: Annotated[
        float | None, Field(description="How long the oldest panel call has been due or unanswered.")
    ]
    unknown_calls: Annotated[int, Field(description="Panel calls that were sent but not answered.")]
    dead_calls: Annotated[int, Field(description="Panel calls given up; they wait for a person.")]
    panel: Annotated[
        BreakerState,
        Field(description="The worker's circuit breaker; an unreachable panel does not make the service unready."),
    ]
    workers_stuck: Annotated[int, Field(description="Workers with a heartbeat whose main loop is stuck.")]
    oldest_waiting_seconds: Annotated[
        dict[Waiting, float],
        Field(description="How long the oldest of each kind has waited; kinds without a waiting item are left out."),
    ]
    failed_events: Annotated[
        int, Field(description="Failed events that wait for a person; they do not make the service unready.")
    ]
    unbuilt_orders: Annotated[int, Field(description="Orders accepted but not fully set up by the panel.")]
    damage_limits: Annotated[
        tuple[str, ...], Field(description="Damage limits that are reached.", examples=[["limits.hour.fees"]])
    ]
    notices: Annotated[
        tuple[str, ...], Field(description="Notices for staff to act on; they do not make the service unready.")
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStanding:
    """What was read from the database at one moment."""

    schema_current: bool = False
    writable: bool = True
    paused: bool = False
    shadow: bool = False
    workers_alive: int = 0
    workers_moving: int = 0
    panel: BreakerState = BreakerState.CLOSED  # the best state of all live workers
    oldest_event: float | None = None
    oldest_calls: dict[CallState, float] = field(default_factory=dict)
    calls: dict[CallState, int] = field(default_factory=dict)
    events: dict[EventState, int] = field(default_factory=dict)
    orders: dict[OrderState, int] = field(default_factory=dict)
    oldest: dict[Waiting, float] = field(default_factory=dict)
    limits: dict[tuple[Limit, LimitWindow], bool] = field(default_factory=dict)
    lacking: tuple[str, ...] = ()  # sentences about settings and keys
    ungated: bool = False  # orders are held, and no gate has ever asked
    requests: dict[tuple[str, str], int] = field(default_factory=dict)  # to the panel, by action and cause
    queue: int = 0
    unbuilt: int = 0


class Probe:
    """Reads the state of the service; simultaneous requests share one reading."""

    def __init__(self, context: Context, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._context = context
        self._monotonic = monotonic
        self._lock = asyncio.Lock()
        self._read_at = float("-inf")
        self._last: ServiceStanding | None = None

    async def standing(self) -> ServiceStanding | None:
        """Return the state of the service; None if the database can't be reached."""
        async with self._lock:
            if self._monotonic() - self._read_at >= _FRESH_SECONDS:
                self._last = await self._read()
                self._read_at = self._monotonic()
            return self._last

    async def _read(self) -> ServiceStanding | None:
        context = self._context
        try:
            standing = await within(DATABASE_SECONDS, self._look())
        except (sa.exc.SQLAlchemyError, OSError) as error:  # a time-out is an OSError, too
            context.db.outage.note("readyz", error)
            return None
        if not standing.schema_current:
            return standing
        try:
            tried = installation.try_to_write(context.db, seconds=WRITE_SECONDS / 2, now=context.clock())
            await within(WRITE_SECONDS, tried)
        except (sa.exc.SQLAlchemyError, OSError) as error:
            context.db.outage.note("readyz", error)
            return replace(standing, writable=False)
        return standing

    async def _look(self) -> ServiceStanding:
        context = self._context
        if await schema.current(context.db) != schema.head():
            return ServiceStanding()
        async with context.db.read() as connection:
            return await _standing(connection, context.settings, context.clock())

    async def readiness(self) -> Readiness:
        """Return whether the service is ready."""
        standing = await self.standing()
        reasons = _reasons(standing)
        seen = standing or ServiceStanding()
        return Readiness(
            ready=not reasons,
            reasons=reasons,
            paused=seen.paused,
            workers=seen.workers_alive,
            oldest_event_seconds=seen.oldest_event,
            oldest_call_seconds=max(seen.oldest_calls.values(), default=None),
            unknown_calls=seen.calls.get(CallState.UNKNOWN, 0),
            dead_calls=seen.calls.get(CallState.DEAD, 0),
            panel=seen.panel,
            workers_stuck=seen.workers_alive - seen.workers_moving,
            oldest_waiting_seconds=seen.oldest,
            failed_events=seen.events.get(EventState.FAILED, 0),
            unbuilt_orders=seen.unbuilt,
            damage_limits=tuple(f"limits.{window}.{limit}" for (limit, window), is_so in seen.limits.items() if is_so),
            notices=(*seen.lacking, *((NO_GATE,) if seen.ungated else ())),
        )


def _reasons(standing: ServiceStanding | None) -> tuple[str, ...]:
    if standing is None:
        return ("the database can't be reached",)
    if not standing.schema_current:
        return ("the database schema does not match this version: run `doorman migrate`",)
    found = [] if standing.writable else ["the database can't be written to: it is locked, read-only or full"]
    if standing.workers_alive == 0:
        found.append(f"no worker heartbeat for {HEARTBEAT_SECONDS:.0f} seconds")
    elif standing.workers_moving == 0:
        found.append(f"no worker has made progress for {PROGRESS_SECONDS:.0f} seconds")
    if (standing.oldest_event or 0) > EVENT_SECONDS:
        found.append(f"the oldest due event has waited for {standing.oldest_event:.0f} seconds")
    oldest_call = standing.oldest_calls.get(CallState.PENDING, 0)
    waits_for_panel = standing.panel is not BreakerState.CLOSED
    if oldest_call > CALL_SECONDS and not (standing.paused or standing.shadow or waits_for_panel):
        found.append(f"the oldest due panel call has waited for {oldest_call:.0f} seconds")
    if standing.calls.get(CallState.UNKNOWN, 0) > UNKNOWN_CALLS and not waits_for_panel:
        found.append(f"more than {UNKNOWN_CALLS} panel calls have an unknown outcome")
    if standing.calls.get(CallState.DEAD, 0) > DEAD_CALLS:
        found.append(f"more than {DEAD_CALLS} panel calls are dead: check the queue")
    return tuple(found)


async def _standing(connection: AsyncConnection, settings: Settings, now: datetime) -> ServiceStanding:
    mode = settings.mode
    columns = (workers.c.heartbeat_at, workers.c.progress_at, workers.c.panel)
    running = sa.select(*columns).where(workers.c.stopped_at.is_(None))
    beats = (await connection.execute(running.limit(COUNTED))).all()
    alive = [row for row in beats if (now - row.heartbeat_at).total_seconds() <= HEARTBEAT_SECONDS]
    moving = [row for row in alive if (now - row.progress_at).total_seconds() <= PROGRESS_SECONDS]
    oldest = await backlog.oldest_waiting(connection, now=now)
    calls = await outbox.waiting(connection, now=now)
    since = {kind: at for kind, at in (await waiting.oldest(connection, now=now)).items() if at is not None}
    since |= {_OF_CALLS[state]: at for state, at in calls.oldest.items() if state in _OF_CALLS}
    if oldest is not None:
        since[Waiting.EVENT] = oldest
    event_states = (EventState.RECEIVED, EventState.FAILED)
    return ServiceStanding(
        schema_current=True,
        paused=await installation.is_paused(connection),
        shadow=mode is Mode.SHADOW,
        workers_alive=len(alive),
        workers_moving=len(moving),
        panel=min(
            (BreakerState(row.panel) for row in alive), key=list(BreakerState).index, default=BreakerState.CLOSED
        ),
        oldest_event=None if oldest is None else _age(oldest, now),
        oldest_calls={state: _age(since, now) for state, since in calls.oldest.items() if state is not CallState.DEAD},
        calls=calls.count,
        events={one: await _count(connection, events, one) for one in event_states},
        orders={one: await _count(connection, orders, one) for one in OrderState},
        oldest={kind: _age(since[kind], now) for kind in Waiting if kind in since},
        limits=await _limits(connection, mode, now),
        lacking=await lacking.notices(connection, settings),
        ungated=await presence.is_missing(connection, mode),
        requests=await panel_requests.load(connection),
        queue=await queue.count_queue(connection, at_most=COUNTED),
        unbuilt=await provisioning.count_failed(connection, at_most=COUNTED),
    )


async def _limits(connection: AsyncConnection, mode: Mode, now: datetime) -> dict[tuple[Limit, LimitWindow], bool]:
    """Return for each damage limit whether it is reached; in shadow nothing is limited."""
    if mode is Mode.SHADOW:
        return {}
    try:
        policy = (await versions.active(connection)).policy
    except (NotFound, WrongState):  # no policy is active yet, or it is no longer valid
        return {}
    reached = {(one.limit, one.window) for one in await limits.reached(connection, policy, now=now)}
    return {(limit, window): (limit, window) in reached for limit in Limit for window in LimitWindow}


def _age(since: datetime, now: datetime) -> float:
    return round(max(0.0, (now - since).total_seconds()), 3)


async def _count(connection: AsyncConnection, table: sa.Table, state: str) -> int:
    """Count rows of one state through its index, up to `COUNTED`."""
    some = sa.select(sa.literal(1)).select_from(table).where(table.c.state == state).limit(COUNTED).subquery()
    return int(await connection.scalar(sa.select(sa.func.count()).select_from(some)) or 0)
