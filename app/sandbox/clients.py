"""Clients: created, changed, closed, merged."""

import dataclasses
from typing import Any

from app.sandbox import billing
from app.sandbox.context import BusinessError, Context
from app.sandbox.models import Actor, Client

FIXED = frozenset({"id", "user_id", "credit", "created_at"})


def find(ctx: Context, client_id: int, message: str = "Client ID Not Found") -> Client:
    client = ctx.state.clients.get(client_id)
    if client is None:
        raise BusinessError(message)
    return client


async def change(ctx: Context, client: Client, actor: Actor, **fields: Any) -> None:
    """Set fields of a client, as `ClientEdit` reports it."""
    known = {field.name for field in dataclasses.fields(Client)} - FIXED
    unknown = set(fields) - known
    if unknown:
        raise BusinessError(f"No such client field: {', '.join(sorted(unknown))}")
    for name, value in fields.items():
        setattr(client, name, value)
    await ctx.raise_event("customer.changed", actor, customer_id=client.id)


async def close(ctx: Context, client: Client, actor: Actor) -> None:
    """Close: unpaid invoices are cancelled, services end."""
    client.status = "Closed"
    for invoice_id in ctx.state.invoices_of[client.id]:
        invoice = ctx.state.invoices[invoice_id]
        if invoice.status == "Unpaid":
            await billing.cancel_invoice(ctx, invoice, actor)
    for service_id in ctx.state.services_of[client.id]:
        service = ctx.state.services[service_id]
        service.status = "Terminated" if service.status == "Active" else "Cancelled"
    await ctx.raise_event("customer.closed", actor, customer_id=client.id)


async def merge(ctx: Context, old: Client, new: Client, actor: Actor) -> None:
    """`AfterClientMerge`: the old client is deleted, everything belongs to the new one."""
    if old.id == new.id:
        raise BusinessError("A client can't be merged with itself")
    ctx.state.move_client(old.id, new.id)
    await ctx.outbox.put("customer.merged", {"from": old.id, "to": new.id, "actor": actor.wire()})
