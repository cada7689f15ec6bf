"""The inbox: events to handle, both received ones and internal ones that we set ourselves.

A claim is identified by its owner and `claimed_at`, which increases with each claim of the same event even if the clock
stands still or jumps back. So a worker that lost its claim can't finish the event.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import Database, insert_new, storable
from app.messaging.backlog import bring_forward
from app.messaging.choosing import EventKey, Places, anything_due, choose, key_of
from app.tables.inbox import EventSource, EventState, WaitsFor, events

log = structlog.get_logger()

CALL_SETTLED = "panel_call.settled"
KILLS_ITS_WORKER = "kills-its-worker"
#: The last error of events and calls postponed because the panel is down; `reschedule_for_panel` finds them by it.
WAITS_FOR_PANEL = "waits until the panel can be reached again"
#: After this many consecutive worker crashes the event is blamed.
DEATHS_ALLOWED = 5

_INTERNAL_PREFIX = "doorman·"  # webhook ids from outside are ASCII, so the two never meet
_LAST_ID = 2**63 - 1
_TICK = timedelta(microseconds=1)


class ClaimLost(Exception):
    """Another worker has the event or call now; the work done under the claim must be rolled back."""


class Postpone(Exception):
    """Raised by a handler to retry the event later. `counted` uses up one of its attempts.

    `reads_failed`: the event waits because panel reads fail; `Event.reads_failed_at` says since when. `waits_for` is
    what may make it due earlier.
    """

    def __init__(
        self, reason: str, *, delay: timedelta | None = None, due_at: datetime | None = None,
        counted: bool = False, reads_failed: bool = False, waits_for: WaitsFor | None = None,
    ) -> None:  # fmt: skip
        super().__init__(reason)
        self.reason = reason
        self.delay = delay
        self.due_at = due_at
        self.counted = counted
        self.reads_failed = reads_failed
        self.waits_for = waits_for


class GiveUp(Exception):
    """Raised by a handler to fail the event permanently; `result` is a kebab-case slug."""

    def __init__(self, result: str, detail: str = "") -> None:
        super().__init__(f"{result}: {detail}" if detail else result)
        self.result = result
        self.detail = detail


class VersionMoved(Exception):
    """Raised by a handler: the data changed between its read and its write; it is called again at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A claimed event. `data` is empty if the body can't be read."""

    id: int
    webhook_id: str
    type: str
    source: EventSource
    data: dict[str, Any]
    order_id: int | None
    customer_id: int | None
    occurred_at: datetime
    received_at: datetime
    due_at: datetime
    attempts: int  # including this one
    reads_failed_at: datetime | None  # since when it has waited because panel reads fail
    urgent: bool
    owner: uuid.UUID
    claimed_at: datetime

    @property
    def key(self) -> EventKey | None:
        """The subject: a worker never handles two events with the same key at the same time."""
        return key_of(self.order_id, self.customer_id)


# --- setting events for ourselves ---------------------------------------------------------------------------------


async def add_internal(
    tx: AsyncConnection,
    *,
    type: str,  # noqa: A002
    data: dict[str, Any],
    now: datetime,
    due_at: datetime | None = None,
    name: str | None = None,
    urgent: bool = False,
    source: EventSource = EventSource.INTERNAL,
) -> bool:
    """Add an internal event; order and customer are taken from `data`.

    With a `name`, a second event of the same name changes nothing and returns False. An event is due at once unless
    `due_at` is given.
    """
    values = _internal(type=type, data=data, now=now, name=name) | {
        "source": source, "due_at": due_at or now, "urgent": urgent
    }  # fmt: skip
    return (await tx.execute(insert_new(tx, events, events.c.id), values)).first() is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """An event of our own that is due at some time; a second one of the same name changes nothing."""

    type: str
    data: dict[str, Any]
    due_at: datetime
    name: str | None


