"""GetTickets, GetTicket → `PanelTicket`."""

from __future__ import annotations

from datetime import tzinfo
from typing import Final

from app.panels.records import PanelReply, PanelTicket
from app.panels.whmcs import wire

_STAFF: Final = frozenset({"operator", "admin", "administrator"})
_GUESTS: Final = frozenset({"guest", "external"})


def ticket(row: wire.Row, *, zone: tzinfo | None) -> PanelTicket | None:
    """Return the ticket of a GetTickets row or a GetTicket answer; None without an id.

    `verified` is true if the panel assigned the ticket to a customer. This includes tickets imported from e-mail, whose
    sender can be forged; WHMCS doesn't show the difference.
    """
    ticket_id = wire.identifier(row.get("id")) or wire.identifier(row.get("ticketid"))
    if ticket_id is None:
        return None
    messages = wire.as_list(row.get("replies"), "reply")
    opening = next((message for message in messages if wire.integer(message.get("replyid")) == 0), row)
    customer_id = wire.identifier(row.get("userid"))
    by_staff = _by_staff(opening)
    return PanelTicket(
        ticket_id=ticket_id,
        number=wire.text(row.get("tid")).strip(),
        customer_id=customer_id,
        email=wire.text(row.get("email")).strip() or wire.text(row.get("requestor_email")).strip(),
        verified=customer_id is not None and not by_staff and _requestor(opening) not in _GUESTS,
        department_id=wire.identifier(row.get("deptid")),
        opened_at=wire.moment(row.get("date"), zone),
        opened_by_staff=by_staff,
        subject=wire.text(row.get("subject")),
        status=wire.text(row.get("status")).strip(),
        replies=tuple(sorted((_reply(message, zone) for message in messages), key=lambda reply: reply.reply_id)),
    )


def _reply(row: wire.Row, zone: tzinfo | None) -> PanelReply:
    return PanelReply(
        reply_id=max(wire.integer(row.get("replyid")) or 0, 0),
        by_staff=_by_staff(row),
        at=wire.moment(row.get("date"), zone),
        message=wire.text(row.get("message")),
    )


def _requestor(row: wire.Row) -> str:
    return wire.text(row.get("requestor_type")).strip().lower()


def _by_staff(row: wire.Row) -> bool:
    return bool(wire.text(row.get("admin")).strip()) or _requestor(row) in _STAFF
