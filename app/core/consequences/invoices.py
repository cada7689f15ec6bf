"""Follow the invoices of orders and fees as the panel shows them, by the table in `core.states`."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

from app.core.consequences import acting, fees, messages, modes
from app.core.consequences.acting import ChangeRequest
from app.core.consequences.counting import count_chargeback
from app.core.consequences.draft import LIFECYCLE, Draft
from app.core.consequences.effects import Say
from app.core.consequences.news import InvoiceShown
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

#: The turn of an invoice by how far it is paid; a state that we don't know has none.
TURNS: Final = {
    PaymentState.UNPAID: InvoiceTurn.UNPAID,
    PaymentState.PARTLY_PAID: InvoiceTurn.PARTLY_PAID,
    PaymentState.PENDING: InvoiceTurn.PENDING,
    PaymentState.PAID: InvoiceTurn.PAID,
    PaymentState.CANCELLED: InvoiceTurn.CANCELLED,
    PaymentState.REFUNDED: InvoiceTurn.REFUNDED,
    PaymentState.DISPUTED: InvoiceTurn.DISPUTED,
}
_FEE_STATES: Final = {
    InvoiceTurn.UNPAID: FeeState.UNPAID,
    InvoiceTurn.PARTLY_PAID: FeeState.PARTLY_PAID,
    InvoiceTurn.PENDING: FeeState.PAYMENT_PENDING,
    InvoiceTurn.PAID: FeeState.PAID,
    InvoiceTurn.CANCELLED: FeeState.CANCELLED,
    InvoiceTurn.REFUNDED: FeeState.REFUNDED,
    InvoiceTurn.DISPUTED: FeeState.LOST,
    InvoiceTurn.GONE: FeeState.LOST,
}
_NOT_PAID: Final = (InvoiceTurn.UNPAID, InvoiceTurn.PARTLY_PAID, InvoiceTurn.PENDING)
_REVIEW_HOURS: Final = timedelta(hours=4)
_CAN_BE_HELD: Final = (
    OrderState.RECEIVED,
    OrderState.HELD,
    OrderState.AWAITING_PAYMENT,
    OrderState.RELEASING,
)


def follow_fees(draft: Draft, invoices: Iterable[InvoiceShown]) -> list[uuid.UUID]:
    """Bring each fee in line with its invoice, and act on changes; return the fees just paid, whose order can go on."""
    agreed = []
    for shown in invoices:
        fee = next((one for one in draft.fees if one.id == shown.fee_id), None)
        if fee is not None and _follow_fee(draft, fee, shown) is Consequence.GO_ON:
            agreed.append(shown.fee_id)
    return agreed


def _follow_fee(draft: Draft, fee: Fee, shown: InvoiceShown) -> Consequence | None:
    was = fee.state
    fee = _keep_figures(draft, fee, shown)
    state = _new_state(draft, fee, was, shown.turn)
    if was is FeeState.REFUNDED and shown.turn is InvoiceTurn.REFUNDED and fees.was_credited_back(draft, fee):
        _given_back_twice(draft, fee)
    if state is was:
        return None
    settled = {} if state in OPEN_FEE_STATES else {"settled_at": draft.now}
    fee = draft.set_fee(fee, state=state.value, **settled)
    draft.say(f"the fee is {state.value.replace('_', ' ')}", by=PANEL)
    return _after_fee(draft, fee, was, shown.turn)


def _given_back_twice(draft: Draft, fee: Fee) -> None:
    """Alert: we gave the fee back as credit, and staff refunded its invoice; a person must undo one of the two."""
    text = (
        f"the fee of invoice {fee.invoice_id} was returned twice: as account credit by us and as a refund in the panel"
    )
    line = Say(what=text, by=PANEL)
    draft.alert(AlertKind.REFUND_DUE, name=f"fee:{fee.id}:given-back-twice", text=text, line=line)


def _keep_figures(draft: Draft, fee: Fee, shown: InvoiceShown) -> Fee:
    """Keep what the invoice shows as its total and as paid; return the fee as it is now."""
    values: dict[str, Any] = {}
    if shown.paid_minor is not None and max(0, shown.paid_minor) != fee.paid_minor:
        values["paid_minor"] = max(0, shown.paid_minor)
    if shown.total_minor is not None and shown.total_minor != fee.total_minor:
        values["total_minor"] = shown.total_minor
    return draft.set_fee(fee, **values) if values else fee


def _new_state(draft: Draft, fee: Fee, was: FeeState, turn: InvoiceTurn) -> FeeState:
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


def _after_fee(draft: Draft, fee: Fee, was: FeeState, turn: InvoiceTurn) -> Consequence | None:
    if turn is InvoiceTurn.CANCELLED and fee.wanted_state:
        return None
    if turn is InvoiceTurn.DISPUTED:
        count_chargeback(draft)
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
            fees.credit_back(draft, fee, cause=f"fee:{fee.id}")
        case Consequence.REVIEW:
            draft.change(agreement=Agreement.NONE.value)
            text = f"The invoice for the fee is {turn.value.replace('_', ' ')}."
            to_person(draft, ReasonCode(f"fee_{turn.value}"), text)
        case Consequence.TELL:
            draft.say(f"too late to hold: the invoice for the fee is {turn.value}", by=PANEL)
        case Consequence.NOTE | Consequence.REFUND | Consequence.CREDIT_BACK:
            pass  # `fees.update_refund` counts what is left to give back
    return consequence


def follow_payment(draft: Draft) -> None:
    """Act on changes of the order's own invoice; the order holds its new state already."""
    before, now_is = draft.before.order.payment_state, draft.order.payment_state
    if now_is is before:
        return
    turn = TURNS.get(now_is)
    if turn is None:
        if now_is is PaymentState.UNKNOWN and before is not PaymentState.UNKNOWN:
            turn = InvoiceTurn.GONE
        else:
            return
    if turn is InvoiceTurn.PAID:
        draft.say("paid", by="customer")
    elif turn in _NOT_PAID and draft.state is OrderState.RELEASING and draft.acts and not draft.paid:
        _wait_again(draft)
    if turn is InvoiceTurn.DISPUTED:
        count_chargeback(draft)
    match INVOICE_TABLE[InvoiceRole.ORDER, turn, phase_of(draft.state)]:
        case Consequence.REVIEW if draft.before.order.decision_id is not None:
            text = f"The order's invoice is {turn.value.replace('_', ' ')}."
            to_person(draft, ReasonCode(f"invoice_{turn.value}"), text)
        case Consequence.TELL:
            draft.say(f"too late to hold: the order's invoice is {turn.value}", by=PANEL)
        case _:
            pass


