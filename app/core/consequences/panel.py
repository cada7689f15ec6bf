"""Follow changes in the panel that we did not make: staff win; automation that accepts a held order is a breach."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from app.core.actions import Action
from app.core.consequences import acting, fees
from app.core.consequences.actor import Actor
from app.core.consequences.counting import count_fraud, count_released, uncount_fraud
from app.core.consequences.draft import LIFECYCLE, Draft
from app.core.consequences.snapshot import ON_THE_WIRE
from app.core.consequences.timers import set_hold_clock
from app.core.judgement.decide import Outcome, Reason
from app.core.judgement.reasons import WHILE_RUNNING, ReasonCode
from app.core.records import PANEL, CallState, Mode, TimelineCode
from app.core.states import Flag, HoldKind, OrderState, Phase, Provisioning, Trigger, phase_of
from app.core.statuses import DECIDED, PanelOrderStatus

_OURS: Final[Mapping[str, Action]] = {
    PanelOrderStatus.ACTIVE: Action.ACCEPT_ORDER,
    PanelOrderStatus.PENDING: Action.PENDING_ORDER,
    PanelOrderStatus.CANCELLED: Action.CANCEL_ORDER,
    PanelOrderStatus.FRAUD: Action.FRAUD_ORDER,
}
#: How events name a change to each status.
HOOK_WORDS: Final[Mapping[str, str]] = {
    PanelOrderStatus.ACTIVE: "accepted",
    PanelOrderStatus.PENDING: "pending",
    PanelOrderStatus.CANCELLED: "cancelled",
    PanelOrderStatus.FRAUD: "fraud",
}
_ENDED: Final[Mapping[str, OrderState]] = {
    PanelOrderStatus.CANCELLED: OrderState.CANCELLED,
    PanelOrderStatus.FRAUD: OrderState.REJECTED,
}
_IN_SHADOW: Final[Mapping[str, OrderState]] = {
    PanelOrderStatus.ACTIVE: OrderState.RELEASED,
    PanelOrderStatus.CANCELLED: OrderState.CANCELLED,
    PanelOrderStatus.FRAUD: OrderState.REJECTED,
    PanelOrderStatus.PENDING: OrderState.RECEIVED,
}
_LISTED_AGAIN_DUE: Final = timedelta(hours=4)
_HOOK_AGE: Final = timedelta(hours=1)
_ECHO_AGE: Final = timedelta(minutes=10)


def follow_in_shadow(draft: Draft) -> None:
    """Set the state from the panel alone, as shadow mode requires."""
    target = _IN_SHADOW.get(draft.order.panel_status, OrderState.RECEIVED)
    if target is not draft.state:
        draft.change(state=target.value)
        active = draft.order.panel_status == PanelOrderStatus.ACTIVE
        code = TimelineCode.SHOWN_ACTIVE if active else None
        draft.say(f"the panel shows it {draft.order.panel_status}", by=PANEL, code=code)


def go_on_after_shadow(draft: Draft) -> None:
    """Put the earlier decision into force again after a time in shadow, when the state only followed the panel."""
    pending = draft.state is OrderState.RECEIVED and draft.order.panel_status == PanelOrderStatus.PENDING
    if not pending or draft.decision is None or draft.decision.mode != Mode.ENFORCE:
        return
    release = draft.release_target()
    waits = OrderState.RELEASED if release is OrderState.RELEASED else OrderState.AWAITING_PAYMENT
    states = {Outcome.APPROVE: waits, Outcome.REJECT: OrderState.REJECTING}
    draft.change(state=states.get(draft.decision.outcome, OrderState.HELD).value)


def follow(draft: Draft, actor: Actor) -> None:
    """Follow the panel's order status if it changed without us."""
    status, before = draft.order.panel_status, draft.before.order.panel_status
    if status == before and draft.before.order.last_read_at is not None:
        _named_late(draft, status)
        return
    if draft.state is OrderState.CLOSED:
        _listed_again(draft, status)
        return
    if _is_echo(draft, status):
        return
    if actor.kind == "unknown":
        actor = _actor_by_hook(draft, status)
    state = draft.state
    if status == PanelOrderStatus.ACTIVE and state is not OrderState.RELEASED:
        _went_active(draft, actor)
    elif status == PanelOrderStatus.PENDING and before in DECIDED:
        _came_back(draft, actor)
    elif status == PanelOrderStatus.CANCELLED and state not in {OrderState.CANCELLED, OrderState.REJECTED}:
        _ended(draft, actor, Trigger.PANEL_CANCELLED, fraud=False)
    elif status == PanelOrderStatus.FRAUD and state is not OrderState.REJECTED:
        _ended(draft, actor, Trigger.PANEL_FRAUD, fraud=True)


