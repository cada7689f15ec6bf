"""Alert staff to what goes wrong without a person noticing: events that fail, and limits that are reached."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from app.billing import limits
from app.context import Context
from app.core.records import AlertKind, Mode
from app.installation.alerts import alert
from app.policies import versions
from app.tables.inbox import EventState, WaitsFor, events

#: Alert staff when an event has been retried for longer than this.
_PUT_OFF: Final = timedelta(minutes=30)
_FAILED_WITHIN: Final = timedelta(hours=1)
_AT_MOST: Final = 100


async def tell(context: Context, now: datetime) -> None:
    """Alert staff to events that failed or keep failing, and to reached limits."""
    failed = (
        sa.select(events.c.id, events.c.type, events.c.order_id, events.c.result, events.c.finished_at)
        .where(events.c.state == EventState.FAILED, events.c.finished_at > now - _FAILED_WITHIN)
        .order_by(events.c.id.desc())
    )
    async with context.db.read() as connection:
        rows = (await connection.execute(failed.limit(_AT_MOST))).all()
    await _tell_of_put_off(context, now)
    async with context.db.read() as connection:
        policy = (await versions.active(connection)).policy
        reached = await limits.reached(connection, policy, now=now) if context.settings.mode is Mode.ENFORCE else ()
    if not rows and not reached:
        return
    async with context.db.begin() as tx:
        for row in rows:
            about = f" about order {row.order_id}" if row.order_id else ""
            text = f"Event {row.id} ({row.type}){about} failed: {row.result}. Replay it once the cause is fixed."
            name = f"event:{row.id}:{row.finished_at.isoformat()}"
            await alert(tx, AlertKind.EVENT_FAILED, name=name, text=text, now=now, order_id=row.order_id)
        for one in reached:
            await limits.tell(tx, one, now=now)


async def _tell_of_put_off(context: Context, now: datetime) -> None:
    """Alert staff, hourly, to events that keep failing: most likely the panel refuses our calls."""
    waiting = sa.select(sa.func.min(events.c.received_at), sa.func.count()).where(
        events.c.state == EventState.RECEIVED, events.c.last_error.is_not(None),
        events.c.waits_for.is_distinct_from(WaitsFor.PANEL), events.c.received_at < now - _PUT_OFF,
    )  # fmt: skip
    async with context.db.read() as connection:
        since, count = (await connection.execute(waiting)).one()
    if not count:
        return
    text = (
        f"{count} events wait for another attempt, the oldest since {since:%Y-%m-%d %H:%M} UTC: "
        "see GET /v1/events?state=received, and run `doorman doctor`."
    )
    async with context.db.begin() as tx:
        await alert(tx, AlertKind.EVENT_FAILED, name=f"put-off:{now:%Y-%m-%dT%H}", text=text, now=now)
