"""Questions to customers: asked by ticket, answered by the customer's reply, stored with the order's outcome."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.judgement.decide import Outcome, Reason
from app.core.judgement.reasons import WITHOUT_VERDICT
from app.core.policy.sections.modes import ActionMode
from app.core.records import POLICY, AlertKind, CallState, QuestionOutcome
from app.core.rows.belongings import Question
from app.core.rows.typed import read
from app.core.states import HoldKind, OrderState
from app.errors import LooksDuplicate, ShadowMode, WrongState
from app.installation.alerts import alert
from app.messaging import inbox, outbox
from app.messaging.outbox import Call
from app.orders.order import OrderDraft
from app.orders.timers import QUESTION_DUE, review_name, set_hold_clock, set_reminder
from app.panels.records import PanelTicket
from app.tables.orders import orders, questions
from app.tickets import messages

#: Prefix of a question's reference, by which we find it in the panel; the question's id follows.
TICKET_MARK: Final = "doorman:ticket:"
REPLY_MARK: Final = "doorman:reply:"

_REFERENCE = re.compile(r"doorman:(?:ticket|reply):([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(\s*\Z)?")
#: The keys of calls about questions begin with this and the question's id.
_KEYS: Final = "question:"
_LOOK_EVERY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A question and who asks it; `rule` is the policy's rule that prepared it, None for a person's own words."""

    text: str
    rule: str | None
    by: str


def is_open() -> sa.ColumnElement[bool]:
    """Return the condition for open questions: unanswered, and the order was not decided since."""
    return sa.and_(questions.c.answered_at.is_(None), questions.c.outcome.is_(None))


def order_waits() -> sa.Exists:
    """Return the condition for orders with an open question: they wait for the customer, not for a person."""
    return sa.exists().where(questions.c.order_id == orders.c.order_id, is_open())


async def waiting(connection: AsyncConnection, order_id: int) -> Question | None:
    """Return the newest open question of an order, or None; reminders are about this one."""
    return await _newest(connection, questions.c.order_id == order_id, is_open())


async def _newest(connection: AsyncConnection, *conditions: sa.ColumnElement[bool]) -> Question | None:
    query = sa.select(questions).where(*conditions).order_by(questions.c.asked_at.desc()).limit(1)
    row = (await connection.execute(query)).first()
    return None if row is None else read(Question, row)


# --- asking -------------------------------------------------------------------------------------------------------


async def check(draft: OrderDraft, text: str) -> None:
    """Check that this can be asked now. Raises ShadowMode, WrongState, LooksDuplicate."""
    rules = draft.policy.policy.messages
    if _is_silent(draft):
        raise ShadowMode(
            "nothing was done: the policy's messages are in shadow mode (modes.messages), so the customer can't "
            "be asked"
        )
    if draft.customer_id is None:
        raise WrongState("the order has no customer to ask yet")
    if rules.department_id is None:
        raise WrongState("a question needs a ticket: set messages.department_id in the policy")
    if not rules.question.send:
        raise WrongState("the policy's messages.question is switched off")
    latest = await _latest(draft)
    if latest is None or latest.outcome is not None:
        return
    if latest.answered_at is None and latest.question == text:
        raise LooksDuplicate("this question was already asked and is waiting for an answer")
    if latest.ticket_id is None:
        raise WrongState("the previous question is still being sent to the panel; see the order's panel calls")


async def ask(draft: OrderDraft, asking: Asking, *, cause: str, zone: tzinfo) -> None:
    """Store the question, enqueue its ticket (or a reply to an open one), and hold the order for the answer."""
    rules = draft.policy.policy
    latest = await _latest(draft)
    again = latest.ticket_id if latest is not None and latest.outcome != QuestionOutcome.WITHDRAWN else None
    question_id = uuid.uuid4()
    await draft.tx.execute(
        questions.insert().values(
            id=question_id, order_id=draft.order_id, customer_id=draft.customer_id, rule=asking.rule,
            question=asking.text, asked_by=asking.by, asked_at=draft.now,
        )
    )  # fmt: skip
    expires_at = draft.now + timedelta(days=rules.ask.propose_cancel_days)
    draft.hold(HoldKind.ANSWER, due_at=expires_at, expires_at=expires_at)
    await messages.write_in_ticket(
        draft, rules.messages.question, key=ask_key(question_id), cause=cause, zone=zone, question=asking.text,
        ticket_id=again, reference=f"{REPLY_MARK if again else TICKET_MARK}{question_id}",
    )  # fmt: skip
    draft.say(f"question to the customer: {asking.text}", by=asking.by)
    await set_hold_clock(draft)
    await set_look(draft, question_id, draft.now)


