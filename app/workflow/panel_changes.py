"""Follow changes in the panel that we did not make: staff win; automation that accepts a held order is a breach."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from app.billing import fees
from app.core.actions import Action
from app.core.judgement.decide import Outcome, Reason
from app.core.judgement.reasons import WHILE_RUNNING, ReasonCode
from app.core.records import PANEL, CallState
from app.core.states import Flag, HoldKind, OrderState, Phase, Provisioning, Trigger, phase_of
from app.core.statuses import DECIDED, PanelOrderStatus
from app.customers import counts
from app.messaging import inbox, outbox
from app.orders.order import OrderDraft
from app.orders.timers import set_hold_clock
from app.tables.inbox import events
from app.tables.outbox import panel_calls
from app.workflow import acting, decisions
from app.workflow.actors import Actor

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
_LISTED_AGAIN_DUE = timedelta(hours=4)
_HOOK_AGE = timedelta(hours=1)
_HOOKS_READ = 20
_TELL_WHO = ("order.status_changed", "order.read_back")


async def follow(draft: OrderDraft, before: str, actor: Actor) -> None:
    """Follow the panel's order status if it changed without us; `before` is the status that we last saw."""
    status = draft.order.panel_status
    if status == before and draft.before.last_read_at is not None:
        await _named_late(draft, status)
        return
    if draft.state is OrderState.CLOSED:
        await _listed_again(draft, status)
        return
    if await _is_echo(draft, status):
        return
    if actor.kind == "unknown":
        actor = await _actor_by_hook(draft, status)
    state = draft.state
    if status == PanelOrderStatus.ACTIVE and state is not OrderState.RELEASED:
        await _went_active(draft, actor)
    elif status == PanelOrderStatus.PENDING and before in DECIDED:
        await _came_back(draft, actor)
    elif status == PanelOrderStatus.CANCELLED and state not in {OrderState.CANCELLED, OrderState.REJECTED}:
        await _ended(draft, actor, Trigger.PANEL_CANCELLED, fraud=False)
    elif status == PanelOrderStatus.FRAUD and state is not OrderState.REJECTED:
        await _ended(draft, actor, Trigger.PANEL_FRAUD, fraud=True)


async def _named_late(draft: OrderDraft, status: str) -> None:
    """Handle a late hook that names the person who activated a held order."""
    if status != PanelOrderStatus.ACTIVE or draft.state is not OrderState.HELD:
        return
    actor = await _actor_by_hook(draft, status, since=draft.order.hold_since)
    if actor.person:
        await _accepted_by_person(draft, actor)


async def _actor_by_hook(draft: OrderDraft, status: str, *, since: datetime | None = None) -> Actor:
    """Return who did it by the panel's order hook, whose event may still wait in the inbox to be read back.

    Events of `reconcile` name the actor found in the panel's activity log.
    """
    word = HOOK_WORDS.get(status)
    query = (
        sa.select(events.c.body)
        .where(
            events.c.order_id == draft.order_id,
            events.c.type.in_(_TELL_WHO),
            events.c.received_at > max(draft.now - _HOOK_AGE, since or draft.now - _HOOK_AGE),
        )
        .order_by(events.c.id.desc())
        .limit(_HOOKS_READ)
    )
    for body in (await draft.tx.execute(query)).scalars():
        data = inbox.data_of(body)
        if data.get("to") == word:
            return Actor.from_event(data)
    return Actor()


async def _is_echo(draft: OrderDraft, status: str) -> bool:
    """True if our own call, being sent or just done, made this change; its settlement moves the order."""
    action = _OURS.get(status)
    if action is None:
        return False
    recent = draft.now - timedelta(minutes=10)
    done = sa.and_(panel_calls.c.state == CallState.DONE, panel_calls.c.settled_at > recent)
    query = (
        sa.select(panel_calls.c.id)
        .where(
            panel_calls.c.order_id == draft.order_id,
            panel_calls.c.action == action.value,
            sa.or_(panel_calls.c.state.in_([CallState.SENDING, CallState.UNKNOWN]), done),
        )
        .limit(1)
    )
    moving = draft.state in {OrderState.RELEASING, OrderState.REJECTING} or status == PanelOrderStatus.PENDING
    return moving and (await draft.tx.execute(query)).first() is not None


async def _went_active(draft: OrderDraft, actor: Actor) -> None:
    held = draft.state in {OrderState.HELD, OrderState.REJECTING, OrderState.REJECTED, OrderState.CANCELLED}
    if held and actor.kind == "unknown":
        await _activated_by_nobody_knows(draft)
    elif actor.automation or (held and not actor.person):
        await _activated_by_automation(draft, actor, held=held)
    else:
        await _accepted_by_person(draft, actor)


async def _accepted_by_person(draft: OrderDraft, actor: Actor) -> None:
    await _withdraw(draft)
    await decisions.record_person(
        draft, Outcome.APPROVE, Reason(ReasonCode.ACCEPTED_IN_PANEL, "Accepted in the panel."), by=actor.name
    )
    await _let_in(draft)
    await counts.count_released(draft)


async def _let_in(draft: OrderDraft) -> None:
    """Handle an approval by a person in the panel: the fee is no longer asked for, and it is not fraud."""
    draft.change(touched_by_person=True)
    draft.move(Trigger.PANEL_ACTIVE)
    await counts.uncount_fraud(draft)
    current = await fees.open_fee(draft)
    if current is not None and draft.acts:
        await fees.cancel(draft, current, cause=f"decision:{draft.order.decision_id}")


