"""Examine one order: read it in the panel, follow what changed, judge if it is due, act. Safe to repeat at any time.

Almost every event ends here. From the event we take only which order it is about, who placed it and who acted.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, time, timedelta

import sqlalchemy as sa

from app.billing import fees
from app.config import Mode
from app.context import Context
from app.core.facts import Agreement, PlacedBy
from app.core.judgement.decide import Outcome, Reason
from app.core.judgement.reasons import ReasonCode
from app.core.states import Flag, OrderState, Trigger
from app.core.statuses import PanelOrderStatus
from app.customers.links import Links, links_of
from app.gathering.facts import OwnKnowledge, who_placed
from app.gathering.panel import Gathered, gather_order
from app.gathering.texts import read_ahead
from app.installation import facts as installation
from app.installation.zones import panel_zone
from app.messaging import inbox, outbox
from app.messaging.inbox import Event, GiveUp, Postpone, VersionMoved
from app.orders.order import PANEL, POLICY, OrderDraft, open_order
from app.orders.timers import look_again, set_settle_clock
from app.tables.inbox import EventState, WaitsFor
from app.tables.orders import orders
from app.tickets import messages
from app.tickets.records import keep_tickets
from app.workflow import acting, decisions, invoices, judging, mirror, panel_changes, provisioning, unread
from app.workflow.acting import ChangeRequest
from app.workflow.panel_changes import Actor

#: Seconds to wait before reading an order again that the panel does not list: five attempts in ten minutes.
NOT_LISTED_DELAYS = (15, 60, 180, 345)
#: The names that the panel's order hooks use for an order's new status.


async def examine(context: Context, event: Event, order_id: int, *, at_once: bool = False) -> None:
    """Examine one order and finish the event in the same transaction.

    `at_once` judges without waiting for payment or fraud check (the gate asks).
    Raises PanelUnavailable, Postpone, GiveUp, VersionMoved.
    """
    now = context.clock()
    gathered = await gather_order(context, order_id, now=now, urgent=event.urgent, placed_by=_told_placed_by(event))
    await unread.wait(context, event, gathered, now=now)
    gathered = await read_ahead(gathered)
    try:
        await _record(context, event, gathered, at_once=at_once, now=now)
    except Postpone as postponed:
        if postponed.waits_for is WaitsFor.CALL:
            await _call_off(context, order_id)
        raise
    context.wake()


async def _record(context: Context, event: Event, gathered: Gathered, *, at_once: bool, now: datetime) -> None:
    """Apply everything that follows from what was read, and finish the event, in one transaction."""
    async with context.db.begin() as tx:
        listed = gathered.order is not None and not _passes_by(gathered, event)
        draft = await open_order(tx, gathered.order_id, mode=context.settings.mode, now=now, create=listed)
        if (gathered.order_version or 0) != (draft.before.version if draft else 0):
            raise VersionMoved
        if draft is not None and listed:
            await _look(context, draft, gathered, event, at_once=at_once)
        elif gathered.order is None:
            await _not_listed(draft, event)
        if draft is not None:
            await draft.save()
        result = "looked" if listed else ("not-listed" if gathered.order is None else "not-pending")
        await inbox.finish(tx, event, state=EventState.PROCESSED, result=result, now=now)


async def _call_off(context: Context, order_id: int) -> None:
    """Cancel the order's lifecycle calls: the verdict has changed, so a call being sent now is never sent again."""
    async with context.db.begin() as tx:
        await outbox.cancel(tx, now=context.clock(), order_id=order_id, actions=acting.LIFECYCLE)


def _who(event: Event, became: str) -> Actor:
    """Return who made the change to `became`; only that change's own event tells.

    Somebody else may have made another change before the order was read back.
    """
    reported = event.type == "order.status_changed" and event.data.get("to") == became
    return Actor.from_event(event.data) if reported else Actor()


def _passes_by(gathered: Gathered, event: Event) -> bool:
    """True if the gate asks about an order that we never heard of and that is not Pending: it is not ours."""
    if event.type != "gate.asked" or gathered.order_version is not None or gathered.order is None:
        return False
    return gathered.order.status != PanelOrderStatus.PENDING


