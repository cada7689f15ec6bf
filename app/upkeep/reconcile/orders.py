"""Orders that we hold, wait for or released recently, each compared with its present state in the panel.

A row of the panel's lists is enough to see that nothing seems to differ (`agrees`). Else up to three reads: the order,
its invoice if payment still matters, and the invoice of its open fee. A difference is handled in the usual way: an
event has the order read back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.context import Context
from app.core.consequences.panel import HOOK_WORDS
from app.core.facts import PaymentState
from app.core.money import Money
from app.core.policy.document import Policy
from app.core.states import OPEN_FEE_STATES, FeeState, InvoiceTurn, OrderState
from app.core.statuses import PanelOrderStatus
from app.gathering.payments import paid_on, payment_state, status_state, turn_of
from app.messaging import inbox
from app.panels.records import ListedOrder, PanelInvoice, PanelOrder
from app.policies import versions
from app.tables.inbox import EventSource, EventState, events
from app.tables.orders import fees, orders
from app.upkeep.reconcile.differences import ComparablePanel, Difference, What

#: A released or ended order is compared for this long after it was last read.
RECENT: Final = timedelta(hours=24)
OPEN: Final = (
    OrderState.RECEIVED, OrderState.AWAITING_PAYMENT, OrderState.RELEASING, OrderState.HELD, OrderState.REJECTING,
)  # fmt: skip
_ENDED: Final = (OrderState.REJECTED, OrderState.CANCELLED)
_SETTLED: Final = (OrderState.RELEASED, *_ENDED)
#: A deleted order is compared for this long after that: the panel may list it again.
_GONE: Final = timedelta(hours=1)
#: Recent orders are searched among this many of the newest order ids, so that the query does not slow down with age.
_NEWEST: Final = 20_000
#: The panel's clock may be this far behind ours.
_SKEW: Final = timedelta(minutes=5)
_ITEMS_KEPT: Final = 50
_ITEMS_NAMED: Final = 3
_TURNS: Final = {
    FeeState.UNPAID: InvoiceTurn.UNPAID,
    FeeState.PARTLY_PAID: InvoiceTurn.PARTLY_PAID,
    FeeState.PAYMENT_PENDING: InvoiceTurn.PENDING,
}


_LISTED_AS_UNPAID: Final = {PaymentState.PARTLY_PAID, PaymentState.PENDING}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Our view of one order next to the panel's."""

    ours: Any  # the order's row, with `fee_state`, `fee_invoice_id`, `fee_paid` of its open fee
    order: PanelOrder | None
    differences: tuple[Difference, ...]


# --- which orders -------------------------------------------------------------------------------------------------


def _watched(now: datetime, *, after: int = 0, limit: int | None = None) -> sa.CompoundSelect[Any]:
    """Return the ids of the orders to compare, the first `limit` of each part: each part has its own index."""
    newest = sa.func.max(orders.c.order_id) - _NEWEST
    lately = sa.select(sa.case((newest > after, newest), else_=after)).scalar_subquery()  # one bound for the index
    settled = sa.and_(orders.c.state.in_(_SETTLED), orders.c.last_read_at >= now - RECENT)
    gone = sa.and_(orders.c.state == OrderState.CLOSED, orders.c.last_read_at >= now - _GONE)
    with_fee = fees.join(orders, orders.c.order_id == fees.c.order_id)
    parts = [
        *(sa.select(orders.c.order_id).where(orders.c.state == state, orders.c.order_id > after) for state in OPEN),
        *(sa.select(orders.c.order_id).where(orders.c.order_id > lately, one) for one in (settled, gone)),
        sa.select(orders.c.order_id).select_from(with_fee)
        .where(fees.c.state.in_(OPEN_FEE_STATES), orders.c.state != OrderState.CLOSED, orders.c.order_id > after),
    ]  # fmt: skip
    waits = sa.exists().where(events.c.order_id == orders.c.order_id, events.c.state == EventState.RECEIVED)
    unread = sa.and_(orders.c.last_read_at.is_(None), waits)  # its first read is still to come
    some = [part.where(~unread).order_by(orders.c.order_id).limit(limit) for part in parts]
    return sa.union(*(sa.select(one.subquery()) for one in some))


