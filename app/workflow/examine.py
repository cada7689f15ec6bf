"""Examine one order: read it in the panel, follow what changed, judge if it is due, act. Safe to repeat at any time.

Almost every event ends here. From the event we take only which order it is about, who placed it and who acted.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final, NoReturn

from app.context import Context
from app.core.consequences.building import BUILT_EVENTS, GATE_ASKED, send_waiting_accept
from app.core.consequences.draft import LIFECYCLE
from app.core.consequences.effects import Decide, Plan
from app.core.consequences.looking import look
from app.core.consequences.news import InvoiceShown, Look
from app.core.consequences.panel import HOOK_WORDS
from app.core.consequences.refused import CallUnderWay
from app.core.consequences.snapshot import Lacking
from app.core.rows.order import Order
from app.core.states import OrderState
from app.core.statuses import PanelOrderStatus
from app.customers import first_orders
from app.gathering.own import Own, own_rows
from app.gathering.panel import FeeSeen, Gathered, gather_order
from app.gathering.payments import paid_on, turn_of
from app.gathering.texts import read_ahead
from app.messaging import inbox, outbox
from app.messaging.inbox import Event, Postpone, VersionMoved
from app.orders.order import LockedOrder, open_order
from app.tables.inbox import EventSource, EventState, WaitsFor
from app.tickets.records import keep_tickets
from app.workflow import candidates, mirror, unread
from app.workflow.actors import told_placed_by, who, with_placed_by
from app.workflow.apply import apply
from app.workflow.changing import change, planned
from app.workflow.knowledge import Knowledge
from app.workflow.known_news import is_known, others_paid_by
from app.workflow.together.remembering import remember
from app.workflow.unlisted import not_listed

_UNDER_WAY_DELAY: Final = timedelta(seconds=5)
_UNDER_WAY: Final = "a panel call for this order is in progress"


async def examine(context: Context, event: Event, order_id: int, *, at_once: bool = False) -> None:
    """Examine one order and finish the event in the same transaction.

    `at_once` judges without waiting for payment or fraud check (the gate asks).
    Raises PanelUnavailable, Postpone, GiveUp, VersionMoved.
    """
    own = await own_rows(context, order_id)
    if await is_known(context, event, order_id, own):
        await _finish(context, event, order_id)
        return
    try:
        await _examine(context, event, order_id, at_once=at_once, own=own)
    except Lacking:  # it is judged after all
        await _examine(context, event, order_id, at_once=at_once)
    context.wake()


async def _finish(context: Context, event: Event, order_id: int) -> None:
    """Finish an event that tells nothing new; only an accept may wait for just this hook."""
    now = context.clock()
    async with context.db.begin() as tx:
        locked = None
        if event.type in BUILT_EVENTS:
            locked = await open_order(context, tx, order_id, now=now)
        if locked is not None and locked.order.state is OrderState.RELEASING:
            await change(context, locked, partial(send_waiting_accept, paid=event.type != "order.created"))
        await inbox.finish(tx, event, state=EventState.PROCESSED, result="known", now=now)
    context.wake()


async def _examine(context: Context, event: Event, order_id: int, *, at_once: bool, own: Own | None = None) -> None:
    """Look once: with `own`, our rows as just read, at what may have changed, else at everything."""
    now = context.clock()
    gathered = await gather_order(
        context, order_id, now=now, urgent=event.urgent, placed_by=told_placed_by(event), full=own is None, own=own,
        invoices=event.type.startswith("invoice.") or event.source is EventSource.RECONCILE,
    )  # fmt: skip
    await unread.wait(context, event, gathered, now=now)
    gathered = await read_ahead(gathered)
    try:
        await _record(context, event, gathered, at_once=at_once, now=now)
    except CallUnderWay:
        await wait_for_call(context, order_id)


async def _record(context: Context, event: Event, gathered: Gathered, *, at_once: bool, now: datetime) -> None:
    """Apply everything that follows from what was read, and finish the event, in one transaction."""
    async with context.db.begin() as tx:
        listed = gathered.order is not None and not _passes_by(gathered, event)
        locked = await open_order(context, tx, gathered.order_id, now=now, create=listed)
        if (gathered.order_version or 0) != (locked.order.version if locked else 0):
            raise VersionMoved
        if locked is not None and listed:
            await _look(context, locked, gathered, event, at_once=at_once)
        elif gathered.order is None:
            await not_listed(context, locked, event)
        result = "looked" if listed else ("not-listed" if gathered.order is None else "not-pending")
        await inbox.finish(tx, event, state=EventState.PROCESSED, result=result, now=now)


async def wait_for_call(context: Context, order_id: int) -> NoReturn:
    """Cancel the order's lifecycle calls, and have the event wait for the one that is being sent.

    The verdict has changed, so that call is never sent again. Raises Postpone.
    """
    async with context.db.begin() as tx:
        await outbox.cancel(tx, now=context.clock(), order_id=order_id, actions=LIFECYCLE)
    raise Postpone(_UNDER_WAY, delay=_UNDER_WAY_DELAY, waits_for=WaitsFor.CALL) from None


def _passes_by(gathered: Gathered, event: Event) -> bool:
    """True if the gate asks about an order that we never heard of and that is not Pending: it is not ours."""
    if event.type != GATE_ASKED or gathered.order_version is not None or gathered.order is None:
        return False
    return gathered.order.status != PanelOrderStatus.PENDING


async def _look(context: Context, locked: LockedOrder, gathered: Gathered, event: Event, *, at_once: bool) -> None:
    given = locked.given
    told = with_placed_by(locked.order, event)
    shown = mirror.shown_order(told, gathered, given, own_admin_id=context.own_admin_id)
    if not gathered.at_rest:
        await mirror.keep_texts(locked, shown, gathered)
        await mirror.keep_domains(locked, shown)
    customer = await mirror.lock_customer(locked, shown, gathered)
    known = Knowledge(context=context, locked=locked, gathered=gathered, shown=shown, customer=customer)
    asking = await keep_tickets(locked, shown, gathered)
    news = replace(
        _news(event, gathered, shown), asking_ticket=asking, at_once=at_once,
        settle_seconds=context.settings.settle_seconds,
    )  # fmt: skip
    plan = await planned(locked, partial(look, news), facts=None if gathered.at_rest else known.facts)
    candidate = None
    if known.own is not None and _decides(plan):
        own = replace(known.own, agreement=plan.order.agreement)
        candidate = await candidates.verdict(locked, gathered, own)
    await apply(locked, plan, panel_url=context.settings.panel_url, candidate=candidate)
    first = locked.order.last_read_at is None or customer is None or customer.last_read_at is None
    if known.own is not None or (first and not gathered.at_rest):
        await mirror.remember_identities(locked, plan.order, known.links())
        await first_orders.remember(locked.tx, plan.order, gathered.customer, now=given.now)
        await remember(locked, plan.order, await known.newcomer(), known.own)
    await _examine_others(locked, plan.order, event)


def _decides(plan: Plan) -> bool:
    """True if the policy decides: a candidate policy then decides the same."""
    return any(isinstance(effect, Decide) and effect.judgement is not None for effect in plan.effects)


def _news(event: Event, gathered: Gathered, shown: Order) -> Look:
    """Return what this look shows, in the core's words."""
    return Look(
        event_id=event.id,
        event_type=event.type,
        shown=shown,
        actor=who(event, HOOK_WORDS.get(shown.panel_status, "")),
        fraud_checked=gathered.order is not None and gathered.order.fraud_check is not None,
        service_id=event.data.get("service_id"),
        invoices=tuple(found for found in map(_invoice, gathered.fees) if found is not None),
        without=gathered.without,
        unchanged=gathered.unchanged,
    )


def _invoice(seen: FeeSeen) -> InvoiceShown | None:
    """Return a fee's invoice as it is shown; None for a status that we don't know."""
    invoice, turn = seen.invoice, turn_of(seen.invoice)
    if turn is None:
        return None
    paid, total = (None, None) if invoice is None else (paid_on(invoice), invoice.total)
    return InvoiceShown(
        fee_id=seen.fee_id, turn=turn, paid_minor=paid.amount_minor if paid else None,
        total_minor=total.amount_minor if total else None,
    )  # fmt: skip


async def _examine_others(locked: LockedOrder, order: Order, event: Event) -> None:
    """Examine the other orders of the same invoice: one invoice may pay several."""
    if order.invoice_id is None or not event.type.startswith("invoice."):
        return
    for other in (await locked.tx.scalars(others_paid_by(order.invoice_id, order.order_id))).all():
        await inbox.add_internal(
            locked.tx, type="order.read_back", data={"order_id": other}, now=locked.given.now,
            name=f"invoice:{event.id}:{other}",
        )  # fmt: skip