async def _not_listed(draft: OrderDraft | None, event: Event) -> None:
    """Handle an order that the panel does not list: deleted if we knew it, else maybe not visible yet."""
    known = draft is not None and draft.before.last_read_at is not None
    reported = event.data.get("to") == "deleted"
    if draft is not None and known and not reported and draft.state is not OrderState.CLOSED:
        if event.urgent:
            await look_again(draft, seconds=NOT_LISTED_DELAYS[0])
            return
        if event.attempts == 1:  # no event reported a deletion: the list may lack it for a moment
            delay = timedelta(seconds=NOT_LISTED_DELAYS[0])
            raise Postpone("the panel does not list this order any more", delay=delay, counted=True)
    if draft is not None and (known or reported):
        await panel_changes.deleted(draft, _who(event, "deleted"))
        return
    if event.urgent or reported:
        return  # the order is not ours, or was deleted before we ever saw it
    if event.attempts <= len(NOT_LISTED_DELAYS):
        delay = timedelta(seconds=NOT_LISTED_DELAYS[event.attempts - 1])
        raise Postpone("the panel does not list this order yet", delay=delay, counted=True)
    raise GiveUp("order-not-found", "the panel does not list this order")


async def mark_unknown(context: Context, order_id: int, now: datetime) -> None:
    """Keep an order visible that the panel never listed: received, flagged, without a decision."""
    async with context.db.begin() as tx:
        draft = await open_order(tx, order_id, mode=context.settings.mode, now=now, create=True)
        if draft is not None and draft.flag(Flag.UNKNOWN_TO_PANEL):
            draft.say("the panel does not list this order", by=PANEL)
            await draft.save()


async def _look(context: Context, draft: OrderDraft, gathered: Gathered, event: Event, *, at_once: bool) -> None:
    first = draft.before.last_read_at is None
    status_before, payment_before = draft.before.panel_status, draft.before.payment_state
    _take_placed_by(draft, event)
    await mirror.mirror_order(draft, gathered, draft.order.placed_by)
    draft.change(last_read_at=draft.now)
    if first:
        await _reopen_mode(context, draft)
        draft.say("first seen", by=PANEL)
    aggregates = await mirror.lock_customer(draft, gathered.customer, signed_up=_signed_up(gathered))
    known = _links(context, draft, gathered)
    own = await judging.own_knowledge(context, draft, aggregates, known)
    if not draft.acts:
        mirror.follow_in_shadow(draft)
    else:
        await _go_on_after_shadow(draft)
        word = panel_changes.HOOK_WORDS.get(draft.order.panel_status, "")
        await panel_changes.follow(draft, status_before, _who(event, word))
    paid_fees = await invoices.follow_fees(draft, gathered)
    if not first:
        await invoices.follow_payment(draft, payment_before)
    await panel_changes.watch_hold(draft)
    await provisioning.follow_hook(draft, event)
    await keep_tickets(draft, gathered)
    own = judging.with_agreement(own, draft.order.agreement)
    await judging.judge(context, draft, gathered, own, at_once=at_once)
    await _release_agreed(context, draft)
    await _thank(context, draft, paid_fees)
    await judging.release_when_paid(context, draft)
    if event.type in {*acting.BUILT_HOOKS, "invoice.paid"}:
        await acting.send_waiting_accept(draft, paid=event.type != "order.created")
    pending = draft.order.panel_status == PanelOrderStatus.PENDING
    if draft.order.decision_id is None and draft.state is OrderState.RECEIVED and pending:
        await set_settle_clock(draft, seconds=context.settings.settle_seconds)
    await mirror.remember_identities(draft, gathered, known)
    await fees.update_refund(draft)
    await unread.schedule_look(draft, gathered)
    await _others_of_invoice(draft, event)


async def _go_on_after_shadow(draft: OrderDraft) -> None:
    """Put the earlier decision into force again after a time in shadow, when the state only followed the panel."""
    if draft.state is not OrderState.RECEIVED or draft.order.panel_status != PanelOrderStatus.PENDING:
        return
    decision = await decisions.latest(draft)
    if decision is None or decision.mode != Mode.ENFORCE:
        return
    release = draft.release_target()
    waits = OrderState.RELEASED if release is OrderState.RELEASED else OrderState.AWAITING_PAYMENT
    states = {Outcome.APPROVE: waits, Outcome.REJECT: OrderState.REJECTING}
    draft.change(state=states.get(Outcome(decision.outcome), OrderState.HELD).value)


