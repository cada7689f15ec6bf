"""Handle the clocks of holds and questions that run out."""

from __future__ import annotations

from app.context import Context
from app.core.consequences import clocks
from app.core.consequences.draft import Draft
from app.messaging import inbox
from app.messaging.inbox import Event
from app.orders.order import open_order
from app.panels.base import PanelUnavailable
from app.panels.records import PanelTicket
from app.tables.inbox import EventState
from app.tickets import questions, records
from app.workflow.changing import change


async def hold_due(context: Context, event: Event, order_id: int) -> None:
    """Handle a hold whose time is up: an unpaid fee goes to review, an overdue review is reported."""
    now = context.clock()
    async with context.db.begin() as tx:
        locked = await open_order(context, tx, order_id, now=now)
        result = "no-such-order" if locked is None else await change(context, locked, clocks.hold_due)
        await inbox.finish(tx, event, state=EventState.PROCESSED, result=result, now=now)
    context.wake()


async def question_due(context: Context, event: Event, order_id: int) -> None:
    """Read the ticket once more, in case no hook reported an answer; then remind, or propose to cancel.

    Raises PanelUnavailable.
    """
    ticket = await _ticket(context, order_id)
    now = context.clock()
    async with context.db.begin() as tx:
        if ticket is not None:
            await records.lock(tx, ticket.ticket_id)
        locked = await open_order(context, tx, order_id, now=now)
        result = "no-such-order"
        if locked is not None:
            question = await questions.waiting(tx, order_id)
            answered = ticket is not None and question is not None and questions.answered_in(ticket, question)

            def due(draft: Draft) -> str:
                return clocks.question_due(draft, answered=answered)

            result = await change(context, locked, due)
            if result == "answered" and ticket is not None:
                await records.see_reply(tx, ticket)
        await inbox.finish(tx, event, state=EventState.PROCESSED, result=result, now=now)
    context.wake()


async def _ticket(context: Context, order_id: int) -> PanelTicket | None:
    async with context.db.read() as connection:
        question = await questions.waiting(connection, order_id)
    if question is None or question.ticket_id is None:
        return None
    if context.panel is None:
        raise PanelUnavailable("no panel is configured")
    return await context.panel.ticket(int(question.ticket_id))
