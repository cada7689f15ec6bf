"""Events about customers: changed, closed, merged."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.context import Context
from app.customers import counts as customers
from app.customers import links, names
from app.customers.links import links_of
from app.messaging import inbox
from app.messaging.inbox import Event
from app.panels.base import PanelUnavailable
from app.tables.customers import credits, new_accounts, order_sightings
from app.tables.customers import customers as customers_table
from app.tables.inbox import EventState
from app.tables.orders import fees, order_texts, orders, questions, ticket_texts, tickets

_COUNTS = ("orders", "manual_orders", "effortless_orders", "fraud_orders", "chargebacks", "tickets", "labour_minutes")


async def customer_changed(context: Context, event: Event) -> None:
    """Read the customer again: new identities may link them to others."""
    if context.panel is None:
        raise PanelUnavailable("no panel is configured")
    customer_id = int(event.data["customer_id"])
    context.customers.forget(customer_id)
    customer = await context.panel.customer(customer_id)
    now = context.clock()
    async with context.db.begin() as tx:
        if customer is not None:
            await customers.ensure(tx, customer_id, now=now)
            await links.remember(tx, customer_id, links_of(customer, None), now=now)
            named = await names.remember(tx, customer_id, customer, known="")
            await tx.execute(
                customers_table.update()
                .where(customers_table.c.customer_id == customer_id)
                .values(status=customer.status[:24], currency=customer.currency, last_read_at=now, named=named)
            )
        result = "read" if customer is not None else "customer-not-found"
        await inbox.finish(tx, event, state=EventState.PROCESSED, result=result, now=now)


async def customer_closed(context: Context, event: Event) -> None:
    """Record that the customer is closed."""
    now = context.clock()
    customer_id = int(event.data["customer_id"])
    async with context.db.begin() as tx:
        await customers.ensure(tx, customer_id, now=now)
        await tx.execute(
            customers_table.update().where(customers_table.c.customer_id == customer_id).values(status="Closed")
        )
        await inbox.finish(tx, event, state=EventState.PROCESSED, result="closed", now=now)


async def customer_merged(context: Context, event: Event) -> None:
    """Move a merged customer's history to the remaining customer; nothing is granted twice."""
    now = context.clock()
    source, target = int(event.data["from"]), int(event.data["to"])
    async with context.db.begin() as tx:
        result = "same-customer"
        if source != target:
            await customers.ensure(tx, source, now=now)
            await customers.ensure(tx, target, now=now)
            result = await _merge(tx, source, target)
        await inbox.finish(tx, event, state=EventState.PROCESSED, result=result, now=now)


async def _merge(tx: AsyncConnection, source: int, target: int) -> str:
    rows = await tx.execute(
        sa.select(customers_table)
        .where(customers_table.c.customer_id.in_([source, target]))
        .order_by(customers_table.c.customer_id)
        .with_for_update()
    )
    both: dict[int, Any] = {row.customer_id: row for row in rows}
    if both[source].merged_into is not None:
        return "merged-already"
    for table in (orders, order_texts, fees, tickets, ticket_texts, credits, order_sightings, new_accounts, questions):
        await tx.execute(table.update().where(table.c.customer_id == source).values(customer_id=target))
    await links.move(tx, source, target)
    counts = {name: int(getattr(both[source], name)) for name in _COUNTS}
    await customers.add(tx, target, **counts)
    await tx.execute(
        customers_table.update()
        .where(customers_table.c.customer_id == target)
        .values(
            bad=both[source].bad or both[target].bad,
            bad_at=max((row.bad_at for row in both.values() if row.bad_at is not None), default=None),
            white_glove=both[source].white_glove or both[target].white_glove,
        )
    )
    gone = dict.fromkeys(_COUNTS, 0) | {"merged_into": target, "bad": False}
    await tx.execute(customers_table.update().where(customers_table.c.customer_id == source).values(**gone))
    return "merged"
