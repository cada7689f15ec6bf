"""What follows when the outcome of a panel call is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from app.core.actions import Action, PanelAction
from app.core.consequences import acting, fees, messages, provisioning, questions
from app.core.consequences.counting import count_released
from app.core.consequences.draft import LIFECYCLE, Draft
from app.core.consequences.effects import OurTicket, Plan
from app.core.consequences.news import CallEnded
from app.core.consequences.snapshot import LIVE, Conditions, Snapshot
from app.core.consequences.timers import look_again
from app.core.judgement.decide import Outcome, Reason
from app.core.judgement.reasons import CANCELLATIONS, ReasonCode
from app.core.money import Money
from app.core.records import PANEL, POLICY, CallState
from app.core.rows.belongings import Fee
from app.core.states import OPEN_FEE_STATES, FeeState, Flag, OrderState, Trigger
from app.core.statuses import PanelOrderStatus

_READ_BACK_SECONDS: Final = 4.0


def settle(call: CallEnded, snapshot: Snapshot, given: Conditions) -> Plan:
    """Follow up a call about the order whose outcome is known."""
    draft = Draft.of(snapshot, given)
    handler = _HANDLERS.get(call.action)
    if handler is not None:
        handler(draft, call)
    fees.update_refund(draft)
    if call.state is CallState.DEAD:
        why = call.last_error or "no reason given"
        draft.say(f"gave up the panel call {call.action.replace('_', ' ')}: {why}", by=PANEL)
    return draft.plan()


# --- accepting, holding, ending ---------------------------------------------------------------------------------------


def _accept_settled(draft: Draft, call: CallEnded) -> None:
    if call.state is CallState.DONE:
        _accepted(draft)
        if provisioning.watch(draft, call) and draft.state is OrderState.RELEASED:
            return  # the order is read back with its first check
    else:
        _stuck(draft, call)
    look_again(draft, seconds=_READ_BACK_SECONDS)


def _accepted(draft: Draft) -> None:
    if draft.state is OrderState.HELD and ReasonCode.DEAD_CALL not in _codes(draft):
        # it was being sent when the order was held: too late to cancel, so somebody must see it
        draft.change(panel_status=PanelOrderStatus.ACTIVE.value, hold_due_at=draft.now)
        if draft.flag(Flag.HOLD_BREACHED):
            text = "BREACH: the panel accepted the order although it is now held; the accept was already being sent"
            draft.say(text, by=PANEL)
    elif draft.move(Trigger.ACCEPTED) is not None:
        draft.change(panel_status=PanelOrderStatus.ACTIVE.value)
        draft.say("accepted", by=PANEL)
        count_released(draft)


def _codes(draft: Draft) -> set[str]:
    return set() if draft.decision is None else draft.decision.codes


def _stuck(draft: Draft, call: CallEnded) -> None:
    """Hold the order for a person if the call that it waited for failed and nothing else is going to move it."""
    moving = any(one.action in LIFECYCLE and one.state in LIVE for one in draft.calls)
    if draft.state not in {OrderState.RELEASING, OrderState.REJECTING} or moving or call.event_waits:
        return
    if call.action is Action.ACCEPT_ORDER and call.state is CallState.DEAD:
        draft.flag(Flag.PROVISIONING_FAILED)
    reason = Reason(ReasonCode.DEAD_CALL, f"The panel call {call.action} failed: {_why(call).rstrip('.')}.")
    acting.hold_by_clock(draft, reason)


def _why(call: CallEnded) -> str:
    return call.last_error or "unknown" if call.state is CallState.DEAD else "it was abandoned"


def _pending_settled(draft: Draft, call: CallEnded) -> None:
    """Send the call for which the order was set to Pending: the accept, or the one that ends it."""
    if call.state is not CallState.DONE:
        _stuck(draft, call)
        return
    draft.change(panel_status=PanelOrderStatus.PENDING.value)
    action: PanelAction
    if draft.state is OrderState.RELEASING:
        action = acting.accept_action(draft, acting.accept_plan(draft, draft.judged))
    elif draft.state is OrderState.REJECTING:
        action = acting.ending_action(draft)
    else:
        return
    draft.want(action, key=acting.key_of(draft, action), cause=call.cause)


def _ending_settled(draft: Draft, call: CallEnded) -> None:
    if call.state is CallState.DONE:
        cancelled = bool(_codes(draft) & CANCELLATIONS)
        if draft.move(Trigger.ENDED_CANCELLED if cancelled else Trigger.ENDED_REJECTED) is not None:
            fraud = call.action is Action.FRAUD_ORDER
            draft.change(panel_status=(PanelOrderStatus.FRAUD if fraud else PanelOrderStatus.CANCELLED).value)
            draft.say("cancelled" if cancelled else "rejected", by=PANEL)
            if draft.open_fee is not None and draft.open_fee.wanted_state is None:
                fees.cancel_open(draft, cause=call.cause)  # a dead call that was sent again while a fee was asked for
    else:
        _stuck(draft, call)
    look_again(draft, seconds=_READ_BACK_SECONDS)


# --- fees -------------------------------------------------------------------------------------------------------------


def _fee_of(draft: Draft, call: CallEnded) -> Fee | None:
    fee_id = fees.fee_of_key(call.key)
    return next((fee for fee in draft.fees if fee.id == fee_id), None)


def _invoice_created(draft: Draft, call: CallEnded) -> None:
    """Handle the new invoice of a fee: tell the customer once, or cancel it if it is no longer wanted."""
    fee = _fee_of(draft, call)
    if fee is None:
        return
    if call.state is not CallState.DONE:
        _invoice_failed(draft, fee, call)
        return
    invoice_id = int(call.result.get("invoice_id") or 0)
    unpaid = {"state": FeeState.UNPAID.value} if fee.state is FeeState.PENDING else {}
    fee = draft.set_fee(fee, invoice_id=invoice_id, **unpaid)
    if fee.wanted_state is not None or fee.state is FeeState.LOST or draft.state is not OrderState.HELD:
        if fee.wanted_state is None:
            draft.set_fee(fee, wanted_state=FeeState.CANCELLED.value)
        fees.cancel_invoice(draft, fee, cause=call.cause)
        return
    draft.say(f"invoice {invoice_id} created for the fee", by=PANEL)
    messages.tell_customer(draft, draft.policy.messages.fee_hold, key=f"fee:{fee.id}:tell", cause=call.cause)
    look_again(draft, seconds=15)  # a stored card may have paid it, and does the hold work?


def _invoice_failed(draft: Draft, fee: Fee, call: CallEnded) -> None:
    state = fee.wanted_state or (FeeState.LOST if call.state is CallState.DEAD else FeeState.CANCELLED)
    draft.set_fee(fee, state=state.value, settled_at=draft.now)
    if fee.wanted_state is None and draft.state is OrderState.HELD:
        reason = Reason(ReasonCode.FEE_NOT_INVOICED, f"The fee could not be invoiced: {_why(call)}.")
        acting.hold_by_clock(draft, reason)
        return
    _ask_again(draft)


def _invoice_cancelled(draft: Draft, call: CallEnded) -> None:
    fee = _fee_of(draft, call)
    if fee is None:
        return
    if call.state is CallState.DONE:
        if fee.state in OPEN_FEE_STATES:
            wanted = (fee.wanted_state or FeeState.CANCELLED).value
            draft.set_fee(fee, state=wanted, settled_at=draft.now)
            draft.say(f"the fee is {wanted}", by=PANEL)
        _ask_again(draft)
    else:
        if fee.wanted_state is not None and fee.state in {FeeState.PARTLY_PAID, FeeState.PAYMENT_PENDING}:
            draft.set_fee(fee, state=FeeState.LOST.value, settled_at=draft.now)  # a person refunds it
        look_again(draft, seconds=0)  # paid meanwhile, or refused: its own state decides


def _ask_again(draft: Draft) -> None:
    """Ask for the new fee now that the old one is gone, if the order still waits for it."""
    wanted, waits = draft.order.fee_wanted, draft.order.outcome is Outcome.HOLD_FOR_FEE
    if draft.state is not OrderState.HELD or not waits or not wanted or draft.open_fee is not None:
        return
    amount = Money(int(wanted["amount_minor"]), str(wanted["currency"]))
    fees.ask(draft, amount, minutes=wanted["minutes"], work=str(wanted["work"]), by=POLICY, cause=draft.decision_cause)


def _credit_back_settled(draft: Draft, call: CallEnded) -> None:
    fee = _fee_of(draft, call)
    if fee is not None and call.state is CallState.DONE:
        draft.set_fee(fee, state=FeeState.REFUNDED.value, settled_at=draft.now)
        draft.say("the fee was returned as credit", by=PANEL)
        _ask_again(draft)


# --- messages ---------------------------------------------------------------------------------------------------------


def _ticket_opened(draft: Draft, call: CallEnded) -> None:
    ticket_id = int(call.result.get("ticket_id") or 0)
    opened = call.state is CallState.DONE and ticket_id
    if opened:
        draft.effects.append(OurTicket(ticket_id=ticket_id))
    if not questions.settled(draft, call.key, call.state, call.result) and opened:
        draft.say("wrote to the customer by ticket", by=POLICY)


def _reply_sent(draft: Draft, call: CallEnded) -> None:
    questions.settled(draft, call.key, call.state, call.result)


def _mail_sent(draft: Draft, call: CallEnded) -> None:
    if call.state is CallState.DONE:
        draft.say("wrote to the customer by e-mail" + (" (unconfirmed)" if call.uncertain else ""), by=POLICY)


_HANDLERS: Final[Mapping[Action, Callable[[Draft, CallEnded], None]]] = {
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
