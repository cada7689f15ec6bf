"""What our own records show about an installation, for `doorman doctor`: bounded reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.facts import PlacedBy
from app.core.records import Role, TimelineCode
from app.core.states import Flag
from app.panels.brakes.breaker import BreakerState
from app.tables.access import api_keys
from app.tables.inbox import EventSource, events, workers
from app.tables.orders import decisions, orders, outside_answers, timeline
from app.upkeep.health import HEARTBEAT_SECONDS

#: The type of the event that the doctor itself posts.
PING: Final = "doctor.ping"
#: Signs of trouble older than this are ignored.
SIGNS_AGE: Final = timedelta(days=30)
#: An order of a customer that is accepted sooner than this after it was placed was accepted by a program.
QUICK: Final = timedelta(seconds=60)
_MOST_ORDERS: Final = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhooks:
    """What came in by webhook, without the doctor's own events."""

    last_at: datetime | None
    last_type: str
    last_day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrichmentDay:
    """What an outside service answered in the last 24 hours."""

    asked: int
    degraded: int
    reason: str  # of the latest request without an answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """Ids of orders that something else accepted or provisioned, newest first."""

    accepted_by_automation: tuple[int, ...]
    hold_breached: tuple[int, ...]
    accepted_at_once: tuple[int, ...]  # not by staff, within `QUICK`


async def database_skew(connection: AsyncConnection, *, now: datetime) -> timedelta | None:
    """Return how far PostgreSQL's clock is ahead of `now`; None on SQLite, which uses our clock."""
    if connection.dialect.name == "sqlite":
        return None
    there: datetime = (await connection.execute(sa.select(sa.func.clock_timestamp()))).scalar_one()
    return there.astimezone(UTC) - now


async def key_roles(connection: AsyncConnection) -> frozenset[Role]:
    """Return the roles of all keys that are not revoked."""
    rows = await connection.execute(sa.select(api_keys.c.role).where(api_keys.c.revoked_at.is_(None)).distinct())
    return frozenset(Role(row.role) for row in rows)


async def workers_without_panel(connection: AsyncConnection, *, now: datetime) -> tuple[str, ...]:
    """Return the hosts of live workers whose circuit breaker is not closed: they can't reach the panel."""
    alive = sa.and_(workers.c.stopped_at.is_(None), workers.c.heartbeat_at > now - timedelta(seconds=HEARTBEAT_SECONDS))
    rows = await connection.execute(sa.select(workers.c.host).where(alive, workers.c.panel != BreakerState.CLOSED))
    return tuple(row.host for row in rows)


async def webhooks(connection: AsyncConnection, *, now: datetime) -> Webhooks:
    """Return a summary of what the panel has sent."""
    theirs = sa.and_(events.c.source == EventSource.WEBHOOK, events.c.type != PING)
    latest = sa.select(events.c.received_at, events.c.type).where(theirs).order_by(events.c.id.desc()).limit(1)
    row = (await connection.execute(latest)).first()
    if row is None:
        return Webhooks(last_at=None, last_type="", last_day=0)
    newest = sa.select(events.c.received_at).where(theirs).order_by(events.c.id.desc()).limit(_MOST_ORDERS)
    times = (await connection.execute(newest)).scalars()
    day = sum(at > now - timedelta(days=1) for at in times)
    return Webhooks(last_at=row.received_at, last_type=row.type, last_day=day)


async def enrichment_day(connection: AsyncConnection, *, now: datetime) -> dict[str, EnrichmentDay]:
    """Return what outside services answered, by provider; services without requests are left out."""
    answers = outside_answers.c
    recent = sa.select(outside_answers).where(answers.asked_at > now - timedelta(days=1))
    rows = (await connection.execute(recent.order_by(answers.asked_at.desc()).limit(_MOST_ORDERS))).all()
    days = {}
    for name in sorted({row.provider for row in rows}):
        theirs = [row for row in rows if row.provider == name]
        reasons = [row.reason or "" for row in theirs if row.degraded]
        days[name] = EnrichmentDay(asked=len(theirs), degraded=len(reasons), reason=next(iter(reasons), ""))
    return days


async def signs(connection: AsyncConnection, *, now: datetime) -> Signs:
    """Find orders of the last 30 days that were let in by neither Doorman nor staff."""
    recent = (
        sa.select(orders.c.order_id, orders.c.flags)
        .where(orders.c.placed_at > now - SIGNS_AGE)
        .order_by(orders.c.order_id.desc())
        .limit(_MOST_ORDERS)
    )
    rows = (await connection.execute(recent)).all()
    return Signs(
        accepted_by_automation=tuple(row.order_id for row in rows if Flag.ACCEPTED_BY_AUTOMATION.value in row.flags),
        hold_breached=tuple(row.order_id for row in rows if Flag.HOLD_BREACHED.value in row.flags),
        accepted_at_once=await _accepted_at_once(connection, now=now),
    )


async def _accepted_at_once(connection: AsyncConnection, *, now: datetime) -> tuple[int, ...]:
    """Read when orders became Active: from the timeline in shadow mode, from decisions in enforce mode."""
    placed = sa.and_(orders.c.placed_at > now - SIGNS_AGE, orders.c.placed_by == PlacedBy.CUSTOMER)
    shown = (
        sa.select(orders.c.order_id, orders.c.placed_at, timeline.c.at, timeline.c.what)
        .join(timeline, timeline.c.order_id == orders.c.order_id)
        .where(placed, timeline.c.code == TimelineCode.SHOWN_ACTIVE)
        .order_by(orders.c.order_id.desc())
        .limit(_MOST_ORDERS)
    )
    decided = (
        sa.select(orders.c.order_id, orders.c.placed_at, decisions.c.at, decisions.c.reasons)
        .join(decisions, decisions.c.order_id == orders.c.order_id)
        .where(placed, decisions.c.by.like("panel%"), decisions.c.by.not_like("panel:staff:%"))
        .order_by(orders.c.order_id.desc())
        .limit(_MOST_ORDERS)
    )
    quick = {row.order_id for row in await connection.execute(shown) if row.at - row.placed_at <= QUICK}
    quick |= {
        row.order_id
        for row in await connection.execute(decided)
        if row.at - row.placed_at <= QUICK and any(one["code"] == "accepted_in_panel" for one in row.reasons)
    }
    return tuple(sorted(quick, reverse=True))
