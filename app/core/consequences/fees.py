"""Fees, one open at a time per order: wanted, offered as an invoice, paid, waived, cancelled, given back."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any, Final

from app.core.actions import AddCredit, CancelInvoice, CreateInvoice
from app.core.consequences.draft import Draft
from app.core.consequences.effects import AddFee
from app.core.facts import PaymentState
from app.core.judgement.explanation.plain import inert
from app.core.money import Money
from app.core.policy.sections.acting import render
from app.core.records import POLICY, CallState
from app.core.rows.belongings import Fee
from app.core.rows.order import Order
from app.core.states import OPEN_FEE_STATES, FeeState, Phase, phase_of

#: The keys of calls about fees begin with this and the fee's id.
KEYS: Final = "fee:"


def create_key(fee_id: uuid.UUID) -> str:
    """Return the key of the call that creates this fee's invoice."""
    return f"{KEYS}{fee_id}:create"


def cancel_key(fee_id: uuid.UUID) -> str:
    """Return the key of the call that cancels this fee's invoice."""
    return f"{KEYS}{fee_id}:cancel"


def _credit_key(fee: Fee) -> str:
    return f"{KEYS}{fee.id}:credit-back"


def fee_of_key(key: str) -> uuid.UUID | None:
    """Return the id of the fee that a call is about, by its key; None if it is about something else."""
    return uuid.UUID(key.removeprefix(KEYS).partition(":")[0]) if key.startswith(KEYS) else None


def is_asked(draft: Draft, amount: Money) -> bool:
    """True if the open fee of an order has this amount, and is not being cancelled."""
    current = draft.open_fee
    return current is not None and current.wanted_state is None and _same(current, amount)


def _same(fee: Fee, amount: Money) -> bool:
    return (fee.amount_minor, fee.currency) == (amount.amount_minor, amount.currency)


def ask(draft: Draft, amount: Money, *, minutes: int | None, work: str, by: str, cause: str) -> None:
    """Ask for this fee; an open one of the same amount stays, one of another amount is cancelled first."""
    current = draft.open_fee
    if current is not None:
        if is_asked(draft, amount) or _wanted_again(draft, current, amount, cause=cause):
            # the fee stays as it was asked for, and so does the customer's deadline
            draft.change(hold_expires_at=current.expires_at, hold_due_at=current.expires_at)
            return
        cancel(draft, current, cause=cause)
        if draft.open_fee is not None:
            return  # the new one is created once the old one is certainly gone
    if draft.customer_id is None:
        return
    fee = Fee(
        id=draft.fresh_id(), order_id=draft.order_id, customer_id=draft.customer_id, amount_minor=amount.amount_minor,
        total_minor=None, paid_minor=0, currency=amount.currency, state=FeeState.PENDING, wanted_state=None,
        minutes=minutes, work=work, invoice_id=None, created_at=draft.now,
        expires_at=fee_expiry(draft.order, draft.now, draft.policy.hold.expires_days),
    )  # fmt: skip
    draft.effects.append(AddFee(fee=fee))
    draft.fees.append(fee)
    _create_invoice(draft, fee, cause=cause)
    draft.say(f"asks the customer for a fee of {amount}", by=by)


def _create_invoice(draft: Draft, fee: Fee, *, cause: str) -> None:
    """Want the invoice of a fee; one that is being created and was cancelled meanwhile is wanted again."""
    draft.want(_invoice_action(draft, fee), key=create_key(fee.id), cause=cause)


def _wanted_again(draft: Draft, fee: Fee, amount: Money, *, cause: str) -> bool:
    """Keep a fee that was to be cancelled, if its invoice is still open and no call about it is being sent.

    The customer then keeps the invoice that they know. An invoice that is being created is kept once it exists.
    """
    cancelling = fee.wanted_state is FeeState.CANCELLED and fee.state in {FeeState.PENDING, FeeState.UNPAID}
    key = cancel_key(fee.id)
    if not _same(fee, amount) or not cancelling or draft.is_on_the_wire(key):
        return False
    if fee.invoice_id is None:
        _create_invoice(draft, fee, cause=cause)
    draft.withdraw(keys=[key])
    draft.set_fee(fee, wanted_state=None)
    draft.say(f"the fee of {amount} remains as requested", by=POLICY)
    return True


def fee_expiry(order: Order, now: datetime, expires_days: int) -> datetime:
    """Return the deadline for the customer's choice."""
    return order.hold_expires_at or now + timedelta(days=expires_days)


