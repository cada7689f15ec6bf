"""Follow up a panel call whose outcome is known: the event ``panel_call.settled``."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import sqlalchemy as sa

from app.billing import fees
from app.context import Context
from app.core.actions import Action
from app.core.judgement.decide import Outcome, Reason
from app.core.judgement.reasons import CANCELLATIONS, ReasonCode
from app.core.money import Money
from app.core.records import PANEL, POLICY, CallState
from app.core.rows.belongings import Fee
from app.core.states import FeeState, Flag, OrderState, Trigger
from app.core.statuses import PanelOrderStatus
from app.customers import counts
from app.installation import alerts
from app.installation.zones import panel_zone
from app.messaging import inbox, outbox
from app.messaging.inbox import Event
from app.messaging.outbox import Call
from app.orders.order import OrderDraft, open_order
from app.orders.timers import look_again
from app.tables.customers import CreditState, credits
from app.tables.inbox import EventState, WaitsFor, events
from app.tables.orders import fees as fees_table
from app.tables.outbox import panel_calls
from app.tickets import messages, questions
from app.tickets.records import mark_ours
from app.workflow import acting, decisions, provisioning

_READ_BACK_SECONDS = 4.0


async def settled(context: Context, event: Event) -> None:
    """Follow up one settled call, in one transaction with the event."""
    now = context.clock()
    async with context.db.begin() as tx:
        call = await _call_of(tx, event)
        result = "no-such-call"
        if call is not None:
            result = f"{call.action}-{call.state}"
            if call.action == Action.ADD_CREDIT:
                await _credit_settled(tx, call)
            if call.order_id is not None:
                await _for_order(context, tx, call, now)
            if call.state is CallState.DEAD:
                await alerts.tell_dead_call(tx, call, event_id=event.id, now=now)
        await inbox.finish(tx, event, state=EventState.PROCESSED, result=result[:64], now=now)
    context.wake()


async def _call_of(tx: Any, event: Event) -> Call | None:
    try:
        call_id = uuid.UUID(str(event.data.get("call_id")))
    except ValueError:
        return None
    return await outbox.get(tx, call_id)


async def _credit_settled(tx: Any, call: Call) -> None:
    states = {CallState.DONE: CreditState.DONE, CallState.DEAD: CreditState.DEAD, CallState.CANCELLED: CreditState.DEAD}
    if call.state in states:
        await tx.execute(
            credits.update().where(credits.c.panel_call_id == call.id).values(state=states[call.state].value)
        )


async def _for_order(context: Context, tx: Any, call: Call, now: Any) -> None:
    draft = await open_order(tx, int(call.order_id or 0), mode=context.settings.mode, now=now)
    if draft is None:
        return
    handler = _HANDLERS.get(Action(call.action))
    if handler is not None:
        await handler(context, draft, call)
    await fees.update_refund(draft)
    if call.state is CallState.DEAD:
        draft.say(
            f"gave up the panel call {call.action.replace('_', ' ')}: {call.last_error or 'no reason given'}", by=PANEL
        )
    await draft.save()


async def _accept_settled(_context: Context, draft: OrderDraft, call: Call) -> None:
    if call.state is CallState.DONE:
        await _accepted(draft)
        await provisioning.watch(draft, call)
    else:
        await _stuck(draft, call)
    await look_again(draft, seconds=_READ_BACK_SECONDS)


async def _accepted(draft: OrderDraft) -> None:
    held_since = draft.state is OrderState.HELD and ReasonCode.DEAD_CALL not in await _reason_codes(draft)
    if held_since:
        # it was being sent when the order was held: too late to cancel, so somebody must see it
        draft.change(panel_status=PanelOrderStatus.ACTIVE.value, hold_due_at=draft.now)
        if draft.flag(Flag.HOLD_BREACHED):
            draft.say(
                "BREACH: the panel accepted the order although it is now held; the accept was already being sent",
                by=PANEL,
            )
    elif draft.move(Trigger.ACCEPTED) is not None:
        draft.change(panel_status=PanelOrderStatus.ACTIVE.value)
        draft.say("accepted", by=PANEL)
        await counts.count_released(draft)


async def _stuck(draft: OrderDraft, call: Call) -> None:
    """Hold the order for a person if the call that it waited for failed and nothing else is going to move it."""
    if draft.state not in {OrderState.RELEASING, OrderState.REJECTING} or await _something_comes(draft):
        return
    why = call.last_error or "unknown" if call.state is CallState.DEAD else "it was abandoned"
    if call.action == Action.ACCEPT_ORDER and call.state is CallState.DEAD:
        draft.flag(Flag.PROVISIONING_FAILED)
    reason = Reason(ReasonCode.DEAD_CALL, f"The panel call {call.action} failed: {why.rstrip('.')}.")
    await acting.hold_by_clock(draft, reason)


async def _something_comes(draft: OrderDraft) -> bool:
    """True if another lifecycle call, or an event that waits for this call's end, will move the order."""
    names = [action.value for action in acting.LIFECYCLE]
    live = sa.select(panel_calls.c.id).where(
        panel_calls.c.order_id == draft.order_id,
        panel_calls.c.action.in_(names),
        panel_calls.c.state.in_([CallState.PENDING, CallState.SENDING, CallState.UNKNOWN]),
    )
    waiting = sa.select(events.c.id).where(
        events.c.order_id == draft.order_id,
        events.c.state == EventState.RECEIVED,
        events.c.waits_for == WaitsFor.CALL,
    )
    for query in (live, waiting):
        if (await draft.tx.execute(query.limit(1))).first() is not None:
            return True
    return False


