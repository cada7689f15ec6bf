"""Events and calls that wait, and events that a dead worker left."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.tables.inbox import WAITING, EventState, WaitsFor, events


async def oldest_waiting(connection: AsyncConnection, *, now: datetime) -> datetime | None:
    """Return since when the oldest due event has been due; None if none is due."""
    oldest = sa.select(sa.func.min(events.c.due_at)).where(sa.text(WAITING), events.c.due_at <= now)
    found = [await connection.scalar(oldest.where(urgency)) for urgency in (events.c.urgent, ~events.c.urgent)]
    return min((at for at in found if at is not None), default=None)


async def bring_forward(
    tx: AsyncConnection, table: sa.Table, waiting: sa.ColumnElement[bool], *,
    first: sa.ColumnElement[Any], limit: int, now: datetime,
) -> int:  # fmt: skip
    """Make up to `limit` rows due now that match `waiting` and waited while the panel was down; return how many."""
    chosen = (
        await tx.scalars(
            sa.select(table.c.id)
            .where(waiting, table.c.owner.is_(None), table.c.due_at > now, table.c.waits_for == WaitsFor.PANEL)
            .order_by(first)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
    ).all()
    if chosen:  # as a subquery of the update PostgreSQL may choose again, and change more rows than `limit`
        now_due = sa.update(table).where(table.c.id.in_(chosen))
        await tx.execute(now_due.values(due_at=now, last_error=None, waits_for=None))
    return len(chosen)


async def release(tx: AsyncConnection, left: sa.ColumnElement[bool], *, died: bool, now: datetime) -> int:
    """Release claimed events that match `left`; return how many. Locked rows are skipped.

    If their worker `died` (or lost them), any of them may be the cause. They become due one by one, further apart each
    time, so that an event that crashes its worker doesn't affect the others again.
    """
    rows = (
        await tx.execute(
            sa.select(events.c.id, events.c.attempts, events.c.deaths)
            .where(events.c.state == EventState.RECEIVED, events.c.owner.is_not(None), left)
            .order_by(events.c.id)
            .with_for_update(skip_locked=True)
        )
    ).all()
    for position, row in enumerate(rows):
        values: dict[str, Any] = {"owner": None, "attempts": max(row.attempts - 1, 0)}
        if died:
            deaths = row.deaths + 1
            apart = timedelta(milliseconds=250) * position * deaths**2
            values = {
                "owner": None, "deaths": deaths, "due_at": now + apart,
                "last_error": f"left unfinished by {deaths} workers in a row",
            }  # fmt: skip
        await tx.execute(sa.update(events).where(events.c.id == row.id).values(values))
    return len(rows)