async def _activated_by_nobody_knows(draft: OrderDraft) -> None:
    """Handle an activation whose author neither a hook nor the activity log names.

    The order stays held, and a person has to look at once.
    """
    await _withdraw(draft)
    if draft.move(Trigger.PANEL_ACTIVE_BY_AUTOMATION) is not None:
        draft.hold(HoldKind.REVIEW, due_at=draft.now, expires_at=None)
        draft.say("accepted in the panel although it is held; it is not known by whom", by=PANEL)


async def _activated_by_automation(draft: OrderDraft, actor: Actor, *, held: bool) -> None:
    await _withdraw(draft)
    moved = draft.move(Trigger.PANEL_ACTIVE_BY_AUTOMATION)
    if held and draft.flag(Flag.ACCEPTED_BY_AUTOMATION):
        draft.hold(HoldKind.REVIEW, due_at=draft.now, expires_at=None)
        draft.say("BREACH: automation accepted it in the panel although it is held", by=actor.name)
    elif moved is OrderState.RELEASED:
        reason = Reason(ReasonCode.ACCEPTED_IN_PANEL, "Accepted in the panel by automation.")
        await decisions.record_person(draft, Outcome.APPROVE, reason, by=actor.name)


async def _came_back(draft: OrderDraft, actor: Actor) -> None:
    if draft.move(Trigger.PANEL_PENDING) is None:
        return
    await counts.uncount_fraud(draft)
    await decisions.record_person(
        draft,
        Outcome.HOLD_FOR_REVIEW,
        Reason(ReasonCode.PENDING_IN_PANEL, "Set back to Pending in the panel."),
        by=actor.name,
    )
    draft.change(touched_by_person=True)
    due = draft.now + timedelta(hours=draft.policy.policy.hold.review_due_hours_paid)
    draft.hold(HoldKind.REVIEW, due_at=due, expires_at=None)
    await set_hold_clock(draft)


async def _ended(draft: OrderDraft, actor: Actor, trigger: Trigger, *, fraud: bool) -> None:
    await _withdraw(draft)
    if draft.move(trigger) is None:
        return
    word = "Marked as fraud in the panel." if fraud else "Cancelled in the panel."
    code = ReasonCode.FRAUD_IN_PANEL if fraud else ReasonCode.CANCELLED_IN_PANEL
    await decisions.record_person(draft, Outcome.REJECT, Reason(code, word), by=actor.name)
    draft.change(touched_by_person=True)
    if fraud:
        await counts.count_fraud(draft)
    if draft.acts:
        await acting.settle_money(draft, cause=f"decision:{draft.order.decision_id}")


async def deleted(draft: OrderDraft, actor: Actor) -> None:
    """Close an order that was deleted in the panel: nothing more is done about it, money on it is shown."""
    if draft.state is OrderState.CLOSED:
        return
    ended = phase_of(draft.state) is Phase.ENDED
    await _withdraw(draft)
    draft.move(Trigger.PANEL_DELETED)
    draft.change(panel_status="")
    if draft.before.last_read_at is not None:
        draft.change(last_read_at=draft.now)  # `reconcile` checks for a while whether it reappears
    draft.flag(Flag.UNKNOWN_TO_PANEL)
    draft.say("deleted in the panel", by=actor.name)
    if draft.acts and not ended:
        await acting.settle_money(draft, cause="event:deleted")


async def _listed_again(draft: OrderDraft, status: str) -> None:
    """Handle an order that is listed again: it may be another one with the same number (a restored backup)."""
    draft.say("the panel lists it again", by=PANEL)
    reason = Reason(ReasonCode.LISTED_AGAIN, "The panel lists the order again after it was missing for a while.")
    if status == PanelOrderStatus.ACTIVE:
        await decisions.record_person(draft, Outcome.APPROVE, reason, by=PANEL)
        draft.change(state=OrderState.RELEASED.value)
    elif status in _ENDED:
        draft.change(state=_ENDED[status].value)
    else:
        await acting.hold_by_clock(draft, reason, due_in=_LISTED_AGAIN_DUE)


async def _withdraw(draft: OrderDraft) -> None:
    await outbox.cancel(draft.tx, now=draft.now, order_id=draft.order_id, actions=acting.LIFECYCLE)


async def overridden(draft: OrderDraft, admin_id: int | None) -> None:
    """Record that staff provisioned a held order by hand: it is their decision, and shown as such."""
    if draft.state in {OrderState.RELEASED, OrderState.CLOSED}:
        return
    actor = Actor(kind="staff", admin_id=admin_id)
    await _withdraw(draft)
    await decisions.record_person(
        draft,
        Outcome.APPROVE,
        Reason(ReasonCode.PROVISIONED_BY_STAFF, "Provisioned by hand in the panel."),
        by=actor.name,
    )
    await _let_in(draft)


async def watch_hold(draft: OrderDraft) -> None:
    """Flag a hold whose services went active anyway: a breach that somebody must see."""
    if draft.order.outcome in {None, Outcome.APPROVE} or draft.state is OrderState.RELEASED:
        if draft.flag(Flag.HOLD_BREACHED, raised=False):
            draft.say("no longer a breach: a person approved it", by=PANEL)
        return
    held = draft.state in {OrderState.HELD, OrderState.REJECTED, OrderState.REJECTING}
    built = draft.order.provisioning in {Provisioning.DONE, Provisioning.PARTIAL}
    if not (held and built) or Flag.HOLD_BREACHED.value in draft.flags:
        return
    latest = await decisions.latest(draft)
    if latest is not None and not WHILE_RUNNING.isdisjoint(latest.codes):
        return  # staff set a running order to Pending, or held it: they know
    draft.flag(Flag.HOLD_BREACHED)
    draft.say("BREACH: services went active although the order is held", by=PANEL)
