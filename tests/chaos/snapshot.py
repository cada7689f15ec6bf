"""Both sides as plain data: the panel's rows, Doorman's rows, and what Doorman shows to people."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from app.db import Database
from app.sandbox import SandboxPanel
from app.tables.customers import credits
from app.tables.inbox import events
from app.tables.orders import decisions, fees, orders
from app.tables.outbox import panel_calls

Get = Callable[[str], Awaitable[dict[str, Any]]]


@dataclass(slots=True, kw_only=True)
class PanelOrderRow:
    status: str
    invoice_status: str
    creates: int
    accepts: int
    takes_back: int
    """How often somebody set it back to Pending: each time allows one more accept and one more module create."""


@dataclass(slots=True, kw_only=True)
class PanelInvoiceRow:
    client_id: int
    status: str
    reference: str
    received: Decimal


@dataclass(slots=True, kw_only=True)
class PanelCreditRow:
    client_id: int
    amount: Decimal
    reference: str
    relid: int


@dataclass(slots=True, kw_only=True)
class Snapshot:
    """Everything that the invariants look at."""

    at: datetime
    panel_orders: dict[int, PanelOrderRow] = field(default_factory=dict)
    invoices: dict[int, PanelInvoiceRow] = field(default_factory=dict)
    """The invoices with our reference."""
    credit_rows: list[PanelCreditRow] = field(default_factory=list)
    balances: dict[int, Decimal] = field(default_factory=dict)
    tickets: Counter[str] = field(default_factory=Counter)
    """Tickets by our reference."""

    accepted: dict[str, str] = field(default_factory=dict)
    """Webhooks that were answered 202: type by id."""
    events: list[dict[str, Any]] = field(default_factory=list)
    orders: dict[int, dict[str, Any]] = field(default_factory=dict)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    fees: list[dict[str, Any]] = field(default_factory=list)
    credits: list[dict[str, Any]] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    queue: list[dict[str, Any]] = field(default_factory=list)
    overlaps: list[str] = field(default_factory=list)


async def look(
    panel: SandboxPanel, db: Database, get: Get, *, at: datetime, accepted: dict[str, str], overlaps: list[str]
) -> Snapshot:
    """Take a snapshot; `get` reads from Doorman's API."""
    snapshot = Snapshot(at=at, accepted=dict(accepted), overlaps=list(overlaps))
    _look_at_panel(panel, snapshot)
    async with db.read() as connection:
        for table, into in ((events, snapshot.events), (fees, snapshot.fees), (credits, snapshot.credits),
                            (panel_calls, snapshot.calls), (decisions, snapshot.decisions)):  # fmt: skip
            rows = await connection.execute(sa.select(table))
            into.extend(dict(row._mapping) for row in rows)
        for row in await connection.execute(sa.select(orders)):
            snapshot.orders[row.order_id] = dict(row._mapping)
    cursor = ""
    while True:
        page = await get(f"/v1/queue?limit=100{cursor}")
        snapshot.queue += page["items"]
        if not page.get("next_cursor"):
            return snapshot
        cursor = f"&cursor={page['next_cursor']}"


def _look_at_panel(panel: SandboxPanel, snapshot: Snapshot) -> None:
    state = panel.state
    ours = Counter(
        int(write.params.get("orderid", 0)) for write in panel.writes if write.action == "AcceptOrder" and write.applied
    )
    back = Counter(
        int(event.data["order_id"])
        for event in {event.id: event for event in panel.outbox.log}.values()
        if event.type == "order.status_changed" and event.data.get("to") == "pending"
    )
    for order in state.orders.values():
        invoice = state.invoices.get(order.invoice_id)
        snapshot.panel_orders[order.id] = PanelOrderRow(
            status=order.status,
            invoice_status=invoice.status if invoice else "",
            creates=max((service.creates for service in state.items_of(order)), default=0),
            accepts=ours[order.id],
            takes_back=back[order.id],
        )
    for invoice in state.invoices.values():
        if reference := _reference(invoice.notes):
            snapshot.invoices[invoice.id] = PanelInvoiceRow(
                client_id=invoice.client_id, status=invoice.status, reference=reference, received=invoice.received
            )
    for client in state.clients.values():
        snapshot.balances[client.id] = client.credit
        snapshot.credit_rows += [
            PanelCreditRow(
                client_id=client.id, amount=row.amount, reference=_reference(row.description), relid=row.relid
            )
            for row in state.credits_of[client.id]
        ]
    for ticket in state.tickets.values():
        for reply in ticket.replies[:1]:
            if reference := _reference(reply.message):
                snapshot.tickets[reference] += 1


def _reference(text: str) -> str:
    found = re.search(r"Ref: (doorman:\S+?)\)?(?:\s|$)", text)
    return found.group(1) if found else ""
