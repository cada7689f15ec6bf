"""Events that tell nothing new, because their order was read in the panel since they happened: they cost no call."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa

from app.context import Context
from app.core.consequences import building, timers
from app.core.consequences.actor import Actor
from app.core.consequences.panel import HOOK_WORDS
from app.core.judgement.decide import Outcome
from app.core.states import Flag, OrderState, Provisioning
from app.gathering.own import Own
from app.messaging.inbox import Event
from app.tables.inbox import EventSource
from app.tables.orders import orders
from app.workflow.actors import told_placed_by

#: Hooks that run after their change: a look that began once they were stored has seen it.
_AFTER_THE_CHANGE: Final = ("order.created", "order.paid", "order.fraud_checked", "invoice.paid", "service.provisioned")
#: The panel's order hooks fire before the change: it is made this long after at the latest.
CHANGE_MADE: Final = timedelta(seconds=4)
#: Nothing of ours is on its way in these states, so that no news is waited for.
_AT_REST: Final = (OrderState.RELEASED, OrderState.REJECTED, OrderState.CANCELLED)
#: A look that is due may be left out if the order was read this shortly before.
_SLACK: Final = timedelta(seconds=2)


async def is_known(context: Context, event: Event, order_id: int, own: Own) -> bool:
    """True if an event about an order tells nothing that a look at it has not seen; `own` are our rows of it."""
    row = own.row
    if row is None or row.last_read_at is None or row.unread_since is not None or not _was_seen(row, event):
        return False
    return not await _pays_others(context, row, event, order_id)


def _was_seen(row: Any, event: Event) -> bool:
    match event.type:
        case building.GATE_ASKED:  # the verdict was made while the gate asked
            return row.decision_id is not None and row.last_read_at >= event.received_at - _SLACK
        case "service.provisioned" if row.state == OrderState.RELEASING:
            return True  # our accept builds it, and is followed by a look of its own
        case "service.failed":
            return row.outcome not in {None, Outcome.APPROVE}  # the gate said no, and the panel obeyed
        case timers.READ_BACK:
            plain = event.source is EventSource.INTERNAL and set(event.data) == {"order_id"}
            return plain and row.last_read_at >= event.due_at - _SLACK
        case "order.status_changed":
            shown = row.state in _AT_REST and event.data.get("to") == HOOK_WORDS.get(row.panel_status)
            made_at = event.received_at + (timedelta(0) if event.data.get("again") else CHANGE_MADE)
            return shown and row.last_read_at >= made_at
        case _:
            stored_before = row.read_event_id is not None and event.id <= row.read_event_id
            return event.type in _AFTER_THE_CHANGE and stored_before and _adds_nothing(row, event)


def _adds_nothing(row: Any, event: Event) -> bool:
    """True if an event holds nothing that the panel itself does not show, or that we know."""
    if event.type == "service.provisioned":
        return row.provisioning == Provisioning.DONE and Flag.PROVISIONING_FAILED.value not in row.flags
    told = told_placed_by(event)
    if told is None:
        return True
    admin_id = Actor.from_event(event.data).admin_id
    return told == row.placed_by and admin_id in {None, row.staff_id}


async def _pays_others(context: Context, row: Any, event: Event, order_id: int) -> bool:
    """True if an event about an invoice concerns other orders, too."""
    if row.invoice_id is None or not event.type.startswith("invoice."):
        return False
    async with context.db.read() as connection:
        return (await connection.execute(others_paid_by(row.invoice_id, order_id).limit(1))).first() is not None


def others_paid_by(invoice_id: int, order_id: int) -> sa.Select[Any]:
    """Select the other orders that this order's invoice pays for."""
    return sa.select(orders.c.order_id).where(orders.c.invoice_id == invoice_id, orders.c.order_id != order_id)
