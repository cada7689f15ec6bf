"""Clocks that run out: an unpaid fee hold goes to review, an overdue review is reported. Nothing is cancelled."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from app.core.consequences import acting, messages, questions
from app.core.consequences.draft import Draft
from app.core.consequences.effects import Say
from app.core.consequences.timers import QUESTION_DUE, review_name, set_reminder
from app.core.judgement.decide import Reason
from app.core.judgement.reasons import ReasonCode
from app.core.records import CLOCK, AlertKind
from app.core.rows.belongings import Question
from app.core.states import HoldKind, OrderState

#: Interval between reminders of an overdue review, and their maximum number.
REMIND_EVERY: Final = timedelta(hours=24)
REMINDERS: Final = 3


def reminder(due_at: datetime, now: datetime) -> int:
    """Return which reminder of an overdue review is due, 1 to `REMINDERS`."""
    return max(1, min(REMINDERS, (now - due_at) // REMIND_EVERY + 1))


def hold_due(draft: Draft) -> str:
    """Handle a hold whose time is up; return the result as a slug."""
    due_at = draft.order.hold_expires_at or draft.order.hold_due_at
    waits = draft.state in {OrderState.HELD, OrderState.RECEIVED}  # received: waits for a person's decision
    if not waits or due_at is None or due_at > draft.now:
        return "not-held"
    if not draft.acts:
        return "shadow"
    if draft.order.hold_kind is HoldKind.ANSWER and questions.waiting(draft) is not None:
        draft.set_clock(QUESTION_DUE)
        return "question-due"
    if draft.order.hold_expires_at is None:
        _remind(draft, due_at)
        return "review-overdue"
    reason = Reason(ReasonCode.HOLD_EXPIRED, f"Nobody paid or answered within {draft.policy.hold.expires_days} days.")
    acting.hold_by_clock(draft, reason, due_in=acting.review_hours(draft))
    key = f"order:{draft.order_id}:tell:expired"
    messages.tell_customer(draft, draft.policy.messages.hold_expired, key=key, cause="clock:hold-expired")
    return "hold-expired"


def _remind(draft: Draft, due_at: datetime) -> None:
    """Notify staff that a review is overdue, once per reminder, and set the clock of the next."""
    number = reminder(due_at, draft.now)
    since = draft.order.hold_since
    at_once = number == 1 and since is not None and due_at <= since  # the hold itself was reported at that moment
    if not at_once:
        text = f"The review of order {draft.order_id} has been overdue since {due_at:%Y-%m-%d %H:%M} UTC."
        line = Say(what="the review is overdue", by=CLOCK)
        draft.alert(AlertKind.REVIEW_DUE, name=review_name(draft.order_id, due_at, number), text=text, line=line)
    if number < REMINDERS:
        set_reminder(draft, number + 1, at=due_at + number * REMIND_EVERY)


# --- questions to customers -------------------------------------------------------------------------------------------


def question_due(draft: Draft, *, answered: bool) -> str:
    """Remind the customer of a question, or propose to cancel; return the result as a slug.

    `answered`: the question's ticket shows an answer that no hook reported.
    """
    question = questions.waiting(draft)
    if question is None or draft.state is not OrderState.HELD or draft.order.hold_kind is not HoldKind.ANSWER:
        return "not-waiting"
    if not draft.acts:
        return "shadow"
    if answered:
        questions.take_answer(draft)
        return "answered"
    expires_at = draft.order.hold_expires_at
    if expires_at is not None and draft.now >= expires_at:
        return _propose(draft, question)
    questions.set_look(draft, question.id, question.asked_at)
    remind_at = questions.remind_at(question, draft.policy.ask.remind_days)
    if question.reminded_at is not None or draft.now < remind_at:
        return "not-yet"
    if question.ticket_id is None:
        return "not-sent"
    return "reminded" if questions.remind(draft, question) else "no-reminders"


def _propose(draft: Draft, question: Question) -> str:
    """Propose to cancel; the order stays held for a person, because nothing is cancelled automatically."""
    days = (draft.now - question.asked_at).days
    if question.ticket_id is None:
        text = f"The question could not be sent for {days} days."
        acting.hold_by_clock(draft, Reason(ReasonCode.NOT_SENT, text))
        return "not-sent"
    text = f"No answer for {days} days. Proposed: cancel the order."
    acting.hold_by_clock(draft, Reason(ReasonCode.NO_ANSWER, text))
    draft.say(text, by=CLOCK)
    return "no-answer"


def answer(draft: Draft) -> None:
    """Move a held order to the top of the queue, because the customer answered our message about its hold."""
    if questions.take_answer(draft):
        return
    if draft.state is OrderState.HELD:
        draft.change(hold_kind=HoldKind.ANSWER.value, hold_due_at=draft.now)
        draft.say("the customer answered", by="customer")
