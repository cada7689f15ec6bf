"""API actions on tickets."""

from collections.abc import Mapping
from typing import Any

from app.sandbox import clients, tickets
from app.sandbox.calls.table import read, write
from app.sandbox.context import API, BusinessError, Context
from app.sandbox.models import Reply, Ticket
from app.sandbox.tickets import PRIORITIES, STATUSES
from app.sandbox.wire import Fields, Rows, paged

OK: dict[str, Any] = {"result": "success"}


def _find(ctx: Context, fields: Fields) -> Ticket:
    if fields.text("ticketnum"):
        return tickets.find(ctx, ctx.state.ticket_by_tid.get(fields.text("ticketnum"), 0))
    return tickets.find(ctx, fields.number("ticketid"))


@read("GetTickets")
async def get_tickets(ctx: Context, fields: Fields) -> Mapping[str, Any]:
    """Newest reply first, as in the admin list; without message bodies."""
    state = ctx.state
    if client_id := fields.number("clientid"):
        found = [state.tickets[i] for i in state.tickets_of.get(client_id, [])]
    else:
        found = list(state.tickets.values())
    if email := fields.text("email"):
        found = [ticket for ticket in found if ticket.email.lower() == email.lower()]
    if department := fields.number("deptid"):
        found = [ticket for ticket in found if ticket.department_id == department]
    if subject := fields.text("subject").lower():
        found = [ticket for ticket in found if subject in ticket.subject.lower()]
    if status := fields.text("status"):
        found = [ticket for ticket in found if ticket.status in _statuses(status)]
    found.sort(key=lambda ticket: ticket.last_reply_at, reverse=True)
    page, counters = paged(found, fields)
    return {**OK, **counters, "tickets": Rows("ticket", [_head(ctx, ticket) for ticket in page])}


def _statuses(wanted: str) -> set[str]:
    match wanted:
        case "Awaiting Reply":
            return {"Open", "Customer-Reply"}
        case "All Active Tickets" | "My Flagged Tickets":
            return set(STATUSES) - {"Closed"}
        case _:
            return {wanted}


def _requestor(ticket: Ticket) -> dict[str, Any]:
    kind = "Owner" if ticket.client_id else "Guest"
    return {"requestor_name": ticket.name, "requestor_email": ticket.email, "requestor_type": kind}


def _head(ctx: Context, ticket: Ticket) -> dict[str, Any]:
    return {
        "id": ticket.id,
        "tid": ticket.tid,
        "deptid": ticket.department_id,
        "deptname": ctx.state.departments[ticket.department_id],
        "userid": ticket.client_id,
        "contactid": 0,
        "name": ticket.name,
        "owner_name": ticket.name,
        "email": ticket.email,
        **_requestor(ticket),
        "cc": "",
        "c": ticket.c,
        "date": ticket.opened_at,
        "subject": ticket.subject,
        "status": ticket.status,
        "priority": ticket.priority,
        "admin": ticket.admin,
        "attachment": "",
        "attachments": [[]],
        "lastreply": ticket.last_reply_at,
        "flag": 0,
        "service": ticket.service,
    }


@read("GetTicket")
async def get_ticket(ctx: Context, fields: Fields) -> Mapping[str, Any]:
    ticket = _find(ctx, fields)
    replies = [_reply(ticket, row) for row in ticket.replies]
    if fields.text("repliessort").upper() == "DESC":
        replies.reverse()
    return {
        **OK,
        **_head(ctx, ticket),
        "ticketid": ticket.id,
        "replies": Rows("reply", replies),
        "notes": Rows("note", []),
    }


def _reply(ticket: Ticket, row: Reply) -> dict[str, Any]:
    """The opening message is reply 0 and has no rating."""
    shown = {
        "replyid": row.id,
        "userid": row.client_id,
        "contactid": 0,
        "name": row.name,
        "email": row.email,
        **(
            _requestor(ticket) if not row.admin else {"requestor_name": "", "requestor_email": "", "requestor_type": ""}
        ),
        "date": row.at,
        "message": row.message,
        "attachment": "",
        "attachments": [[]],
        "admin": row.admin,
    }
    return shown | ({"rating": 0} if row.id else {})


@read("GetSupportDepartments")
async def get_support_departments(ctx: Context, fields: Fields) -> Mapping[str, Any]:  # noqa: ARG001 - no inputs
    rows = []
    for department_id, name in ctx.state.departments.items():
        own = [ticket for ticket in ctx.state.tickets.values() if ticket.department_id == department_id]
        awaiting = sum(ticket.status in _statuses("Awaiting Reply") for ticket in own)
        still_open = sum(ticket.status != "Closed" for ticket in own)
        rows.append({"id": department_id, "name": name, "awaitingreply": awaiting, "opentickets": still_open})
    return {**OK, "totalresults": len(rows), "departments": Rows("department", rows)}


@write("OpenTicket")
async def open_ticket(ctx: Context, fields: Fields) -> Mapping[str, Any]:
    """Over HTTP the client is recorded as the opener, even with `admin=true`."""
    department_id, client_id = fields.number("deptid"), fields.number("clientid")
    if department_id not in ctx.state.departments:
        raise BusinessError("Department ID not found")
    if client_id:
        clients.find(ctx, client_id, "Client ID Not Found")
    elif not (fields.text("name") and fields.text("email")):
        raise BusinessError("Name and email address are required if not a client")
    if not fields.text("subject"):
        raise BusinessError("Subject is required")
    if not fields.text("message"):
        raise BusinessError("Message is required")
    priority = fields.text("priority") or "Medium"
    if priority not in PRIORITIES:
        raise BusinessError("Invalid Priority")
    service_id = fields.number("serviceid")
    ticket = await tickets.open_ticket(
        ctx,
        API,
        client_id=client_id,
        subject=fields.text("subject"),
        message=fields.text("message"),
        department_id=department_id,
        priority=priority,
        service=f"S{service_id}" if service_id else "",
        name=fields.text("name"),
        email=fields.text("email"),
    )
    if not fields.flag("noemail"):
        ctx.mail(client_id, "Support Ticket Opened", subject=ticket.subject, related_id=ticket.id)
    return {**OK, "id": ticket.id, "tid": ticket.tid, "c": ticket.c}


@write("AddTicketReply")
async def add_ticket_reply(ctx: Context, fields: Fields) -> Mapping[str, Any]:
    """Only `adminusername` makes it a staff reply; the answer has no reply id."""
    ticket = _find(ctx, fields)
    if not fields.text("message"):
        raise BusinessError("Message is required")
    status = fields.text("status")
    if status and status not in STATUSES:
        raise BusinessError("Invalid Status. Valid statuses are: " + ",".join(STATUSES))
    by_staff = bool(fields.text("adminusername"))
    await tickets.reply(
        ctx, ticket, API, message=fields.text("message"), by="staff" if by_staff else "customer", status=status
    )
    if by_staff and not fields.flag("noemail"):
        ctx.mail(ticket.client_id, "Support Ticket Reply", subject=ticket.subject, related_id=ticket.id)
    return OK
