"""What a person's action on a group of new accounts does with one of its orders."""

from __future__ import annotations

from app.core.consequences import acting, staff
from app.core.consequences.draft import Draft
from app.core.consequences.effects import Plan
from app.core.consequences.news import ActionRequest
from app.core.consequences.refused import Refusal, Refused
from app.core.consequences.snapshot import Conditions, Snapshot
from app.core.judgement.decide import Outcome, Reason
from app.core.judgement.reasons import ReasonCode
from app.core.records import Mode
from app.core.states import TRANSITIONS, HoldKind, OrderState, Trigger

#: What a person can do with a whole group.
ACTIONS = (Trigger.HOLD, Trigger.REJECT, Trigger.APPROVE)
#: Approved already: a person only confirms it.
_ON_THE_WAY = (OrderState.AWAITING_PAYMENT, OrderState.RELEASING, OrderState.RELEASED)
_ENDED = (OrderState.REJECTING, OrderState.REJECTED, OrderState.CANCELLED, OrderState.CLOSED)


def act_on_member(
    action: Trigger, request: ActionRequest, snapshot: Snapshot, given: Conditions, *, by: str, others: str
) -> Plan:
    """Carry out an action on one order of a group; what is done already is not done again.

    `others` names the group's orders in the timeline. An order that was accepted is called back: held although it runs,
    or turned away. Raises Refused in shadow, and while a panel call about the order is being sent.
    """
    draft = Draft.of(snapshot, given)
    if given.cut_over.mode is Mode.SHADOW:
        raise Refused(Refusal.SHADOW, f"nothing was done in shadow mode; in enforce mode, {_WOULD[action]}")
    if _is_done(draft, action):
        return draft.plan()
    draft.say(f"{action} with its group of new accounts: orders {others}", by=by)
    if action is Trigger.APPROVE and draft.state in _ON_THE_WAY:
        reason = Reason(ReasonCode.APPROVED_BY_PERSON, f"Approved by {by}.")
        acting.record(draft, Outcome.APPROVE, reason, by=by, note=request.note)
        draft.change(touched_by_person=True)
        return draft.plan()
    if draft.state is OrderState.RELEASED:
        draft.change(state=OrderState.HELD.value)
        draft.say("it was accepted before: suspend or terminate its services in the panel", by=by)
    staff.perform(draft, action, request, by=by)
    return draft.plan()


_WOULD = {
    Trigger.HOLD: "the orders of the group would be held for review",
    Trigger.REJECT: "the orders of the group would be cancelled or marked as fraud in the panel",
    Trigger.APPROVE: "the orders of the group would be accepted as soon as they are paid",
}


def _is_done(draft: Draft, action: Trigger) -> bool:
    """True if there is nothing to do: it ended, or a person did the same with this order before."""
    order, state = draft.order, draft.state
    if state in _ENDED:
        return True
    if action is Trigger.HOLD:
        held = state is OrderState.HELD and order.hold_kind is HoldKind.REVIEW
        return held and order.touched_by_person
    if action is Trigger.APPROVE:
        return order.touched_by_person and order.outcome is Outcome.APPROVE
    return state is not OrderState.RELEASED and (state, action) not in TRANSITIONS