async def set_look(draft: OrderDraft, question_id: uuid.UUID, asked_at: datetime) -> None:
    """Schedule the next daily read of the question's ticket, because the hook of an answer may have been lost."""
    day = (draft.now - asked_at) // _LOOK_EVERY + 1
    await inbox.add_internal(
        draft.tx, type=QUESTION_DUE, data={"order_id": draft.order_id}, now=draft.now,
        due_at=asked_at + day * _LOOK_EVERY, name=f"question:{question_id}:look:{day}",
    )  # fmt: skip


async def remind(draft: OrderDraft, question: Question, *, zone: tzinfo) -> bool:
    """Remind the customer in the question's ticket, once; False if the policy does not want that."""
    message = draft.policy.policy.messages.question_reminder
    if not message.send or _is_silent(draft):
        return False
    await messages.write_in_ticket(
        draft, message, key=_remind_key(question.id), cause="clock:question", zone=zone,
        question=question.question, ticket_id=question.ticket_id, reference=f"{REPLY_MARK}{uuid.uuid4()}",
    )  # fmt: skip
    await draft.tx.execute(questions.update().where(questions.c.id == question.id).values(reminded_at=draft.now))
    return True


def _is_silent(draft: OrderDraft) -> bool:
    return draft.policy.policy.modes.messages is ActionMode.SHADOW


async def _latest(draft: OrderDraft) -> Question | None:
    return await _newest(draft.tx, questions.c.order_id == draft.order_id)


def ask_key(question_id: uuid.UUID) -> str:
    """Return the key of the call that sends this question to the customer."""
    return f"{_KEYS}{question_id}:ask"


def _remind_key(question_id: uuid.UUID) -> str:
    return f"{_KEYS}{question_id}:remind"


# --- outcomes -----------------------------------------------------------------------------------------------------


async def settled(draft: OrderDraft, call: Call) -> bool:
    """Follow up the call that asks or reminds; False if the call is not about a question."""
    if not call.key.startswith(_KEYS):
        return False
    question_id = uuid.UUID(call.key.removeprefix(_KEYS).partition(":")[0])
    if call.key == _remind_key(question_id):
        if call.state is CallState.DONE:
            draft.say("reminded the customer of the question", by=POLICY)
        return True
    ticket_id = int((call.result or {}).get("ticket_id") or 0)
    if call.state is CallState.DONE and ticket_id:
        await draft.tx.execute(questions.update().where(questions.c.id == question_id).values(ticket_id=ticket_id))
        draft.say(f"asked the customer in ticket {ticket_id}", by=POLICY)
    elif call.state is CallState.CANCELLED:
        await _withdraw(draft, [question_id])
        if draft.order.hold_kind == HoldKind.ANSWER and await _never_asked(draft):
            draft.hold(HoldKind.REVIEW, due_at=draft.now, expires_at=None)
            draft.say("the question was not sent; a person must check", by=POLICY)
            await set_hold_clock(draft)
    return True


async def _never_asked(draft: OrderDraft) -> bool:
    """True if no earlier question is open or answered."""
    latest = await _latest(draft)
    return await waiting(draft.tx, draft.order_id) is None and (latest is None or latest.answered_at is None)


async def _withdraw(draft: OrderDraft, ids: list[uuid.UUID]) -> None:
    await draft.tx.execute(
        questions.update()
        .where(questions.c.id.in_(ids), questions.c.ticket_id.is_(None))
        .values(outcome=QuestionOutcome.WITHDRAWN.value)
    )


