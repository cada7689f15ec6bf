"""Each customer's first order, remembered to know which amounts are large here."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.rows.order import Order
from app.db import insert_new
from app.panels.records import PanelCustomer
from app.tables.customers import first_orders


async def remember(tx: AsyncConnection, order: Order, customer: PanelCustomer | None, *, now: datetime) -> None:
    """Record a customer's first order; later ones, and those without an amount, change nothing.

    A customer who has paid more than one invoice ordered before we heard of them.
    """
    if customer is None or order.currency is None or not order.amount_minor or order.amount_minor < 0:
        return
    if has_paid_past(customer.stats.paid_invoices):
        return
    row = {
        "customer_id": customer.customer_id, "order_id": order.order_id, "currency": order.currency,
        "amount_minor": order.amount_minor, "placed_at": order.placed_at or now,
    }  # fmt: skip
    await tx.execute(insert_new(tx, first_orders), row)


def has_paid_past(paid_invoices: int | None) -> bool:
    """True if a customer has paid more than the invoice of a first order; False if that is not known."""
    return (paid_invoices or 0) > 1
