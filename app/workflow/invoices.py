"""Follow the invoices of orders and fees as read back from the panel, by the table in core.lifecycle."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from app.billing import fees
from app.context import Context
from app.core.facts import Agreement, PaymentState
from app.core.judgement.course import Course
from app.core.judgement.decide import Outcome, Reason
from app.core.judgement.reasons import ReasonCode
from app.core.records import PANEL, POLICY, AlertKind
from app.core.rows.belongings import Fee
from app.core.states import (
    INVOICE_TABLE,
    OPEN_FEE_STATES,
    Consequence,
    FeeState,
    InvoiceRole,
    InvoiceTurn,
    OrderState,
    Phase,
    Trigger,
    phase_of,
)
from app.customers import counts
from app.gathering.facts import invoice_state, paid_on
from app.gathering.panel import Gathered
from app.installation.alerts import alert
from app.installation.zones import panel_zone
from app.messaging import inbox, outbox
from app.messaging.inbox import Event
from app.orders.order import OrderDraft
from app.panels.records import PanelInvoice
from app.tables.orders import fees as fees_table
from app.tables.orders import orders
from app.tickets import messages
from app.workflow import acting, decisions, verdicts
from app.workflow.acting import ChangeRequest

_TURNS = {
    PaymentState.UNPAID: InvoiceTurn.UNPAID,
    PaymentState.PARTLY_PAID: InvoiceTurn.PARTLY_PAID,
    PaymentState.PENDING: InvoiceTurn.PENDING,
    PaymentState.PAID: InvoiceTurn.PAID,
    PaymentState.CANCELLED: InvoiceTurn.CANCELLED,
    PaymentState.REFUNDED: InvoiceTurn.REFUNDED,
    PaymentState.DISPUTED: InvoiceTurn.DISPUTED,
}
_FEE_STATES = {
    InvoiceTurn.UNPAID: FeeState.UNPAID,
    InvoiceTurn.PARTLY_PAID: FeeState.PARTLY_PAID,
    InvoiceTurn.PENDING: FeeState.PAYMENT_PENDING,
    InvoiceTurn.PAID: FeeState.PAID,
    InvoiceTurn.CANCELLED: FeeState.CANCELLED,
    InvoiceTurn.REFUNDED: FeeState.REFUNDED,
    InvoiceTurn.DISPUTED: FeeState.LOST,
    InvoiceTurn.GONE: FeeState.LOST,
}
_REVIEW_HOURS = timedelta(hours=4)


def turn_of(invoice: PanelInvoice | None) -> InvoiceTurn | None:
    """Return the state that an invoice was found in; None for a status that we don't know."""
    return InvoiceTurn.GONE if invoice is None else _TURNS.get(invoice_state(invoice))


async def follow_fees(draft: OrderDraft, gathered: Gathered) -> list[uuid.UUID]:
    """Bring each fee in line with its invoice, and act on changes; return the fees just paid, whose order can go on."""
    agreed = []
    for seen in gathered.fees:
        [fee] = await fees.fees_where(draft, fees_table.c.id == seen.fee_id)
        turn = turn_of(seen.invoice)
        if turn is None:
            continue
        if await _follow_fee(draft, fee, turn, seen.invoice) is Consequence.GO_ON:
            agreed.append(seen.fee_id)
    return agreed


async def _follow_fee(
    draft: OrderDraft, fee: Fee, turn: InvoiceTurn, invoice: PanelInvoice | None
) -> Consequence | None:
    was = fee.state
    fee = await _keep_figures(draft, fee, invoice)
    state = _new_state(draft, fee, was, turn)
    if was is FeeState.REFUNDED and turn is InvoiceTurn.REFUNDED and await fees.was_credited_back(draft, fee):
        await _given_back_twice(draft, fee)
    if state is was:
        return None
    settled = {} if state in OPEN_FEE_STATES else {"settled_at": draft.now}
    fee = await fees.set_fee(draft, fee, state=state.value, **settled)
    draft.say(f"the fee is {state.value.replace('_', ' ')}", by=PANEL)
    return await _after_fee(draft, fee, was, turn)


async def _given_back_twice(draft: OrderDraft, fee: Fee) -> None:
    """Alert: we gave the fee back as credit, and staff refunded its invoice; a person must undo one of the two."""
    text = (
        f"the fee of invoice {fee.invoice_id} was returned twice: as account credit by us and as a refund in the panel"
    )
    name = f"fee:{fee.id}:given-back-twice"
    if await alert(draft.tx, AlertKind.REFUND_DUE, name=name, text=text, now=draft.now, order_id=draft.order_id):
        draft.say(text, by=PANEL)


async def _keep_figures(draft: OrderDraft, fee: Fee, invoice: PanelInvoice | None) -> Fee:
    """Keep what the invoice shows as its total and as paid; return the fee as it is now."""
    paid = paid_on(invoice) if invoice else None
    values: dict[str, Any] = {}
    if paid is not None and max(0, paid.amount_minor) != fee.paid_minor:
        values["paid_minor"] = max(0, paid.amount_minor)
    if invoice is not None and invoice.total is not None and invoice.total.amount_minor != fee.total_minor:
        values["total_minor"] = invoice.total.amount_minor
    return await fees.set_fee(draft, fee, **values) if values else fee