async def _pending_settled(_context: Context, draft: OrderDraft, call: Call) -> None:
    """Send the call for which the order was set to Pending: the accept, or the one that ends it."""
    if call.state is not CallState.DONE:
        await _stuck(draft, call)
        return
    draft.change(panel_status=PanelOrderStatus.PENDING.value)
    if draft.state is OrderState.RELEASING:
        plan = acting.default_plan(draft, await decisions.latest_judged(draft))
        await acting.enqueue_lifecycle(draft, acting.accept_action(draft, plan), cause=call.cause)
    elif draft.state is OrderState.REJECTING:
        await acting.enqueue_lifecycle(draft, acting.ending_action(draft), cause=call.cause)


async def _reason_codes(draft: OrderDraft) -> set[str]:
    latest = await decisions.latest(draft)
    return set() if latest is None else latest.codes


async def _ending_settled(_context: Context, draft: OrderDraft, call: Call) -> None:
    if call.state is CallState.DONE:
        cancelled = bool(await _reason_codes(draft) & CANCELLATIONS)
        if draft.move(Trigger.ENDED_CANCELLED if cancelled else Trigger.ENDED_REJECTED) is not None:
            fraud = call.action == Action.FRAUD_ORDER
            draft.change(panel_status=(PanelOrderStatus.FRAUD if fraud else PanelOrderStatus.CANCELLED).value)
            draft.say("cancelled" if cancelled else "rejected", by=PANEL)
    else:
        await _stuck(draft, call)
    await look_again(draft, seconds=_READ_BACK_SECONDS)


async def _fee_of(draft: OrderDraft, call: Call) -> Fee | None:
    fee_id = fees.fee_of_key(call.key)
    if fee_id is None:
        return None
    found = await fees.fees_where(draft, fees_table.c.id == fee_id)
    return found[0] if found else None


async def _invoice_created(context: Context, draft: OrderDraft, call: Call) -> None:
    """Handle the new invoice of a fee: tell the customer once, or cancel it if it is no longer wanted."""
    fee = await _fee_of(draft, call)
    if fee is None:
        return
    if call.state is not CallState.DONE:
        await _invoice_failed(context, draft, fee, call)
        return
    invoice_id = int((call.result or {}).get("invoice_id") or 0)
    unpaid = {"state": FeeState.UNPAID.value} if fee.state == FeeState.PENDING else {}
    fee = await fees.set_fee(draft, fee, invoice_id=invoice_id, **unpaid)
    if fee.wanted_state is not None or fee.state == FeeState.LOST or draft.state is not OrderState.HELD:
        if fee.wanted_state is None:
            await fees.set_fee(draft, fee, wanted_state=FeeState.CANCELLED.value)
        await fees.cancel_invoice(draft, fee, cause=call.cause)
        return
    draft.say(f"invoice {invoice_id} created for the fee", by=PANEL)
    await messages.tell_customer(
        draft, draft.policy.policy.messages.fee_hold, key=f"fee:{fee.id}:tell", cause=call.cause,
        zone=await panel_zone(draft.tx, context.settings), panel_url=context.settings.panel_url,
    )  # fmt: skip
    await look_again(draft, seconds=0)  # a stored card may have paid it already


