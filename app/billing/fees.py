"""Fees, one open at a time per order: wanted, offered as an invoice, paid, waived, cancelled, given back."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

import sqlalchemy as sa

from app.core.actions import AddCredit, CancelInvoice, CreateInvoice
from app.core.facts import PaymentState
from app.core.judgement.explanation.plain import inert
from app.core.money import Money
from app.core.policy.sections.acting import render
from app.core.records import POLICY, CallState
from app.core.rows.belongings import Fee
from app.core.rows.typed import columns, read, typed
from app.core.states import OPEN_FEE_STATES, FeeState, Phase, phase_of
from app.messaging import outbox
from app.orders.order import OrderDraft
from app.tables.orders import FeeForm, fees
from app.tables.outbox import panel_calls

OPEN_STATES = tuple(sorted(state.value for state in OPEN_FEE_STATES))


#: The keys of calls about fees begin with this and the fee's id.
KEYS: Final = "fee:"


def create_key(fee_id: uuid.UUID) -> str:
    """Return the key of the call that creates this fee's invoice."""
    return f"{KEYS}{fee_id}:create"


def cancel_key(fee_id: uuid.UUID) -> str:
    """Return the key of the call that cancels this fee's invoice."""
    return f"{KEYS}{fee_id}:cancel"


def fee_of_key(key: str) -> uuid.UUID | None:
    """Return the id of the fee that a call is about, by its key; None if it is about something else."""
    return uuid.UUID(key.removeprefix(KEYS).partition(":")[0]) if key.startswith(KEYS) else None


async def fees_where(draft: OrderDraft, *conditions: sa.ColumnElement[bool]) -> list[Fee]:
    """Return the fees of an order that match, the oldest first."""
    query = sa.select(fees).where(fees.c.order_id == draft.order_id, *conditions).order_by(fees.c.created_at)
    return [read(Fee, row) for row in await draft.tx.execute(query)]


async def open_fee(draft: OrderDraft) -> Fee | None:
    """Return the open fee of an order, or None."""
    found = await fees_where(draft, fees.c.state.in_(OPEN_STATES))
    return found[0] if found else None


async def is_asked(draft: OrderDraft, amount: Money) -> bool:
    """True if the open fee of an order has this amount, and is not being cancelled."""
    current = await open_fee(draft)
    return (
        current is not None
        and current.wanted_state is None
        and (current.amount_minor, current.currency) == (amount.amount_minor, amount.currency)
    )


async def latest_fee(draft: OrderDraft) -> Fee | None:
    """Return the newest fee of an order, or None."""
    found = await fees_where(draft)
    return found[-1] if found else None


async def ask(
    draft: OrderDraft, amount: Money, *, minutes: int | None, work: str, by: str, cause: str, zone: tzinfo
) -> None:
    """Ask for this fee; an open one of the same amount stays, one of another amount is cancelled first."""
    current = await open_fee(draft)
    if current is not None:
        if await is_asked(draft, amount) or await _wanted_again(draft, current, amount, cause=cause, zone=zone):
            # the fee stays as it was asked for, and so does the customer's deadline
            draft.change(hold_expires_at=current.expires_at, hold_due_at=current.expires_at)
            return
        await cancel(draft, current, cause=cause)
        if await open_fee(draft) is not None:
            return  # the new one is created once the old one is certainly gone
    if draft.customer_id is None:
        return
    fee_id = uuid.uuid4()
    expires_at = fee_expiry(draft)
    await draft.tx.execute(
        fees.insert().values(
            id=fee_id,
            order_id=draft.order_id,
            customer_id=draft.customer_id,
            amount_minor=amount.amount_minor,
            currency=amount.currency,
            form=FeeForm.INVOICE,
            state=FeeState.PENDING,
            minutes=minutes,
            work=work,
            created_at=draft.now,
            expires_at=expires_at,
        )
    )
    await _create_invoice(draft, fee_id, amount, work=work, expires_at=expires_at, cause=cause, zone=zone)
    draft.say(f"asks the customer for a fee of {amount}", by=by)


