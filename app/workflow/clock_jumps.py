"""Correct the times of orders that were set while the clock was ahead; `messaging.clock_jumps` does events and calls.

A customer's time to pay or answer stays what we told them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import sqlalchemy as sa

from app.context import Context
from app.core.consequences.draft import Draft
from app.core.consequences.timers import set_hold_clock
from app.messaging.clock_jumps import TOLERANCE, moved_back
from app.orders.order import open_order
from app.tables.orders import orders
from app.workflow.changing import change
from app.workflow.waiting import UNDECIDED

_AT_ONCE: Final = 100


async def correct(context: Context, now: datetime) -> int:
    """Move deciding deadlines and review due times back; return how many orders changed."""
    ahead = now + TOLERANCE
    undecided = sa.and_(UNDECIDED, orders.c.settle_at > now, orders.c.first_heard_at > ahead)
    held = sa.and_(
        orders.c.hold_kind.is_not(None), orders.c.hold_due_at > now, orders.c.hold_expires_at.is_(None),
        orders.c.hold_since > ahead,
    )  # fmt: skip
    async with context.db.read() as connection:
        found: set[int] = set()
        for condition in (undecided, held):
            found.update(await connection.scalars(sa.select(orders.c.order_id).where(condition).limit(_AT_ONCE)))
    for order_id in sorted(found):
        await _correct(context, order_id, now)
    return len(found)


async def _correct(context: Context, order_id: int, now: datetime) -> None:
    async with context.db.begin() as tx:
        locked = await open_order(context, tx, order_id, now=now)
        if locked is not None:
            await change(context, locked, _move_back)


def _move_back(draft: Draft) -> None:
    order, now = draft.order, draft.now
    if order.first_heard_at > now and order.settle_at is not None:
        settle_at = moved_back(order.settle_at, (order.first_heard_at,), now)
        draft.change(settle_at=settle_at, first_heard_at=now)
    since, due_at = order.hold_since, order.hold_due_at
    if since is not None and since > now and due_at is not None and order.hold_expires_at is None:
        draft.change(hold_due_at=moved_back(due_at, (since,), now), hold_since=now)
        set_hold_clock(draft)
