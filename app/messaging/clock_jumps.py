"""Repairs due times after a clock jumped ahead and was corrected.

Each row keeps when it was written (received, claimed, created, sent). A write time in the future came from a clock that
was ahead, and so did the due time next to it: both are moved back together, so the delay stays the same. This needs no
memory of the jump, so it works for several workers and across restarts.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.records import CallState
from app.db import Database
from app.tables.inbox import EventState, events
from app.tables.outbox import panel_calls

log = structlog.get_logger()

#: The clocks of several hosts may differ by this much.
TOLERANCE: Final = timedelta(seconds=5)
_AT_ONCE: Final = 500


async def correct(db: Database, *, settle: timedelta, now: datetime) -> int:
    """Move back rows written by a clock that was ahead; return how many, at most a few hundred at a time."""
    queries = (_events(now), _calls(now, settle))
    async with db.read() as connection:
        found = [(await connection.execute(query.limit(1))).first() is not None for query in queries]
    if not any(found):
        return 0
    async with db.begin() as tx:
        moved = await _correct_events(tx, now) + await _correct_calls(tx, settle, now)
    log.warning("clock.corrected", rows=moved)
    return moved


def moved_back(due_at: datetime, written: Iterable[datetime | None], now: datetime) -> datetime:
    """Return the corrected due time: as long after now as it was after the latest of the `written` times."""
    latest = max([now, *(at for at in written if at is not None)])
    return max(now, now + (due_at - latest))


def _events(now: datetime) -> sa.Select[Any]:
    ahead = now + TOLERANCE
    return sa.select(events.c.id, events.c.due_at, events.c.received_at, events.c.claimed_at).where(
        events.c.state == EventState.RECEIVED, events.c.owner.is_(None), events.c.due_at > now,
        sa.or_(events.c.received_at > ahead, events.c.claimed_at > ahead),
    )  # fmt: skip


async def _correct_events(tx: AsyncConnection, now: datetime) -> int:
    rows = (await tx.execute(_events(now).limit(_AT_ONCE).with_for_update(skip_locked=True))).all()
    for row in rows:
        values = {
            "due_at": moved_back(row.due_at, (row.received_at, row.claimed_at), now),
            "received_at": min(row.received_at, now),
            "claimed_at": _not_ahead(row.claimed_at, now),
        }
        await tx.execute(sa.update(events).where(events.c.id == row.id).values(**values))
    return len(rows)


def _calls(now: datetime, settle: timedelta) -> sa.Select[Any]:
    call, ahead = panel_calls.c, now + TOLERANCE
    columns = (call.id, call.seq, call.due_at, call.created_at, call.claimed_at, call.sent_at, call.applies_until)
    written = sa.or_(call.created_at > ahead, call.claimed_at > ahead, call.sent_at > ahead)
    return sa.select(*columns).where(
        call.state.in_((CallState.PENDING, CallState.UNKNOWN)), call.owner.is_(None),
        sa.or_(sa.and_(call.due_at > now, written), call.applies_until > ahead + settle),
    )  # fmt: skip


async def _correct_calls(tx: AsyncConnection, settle: timedelta, now: datetime) -> int:
    """Move calls back in order. No attempt was sent later than now, so none can take effect after `settle`."""
    query = _calls(now, settle).order_by(panel_calls.c.seq).limit(_AT_ONCE)
    rows = (await tx.execute(query.with_for_update(skip_locked=True))).all()
    first = int(now.timestamp() * 1_000_000)
    for number, row in enumerate(rows):
        values = {
            "due_at": moved_back(row.due_at, (row.created_at, row.claimed_at, row.sent_at), now),
            "seq": min(row.seq, first + number),
            "created_at": min(row.created_at, now),
            "claimed_at": _not_ahead(row.claimed_at, now),
            "sent_at": _not_ahead(row.sent_at, now),
            "applies_until": _not_ahead(row.applies_until, now + settle),
        }
        await tx.execute(sa.update(panel_calls).where(panel_calls.c.id == row.id).values(**values))
    return len(rows)


def _not_ahead(at: datetime | None, now: datetime) -> datetime | None:
    return None if at is None else min(at, now)