async def adopt(tx: AsyncConnection, ticket: PanelTicket) -> list[int]:
    """Record a question's ticket found by our reference, before its call settles; return the orders that changed."""
    named = {uuid.UUID(found[1]) for reply in ticket.replies for found in _REFERENCE.finditer(reply.message)}
    if not named:
        return []
    made = questions.update().where(questions.c.id.in_(named), questions.c.ticket_id.is_(None))
    news = await tx.scalars(made.values(ticket_id=ticket.ticket_id).returning(questions.c.order_id))
    return sorted(set(news.all()))


async def take_answer(draft: OrderDraft) -> bool:
    """Mark open questions as answered when the customer wrote in a ticket of ours about this order.

    A held order is then due at once. It need not be the question's own ticket: a person reads it either way. Returns
    False if no question was open.
    """
    was_asked = sa.and_(questions.c.order_id == draft.order_id, questions.c.ticket_id.is_not(None), is_open())
    answered = (
        await draft.tx.scalars(
            questions.update().where(was_asked).values(answered_at=draft.now).returning(questions.c.id)
        )
    ).all()
    if not answered:
        return False
    await outbox.cancel(draft.tx, now=draft.now, keys=[_remind_key(one) for one in answered])
    if draft.state is OrderState.HELD:
        draft.hold(HoldKind.ANSWER, due_at=draft.now, expires_at=None)
        text = f"The customer answered our question about order {draft.order_id}."
        name = review_name(draft.order_id, draft.now, 1)
        await alert(draft.tx, AlertKind.REVIEW_DUE, name=name, text=text, now=draft.now, order_id=draft.order_id)
        await set_reminder(draft, 2, at=draft.now + timedelta(days=1))
    draft.say("the customer answered", by="customer")
    return True


def answered_in(ticket: PanelTicket, question: Question) -> bool:
    """True if the customer wrote in the ticket after the question, even if no hook reported it.

    A reply by mail quotes our message and its reference, so our own message is the first one that ends with the
    reference. The panel may list even that one as written by the customer.
    """
    known: set[str] = set()
    asked = False
    for reply in ticket.replies:
        found = list(_REFERENCE.finditer(reply.message))
        ours = any(one[2] is not None and one[1] not in known for one in found)
        known |= {one[1] for one in found}
        if asked and not reply.by_staff and not ours:
            return True
        asked = asked or f"{question.id}" in known
    return False


def newest_reply(ticket: PanelTicket) -> int | None:
    """Return the id of the customer's newest reply in a ticket, after its opening; None if there is none."""
    return max((reply.reply_id for reply in ticket.replies if reply.reply_id and not reply.by_staff), default=None)


async def close(draft: OrderDraft, outcome: Outcome, reason: Reason) -> None:
    """Close a decided order's open questions with this outcome; unsent questions and reminders are cancelled."""
    if outcome is Outcome.HOLD_FOR_REVIEW:
        return
    found = (
        await draft.tx.execute(
            sa.select(questions.c.id).where(questions.c.order_id == draft.order_id, questions.c.outcome.is_(None))
        )
    ).scalars()
    ids = list(found)
    if not ids:
        return
    keys = [*(ask_key(one) for one in ids), *(_remind_key(one) for one in ids)]
    off = {call.key for call in (await outbox.cancel(draft.tx, now=draft.now, keys=keys)).cancelled}
    closed = questions.update().where(questions.c.id.in_(ids))
    await draft.tx.execute(closed.values(outcome=_outcome_of(outcome, reason).value))
    await _withdraw(draft, [one for one in ids if ask_key(one) in off])


def _outcome_of(outcome: Outcome, reason: Reason) -> QuestionOutcome:
    if outcome is Outcome.REJECT:
        return QuestionOutcome.CANCELLED if reason.code in WITHOUT_VERDICT else QuestionOutcome.REJECTED
    return QuestionOutcome.FEE if outcome is Outcome.HOLD_FOR_FEE else QuestionOutcome.APPROVED


def due_at(question: Question, remind_days: int) -> datetime:
    """Return when the customer is reminded of a question."""
    asked_at: datetime = question.asked_at
    return asked_at + timedelta(days=remind_days)
