"""Which ticket asked for an order that staff entered, and what its customer wrote in it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from app.core.reading.kinds import OrderIntent
from app.core.reading.topics import classify
from app.panels.records import PanelOrder, PanelTicket

#: A ticket older than this asked for another order.
TICKET_DAYS: Final = 14
#: Whole tickets read to find the one that asked.
TICKETS_READ: Final = 20


def recent_tickets(heads: tuple[PanelTicket, ...], now: datetime) -> tuple[PanelTicket, ...]:
    """Return the tickets that are young enough to have asked for an order of now."""
    since = now - timedelta(days=TICKET_DAYS)
    return tuple(head for head in heads if head.opened_at is not None and since <= head.opened_at <= now)


def could_ask(order: PanelOrder, recent: tuple[PanelTicket, ...]) -> list[PanelTicket]:
    """Return the tickets to read that may have asked for an order entered by staff: the newest ones."""
    return _before(order, recent)[:TICKETS_READ]


def not_all_read(order: PanelOrder, recent: tuple[PanelTicket, ...]) -> bool:
    """True if more tickets than `could_ask` returns may have asked for an order."""
    return len(_before(order, recent)) > TICKETS_READ


def _before(order: PanelOrder, recent: tuple[PanelTicket, ...]) -> list[PanelTicket]:
    """Return the verified tickets that were opened before an order, the newest first."""
    before = [
        head
        for head in recent
        if head.verified
        and not head.opened_by_staff
        and head.opened_at is not None
        and (order.placed_at is None or head.opened_at <= order.placed_at)
    ]
    before.sort(key=lambda head: head.opened_at.timestamp() if head.opened_at else 0.0, reverse=True)
    return before


def opening_message(ticket: PanelTicket) -> str:
    """Return the text that a ticket was opened with."""
    return next((reply.message for reply in ticket.replies if reply.reply_id == 0), "")


def own_messages(ticket: PanelTicket, order: PanelOrder | None) -> list[str]:
    """Return the customer's replies in a ticket before an order was placed, without the opening message."""
    placed_at = order.placed_at if order is not None else None
    return [
        reply.message
        for reply in ticket.replies
        if reply.reply_id and not reply.by_staff and (placed_at is None or reply.at is None or reply.at <= placed_at)
    ]


def length(ticket: PanelTicket) -> int:
    """Return how many characters `asks_for_order` reads at most."""
    return len(ticket.subject) + sum(len(reply.message) for reply in ticket.replies)


def asks_for_order(ticket: PanelTicket, order: PanelOrder) -> bool:
    """True if a ticket asks us to place an order, in its first message or a reply."""
    messages = ((ticket.subject, opening_message(ticket)), *(("", one) for one in own_messages(ticket, order)))
    asking = {OrderIntent.ORDER_BY_MESSAGE, OrderIntent.CUSTOM_ORDER}
    return any(classify(subject, message).order_intent in asking for subject, message in messages)
