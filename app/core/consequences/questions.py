"""Questions to customers: asked by ticket, answered by the customer's reply, stored with the order's outcome."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from app.core.consequences import messages
from app.core.consequences.draft import Draft
from app.core.consequences.effects import AddQuestion, ChangeQuestions
from app.core.consequences.refused import Refusal, Refused
from app.core.consequences.timers import QUESTION_DUE, review_name, set_hold_clock, set_reminder
from app.core.judgement.decide import Outcome, Reason
from app.core.judgement.reasons import WITHOUT_VERDICT
from app.core.policy.sections.modes import ActionMode
from app.core.records import POLICY, AlertKind, CallState, QuestionOutcome
from app.core.rows.belongings import Question
from app.core.rows.typed import typed
from app.core.states import HoldKind, OrderState

#: Prefix of a question's reference, by which we find it in the panel; the question's id follows.
TICKET_MARK: Final = "doorman:ticket:"
REPLY_MARK: Final = "doorman:reply:"
#: The keys of calls about questions begin with this and the question's id.
_KEYS: Final = "question:"
_LOOK_EVERY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A question and who asks it; `rule` is the policy's rule that prepared it, None for a person's own words."""

    text: str
    rule: str | None
    by: str


def ask_key(question_id: uuid.UUID) -> str:
    """Return the key of the call that sends this question to the customer."""
    return f"{_KEYS}{question_id}:ask"


def _remind_key(question_id: uuid.UUID) -> str:
    return f"{_KEYS}{question_id}:remind"


def question_of_key(key: str) -> uuid.UUID | None:
    """Return the id of the question that a call is about, by its key; None if it is about something else."""
    return uuid.UUID(key.removeprefix(_KEYS).partition(":")[0]) if key.startswith(_KEYS) else None


def waiting(draft: Draft) -> Question | None:
    """Return the newest open question of an order, or None; reminders are about this one."""
    return next((one for one in reversed(draft.questions) if _is_open(one)), None)


def _is_open(question: Question) -> bool:
    return question.answered_at is None and question.outcome is None


def _latest(draft: Draft) -> Question | None:
    return draft.questions[-1] if draft.questions else None


def _is_silent(draft: Draft) -> bool:
    return draft.policy.modes.messages is ActionMode.SHADOW


def check(draft: Draft, text: str) -> None:
    """Check that this can be asked now. Raises Refused."""
    rules = draft.policy.messages
    if _is_silent(draft):
        raise Refused(
            Refusal.SHADOW,
            "nothing was done: the policy's messages are in shadow mode (modes.messages), so the customer can't be "
            "asked",
        )
    if draft.customer_id is None:
        raise Refused(Refusal.WRONG_STATE, "the order has no customer to ask yet")
    if rules.department_id is None:
        raise Refused(Refusal.WRONG_STATE, "a question needs a ticket: set messages.department_id in the policy")
    if not rules.question.send:
        raise Refused(Refusal.WRONG_STATE, "the policy's messages.question is switched off")
    latest = _latest(draft)
    if latest is None or latest.outcome is not None:
        return
    if latest.answered_at is None and latest.question == text:
        raise Refused(Refusal.DUPLICATE, "this question was already asked and is waiting for an answer")
    if latest.ticket_id is None:
        raise Refused(
            Refusal.WRONG_STATE,
            "the previous question is still being sent to the panel; see the order's panel calls",
        )


def ask(draft: Draft, asking: Asking, *, cause: str) -> None:
    """Store the question, want its ticket (or a reply to an open one), and hold the order for the answer."""
    rules, latest, question_id = draft.policy, _latest(draft), draft.fresh_id()
    again = latest.ticket_id if latest is not None and latest.outcome != QuestionOutcome.WITHDRAWN else None
    draft.effects.append(AddQuestion(id=question_id, question=asking.text, rule=asking.rule, by=asking.by))
    draft.questions.append(
        Question(
            id=question_id, question=asking.text, asked_at=draft.now, reminded_at=None, answered_at=None,
            ticket_id=None, outcome=None,
        )
    )  # fmt: skip
    expires_at = draft.now + timedelta(days=rules.ask.propose_cancel_days)
    draft.hold(HoldKind.ANSWER, due_at=expires_at, expires_at=expires_at)
    messages.write_in_ticket(
        draft, rules.messages.question, key=ask_key(question_id), cause=cause, question=asking.text, ticket_id=again,
        reference=f"{REPLY_MARK if again else TICKET_MARK}{question_id}",
    )  # fmt: skip
    draft.say(f"question to the customer: {asking.text}", by=asking.by)
    set_hold_clock(draft)
    set_look(draft, question_id, draft.now)