def _invoice_action(draft: Draft, fee: Fee) -> CreateInvoice:
    """Return the invoice that asks for a fee; due after the hold expires, so that no reminder goes out before."""
    rules, zone, amount = draft.policy.fee, draft.given.zone, Money(fee.amount_minor, fee.currency)
    due = fee.expires_at + timedelta(days=rules.due_days_after_expiry)
    line = rules.custom_line if fee.work else rules.handling_line
    values = {"order_number": order_number(draft.order), "work": fee.work, "fee": str(amount)}
    return CreateInvoice(
        customer_id=int(draft.customer_id or 0),
        reference=f"doorman:fee:{fee.id}",
        description=render(line, values),
        notes="",
        amount=amount.to_text(),
        taxed=rules.taxed,
        date=draft.now.astimezone(zone).date().isoformat(),
        due_date=due.astimezone(zone).date().isoformat(),
        payment_method=rules.gateway or None,
    )


def order_number(order: Order) -> str:
    """Return the number that the customer knows the order by."""
    return inert(str(order.order_number or ""), 40) or str(order.order_id)


def cancel(draft: Draft, fee: Fee, *, cause: str, state: FeeState = FeeState.CANCELLED) -> None:
    """Cancel a fee: nothing more is sent for it, and its unpaid invoice is cancelled.

    An invoice that is being created is cancelled once it exists (`settling`).
    """
    withdrawn = draft.withdraw(keys=[create_key(fee.id)])
    wanted: dict[str, Any] = {"wanted_state": state.value}
    if fee.invoice_id is not None:
        cancel_invoice(draft, fee, cause=cause)
    elif not withdrawn.under_way:
        wanted |= {"state": state.value, "settled_at": draft.now}
    draft.set_fee(fee, **wanted)


def cancel_open(draft: Draft, *, cause: str) -> None:
    """Cancel the open fee, if there is one."""
    if draft.open_fee is not None:
        cancel(draft, draft.open_fee, cause=cause)


def cancel_invoice(draft: Draft, fee: Fee, *, cause: str) -> None:
    """Have the unpaid invoice of a fee cancelled."""
    if fee.invoice_id is not None:
        action = CancelInvoice(customer_id=fee.customer_id, invoice_id=fee.invoice_id)
        draft.want(action, key=cancel_key(fee.id), cause=cause, customer_id=fee.customer_id)


def credit_back(draft: Draft, fee: Fee, *, cause: str) -> None:
    """Give a paid fee back as account credit, once."""
    amount = Money(fee.paid_minor or fee.total_minor or fee.amount_minor, fee.currency)
    action = AddCredit(
        customer_id=fee.customer_id,
        reference=f"doorman:credit:{fee.id}",
        description=f"Fee for order {order_number(draft.order)} returned",
        amount=amount.to_text(),
    )
    draft.want(action, key=_credit_key(fee), cause=cause, customer_id=fee.customer_id)
    draft.say(f"returns the paid fee of {amount} as credit", by=POLICY)


def was_credited_back(draft: Draft, fee: Fee) -> bool:
    """True if the credit that gives a fee back has arrived."""
    return any(call.key == _credit_key(fee) and call.state is CallState.DONE for call in draft.calls)


def end(draft: Draft, *, cause: str) -> None:
    """Settle the fees of an ended order: cancel unpaid ones, give paid ones back, unless it was fraud."""
    for fee in list(draft.fees):
        if fee.state is FeeState.PAID and not draft.order.fraud:
            credit_back(draft, fee, cause=cause)
        elif fee.state in {FeeState.PARTLY_PAID, FeeState.PAYMENT_PENDING}:
            draft.set_fee(fee, state=FeeState.LOST.value, settled_at=draft.now)
        elif fee.state in OPEN_FEE_STATES:
            cancel(draft, fee, cause=cause)


def update_refund(draft: Draft) -> None:
    """Work out what a person has to refund: money on an order that ended and on fees for which no work is done.

    Always computed in full, from the money on the invoices less recorded refunds, so that nothing counts twice.
    """
    if not draft.acts:
        return
    order, due = draft.order, 0
    ended = phase_of(draft.state) is Phase.ENDED
    if ended and order.payment_state in {PaymentState.PAID, PaymentState.PARTLY_PAID}:
        paid, amount = order.paid_minor, order.amount_minor
        due += paid if amount is None else min(paid, max(0, int(amount)))  # one invoice may cover several orders
    for fee in draft.fees:
        for_nothing = fee.state is FeeState.LOST or (ended and fee.state is FeeState.PAID and order.fraud)
        due += fee.paid_minor if for_nothing else 0
    due = max(0, due - order.refunded_minor)
    if due > order.refund_due_minor:
        draft.say(f"refund due: {Money(due, order.currency) if order.currency else due}", by=POLICY)
    draft.change(refund_due_minor=due)