async def add_timers(tx: AsyncConnection, timers: Sequence[Timer], *, now: datetime) -> None:
    """Add events for later in one statement."""
    rows = [
        _internal(type=one.type, data=one.data, now=now, name=one.name) | {"due_at": one.due_at, "urgent": False}
        for one in timers
    ]
    if rows:
        await tx.execute(insert_new(tx, events), rows)


async def add_urgent(tx: AsyncConnection, *, type: str, named: Mapping[str, dict[str, Any]], now: datetime) -> None:  # noqa: A002
    """Add urgent internal events in one statement; `named` maps names to data."""
    rows = [_internal(type=type, data=data, now=now, name=name) | {"urgent": True} for name, data in named.items()]
    await tx.execute(insert_new(tx, events), rows)


def _internal(*, type: str, data: dict[str, Any], now: datetime, name: str | None) -> dict[str, Any]:  # noqa: A002
    body = json.dumps({"type": type, "timestamp": now.isoformat(), "data": data}, separators=(",", ":"), default=str)
    return {
        "webhook_id": internal_id(name or str(uuid.uuid4())),
        "type": type,
        "source": EventSource.INTERNAL,
        "body": body.encode(),
        "order_id": _panel_id(data.get("order_id")),
        "customer_id": _panel_id(data.get("customer_id")),
        "occurred_at": now,
        "received_at": now,
        "state": EventState.RECEIVED,
        "due_at": now,
    }


async def reschedule_for_panel(tx: AsyncConnection, *, limit: int, now: datetime) -> int:
    """Make up to `limit` events due now, oldest first, that waited while the panel was down; return how many."""
    waiting = events.c.state == EventState.RECEIVED
    return await bring_forward(tx, events, waiting, first=events.c.id, limit=limit, now=now)


def internal_id(name: str) -> str:
    return _INTERNAL_PREFIX + name