def set_look(draft: Draft, question_id: uuid.UUID, asked_at: datetime) -> None:
    """Schedule the next daily read of the question's ticket, because the hook of an answer may have been lost."""
    day = (draft.now - asked_at) // _LOOK_EVERY + 1
    draft.set_clock(QUESTION_DUE, at=asked_at + day * _LOOK_EVERY, name=f"question:{question_id}:look:{day}")


def remind(draft: Draft, question: Question) -> bool:
    """Remind the customer in the question's ticket, once; False if the policy does not want that."""
    message = draft.policy.messages.question_reminder
    if not message.send or _is_silent(draft):
        return False
    messages.write_in_ticket(
        draft, message, key=_remind_key(question.id), cause="clock:question", question=question.question,
        ticket_id=question.ticket_id, reference=f"{REPLY_MARK}{draft.fresh_id()}",
    )  # fmt: skip
    _change(draft, [question], reminded_at=draft.now)
    return True


def remind_at(question: Question, remind_days: int) -> datetime:
    """Return when the customer is reminded of a question."""
    return question.asked_at + timedelta(days=remind_days)


def settled(draft: Draft, key: str, state: CallState, result: Mapping[str, Any]) -> bool:
    """Follow up the call that asks or reminds; False if the call is not about a question."""
    question_id = question_of_key(key)
    if question_id is None:
        return False
    if key == _remind_key(question_id):
        if state is CallState.DONE:
            draft.say("reminded the customer of the question", by=POLICY)
        return True
    ticket_id = int(result.get("ticket_id") or 0)
    asked = [one for one in draft.questions if one.id == question_id]
    if state is CallState.DONE and ticket_id:
        _change(draft, asked, ticket_id=ticket_id)
        draft.say(f"asked the customer in ticket {ticket_id}", by=POLICY)
    elif state is CallState.CANCELLED:
        _withdraw(draft, asked)
        if draft.order.hold_kind is HoldKind.ANSWER and _never_asked(draft):
            draft.hold(HoldKind.REVIEW, due_at=draft.now, expires_at=None)
            draft.say("the question was not sent; a person must check", by=POLICY)
            set_hold_clock(draft)
    return True


def _never_asked(draft: Draft) -> bool:
    """True if no earlier question is open or answered."""
    latest = _latest(draft)
    return waiting(draft) is None and (latest is None or latest.answered_at is None)


def _change(draft: Draft, which: list[Question], *, unsent: bool = False, **values: Any) -> None:
    ids = tuple(one.id for one in which if not unsent or one.ticket_id is None)
    if not ids:
        return
    draft.effects.append(ChangeQuestions(ids=ids, values=values, unsent=unsent))
    known = typed(Question, values)
    draft.questions = [replace(one, **known) if one.id in ids else one for one in draft.questions]


def _withdraw(draft: Draft, which: list[Question]) -> None:
    _change(draft, which, unsent=True, outcome=QuestionOutcome.WITHDRAWN.value)


def take_answer(draft: Draft) -> bool:
    """Mark open questions as answered when the customer wrote in a ticket of ours about this order.

    A held order is then due at once. It need not be the question's own ticket: a person reads it either way. Returns
    False if no question was open.
    """
    answered = [one for one in draft.questions if one.ticket_id is not None and _is_open(one)]
    if not answered:
        return False
    _change(draft, answered, answered_at=draft.now)
    draft.withdraw(keys=[_remind_key(one.id) for one in answered])
    if draft.state is OrderState.HELD:
        draft.hold(HoldKind.ANSWER, due_at=draft.now, expires_at=None)
        text = f"The customer answered our question about order {draft.order_id}."
        draft.alert(AlertKind.REVIEW_DUE, name=review_name(draft.order_id, draft.now, 1), text=text)
        set_reminder(draft, 2, at=draft.now + timedelta(days=1))
    draft.say("the customer answered", by="customer")
    return True


def close(draft: Draft, outcome: Outcome, reason: Reason) -> None:
    """Close a decided order's open questions with this outcome; unsent questions and reminders are cancelled."""
    found = [one for one in draft.questions if one.outcome is None]
    if outcome is Outcome.HOLD_FOR_REVIEW or not found:
        return
    keys = [*(ask_key(one.id) for one in found), *(_remind_key(one.id) for one in found)]
    off = draft.withdraw(keys=keys).keys
    _change(draft, found, outcome=_outcome_of(outcome, reason).value)
    _withdraw(draft, [one for one in found if ask_key(one.id) in off])


def _outcome_of(outcome: Outcome, reason: Reason) -> QuestionOutcome:
    if outcome is Outcome.REJECT:
        return QuestionOutcome.CANCELLED if reason.code in WITHOUT_VERDICT else QuestionOutcome.REJECTED
    return QuestionOutcome.FEE if outcome is Outcome.HOLD_FOR_FEE else QuestionOutcome.APPROVED