async def _create_invoice(
    draft: OrderDraft, fee_id: uuid.UUID, amount: Money, *, work: str, expires_at: datetime, cause: str, zone: tzinfo
) -> None:
    """Want the invoice of a fee; one that is being created and was cancelled meanwhile is wanted again."""
    action = invoice_action(draft, fee_id, amount, work=work, expires_at=expires_at, zone=zone)
    await outbox.enqueue(
        draft.tx, action, key=create_key(fee_id), cause=cause, now=draft.now,
        order_id=draft.order_id, customer_id=draft.customer_id,
    )  # fmt: skip


async def _wanted_again(draft: OrderDraft, fee: Fee, amount: Money, *, cause: str, zone: tzinfo) -> bool:
    """Keep a fee that was to be cancelled, if its invoice is still open and no call about it is being sent.

    The customer then keeps the invoice that they know. An invoice that is being created is kept once it exists.
    """
    same = (fee.amount_minor, fee.currency) == (amount.amount_minor, amount.currency)
    if not same or fee.wanted_state != FeeState.CANCELLED or fee.state not in {FeeState.PENDING, FeeState.UNPAID}:
        return False
    key = cancel_key(fee.id)
    sent = sa.select(panel_calls.c.id).where(panel_calls.c.key == key, panel_calls.c.state.in_(outbox.ON_THE_WIRE))
    if (await draft.tx.execute(sent.limit(1))).first() is not None:
        return False
    if fee.invoice_id is None:
        await _create_invoice(draft, fee.id, amount, work=fee.work, expires_at=fee.expires_at, cause=cause, zone=zone)
    await outbox.cancel(draft.tx, now=draft.now, keys=[key])
    await set_fee(draft, fee, wanted_state=None)
    draft.say(f"the fee of {amount} remains as requested", by=POLICY)
    return True


def fee_expiry(draft: OrderDraft) -> datetime:
    """Return the deadline for the customer's choice."""
    known: datetime | None = draft.order.hold_expires_at
    return known or draft.now + timedelta(days=draft.policy.policy.hold.expires_days)


def invoice_action(
    draft: OrderDraft, fee_id: uuid.UUID, amount: Money, *, work: str, expires_at: datetime, zone: tzinfo
) -> CreateInvoice:
    """Return the invoice that asks for a fee; due after the hold expires, so that no reminder goes out before."""
    rules = draft.policy.policy.fee
    due = expires_at + timedelta(days=rules.due_days_after_expiry)
    line = rules.custom_line if work else rules.handling_line
    return CreateInvoice(
        customer_id=int(draft.customer_id or 0),
        reference=f"doorman:fee:{fee_id}",
        description=render(line, {"order_number": order_number(draft), "work": work, "fee": str(amount)}),
        notes="",
        amount=amount.to_text(),
        taxed=rules.taxed,
        date=draft.now.astimezone(zone).date().isoformat(),
        due_date=due.astimezone(zone).date().isoformat(),
        payment_method=rules.gateway or None,
    )


def order_number(draft: OrderDraft) -> str:
    """Return the number that the customer knows the order by."""
    return inert(str(draft.order.order_number or ""), 40) or str(draft.order_id)


async def cancel(draft: OrderDraft, fee: Fee, *, cause: str, state: FeeState = FeeState.CANCELLED) -> None:
    """Cancel a fee: nothing more is sent for it, and its unpaid invoice is cancelled.

    An invoice that is being created is cancelled once it exists (`workflow.settled`).
    """
    withdrawn = await outbox.cancel(draft.tx, now=draft.now, keys=[create_key(fee.id)])
    wanted: dict[str, Any] = {"wanted_state": state.value}
    if fee.invoice_id is not None:
        await cancel_invoice(draft, fee, cause=cause)
    elif not withdrawn.under_way:
        wanted |= {"state": state.value, "settled_at": draft.now}
    await set_fee(draft, fee, **wanted)


