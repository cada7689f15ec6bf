"""Notifying staff: waiting alerts become one notification for each kind, grouped and rate-limited.

The first alert of a kind is sent at once; those that follow soon after wait and are summed up. In shadow nothing is
sent; while paused everything waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.config import Settings
from app.context import Context
from app.core.actions import NotifyStaff
from app.core.records import AlertKind, CallState, Mode
from app.installation import facts as installation
from app.installation.zones import panel_zone
from app.messaging import outbox
from app.shown import panel_url
from app.tables.alerts import alerts

log = structlog.get_logger()

#: How often a round is due.
EVERY: Final = timedelta(seconds=10)
#: At most one notification of a kind in this time.
APART: Final = timedelta(minutes=10)
APART_URGENT: Final = timedelta(minutes=2)
#: How many alerts a notification lists one by one, and how many orders its first line names.
LINES: Final = 10
NAMED: Final = 20
#: The most alerts of one notification; the rest of a kind is sent later.
AT_MOST: Final = 1_000

_URGENT = frozenset({AlertKind.BREACH, AlertKind.DAMAGE_LIMIT})
_WORDS: Final = {
    AlertKind.NEW_HOLD: ("new hold", "new holds"),
    AlertKind.REVIEW_DUE: ("review is overdue", "reviews are overdue"),
    AlertKind.BREACH: ("BREACH of a hold", "BREACHES of holds"),
    AlertKind.DEAD_CALL: ("panel call failed", "panel calls failed"),
    AlertKind.REFUND_DUE: ("refund is due", "refunds are due"),
    AlertKind.DAMAGE_LIMIT: ("damage limit is reached", "damage limits are reached"),
    AlertKind.PROVISIONING_FAILED: ("order could not be set up", "orders could not be set up"),
    AlertKind.EVENT_FAILED: ("event failed", "events failed"),
    AlertKind.SIGNAL_MUTED: ("risk signal is muted", "risk signals are muted"),
}


async def round(context: Context) -> None:  # one round of notifying, as `sweeps.round` is one of sweeping
    """Send notifications for waiting alerts, each kind at its own rate."""
    now = context.clock()
    async with context.db.read() as connection:
        kinds = await _waiting_kinds(connection)
        paused = await installation.is_paused(connection)
    if context.settings.mode is Mode.SHADOW:
        await _let_go(context, kinds, now=now)
        return
    if paused:
        return
    for kind in kinds:
        async with context.db.begin() as tx:
            await _notify(tx, context.settings, kind, now=now)
    if kinds:
        context.wake()


async def _waiting_kinds(connection: AsyncConnection) -> list[AlertKind]:
    """Return the kinds with waiting alerts, by a query each, so that many alerts of one kind don't hide the others."""
    found: list[AlertKind] = []
    waiting = sa.select(alerts.c.kind).where(alerts.c.rung_at.is_(None)).order_by(alerts.c.created_at).limit(1)
    while (kind := await connection.scalar(waiting.where(alerts.c.kind.not_in(found)))) is not None:
        found.append(AlertKind(kind))
    return [kind for kind in AlertKind if kind in found]


async def _let_go(context: Context, kinds: Sequence[AlertKind], *, now: datetime) -> None:
    """Write alerts to the log instead of sending them, in shadow."""
    if kinds:
        async with context.db.begin() as tx:
            gone = await tx.execute(alerts.update().where(alerts.c.rung_at.is_(None)).values(rung_at=now))
        log.info("notifications.dropped_in_shadow", kinds=[kind.value for kind in kinds], alerts=gone.rowcount)


async def _notify(tx: AsyncConnection, settings: Settings, kind: AlertKind, *, now: datetime) -> None:
    if not await _may_notify(tx, kind, now=now):
        return
    rows = (
        await tx.execute(
            sa.select(alerts)
            .where(alerts.c.kind == kind, alerts.c.rung_at.is_(None))
            .order_by(alerts.c.created_at, alerts.c.id)
            .limit(AT_MOST)
            .with_for_update()
        )
    ).all()
    if not rows:
        return
    zone = await panel_zone(tx, settings)
    key = f"ring:{kind}:{max(row.id for row in rows)}"
    call_id = await outbox.enqueue(tx, _notice(settings, kind, rows, zone), key=key, cause=key, now=now)
    waiting = sa.and_(alerts.c.kind == kind, alerts.c.rung_at.is_(None), alerts.c.id.in_([row.id for row in rows]))
    await tx.execute(alerts.update().where(waiting).values(rung_at=now, call_id=call_id))
    log.info("notifications.queued", kind=kind.value, alerts=len(rows))


async def _may_notify(tx: AsyncConnection, kind: AlertKind, *, now: datetime) -> bool:
    """Return whether the last notification of this kind is long enough ago and no longer being sent.

    If the last one failed, it is removed from the queue: the next one repeats it.
    """
    last = (
        await tx.execute(
            sa.select(alerts.c.rung_at, alerts.c.call_id)
            .where(alerts.c.kind == kind, alerts.c.call_id.is_not(None))
            .order_by(alerts.c.created_at.desc(), alerts.c.id.desc())
            .limit(1)
        )
    ).first()
    if last is None:
        return True
    apart = APART_URGENT if kind in _URGENT else APART
    if abs(now - last.rung_at) < apart:  # the clock of the worker that sent it may be ahead
        return False
    call = await outbox.get(tx, last.call_id)
    if call is not None and call.state in outbox.LIVE:
        return False
    if call is not None and call.state is CallState.DEAD:
        await outbox.abandon(tx, call.id, now)
    return True


def _notice(settings: Settings, kind: AlertKind, rows: Sequence[Any], zone: tzinfo) -> NotifyStaff:
    """Sum up the alerts: how many, which orders, since when, and the first of them one by one."""
    one, many = _WORDS[kind]
    title = f"Doorman: {len(rows)} {one if len(rows) == 1 else many}"
    named = list(dict.fromkeys(str(row.order_id) for row in rows if row.order_id is not None))
    which = (
        f": {'order' if len(named) == 1 else 'orders'} {', '.join(named[:NAMED])}{' …' if len(named) > NAMED else ''}"
        if named
        else ""
    )
    since = f"{rows[0].created_at.astimezone(zone):%Y-%m-%d %H:%M %Z}"
    lines = [f"{len(rows)} {one if len(rows) == 1 else many}{which}; oldest since {since}"]
    lines += [f"- {row.text}" for row in rows[:LINES]]
    if len(rows) > LINES:
        lines.append(f"- and {len(rows) - LINES} more")
    return NotifyStaff(title=title, message="\n".join(lines), url=_where(settings, rows))


def _where(settings: Settings, rows: Sequence[Any]) -> str:
    """Return the link: the order in the panel if there is only one, else our own pages."""
    about = {row.order_id for row in rows}
    order = panel_url(settings, about.pop()) if len(about) == 1 else None
    docs = f"{settings.public_url.rstrip('/')}/docs" if settings.public_url else ""
    return order or docs
