"""Events that tell nothing new, because their order was read in the panel since they happened: they cost no call."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.context import Context
from app.core.consequences.actor import Actor
from app.core.consequences.panel import HOOK_WORDS
from app.core.consequences.timers import READ_BACK
from app.core.states import Flag, OrderState, Provisioning
from app.messaging.inbox import Event
from app.tables.inbox import EventSource
from app.tables.orders import orders
from app.workflow.actors import told_placed_by

#: Hooks that run after their change: a look that began once they were stored has seen it.
_AFTER_THE_CHANGE: Final = ("order.created", "order.paid", "order.fraud_checked", "invoice.paid", "service.provisioned")
#: Nothing of ours is on its way in these states, so that no news is waited for.
_AT_REST: Final = (OrderState.RELEASED, OrderState.REJECTED, OrderState.CANCELLED)
_COLUMNS: Final = (
    orders.c.state, orders.c.panel_status, orders.c.placed_by, orders.c.staff_id, orders.c.provisioning,
    orders.c.flags, orders.c.last_read_at, orders.c.read_event_id, orders.c.unread_since, orders.c.invoice_id,
)  # fmt: skip


async def is_known(context: Context, event: Event, order_id: int) -> bool:
    """True if an event about an order tells nothing that a look at it has not seen."""
    if event.urgent:
        return False
    async with context.db.read() as connection:
        row = (await connection.execute(sa.select(*_COLUMNS).where(orders.c.order_id == order_id))).first()
        if row is None or row.last_read_at is None or row.unread_since is not None:
            return False
        return _was_seen(row, event) and not await _pays_others(connection, row, event, order_id)


def _was_seen(row: Any, event: Event) -> bool:
    if event.type in _AFTER_THE_CHANGE:
        stored_before = row.read_event_id is not None and event.id <= row.read_event_id
        return stored_before and row.state != OrderState.RELEASING and _adds_nothing(row, event)
    if row.last_read_at < event.due_at or row.state not in _AT_REST:
        return False
    if event.type == READ_BACK:
        return event.source is EventSource.INTERNAL and set(event.data) == {"order_id"}
    return event.type == "order.status_changed" and event.data.get("to") == HOOK_WORDS.get(row.panel_status)


def _adds_nothing(row: Any, event: Event) -> bool:
    """True if an event holds nothing that the panel itself does not show, or that we know."""
    if event.type == "service.provisioned":
        return row.provisioning == Provisioning.DONE and Flag.PROVISIONING_FAILED.value not in row.flags
    told = told_placed_by(event)
    if told is None:
        return True
    admin_id = Actor.from_event(event.data).admin_id
    return told == row.placed_by and admin_id in {None, row.staff_id}


async def _pays_others(connection: AsyncConnection, row: Any, event: Event, order_id: int) -> bool:
    """True if an event about an invoice concerns other orders, too."""
    if row.invoice_id is None or not event.type.startswith("invoice."):
        return False
    others = sa.select(orders.c.order_id).where(orders.c.invoice_id == row.invoice_id, orders.c.order_id != order_id)
    return (await connection.execute(others.limit(1))).first() is not None
