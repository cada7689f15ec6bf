"""A person acts on a whole group of new accounts: what becomes of each of its orders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from app.core.consequences import acting
from app.core.consequences.desk.unpaid import unpaid_work
from app.core.consequences.draft import Draft
from app.core.consequences.effects import Plan
from app.core.consequences.news import ActionRequest
from app.core.consequences.refused import Refusal, Refused
from app.core.consequences.snapshot import Conditions, Snapshot
from app.core.consequences.staff import perform
from app.core.judgement.decide import Outcome, Reason
from app.core.judgement.reasons import ReasonCode
from app.core.records import Mode
from app.core.states import TRANSITIONS, HoldKind, OrderState, Trigger

#: What a person can do with a whole group.
GROUP_ACTIONS: Final = (Trigger.HOLD, Trigger.REJECT, Trigger.APPROVE)
#: Approved already: a person only confirms it.
_APPROVED: Final = (OrderState.AWAITING_PAYMENT, OrderState.RELEASING, OrderState.RELEASED)
_OVER: Final = (OrderState.REJECTING, OrderState.REJECTED, OrderState.CANCELLED, OrderState.CLOSED)
_WOULD_WITH_ALL: Final[Mapping[Trigger, str]] = {
    Trigger.HOLD: "the orders of the group would be held for review",
    Trigger.REJECT: "the orders of the group would be cancelled or marked as fraud in the panel",
    Trigger.APPROVE: "the orders of the group would be accepted as soon as they are paid",
}


def act_on_member(
    action: Trigger, request: ActionRequest, snapshot: Snapshot, given: Conditions, *, by: str, others: str
) -> Plan:
    """Carry out an action on one order of a group; what is done already is not done again.

    `others` names the group's orders in the timeline. An order that was accepted is called back: held although it runs,
    or turned away. One that asks for work that nobody pays for stays held: a person says of each whether it is free.
    Raises Refused in shadow, and while a panel call about the order is being sent.
    """
    draft = Draft.of(snapshot, given)
    if given.cut_over.mode is Mode.SHADOW:
        raise Refused(Refusal.SHADOW, f"nothing was done in shadow mode; in enforce mode, {_WOULD_WITH_ALL[action]}")
    if _is_done(draft, action):
        return draft.plan()
    draft.say(f"{action} with its group of new accounts: orders {others}", by=by)
    if action is Trigger.APPROVE and draft.state in _APPROVED:
        reason = Reason(ReasonCode.APPROVED_BY_PERSON, f"Approved by {by}.")
        acting.record(draft, Outcome.APPROVE, reason, by=by, note=request.note)
        draft.change(touched_by_person=True)
        return draft.plan()
    if action is Trigger.APPROVE and unpaid_work(draft.order, draft.judged) is not None:
        draft.change(touched_by_person=True)
        draft.say("it stays held, as nobody pays for its work: approve it by itself, for free or for the fee", by=by)
        return draft.plan()
    if draft.state is OrderState.RELEASED:
        draft.change(state=OrderState.HELD.value)
        draft.say("it was accepted before: suspend or terminate its services in the panel", by=by)
    perform(draft, action, request, by=by)
    return draft.plan()


def _is_done(draft: Draft, action: Trigger) -> bool:
    """True if there is nothing to do: it ended, or a person did the same with this order before."""
    order, state = draft.order, draft.state
    if state in _OVER:
        return True
    if action is Trigger.HOLD:
        held = state is OrderState.HELD and order.hold_kind is HoldKind.REVIEW
        return held and order.touched_by_person
    if action is Trigger.APPROVE:
        settled = order.outcome is Outcome.APPROVE or unpaid_work(order, draft.judged) is not None
        return order.touched_by_person and settled
    return state is not OrderState.RELEASED and (state, action) not in TRANSITIONS