def _wait_again(draft: Draft) -> None:
    """Take back an accept that was not sent yet: the payment was reversed, and nothing unpaid is ever accepted."""
    if draft.withdraw(actions=LIFECYCLE).under_way:
        draft.say("too late to wait: the payment was taken back while the panel was accepting the order", by=PANEL)
        return
    draft.change(state=OrderState.AWAITING_PAYMENT.value)
    draft.say("the payment was taken back; the order waits for it again", by=PANEL)


def to_person(draft: Draft, code: ReasonCode, text: str) -> None:
    """Hold an order that no rule settles for review, if the policy's modes let us hold."""
    if not draft.acts or draft.state not in _CAN_BE_HELD:
        return
    if draft.withdraw(actions=LIFECYCLE).under_way:
        draft.say(f"too late to hold: {text}", by=PANEL)
        return
    if modes.plan_of_clock(draft).course is Course.LEAVE:
        if draft.state is OrderState.RELEASING:  # its accept was just cancelled: it waits for payment again
            draft.change(state=OrderState.AWAITING_PAYMENT.value)
        draft.say(f"would be held, but is left to the panel: {text}", by=PANEL)
        return
    acting.hold_by_clock(draft, Reason(code, text), due_in=_REVIEW_HOURS)


# --- after a fee is paid ----------------------------------------------------------------------------------------------


def release_agreed(draft: Draft) -> None:
    """Release the order: the fee that a person asked for was the condition, and it is paid."""
    paid_for = draft.order.agreement is Agreement.FEE_PAID and draft.order.outcome is Outcome.HOLD_FOR_FEE
    if not (draft.acts and paid_for and draft.order.touched_by_person and draft.state is OrderState.HELD):
        return
    reason = Reason(ReasonCode.WORK_AGREED, "The fee for the work is paid.")
    acting.record(draft, Outcome.APPROVE, reason, by=POLICY)
    change = ChangeRequest(trigger=Trigger.APPROVE, by=POLICY, cause=draft.decision_cause)
    acting.approve(draft, change, acting.accept_plan(draft, draft.judged))


def thank(draft: Draft, paid_fees: Iterable[uuid.UUID]) -> None:
    """Tell the customer that a fee was paid, if the policy wants that, once the consequence is decided."""
    for fee_id in paid_fees if draft.acts else ():
        message = draft.policy.messages.fee_paid
        messages.tell_customer(draft, message, key=f"fee:{fee_id}:tell-paid", cause=f"fee:{fee_id}")
