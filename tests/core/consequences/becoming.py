"""The order as it is after a plan: what `app/workflow/apply.py` writes, done in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from app.core.actions import Action
from app.core.consequences.draft import stored_reasons
from app.core.consequences.effects import (
    AddFee,
    AddQuestion,
    ChangeFee,
    ChangeQuestions,
    Decide,
    Effect,
    Plan,
    Tell,
    Want,
    Withdraw,
)
from app.core.consequences.snapshot import LIVE, CallSeen, Snapshot
from app.core.judgement.stored import dump_judgement
from app.core.records import CallState
from app.core.rows.belongings import Decision, Fee, Question
from app.core.rows.typed import typed
from tests.core.consequences.situations import VERSION
from tests.core.judging import NOW

#: The ids of decisions that plans record.
_NEXT_DECISION = 8


def after(snapshot: Snapshot, plan: Plan) -> Snapshot:
    """Return the order with its belongings after a plan."""
    for effect in plan.effects:
        snapshot = _applied(snapshot, effect)
    order = plan.order
    if order.decision_id == 0:
        order = order.changed(decision_id=_NEXT_DECISION)
    return replace(snapshot, order=order)


def _applied(snapshot: Snapshot, effect: Effect) -> Snapshot:
    match effect:
        case Want():
            return _wanted(snapshot, effect.key, effect.action.action)
        case Tell():
            return _wanted(snapshot, effect.key, Action.OPEN_TICKET)
        case Withdraw():
            return replace(snapshot, calls=tuple(_withdrawn(call, effect) for call in snapshot.calls or ()))
        case AddFee():
            return replace(snapshot, fees=(*snapshot.fees, effect.fee))
        case ChangeFee():
            return replace(snapshot, fees=tuple(_changed_fee(fee, effect) for fee in snapshot.fees))
        case AddQuestion():
            return replace(snapshot, questions=(*snapshot.questions, _asked(snapshot, effect)))
        case ChangeQuestions():
            return replace(snapshot, questions=tuple(_changed_question(one, effect) for one in snapshot.questions))
        case Decide():
            return _decided(snapshot, effect)
    return snapshot


def _wanted(snapshot: Snapshot, key: str, action: Action) -> Snapshot:
    """Enqueue a call as the outbox does: a key that is live, or done and findable, is not wanted twice."""
    calls = snapshot.calls or ()
    if is_wanted_already(calls, key, action):
        return snapshot
    return replace(snapshot, calls=(*calls, CallSeen(key=key, action=action, state=CallState.PENDING)))


_FINDABLE = frozenset({Action.CREATE_INVOICE, Action.ADD_CREDIT, Action.OPEN_TICKET, Action.REPLY_TICKET})


def is_wanted_already(calls: tuple[CallSeen, ...], key: str, action: Action) -> bool:
    """True if the outbox would not enqueue this call, because there is one with its key."""
    states = {*LIVE, CallState.DONE} if action in _FINDABLE else LIVE
    return any(call.key == key and call.state in states for call in calls)


def is_withdrawn(call: CallSeen, effect: Withdraw) -> bool:
    """True if this effect cancels the call, or keeps it from being sent again."""
    return call.state in LIVE and (call.action in effect.actions or call.key in effect.keys)


def _withdrawn(call: CallSeen, effect: Withdraw) -> CallSeen:
    off = is_withdrawn(call, effect) and call.state is CallState.PENDING
    return replace(call, state=CallState.CANCELLED) if off else call


def _changed_fee(fee: Fee, effect: ChangeFee) -> Fee:
    known = {name: value for name, value in effect.values.items() if name in Fee.__slots__}
    return replace(fee, **typed(Fee, known)) if fee.id == effect.fee_id else fee


def _asked(snapshot: Snapshot, effect: AddQuestion) -> Question:
    return Question(
        id=effect.id, question=effect.question, asked_at=NOW,
        reminded_at=None, answered_at=None, ticket_id=None, outcome=None,
    )  # fmt: skip


def _changed_question(question: Question, effect: ChangeQuestions) -> Question:
    if question.id not in effect.ids or (effect.unsent and question.ticket_id is not None):
        return question
    known: dict[str, Any] = typed(Question, effect.values)
    return replace(question, **known)


def _decided(snapshot: Snapshot, effect: Decide) -> Snapshot:
    judgement = None if effect.judgement is None else dump_judgement(effect.judgement)
    decision = Decision(
        id=_NEXT_DECISION, outcome=effect.outcome, reasons=stored_reasons(effect.reasons), by=effect.by,
        mode=effect.mode, policy_version=VERSION, judgement=judgement,
    )  # fmt: skip
    return replace(snapshot, decision=decision, judged=snapshot.judged if judgement is None else judgement)