async def cancel_invoice(draft: OrderDraft, fee: Fee, *, cause: str) -> None:
    """Have the unpaid invoice of a fee cancelled."""
    if fee.invoice_id is None:
        return
    action = CancelInvoice(customer_id=fee.customer_id, invoice_id=fee.invoice_id)
    await outbox.enqueue(
        draft.tx, action, key=cancel_key(fee.id), cause=cause, now=draft.now,
        order_id=draft.order_id, customer_id=fee.customer_id,
    )  # fmt: skip


async def set_fee(draft: OrderDraft, fee: Fee, **values: Any) -> Fee:
    """Change a fee's row, and return the fee as it is now."""
    await draft.tx.execute(fees.update().where(fees.c.id == fee.id).values(**values))
    known = {name: value for name, value in values.items() if name in columns(Fee)}
    return replace(fee, **typed(Fee, known))


async def credit_back(draft: OrderDraft, fee: Fee, *, cause: str) -> None:
    """Give a paid fee back as account credit, once."""
    amount = Money(fee.paid_minor or fee.total_minor or fee.amount_minor, fee.currency)
    action = AddCredit(
        customer_id=fee.customer_id,
        reference=f"doorman:credit:{fee.id}",
        description=f"Fee for order {order_number(draft)} returned",
        amount=amount.to_text(),
    )
    await outbox.enqueue(
        draft.tx, action, key=_credit_key(fee), cause=cause, now=draft.now,
        order_id=draft.order_id, customer_id=fee.customer_id,
    )  # fmt: skip
    draft.say(f"returns the paid fee of {amount} as credit", by=POLICY)


async def was_credited_back(draft: OrderDraft, fee: Fee) -> bool:
    """True if the credit that gives a fee back has arrived."""
    done = sa.select(panel_calls.c.id).where(
        panel_calls.c.order_id == draft.order_id, panel_calls.c.key == _credit_key(fee),
        panel_calls.c.state == CallState.DONE,
    )  # fmt: skip
    return (await draft.tx.execute(done.limit(1))).first() is not None


def _credit_key(fee: Fee) -> str:
    return f"{KEYS}{fee.id}:credit-back"


async def end(draft: OrderDraft, *, cause: str) -> None:
    """Settle the fees of an ended order: cancel unpaid ones, give paid ones back, unless it was fraud."""
    for fee in await fees_where(draft):
        if fee.state == FeeState.PAID and not draft.order.fraud:
            await credit_back(draft, fee, cause=cause)
        elif fee.state in {FeeState.PARTLY_PAID, FeeState.PAYMENT_PENDING}:
            await set_fee(draft, fee, state=FeeState.LOST.value, settled_at=draft.now)
        elif fee.state in OPEN_STATES:
            await cancel(draft, fee, cause=cause)


async def update_refund(draft: OrderDraft) -> None:
    """Work out what a person has to refund: money on an order that ended and on fees for which no work is done.

    Always computed in full, from the money on the invoices less recorded refunds, so that nothing counts twice.
    """
    if not draft.acts:
        return
    ended = phase_of(draft.state) is Phase.ENDED
    due = 0
    if ended and draft.order.payment_state in {PaymentState.PAID, PaymentState.PARTLY_PAID}:
        paid, amount = draft.order.paid_minor, draft.order.amount_minor
        due += paid if amount is None else min(paid, max(0, int(amount)))  # one invoice may cover several orders
    for fee in await fees_where(draft):
        for_nothing = fee.state == FeeState.LOST or (ended and fee.state == FeeState.PAID and draft.order.fraud)
        due += fee.paid_minor if for_nothing else 0
    due = max(0, due - draft.order.refunded_minor)
    if due > draft.order.refund_due_minor:
        currency = draft.order.currency
        draft.say(f"refund due: {Money(due, currency) if currency else due}", by=POLICY)
    draft.change(refund_due_minor=due)