def _named_late(draft: Draft, status: str) -> None:
    """Handle a late hook that names the person who activated a held order."""
    if status != PanelOrderStatus.ACTIVE or draft.state is not OrderState.HELD:
        return
    actor = _actor_by_hook(draft, status, since=draft.order.hold_since)
    if actor.person:
        _accepted_by_person(draft, actor)


def _actor_by_hook(draft: Draft, status: str, *, since: datetime | None = None) -> Actor:
    """Return who did it by the panel's order hook, whose event may still wait in the inbox to be read back.

    Events of `reconcile` name the actor found in the panel's activity log.
    """
    oldest = max(draft.now - _HOOK_AGE, since or draft.now - _HOOK_AGE)
    word = HOOK_WORDS.get(status)
    for event in reversed(draft.recent.events):
        if event.became is not None and event.became == word and event.received_at > oldest:
            return event.actor or Actor()
    return Actor()


def _is_echo(draft: Draft, status: str) -> bool:
    """True if our own call, being sent or just done, made this change; its settlement moves the order."""
    action = _OURS.get(status)
    moving = draft.state in {OrderState.RELEASING, OrderState.REJECTING} or status == PanelOrderStatus.PENDING
    if action is None or not moving:
        return False
    recent = draft.now - _ECHO_AGE
    return any(
        call.action is action
        and (
            call.state in ON_THE_WIRE
            or (call.state is CallState.DONE and call.settled_at is not None and call.settled_at > recent)
        )
        for call in draft.calls
    )


def _went_active(draft: Draft, actor: Actor) -> None:
    held = draft.state in {OrderState.HELD, OrderState.REJECTING, OrderState.REJECTED, OrderState.CANCELLED}
    if held and actor.kind == "unknown":
        _activated_by_nobody_knows(draft)
    elif actor.automation or (held and not actor.person):
        _activated_by_automation(draft, actor, held=held)
    else:
        _accepted_by_person(draft, actor)


def _accepted_by_person(draft: Draft, actor: Actor) -> None:
    draft.withdraw(actions=LIFECYCLE)
    reason = Reason(ReasonCode.ACCEPTED_IN_PANEL, "Accepted in the panel.")
    acting.record(draft, Outcome.APPROVE, reason, by=actor.name)
    _let_in(draft)
    count_released(draft)


def _let_in(draft: Draft) -> None:
    """Handle an approval by a person in the panel: the fee is no longer asked for, and it is not fraud."""
    draft.change(touched_by_person=True)
    draft.move(Trigger.PANEL_ACTIVE)
    uncount_fraud(draft)
    if draft.acts:
        fees.cancel_open(draft, cause=draft.decision_cause)


def _activated_by_nobody_knows(draft: Draft) -> None:
    """Handle an activation whose author neither a hook nor the activity log names.

    The order stays held, and a person has to look at once.
    """
    draft.withdraw(actions=LIFECYCLE)
    if draft.move(Trigger.PANEL_ACTIVE_BY_AUTOMATION) is not None:
        draft.hold(HoldKind.REVIEW, due_at=draft.now, expires_at=None)
        draft.say("accepted in the panel although it is held; it is not known by whom", by=PANEL)


def _activated_by_automation(draft: Draft, actor: Actor, *, held: bool) -> None:
    draft.withdraw(actions=LIFECYCLE)
    moved = draft.move(Trigger.PANEL_ACTIVE_BY_AUTOMATION)
    if held and draft.flag(Flag.ACCEPTED_BY_AUTOMATION):
        draft.hold(HoldKind.REVIEW, due_at=draft.now, expires_at=None)
        draft.say("BREACH: automation accepted it in the panel although it is held", by=actor.name)
    elif moved is OrderState.RELEASED:
        reason = Reason(ReasonCode.ACCEPTED_IN_PANEL, "Accepted in the panel by automation.")
        acting.record(draft, Outcome.APPROVE, reason, by=actor.name)