async def _invoice_failed(context: Context, draft: OrderDraft, fee: Fee, call: Call) -> None:
    state = fee.wanted_state or (FeeState.LOST if call.state is CallState.DEAD else FeeState.CANCELLED).value
    await fees.set_fee(draft, fee, state=state, settled_at=draft.now)
    if fee.wanted_state is None and draft.state is OrderState.HELD:
        why = call.last_error or "unknown" if call.state is CallState.DEAD else "it was abandoned"
        await acting.hold_by_clock(draft, Reason(ReasonCode.FEE_NOT_INVOICED, f"The fee could not be invoiced: {why}."))
        return
    await _ask_again(context, draft)


async def _invoice_cancelled(context: Context, draft: OrderDraft, call: Call) -> None:
    fee = await _fee_of(draft, call)
    if fee is None:
        return
    if call.state is CallState.DONE:
        if fee.state in fees.OPEN_STATES:
            wanted = fee.wanted_state or FeeState.CANCELLED.value
            await fees.set_fee(draft, fee, state=wanted, settled_at=draft.now)
            draft.say(f"the fee is {wanted}", by=PANEL)
        await _ask_again(context, draft)
    else:
        if fee.wanted_state is not None and fee.state in {FeeState.PARTLY_PAID, FeeState.PAYMENT_PENDING}:
            await fees.set_fee(draft, fee, state=FeeState.LOST.value, settled_at=draft.now)  # a person refunds it
        await look_again(draft, seconds=0)  # paid meanwhile, or refused: its own state decides


async def _ask_again(context: Context, draft: OrderDraft) -> None:
    """Ask for the new fee now that the old one is gone, if the order still waits for it."""
    wanted = draft.order.fee_wanted
    if draft.state is not OrderState.HELD or draft.order.outcome != Outcome.HOLD_FOR_FEE or not wanted:
        return
    if await fees.open_fee(draft) is None:
        await fees.ask(
            draft, Money(int(wanted["amount_minor"]), str(wanted["currency"])), minutes=wanted["minutes"],
            work=str(wanted["work"]), by=POLICY, cause=f"decision:{draft.order.decision_id}",
            zone=await panel_zone(draft.tx, context.settings),
        )  # fmt: skip


async def _credit_back_settled(context: Context, draft: OrderDraft, call: Call) -> None:
    fee = await _fee_of(draft, call)
    if fee is not None and call.state is CallState.DONE:
        await fees.set_fee(draft, fee, state=FeeState.REFUNDED.value, settled_at=draft.now)
        draft.say("the fee was returned as credit", by=PANEL)
        await _ask_again(context, draft)


async def _ticket_opened(_context: Context, draft: OrderDraft, call: Call) -> None:
    ticket_id = int((call.result or {}).get("ticket_id") or 0)
    if call.state is CallState.DONE and ticket_id:
        await mark_ours(draft.tx, ticket_id, order_id=draft.order_id, customer_id=draft.customer_id, now=draft.now)
    if await questions.settled(draft, call):
        return
    if call.state is CallState.DONE and ticket_id:
        draft.say("wrote to the customer by ticket", by=POLICY)


async def _reply_sent(_context: Context, draft: OrderDraft, call: Call) -> None:
    await questions.settled(draft, call)


async def _mail_sent(_context: Context, draft: OrderDraft, call: Call) -> None:
    if call.state is CallState.DONE:
        draft.say("wrote to the customer by e-mail" + (" (unconfirmed)" if call.uncertain else ""), by=POLICY)


_HANDLERS: dict[Action, Callable[[Context, OrderDraft, Call], Awaitable[None]]] = {
    Action.ACCEPT_ORDER: _accept_settled,
    Action.PENDING_ORDER: _pending_settled,
    Action.CANCEL_ORDER: _ending_settled,
    Action.FRAUD_ORDER: _ending_settled,
    Action.CREATE_INVOICE: _invoice_created,
    Action.CANCEL_INVOICE: _invoice_cancelled,
    Action.ADD_CREDIT: _credit_back_settled,
    Action.OPEN_TICKET: _ticket_opened,
    Action.REPLY_TICKET: _reply_sent,
    Action.SEND_EMAIL: _mail_sent,
}