def _told_placed_by(event: Event) -> PlacedBy | None:
    """Return who placed it by the event's `placed_by`, or else by its actor; `placed_by` wins if they disagree."""
    if event.type != "order.created":
        return None
    word = event.data.get("placed_by")
    if isinstance(word, str) and word in set(PlacedBy):
        return PlacedBy(word)
    actor = Actor.from_event(event.data)
    acted = {"customer": PlacedBy.CUSTOMER, "staff": PlacedBy.STAFF, "api": PlacedBy.API}.get(actor.kind)
    return PlacedBy.STAFF_AS_CUSTOMER if actor.masquerade and acted is not None else acted


def _take_placed_by(draft: OrderDraft, event: Event) -> None:
    word = _told_placed_by(event)
    if word is None:
        return
    draft.change(placed_by=word.value)
    actor = Actor.from_event(event.data)
    if actor.admin_id is not None and word in {PlacedBy.STAFF, PlacedBy.STAFF_AS_CUSTOMER}:
        draft.change(staff_id=actor.admin_id)


async def _reopen_mode(context: Context, draft: OrderDraft) -> None:
    """Determine again whether we act: that depends on when the order was placed, known only after the first read."""
    draft.since_cut_over = await installation.acts_on_order(
        draft.tx, context.settings.mode, draft.order_id,
        placed_at=draft.order.placed_at, first_heard_at=draft.before.first_heard_at,
    )  # fmt: skip


def _signed_up(gathered: Gathered) -> datetime | None:
    day = gathered.signed_up_on
    return None if day is None else datetime.combine(day, time.min, tzinfo=UTC)


def _links(context: Context, draft: OrderDraft, gathered: Gathered) -> Links:
    """Return what the customer may share with others; an order entered by staff or API has no IP of the customer."""
    if gathered.customer is None or gathered.order is None:
        return Links()
    own = OwnKnowledge(
        placed_by=draft.order.placed_by, staff_id=draft.order.staff_id, own_admin_id=context.own_admin_id
    )
    theirs = who_placed(gathered.order, own, draft.policy.policy) in {PlacedBy.CUSTOMER, PlacedBy.UNKNOWN}
    return links_of(gathered.customer, gathered.order.ip if theirs else None, gathered.pay_methods)


async def _release_agreed(context: Context, draft: OrderDraft) -> None:
    """Release the order: the fee that a person asked for was the condition, and it is paid."""
    paid_for = draft.order.agreement == Agreement.FEE_PAID and draft.order.outcome == Outcome.HOLD_FOR_FEE
    if not (draft.acts and paid_for and draft.order.touched_by_person and draft.state is OrderState.HELD):
        return
    decision_id = await decisions.record_person(
        draft, Outcome.APPROVE, Reason(ReasonCode.WORK_AGREED, "The fee for the work is paid."), by=POLICY
    )
    change = ChangeRequest(
        trigger=Trigger.APPROVE, by=POLICY, cause=f"decision:{decision_id}",
        zone=await panel_zone(draft.tx, context.settings), panel_url=context.settings.panel_url,
    )  # fmt: skip
    await acting.approve(draft, change, acting.default_plan(draft, await decisions.latest_judged(draft)))


async def _thank(context: Context, draft: OrderDraft, paid_fees: list[uuid.UUID]) -> None:
    """Tell the customer that a fee was paid, if the policy wants that, once the consequence is decided."""
    for fee_id in paid_fees if draft.acts else ():
        await messages.tell_customer(
            draft, draft.policy.policy.messages.fee_paid, key=f"fee:{fee_id}:tell-paid", cause=f"fee:{fee_id}",
            zone=await panel_zone(draft.tx, context.settings), panel_url=context.settings.panel_url,
        )  # fmt: skip


async def _others_of_invoice(draft: OrderDraft, event: Event) -> None:
    """Examine the other orders of the same invoice: one invoice may pay several."""
    invoice_id = draft.order.invoice_id
    if invoice_id is None or not event.type.startswith("invoice."):
        return
    rows = await draft.tx.execute(
        sa.select(orders.c.order_id).where(orders.c.invoice_id == invoice_id, orders.c.order_id != draft.order_id)
    )
    for row in rows:
        await inbox.add_internal(
            draft.tx, type="order.read_back", data={"order_id": row.order_id}, now=draft.now,
            name=f"invoice:{event.id}:{row.order_id}",
        )  # fmt: skip
