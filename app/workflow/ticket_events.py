"""Events about tickets: store the ticket; a customer's answer moves its held order to the top of the queue."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.context import Context
from app.core.consequences import clocks
from app.core.reading.topics import TicketReading, classify
from app.gathering.asking_tickets import opening_message
from app.gathering.long_texts import apart
from app.messaging import inbox
from app.messaging.inbox import Event, Postpone
from app.orders.order import open_order
from app.panels.base import PanelUnavailable
from app.panels.records import PanelTicket
from app.policies import versions
from app.tables.inbox import EventState
from app.tables.orders import ticket_orders
from app.tickets import questions, records
from app.workflow.changing import change

_NOT_LISTED_DELAY: Final = timedelta(seconds=15)


async def handle_ticket(context: Context, event: Event) -> None:
    """Read an event's ticket and store it; a customer's reply about a hold moves its order to the top of the queue.

    Raises PanelUnavailable; Postpone if the panel does not list the ticket yet.
    """
    if context.panel is None:
        raise PanelUnavailable("no panel is configured")
    ticket_id = int(event.data["ticket_id"])
    if event.type == "ticket.opened" and await records.is_known_as_ours(context, ticket_id):
        async with context.db.begin() as tx:
            await inbox.finish(tx, event, state=EventState.PROCESSED, result="known", now=context.clock())
        return
    context.tickets.forget(event.customer_id)
    ticket = await context.panel.ticket(ticket_id)
    reading = await _read_ahead(ticket) if ticket is not None else None
    now = context.clock()
    async with context.db.begin() as tx:
        result = "ticket-not-found"
        if ticket is None and event.attempts < 3:
            raise Postpone("the panel does not list this ticket yet", delay=_NOT_LISTED_DELAY, counted=True)
        if ticket is not None:
            policy = (await versions.active(tx)).policy
            await records.store(tx, ticket, policy, now=now, reading=reading)
            for order_id in await questions.adopt(tx, ticket):
                await records.mark_ours(tx, ticket_id, order_id=order_id, customer_id=ticket.customer_id, now=now)
            await _reply_on_hold(context, tx, event, ticket, now)
            result = "stored"
        await inbox.finish(tx, event, state=EventState.PROCESSED, result=result, now=now)
    context.wake()


async def _read_ahead(ticket: PanelTicket) -> TicketReading:
    """Classify a ticket while no transaction is open, because a long one takes a while."""
    subject, message = ticket.subject, opening_message(ticket)
    return await apart(len(subject) + len(message), partial(classify, subject, message))


async def _reply_on_hold(
    context: Context, tx: AsyncConnection, event: Event, ticket: PanelTicket, now: datetime
) -> None:
    """Move the order to the top of the queue, once, when the customer answered our message about its hold.

    A person reads the answer and decides. Any event about the ticket may be the first to show an answer.
    """
    reported = event.type == "ticket.replied" and event.data.get("by") == "customer"
    news = reported and await records.see_reply(tx, ticket)
    held = sa.select(ticket_orders.c.order_id).where(
        ticket_orders.c.ticket_id == ticket.ticket_id, ticket_orders.c.kind == "hold"
    )
    for order_id in (await tx.execute(held)).scalars().all():
        locked = await open_order(context, tx, order_id, now=now)
        if locked is None:
            continue
        if not news:
            question = await questions.waiting(tx, order_id)
            if question is None or not questions.answered_in(ticket, question):
                continue
            await records.see_reply(tx, ticket)
        await change(context, locked, clocks.answer)
