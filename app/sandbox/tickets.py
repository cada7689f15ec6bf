"""Tickets: opened, answered, closed, by clients, staff or the API."""

from typing import Literal

from app.sandbox.context import BusinessError, Context
from app.sandbox.models import Actor, Reply, Ticket

STATUSES = ("Open", "Answered", "Customer-Reply", "On Hold", "In Progress", "Closed")
PRIORITIES = ("Low", "Medium", "High")


def find(ctx: Context, ticket_id: int) -> Ticket:
    ticket = ctx.state.tickets.get(ticket_id)
    if ticket is None:
        raise BusinessError("Ticket ID Not Found")
    return ticket


def _hooks_run(ctx: Context, actor: Actor) -> bool:
    return actor.kind != "api" or ctx.behaviours.api_tickets_raise_hooks


async def open_ticket(
    ctx: Context,
    actor: Actor,
    *,
    client_id: int,
    subject: str,
    message: str,
    department_id: int,
    priority: str = "Medium",
    service: str = "",
    name: str = "",
    email: str = "",
    opened_by: Literal["customer", "staff"] = "customer",
) -> Ticket:
    """Open a ticket; guests have client id 0 and only a name and an address."""
    client = ctx.state.clients.get(client_id)
    if client is not None:
        name, email = client.fullname, client.email
    now = ctx.now()
    admin = ctx.state.admins.get(actor.admin_id)
    by_staff = opened_by == "staff" and admin is not None
    opening = Reply(id=0, at=now, message=message, client_id=client_id, name=name, email=email)
    if by_staff and admin is not None:
        opening.admin = admin.name
    ticket = ctx.state.add_ticket(
        Ticket(
            id=next(ctx.state.next.ticket),
            tid=ctx.state.digits(6),
            c=ctx.state.letters(8),
            department_id=department_id,
            client_id=client_id,
            name=name,
            email=email,
            subject=subject,
            opened_at=now,
            last_reply_at=now,
            priority=priority,
            service=service,
            opened_by="staff" if by_staff else "customer",
            admin=opening.admin,
            replies=[opening],
        )
    )
    ctx.log(f"New Support Ticket Opened - #{ticket.tid}", actor, client_id=client_id)
    if _hooks_run(ctx, actor):
        await ctx.raise_event(
            "ticket.opened",
            actor,
            ticket_id=ticket.id,
            customer_id=client_id,
            opened_by=ticket.opened_by,
            subject=subject,
            message=message,
            department=ctx.state.departments[department_id],
            priority=priority,
        )
    return ticket


async def reply(
    ctx: Context, ticket: Ticket, actor: Actor, *, message: str, by: Literal["customer", "staff"], status: str = ""
) -> Reply:
    """Add a reply; only a staff reply has an admin."""
    admin = ctx.state.admins.get(actor.admin_id)
    row = Reply(id=next(ctx.state.next.reply), at=ctx.now(), message=message)
    if by == "staff":
        row.admin = admin.name if admin else "Support"
    else:
        row.client_id, row.name, row.email = ticket.client_id, ticket.name, ticket.email
    ticket.replies.append(row)
    ticket.last_reply_at = row.at
    ticket.status = status or ("Answered" if by == "staff" else "Customer-Reply")
    if _hooks_run(ctx, actor):
        await ctx.raise_event("ticket.replied", actor, ticket_id=ticket.id, by=by)
    return row


async def close(ctx: Context, ticket: Ticket, actor: Actor) -> None:
    if ticket.status == "Closed":
        return
    ticket.status = "Closed"
    if _hooks_run(ctx, actor):
        await ctx.raise_event("ticket.closed", actor, ticket_id=ticket.id)
