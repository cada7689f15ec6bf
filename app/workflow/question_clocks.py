"""Unanswered questions: the ticket is read daily, the customer reminded once, then a cancellation is proposed."""

from __future__ import annotations

from typing import Any, Final

from app.context import Context
from app.core.judgement.decide import Reason
from app.core.states import HoldKind, OrderState
from app.installation.zones import panel_zone
from app.messaging import inbox
from app.messaging.inbox import Event
from app.orders.order import CLOCK, OrderDraft, open_order
from app.panels.base import PanelUnavailable
from app.panels.records import PanelTicket
from app.tables.inbox import EventState
from app.tickets import questions, records
from app.workflow import acting

#: The reason of an order whose question never reached its customer.
NOT_SENT: Final = "question_not_sent"


async def question_due(context: Context, event: Event, order_id: int) -> None:
    """Read the ticket once more, in case no hook reported an answer; then remind, or propose to cancel.

    Raises PanelUnavailable.
    """
    ticket = await _ticket(context, order_id)
    now = context.clock()
    async with context.db.begin() as tx:
        if ticket is not None:
            await records.lock(tx, ticket.ticket_id)
        draft = await open_order(tx, order_id, mode=context.settings.mode, now=now)
        result = "no-such-order"
        if draft is not None:
            result = await _look(context, draft, ticket)
            await draft.save()
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


async def _look(context: Context, draft: OrderDraft, ticket: PanelTicket | None) -> str:
    question = await questions.waiting(draft.tx, draft.order_id)
    if question is None or draft.state is not OrderState.HELD or draft.order.hold_kind != HoldKind.ANSWER:
        return "not-waiting"
    if not draft.acts:
        return "shadow"
    if ticket is not None and questions.answered_in(ticket, question):
        await records.see_reply(draft.tx, ticket)
        await questions.take_answer(draft)
        return "answered"
    expires_at = draft.order.hold_expires_at
    if expires_at is not None and draft.now >= expires_at:
        return await _propose(draft, question)
    await questions.set_look(draft, question.id, question.asked_at)
    rules = draft.policy.policy.ask
    if question.reminded_at is not None or draft.now < questions.due_at(question, rules.remind_days):
        return "not-yet"
    if question.ticket_id is None:
        return "not-sent"
    zone = await panel_zone(draft.tx, context.settings)
    return "reminded" if await questions.remind(draft, question, zone=zone) else "no-reminders"


async def _propose(draft: OrderDraft, question: Any) -> str:
    """Propose to cancel; the order stays held for a person, because nothing is cancelled automatically."""
    days = (draft.now - question.asked_at).days
    if question.ticket_id is None:
        await acting.hold_by_clock(draft, Reason(NOT_SENT, f"The question could not be sent for {days} days."))
        return "not-sent"
    text = f"No answer for {days} days. Proposed: cancel the order."
    await acting.hold_by_clock(draft, Reason(questions.NO_ANSWER, text))
    draft.say(text, by=CLOCK)
    return "no-answer"
