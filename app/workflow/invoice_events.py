"""Events about invoices: find the order or fee, or else the customer's open orders that it may concern."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.context import Context
from app.messaging import inbox
from app.messaging.inbox import Event, Postpone
from app.panels.base import PanelUnavailable
from app.tables.inbox import EventState
from app.tables.orders import fees, orders
from app.tickets.records import customer_orders
from app.workflow.examine import examine

#: The order of a new invoice is known this long after: its own event comes with that of the invoice.
_ORDER_READ_WITHIN: Final = timedelta(seconds=3)


async def invoice_event(context: Context, event: Event) -> None:
    """Examine the order that the invoice belongs to; for an unknown invoice, all open orders of its customer."""
    invoice_id = int(event.data["invoice_id"])
    async with context.db.read() as connection:
        order_id = await _order_of(connection, invoice_id)
    if order_id is not None:
        await examine(context, event, order_id)
        return
    due_at = event.received_at + _ORDER_READ_WITHIN
    if context.clock() < due_at:
        raise Postpone("the order of this invoice may just be being read", due_at=due_at)
    customer_id = event.customer_id or await _owner(context, invoice_id)
    now = context.clock()
    async with context.db.begin() as tx:
        found = [] if customer_id is None else await customer_orders(tx, customer_id)
        for one in found:
            await inbox.add_internal(
                tx, type="order.read_back", data={"order_id": one}, now=now, name=f"invoice:{event.id}:{one}"
            )
        result = "customer-looked-at" if found else "not-ours"
        await inbox.finish(tx, event, state=EventState.PROCESSED, result=result, now=now)
    context.wake()


async def _owner(context: Context, invoice_id: int) -> int | None:
    """Return whose invoice it is, if the event does not tell."""
    if context.panel is None:
        raise PanelUnavailable("no panel is configured")
    invoice = await context.panel.invoice(invoice_id)
    return None if invoice is None else invoice.customer_id


async def _order_of(connection: AsyncConnection, invoice_id: int) -> int | None:
    for query in (
        sa.select(fees.c.order_id).where(fees.c.invoice_id == invoice_id),
        sa.select(orders.c.order_id).where(orders.c.invoice_id == invoice_id),
    ):
        row = (await connection.execute(query.limit(1))).first()
        if row is not None:
            return int(row.order_id)
    return None