def _panel_id(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _LAST_ID else None


# --- claiming -----------------------------------------------------------------------------------------------------


async def claim(db: Database, owner: uuid.UUID, places: Places, *, now: datetime) -> list[Event]:
    """Claim due events for these places, at most one per key and none whose key is busy, in the order of `choose`.

    Runs in its own short transaction.
    """
    if not places.any or not await anything_due(db, places, now=now):
        return []
    async with db.begin() as tx:
        chosen = await choose(tx, places, now=now)
        deadly = [row for row in chosen if row.deaths >= DEATHS_ALLOWED]
        for row in deadly:
            await _fail_deadly(tx, row, now=now)
        taken = [row for row in chosen if row not in deadly]
        if not taken:
            return []
        claimed_at = claim_time(now, (row.claimed_at for row in taken))
        values = {"owner": owner, "claimed_at": claimed_at, "taken": [row.id for row in taken]}
        rows = await tx.execute(_TAKE, values)
        by_id = {row.id: _to_event(row) for row in rows}
    return [by_id[row.id] for row in taken]


def claim_time(now: datetime, earlier: Iterable[datetime | None]) -> datetime:
    """Return `now`, or just after the latest earlier claim if the clock stood still or jumped back."""
    return max([now, *(at + _TICK for at in earlier if at is not None)])


_TAKE: Final = (
    sa.update(events)
    .where(events.c.id.in_(sa.bindparam("taken", expanding=True)))
    .values(attempts=events.c.attempts + 1)
    .returning(*events.c)
)


def _to_event(row: sa.Row[Any]) -> Event:
    return Event(
        id=row.id,
        webhook_id=row.webhook_id,
        type=row.type,
        source=EventSource(row.source),
        data=data_of(row.body),
        order_id=row.order_id,
        customer_id=row.customer_id,
        occurred_at=row.occurred_at,
        received_at=row.received_at,
        due_at=row.due_at,
        attempts=row.attempts,
        reads_failed_at=row.reads_failed_at,
        urgent=row.urgent,
        owner=row.owner,
        claimed_at=row.claimed_at,
    )


def data_of(body: bytes) -> dict[str, Any]:
    """Return the data of an event's body; empty if it can't be read."""
    try:
        data = json.loads(body)["data"]
    except (ValueError, TypeError, LookupError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


async def _fail_deadly(tx: AsyncConnection, row: sa.Row[Any], *, now: datetime) -> None:
    await tx.execute(
        sa.update(events)
        .where(events.c.id == row.id)
        .values(state=EventState.FAILED, result=KILLS_ITS_WORKER, finished_at=now)
    )
    log.error("event.failed", event_id=row.id, type=row.type, order_id=row.order_id, result=KILLS_ITS_WORKER)


# --- settling -----------------------------------------------------------------------------------------------------


#: Changes an event, if the claim still holds.
_OF_CLAIM: Final = sa.update(events).where(
    events.c.id == sa.bindparam("of_event"),
    events.c.state == EventState.RECEIVED,
    events.c.owner == sa.bindparam("claimed_by"),
    events.c.claimed_at == sa.bindparam("since"),
    events.c.attempts == sa.bindparam("tries"),
)


def _claim_of(event: Event) -> dict[str, Any]:
    return {
        "of_event": event.id, "claimed_by": event.owner, "since": event.claimed_at, "tries": event.attempts,
    }  # fmt: skip


async def finish(tx: AsyncConnection, event: Event, *, state: EventState, result: str | None, now: datetime) -> None:
    """Settle the event inside the handler's own unit of work.

    Raises ClaimLost if another worker has it now; the unit of work must not be committed then.
    """
    values = {
        "state": state, "result": result, "finished_at": now, "owner": None, "last_error": None, "deaths": 0,
    }  # fmt: skip
    changed = await tx.execute(_OF_CLAIM, values | _claim_of(event))
    if changed.rowcount != 1:
        raise ClaimLost(f"event {event.id}")


async def postpone(
    db: Database, event: Event, *,
    due_at: datetime, error: str | None, now: datetime, counted: bool = True, reads_failed: bool = False,
    waits_for: WaitsFor | None = None,
) -> bool:  # fmt: skip
    """Postpone the event until `due_at`; False if the claim was lost. If not `counted`, the attempt is not counted.

    Any reason but `reads_failed` means that the reads succeeded or the panel was down; it resets the time that the
    event has waited for failing reads.
    """
    values = {"owner": None, "due_at": max(due_at, now), "last_error": _short(error), "deaths": 0}
    values["reads_failed_at"] = (event.reads_failed_at or now) if reads_failed else None
    values["waits_for"] = waits_for
    attempts = event.attempts if counted else event.attempts - 1
    async with db.begin() as tx:
        changed = await tx.execute(_OF_CLAIM, {**values, "attempts": attempts, **_claim_of(event)})
    return changed.rowcount == 1


async def fail(db: Database, event: Event, *, result: str, error: str | None, now: datetime) -> bool:
    """Settle the event as failed until staff replay it; False if the claim was lost."""
    values = {"state": EventState.FAILED, "result": result, "last_error": _short(error), "finished_at": now}
    async with db.begin() as tx:
        changed = await tx.execute(_OF_CLAIM, {**values, "owner": None, **_claim_of(event)})
    return changed.rowcount == 1


async def replay(tx: AsyncConnection, event_id: int, now: datetime) -> bool:
    """Handle a settled event again from the start, or retry a waiting event now.

    False if there is no event of this id, or it is already due.
    """
    waits = sa.and_(events.c.owner.is_(None), events.c.due_at > now)
    changed = await tx.execute(
        sa.update(events)
        .where(events.c.id == event_id, sa.or_(events.c.state != EventState.RECEIVED, waits))
        .values(state=EventState.RECEIVED, attempts=0, due_at=now, owner=None)
        .values(result=None, last_error=None, finished_at=None, deaths=0, waits_for=None)
    )
    return changed.rowcount == 1


def _short(error: str | None) -> str | None:
    return None if error is None else str(storable(error))[:500]