async def next_orders(connection: AsyncConnection, *, after: int, limit: int, now: datetime) -> Sequence[Any]:
    """Return our rows of the next orders to compare, by id."""
    query = (
        sa.select(
            orders,
            fees.c.state.label("fee_state"),
            fees.c.invoice_id.label("fee_invoice_id"),
            fees.c.paid_minor.label("fee_paid"),
        )
        .outerjoin(fees, sa.and_(fees.c.order_id == orders.c.order_id, fees.c.state.in_(OPEN_FEE_STATES)))
        .where(orders.c.order_id.in_(_watched(now, after=after, limit=limit)))
        .order_by(orders.c.order_id)
        .limit(limit)
    )
    return (await connection.execute(query)).all()


async def count_orders(connection: AsyncConnection, *, now: datetime) -> int:
    """Return how many orders there are to compare."""
    return int(await connection.scalar(sa.select(sa.func.count()).select_from(_watched(now).subquery())) or 0)


# --- comparing ----------------------------------------------------------------------------------------------------


async def compare(panel: ComparablePanel, ours: Any) -> Compared:
    """Read one order and return its differences from our row. Raises PanelUnavailable."""
    order = await panel.order(ours.order_id)
    if order is None:
        return Compared(ours=ours, order=None, differences=_gone(ours))
    found = [*_status(ours, order), *_items(ours, order)]
    if ours.state != OrderState.RELEASED:
        invoice = await panel.invoice(order.invoice_id) if order.invoice_id else None
        found += _payment(ours, payment_state(order, invoice), invoice)
    if ours.fee_invoice_id is not None:
        found += _fee(ours, await panel.invoice(ours.fee_invoice_id))
    return Compared(ours=ours, order=order, differences=tuple(found))


def agrees(ours: Any, listed: ListedOrder) -> bool:
    """Return whether our row is consistent with the order's row in a list, which doesn't show how much was paid."""
    order = listed.order
    if _status(ours, order) or _items(ours, order):
        return False
    if ours.state == OrderState.RELEASED:
        return True
    shown = status_state(listed.payment) if order.invoice_id else PaymentState.NONE
    return ours.payment_state == shown or (shown is PaymentState.UNPAID and ours.payment_state in _LISTED_AS_UNPAID)


def is_gone(ours: Any) -> bool:
    """Return whether an order that the panel doesn't list is known as deleted, or has never been read."""
    return not _gone(ours)


def _gone(ours: Any) -> tuple[Difference, ...]:
    if ours.last_read_at is None or ours.state == OrderState.CLOSED:
        return ()  # already known as deleted
    return (
        Difference(
            what=What.DELETED, order_id=ours.order_id, ours=f"{ours.state}, {ours.panel_status}", panel="not listed",
            remedy="the order is closed; a person handles what was paid",
        ),
    )  # fmt: skip


def _status(ours: Any, order: PanelOrder) -> list[Difference]:
    if ours.panel_status == order.status[:40]:
        return []
    known = ours.panel_status or "not listed"
    let_in = order.status == PanelOrderStatus.ACTIVE and ours.state in {OrderState.HELD, OrderState.REJECTING, *_ENDED}
    remedy = (
        "followed if a person did it; a breach if a program did" if let_in else "Doorman follows the panel's status"
    )
    return [
        Difference(
            what=What.STATUS, order_id=ours.order_id, ours=f"{ours.state}, {known}", panel=order.status, remedy=remedy
        )
    ]  # fmt: skip