def _new_state(draft: OrderDraft, fee: Fee, was: FeeState, turn: InvoiceTurn) -> FeeState:
    """Return the new state of a fee, by the state of its invoice."""
    over = was in {FeeState.WAIVED, FeeState.CANCELLED, FeeState.LOST, FeeState.REFUNDED}
    if turn in {InvoiceTurn.UNPAID, InvoiceTurn.CANCELLED} and over:
        return was  # an invoice that is still open is being cancelled
    if was is FeeState.REFUNDED and turn is InvoiceTurn.PAID:
        return was  # given back as credit; its invoice stays Paid
    if was is FeeState.LOST and phase_of(draft.state) is Phase.ENDED:
        return was  # a person gives back the money on it
    if was is FeeState.PAID and turn in {InvoiceTurn.UNPAID, InvoiceTurn.PARTLY_PAID}:
        return FeeState.LOST  # the payment was reversed
    if turn is InvoiceTurn.CANCELLED and fee.wanted_state:
        return fee.wanted_state
    if turn is InvoiceTurn.PARTLY_PAID and fee.wanted_state:
        return FeeState.LOST  # we cancel it, but the panel won't cancel an invoice with money on it: a person refunds
    return _FEE_STATES[turn]


async def _after_fee(draft: OrderDraft, fee: Fee, was: FeeState, turn: InvoiceTurn) -> Consequence | None:
    if turn is InvoiceTurn.CANCELLED and fee.wanted_state:
        return None
    if turn is InvoiceTurn.DISPUTED:
        await counts.count_chargeback(draft)
    consequence = INVOICE_TABLE[InvoiceRole.FEE, turn, phase_of(draft.state)]
    taken_back = was in {FeeState.CANCELLED, FeeState.WAIVED} or fee.wanted_state is not None
    if turn is InvoiceTurn.PAID and taken_back:
        consequence = Consequence.CREDIT_BACK  # paid although we cancelled or waived it
    if was is FeeState.PAID and phase_of(draft.state) is Phase.OPEN:
        consequence = Consequence.REVIEW
    match consequence:
        case Consequence.GO_ON:
            draft.change(agreement=Agreement.FEE_PAID.value)
        case Consequence.CREDIT_BACK if draft.acts and not draft.order.fraud:
            await fees.credit_back(draft, fee, cause=f"fee:{fee.id}")
        case Consequence.REVIEW:
            draft.change(agreement=Agreement.NONE.value)
            await to_person(
                draft, ReasonCode(f"fee_{turn.value}"), f"The invoice for the fee is {turn.value.replace('_', ' ')}."
            )
        case Consequence.TELL:
            draft.say(f"too late to hold: the invoice for the fee is {turn.value}", by=PANEL)
        case Consequence.NOTE | Consequence.REFUND | Consequence.CREDIT_BACK:
            pass  # `fees.update_refund` counts what is left to give back
    return consequence


async def follow_payment(draft: OrderDraft, before: PaymentState) -> None:
    """Act on changes of the order's own invoice; the row holds its new state already."""
    now_is = draft.order.payment_state
    if now_is is before:
        return
    turn = _TURNS.get(now_is)
    if turn is None:
        if now_is is PaymentState.UNKNOWN and before is not PaymentState.UNKNOWN:
            turn = InvoiceTurn.GONE
        else:
            return
    if turn is InvoiceTurn.PAID:
        draft.say("paid", by="customer")
    if turn is InvoiceTurn.DISPUTED:
        await counts.count_chargeback(draft)
    match INVOICE_TABLE[InvoiceRole.ORDER, turn, phase_of(draft.state)]:
        case Consequence.REVIEW if draft.before.decision_id is not None:
            await to_person(
                draft, ReasonCode(f"invoice_{turn.value}"), f"The order's invoice is {turn.value.replace('_', ' ')}."
            )
        case Consequence.TELL:
            draft.say(f"too late to hold: the order's invoice is {turn.value}", by=PANEL)
        case _:
            pass


async def to_person(draft: OrderDraft, code: ReasonCode, text: str) -> None:
    """Hold an order that no rule settles for review, if the policy's modes let us hold."""
    if not draft.acts or draft.state not in {
        OrderState.RECEIVED, OrderState.HELD, OrderState.AWAITING_PAYMENT, OrderState.RELEASING,
    }:  # fmt: skip
        return
    withdrawn = await outbox.cancel(draft.tx, now=draft.now, order_id=draft.order_id, actions=acting.LIFECYCLE)
    if withdrawn.under_way:
        draft.say(f"too late to hold: {text}", by=PANEL)
        return
    if verdicts.plan_of_clock(draft, await decisions.latest(draft)).course is Course.LEAVE:
        if draft.state is OrderState.RELEASING:  # its accept was just cancelled: it waits for payment again
            draft.change(state=OrderState.AWAITING_PAYMENT.value)
        draft.say(f"would be held, but is left to the panel: {text}", by=PANEL)
        return
    await acting.hold_by_clock(draft, Reason(code, text), due_in=_REVIEW_HOURS)


# --- after a fee is paid ----------------------------------------------------------------------------------------------


async def release_agreed(context: Context, draft: OrderDraft) -> None:
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


async def thank(context: Context, draft: OrderDraft, paid_fees: list[uuid.UUID]) -> None:
    """Tell the customer that a fee was paid, if the policy wants that, once the consequence is decided."""
    for fee_id in paid_fees if draft.acts else ():
        await messages.tell_customer(
            draft, draft.policy.policy.messages.fee_paid, key=f"fee:{fee_id}:tell-paid", cause=f"fee:{fee_id}",
            zone=await panel_zone(draft.tx, context.settings), panel_url=context.settings.panel_url,
        )  # fmt: skip


async def examine_others(draft: OrderDraft, event: Event) -> None:
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