def _came_back(draft: Draft, actor: Actor) -> None:
    if draft.move(Trigger.PANEL_PENDING) is None:
        return
    uncount_fraud(draft)
    reason = Reason(ReasonCode.PENDING_IN_PANEL, "Set back to Pending in the panel.")
    acting.record(draft, Outcome.HOLD_FOR_REVIEW, reason, by=actor.name)
    draft.change(touched_by_person=True)
    due = draft.now + timedelta(hours=draft.policy.hold.review_due_hours_paid)
    draft.hold(HoldKind.REVIEW, due_at=due, expires_at=None)
    set_hold_clock(draft)


def _ended(draft: Draft, actor: Actor, trigger: Trigger, *, fraud: bool) -> None:
    draft.withdraw(actions=LIFECYCLE)
    if draft.move(trigger) is None:
        return
    word = "Marked as fraud in the panel." if fraud else "Cancelled in the panel."
    code = ReasonCode.FRAUD_IN_PANEL if fraud else ReasonCode.CANCELLED_IN_PANEL
    acting.record(draft, Outcome.REJECT, Reason(code, word), by=actor.name)
    draft.change(touched_by_person=True)
    if fraud:
        count_fraud(draft)
    if draft.acts:
        acting.settle_money(draft, cause=draft.decision_cause)


def delete(draft: Draft, actor: Actor) -> None:
    """Close an order that was deleted in the panel: nothing more is done about it, money on it is shown."""
    if draft.state is OrderState.CLOSED:
        return
    ended = phase_of(draft.state) is Phase.ENDED
    draft.withdraw(actions=LIFECYCLE)
    draft.move(Trigger.PANEL_DELETED)
    draft.change(panel_status="")
    if draft.before.order.last_read_at is not None:
        draft.change(last_read_at=draft.now)  # `reconcile` checks for a while whether it reappears
    draft.flag(Flag.UNKNOWN_TO_PANEL)
    draft.say("deleted in the panel", by=actor.name)
    if draft.acts and not ended:
        acting.settle_money(draft, cause="event:deleted")


def _listed_again(draft: Draft, status: str) -> None:
    """Handle an order that is listed again: it may be another one with the same number (a restored backup)."""
    draft.say("the panel lists it again", by=PANEL)
    reason = Reason(ReasonCode.LISTED_AGAIN, "The panel lists the order again after it was missing for a while.")
    if status == PanelOrderStatus.ACTIVE:
        acting.record(draft, Outcome.APPROVE, reason, by=PANEL)
        draft.change(state=OrderState.RELEASED.value)
    elif status in _ENDED:
        draft.change(state=_ENDED[status].value)
    else:
        acting.hold_by_clock(draft, reason, due_in=_LISTED_AGAIN_DUE)


def override(draft: Draft, admin_id: int | None) -> None:
    """Record that staff provisioned a held order by hand: it is their decision, and shown as such."""
    if not draft.acts or draft.state in {OrderState.RELEASED, OrderState.CLOSED}:
        return
    draft.withdraw(actions=LIFECYCLE)
    reason = Reason(ReasonCode.PROVISIONED_BY_STAFF, "Provisioned by hand in the panel.")
    acting.record(draft, Outcome.APPROVE, reason, by=Actor(kind="staff", admin_id=admin_id).name)
    _let_in(draft)


def watch_hold(draft: Draft) -> None:
    """Flag a hold whose services went active anyway: a breach that somebody must see."""
    if draft.order.outcome in {None, Outcome.APPROVE} or draft.state is OrderState.RELEASED:
        if draft.flag(Flag.HOLD_BREACHED, raised=False):
            draft.say("no longer a breach: a person approved it", by=PANEL)
        return
    held = draft.state in {OrderState.HELD, OrderState.REJECTED, OrderState.REJECTING}
    built = draft.order.provisioning in {Provisioning.DONE, Provisioning.PARTIAL}
    if not (held and built) or Flag.HOLD_BREACHED.value in draft.order.flags:
        return
    if draft.decision is not None and not WHILE_RUNNING.isdisjoint(draft.decision.codes):
        return  # staff set a running order to Pending, or held it: they know
    draft.flag(Flag.HOLD_BREACHED)
    draft.say("BREACH: services went active although the order is held", by=PANEL)


def mark_unknown(draft: Draft) -> None:
    """Keep an order visible that the panel never listed: flagged, without a decision."""
    if draft.flag(Flag.UNKNOWN_TO_PANEL):
        draft.say("the panel does not list this order", by=PANEL)
