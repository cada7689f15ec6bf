"""Clocks that run out: an unpaid fee hold goes to review, an overdue review is reported. Nothing is cancelled."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from app.context import Context
from app.core.judgement.decide import Reason
from app.core.judgement.reasons import ReasonCode
from app.core.records import CLOCK, AlertKind
from app.core.rows.belongings import Question
from app.core.states import HoldKind, OrderState
from app.installation.alerts import alert
from app.installation.zones import panel_zone
from app.messaging import inbox
from app.messaging.inbox import Event
from app.orders.order import OrderDraft, open_order
from app.orders.timers import QUESTION_DUE, review_name, set_reminder
from app.panels.base import PanelUnavailable
from app.panels.records import PanelTicket
from app.tables.inbox import EventState
from app.tickets import messages, questions, records
from app.workflow import acting

#: Interval between reminders of an overdue review, and their maximum number.
REMIND_EVERY: Final = timedelta(hours=24)
REMINDERS: Final = 3


def reminder(due_at: datetime, now: datetime) -> int:
    """Return which reminder of an overdue review is due, 1 to `REMINDERS`."""
    return max(1, min(REMINDERS, (now - due_at) // REMIND_EVERY + 1))


async def hold_due(context: Context, event: Event, order_id: int) -> None:
    """Handle a hold whose time is up: an unpaid fee goes to review, an overdue review is reported."""
    now = context.clock()
    async with context.db.begin() as tx:
        draft = await open_order(tx, order_id, mode=context.settings.mode, now=now)
        result = "no-such-order"
        if draft is not None:
            result = await _hold_due(context, draft)
            await draft.save()
        await inbox.finish(tx, event, state=EventState.PROCESSED, result=result, now=now)
    context.wake()


async def _hold_due(context: Context, draft: OrderDraft) -> str:
    due_at = draft.order.hold_expires_at or draft.order.hold_due_at
    waits = draft.state in {OrderState.HELD, OrderState.RECEIVED}  # received: waits for a person's decision
    if not waits or due_at is None or due_at > draft.now:
        return "not-held"
    if not draft.acts:
        return "shadow"
    if draft.order.hold_kind == HoldKind.ANSWER and await questions.waiting(draft.tx, draft.order_id) is not None:
        await inbox.add_internal(draft.tx, type=QUESTION_DUE, data={"order_id": draft.order_id}, now=draft.now)
        return "question-due"
    if draft.order.hold_expires_at is None:
        await _remind(draft, due_at)
        return "review-overdue"
    cause, rules = "clock:hold-expired", draft.policy.policy.hold
    reason = Reason(ReasonCode.HOLD_EXPIRED, f"Nobody paid or answered within {rules.expires_days} days.")
    hours = rules.review_due_hours_paid if draft.paid else rules.review_due_hours_unpaid
    await acting.hold_by_clock(draft, reason, due_in=timedelta(hours=hours))
    await messages.tell_customer(
        draft, draft.policy.policy.messages.hold_expired, key=f"order:{draft.order_id}:tell:expired", cause=cause,
        zone=await panel_zone(draft.tx, context.settings), panel_url=context.settings.panel_url,
    )  # fmt: skip
    return "hold-expired"


async def _remind(draft: OrderDraft, due_at: datetime) -> None:
    """Notify staff that a review is overdue, once per reminder, and set the clock of the next."""
    number = reminder(due_at, draft.now)
    since = draft.order.hold_since
    at_once = number == 1 and since is not None and due_at <= since  # the hold itself was reported at that moment
    name = review_name(draft.order_id, due_at, number)
    text = f"The review of order {draft.order_id} has been overdue since {due_at:%Y-%m-%d %H:%M} UTC."
    if not at_once and await alert(
        draft.tx, AlertKind.REVIEW_DUE, name=name, text=text, now=draft.now, order_id=draft.order_id
    ):
        draft.say("the review is overdue", by=CLOCK)
    if number < REMINDERS:
        await set_reminder(draft, number + 1, at=due_at + number * REMIND_EVERY)


# --- questions to customers -------------------------------------------------------------------------------------------

#: The reason of an order whose question never reached its customer.


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


async def _propose(draft: OrderDraft, question: Question) -> str:
    """Propose to cancel; the order stays held for a person, because nothing is cancelled automatically."""
    days = (draft.now - question.asked_at).days
    if question.ticket_id is None:
        await acting.hold_by_clock(
            draft, Reason(ReasonCode.NOT_SENT, f"The question could not be sent for {days} days.")
        )
        return "not-sent"
    text = f"No answer for {days} days. Proposed: cancel the order."
    await acting.hold_by_clock(draft, Reason(ReasonCode.NO_ANSWER, text))
    draft.say(text, by=CLOCK)
    return "no-answer"