def _items(ours: Any, order: PanelOrder) -> list[Difference]:
    """Return what staff edited: lines and amounts, in the form in which `mirror` stores them."""
    if ours.last_read_at is None:
        return []
    kept = [(item.get("product"), item.get("amount")) for item in ours.items]
    shown = [
        ((line.product or line.domain or line.kind)[:200], line.amount.to_text() if line.amount else None)
        for line in order.lines[:_ITEMS_KEPT]
    ]
    amount = order.amount.amount_minor if order.amount else None
    total = ours.items[0].get("total") if ours.items else 0
    if (kept, total, ours.amount_minor, ours.invoice_id) == (shown, len(order.lines), amount, order.invoice_id):
        return []
    was = None if ours.amount_minor is None or ours.currency is None else Money(ours.amount_minor, ours.currency)
    return [
        Difference(
            what=What.ITEMS, order_id=ours.order_id, ours=_content(kept, was, ours.invoice_id),
            panel=_content(shown, order.amount, order.invoice_id),
            remedy="the order is judged again unless a person has decided",
        )
    ]  # fmt: skip


def _content(lines: Sequence[tuple[str | None, str | None]], amount: Money | None, invoice_id: int | None) -> str:
    named = ", ".join(f"{product} {price or '?'}" for product, price in lines[:_ITEMS_NAMED])
    more = f" and {len(lines) - _ITEMS_NAMED} more" if len(lines) > _ITEMS_NAMED else ""
    return f"{named or 'no lines'}{more}; {amount or 'no amount'}, invoice {invoice_id or 'none'}"


def _payment(ours: Any, state: PaymentState, invoice: PanelInvoice | None) -> list[Difference]:
    paid = _paid(invoice)
    if (ours.payment_state, ours.paid_minor) == (state, paid):
        return []
    return [
        Difference(
            what=What.PAYMENT, order_id=ours.order_id, ours=f"{ours.state}, {_spoken(ours.payment_state)}",
            panel=_spoken(state), remedy="Doorman follows the payment",
        )
    ]  # fmt: skip


def _fee(ours: Any, invoice: PanelInvoice | None) -> list[Difference]:
    turn = turn_of(invoice)
    if turn is None or (turn is _TURNS.get(FeeState(ours.fee_state)) and ours.fee_paid == _paid(invoice)):
        return []
    return [
        Difference(
            what=What.FEE, order_id=ours.order_id, ours=f"fee {_spoken(ours.fee_state)}",
            panel=f"invoice {ours.fee_invoice_id} {_spoken(turn)}", remedy="Doorman follows the fee's invoice",
        )
    ]  # fmt: skip


def _paid(invoice: PanelInvoice | None) -> int:
    paid = None if invoice is None else paid_on(invoice)
    return max(0, paid.amount_minor) if paid else 0


def _spoken(state: str) -> str:
    return str(state).replace("_", " ")


# --- following ----------------------------------------------------------------------------------------------------


async def look_again_at(context: Context, panel: ComparablePanel, compared: Compared) -> dict[str, Any]:
    """Return the data of the event that has an order read back, with who changed its status if known.

    Raises PanelUnavailable.
    """
    data: dict[str, Any] = {"order_id": int(compared.ours.order_id)}
    order = compared.order
    if order is None or not any(one.what is What.STATUS for one in compared.differences):
        return data
    word = HOOK_WORDS.get(order.status)
    since = (compared.ours.last_read_at or compared.ours.first_heard_at) - _SKEW
    admin = await panel.changed_by(order.order_id, order.status, since=since) if word else None
    if admin is None:
        return data
    async with context.db.read() as connection:
        policy = (await versions.active(connection)).policy
    return data | {"to": word, "actor": _actor(admin, policy, context.own_admin_id)}


def _actor(admin: int, policy: Policy, own_admin_id: int | None) -> dict[str, Any]:
    if admin == 0:
        return {"kind": "cron"}
    automation = {*policy.staff.automation_admin_ids, own_admin_id}
    return {"kind": "api" if admin in automation else "staff", "admin_id": admin}


async def feed(tx: AsyncConnection, ours: Any, data: dict[str, Any], *, now: datetime) -> bool:
    """Have an order read back; several requests before it is read count once."""
    read_at = "never" if ours.last_read_at is None else ours.last_read_at.isoformat()
    return await inbox.add_internal(
        tx, type="order.read_back", data=data, now=now,
        name=f"reconcile:look:{ours.order_id}:{read_at}", source=EventSource.RECONCILE,
    )  # fmt: skip
