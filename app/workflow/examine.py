"""Examine one order: read it in the panel, follow what changed, judge if it is due, act. Safe to repeat at any time.

Almost every event ends here. From the event we take only which order it is about, who placed it and who acted.
"""

from __future__ import annotations

from datetime import datetime

from app.billing import fees
from app.context import Context
from app.core.records import PANEL
from app.core.states import OrderState
from app.core.statuses import PanelOrderStatus
from app.gathering.panel import Gathered, gather_order
from app.gathering.texts import read_ahead
from app.messaging import inbox, outbox
from app.messaging.inbox import Event, Postpone, VersionMoved
from app.orders.order import OrderDraft, find_out_whether_we_act, open_order
from app.orders.timers import set_settle_clock
from app.tables.inbox import EventState, WaitsFor
from app.tickets.records import keep_tickets
from app.workflow import acting, invoices, judging, mirror, panel_changes, provisioning, unread
from app.workflow.actors import take_placed_by, told_placed_by, who
from app.workflow.unlisted import not_listed


async def examine(context: Context, event: Event, order_id: int, *, at_once: bool = False) -> None:
    """Examine one order and finish the event in the same transaction.

    `at_once` judges without waiting for payment or fraud check (the gate asks).
    Raises PanelUnavailable, Postpone, GiveUp, VersionMoved.
    """
    now = context.clock()
    gathered = await gather_order(context, order_id, now=now, urgent=event.urgent, placed_by=told_placed_by(event))
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
            await not_listed(draft, event)
        if draft is not None:
            await draft.save()
        result = "looked" if listed else ("not-listed" if gathered.order is None else "not-pending")
        await inbox.finish(tx, event, state=EventState.PROCESSED, result=result, now=now)


async def _call_off(context: Context, order_id: int) -> None:
    """Cancel the order's lifecycle calls: the verdict has changed, so a call being sent now is never sent again."""
    async with context.db.begin() as tx:
        await outbox.cancel(tx, now=context.clock(), order_id=order_id, actions=acting.LIFECYCLE)


def _passes_by(gathered: Gathered, event: Event) -> bool:
    """True if the gate asks about an order that we never heard of and that is not Pending: it is not ours."""
    if event.type != "gate.asked" or gathered.order_version is not None or gathered.order is None:
        return False
    return gathered.order.status != PanelOrderStatus.PENDING


async def _look(context: Context, draft: OrderDraft, gathered: Gathered, event: Event, *, at_once: bool) -> None:
    first = draft.before.last_read_at is None
    status_before, payment_before = draft.before.panel_status, draft.before.payment_state
    take_placed_by(draft, event)
    await mirror.mirror_order(draft, gathered, draft.order.placed_by)
    draft.change(last_read_at=draft.now)
    if first:
        await find_out_whether_we_act(draft)
        draft.say("first seen", by=PANEL)
    aggregates = await mirror.lock_customer(draft, gathered)
    known = judging.links_known(context, draft, gathered)
    own = await judging.own_knowledge(context, draft, aggregates, known)
    if not draft.acts:
        mirror.follow_in_shadow(draft)
    else:
        await mirror.go_on_after_shadow(draft)
        word = panel_changes.HOOK_WORDS.get(draft.order.panel_status, "")
        await panel_changes.follow(draft, status_before, who(event, word))
    paid_fees = await invoices.follow_fees(draft, gathered)
    if not first:
        await invoices.follow_payment(draft, payment_before)
    await panel_changes.watch_hold(draft)
    await provisioning.follow_hook(draft, event)
    await keep_tickets(draft, gathered)
    own = judging.with_agreement(own, draft.order.agreement)
    await judging.judge(context, draft, gathered, own, at_once=at_once)
    await invoices.release_agreed(context, draft)
    await invoices.thank(context, draft, paid_fees)
    await judging.release_when_paid(context, draft)
    if event.type in {*acting.BUILT_HOOKS, "invoice.paid"}:
        await acting.send_waiting_accept(draft, paid=event.type != "order.created")
    pending = draft.order.panel_status == PanelOrderStatus.PENDING
    if draft.order.decision_id is None and draft.state is OrderState.RECEIVED and pending:
        await set_settle_clock(draft, seconds=context.settings.settle_seconds)
    await mirror.remember_identities(draft, gathered, known)
    await fees.update_refund(draft)
    await unread.schedule_look(draft, gathered)
    await invoices.examine_others(draft, event)
