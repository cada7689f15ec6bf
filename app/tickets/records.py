"""Tickets: read from the panel, stored, sorted into topics, counted, and linked to the orders they asked for."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.context import Context
from app.core.facts import PlacedBy
from app.core.policy.document import Policy
from app.core.reading.kinds import OrderIntent, Topic
from app.core.reading.text import MAX_TEXT
from app.core.reading.topics import TicketReading, classify
from app.core.rows.order import Order
from app.core.states import OrderState
from app.customers import counts
from app.customers.identities import canonical_email, hashed
from app.db import insert_new
from app.errors import Invalid, NotFound
from app.gathering.asking_tickets import opening_message
from app.gathering.panel import Gathered
from app.orders.order import LockedOrder
from app.panels.records import PanelTicket
from app.tables.orders import orders, ticket_orders, ticket_texts, tickets
from app.tickets import questions

_LONGEST_MINUTES = 60 * 24 * 14
_ASKING = {OrderIntent.ORDER_BY_MESSAGE, OrderIntent.CUSTOM_ORDER}


def _with_minutes(reading: TicketReading, policy: Policy) -> TicketReading:
    minutes = policy.labour.topic_minutes.by_topic()
    return replace(reading, minutes=minutes.get(reading.topic, reading.minutes))


async def store(
    tx: AsyncConnection, ticket: PanelTicket, policy: Policy, *, now: datetime, reading: TicketReading | None = None
) -> None:
    """Store a ticket's topic, with the policy's minutes; a topic that staff corrected stays.

    `reading` is the ticket's classification, if the caller has it.
    """
    reading = _with_minutes(reading or classify(ticket.subject, opening_message(ticket)), policy)
    row = (await tx.execute(sa.select(tickets).where(tickets.c.ticket_id == ticket.ticket_id))).first()
    values: dict[str, Any] = {"state": ticket.status[:40], "number": ticket.number[:40]}
    if row is None or (row.corrected_by is None and ticket.replies):
        values |= _reading_values(reading)
    if row is None:
        await _insert(tx, ticket, values, now=now)
    else:
        await tx.execute(tickets.update().where(tickets.c.ticket_id == ticket.ticket_id).values(values))
        read_anew = row.corrected_by is None and row.minutes != values.get("minutes", row.minutes)
        if read_anew and row.customer_id and not row.ours:
            await counts.add(tx, row.customer_id, labour_minutes=values["minutes"] - row.minutes)
    text = {"subject": ticket.subject[:1000], "message": opening_message(ticket)[:MAX_TEXT]}
    if ticket.replies:
        await tx.execute(ticket_texts.delete().where(ticket_texts.c.ticket_id == ticket.ticket_id))
        await tx.execute(
            ticket_texts.insert().values(ticket_id=ticket.ticket_id, customer_id=ticket.customer_id, **text)
        )


def _reading_values(reading: TicketReading) -> dict[str, Any]:
    return {
        "topic": reading.topic.value,
        "confidence": reading.confidence,
        "order_intent": reading.order_intent.value,
        "order_intent_confidence": reading.order_intent_confidence,
        "runner_up": reading.runner_up.topic.value if reading.runner_up else None,
        "runner_up_confidence": reading.runner_up.confidence if reading.runner_up else None,
        "model": reading.model,
        "minutes": reading.minutes,
        "self_service": reading.self_service,
        "evidence": [asdict(item) | {"topic": item.topic.value} for item in reading.evidence],
    }


async def _insert(tx: AsyncConnection, ticket: PanelTicket, values: dict[str, Any], *, now: datetime) -> None:
    ours = await _is_ours(tx, ticket)
    guest = canonical_email(ticket.email) if ticket.customer_id is None else None
    await tx.execute(
        tickets.insert().values(
            ticket_id=ticket.ticket_id,
            customer_id=ticket.customer_id,
            guest_email_hash=hashed("email", guest) if guest else None,
            opened_by="staff" if ticket.opened_by_staff else "customer",
            opened_at=ticket.opened_at or now,
            ours=ours,
            **values,
        )
    )
    if ticket.customer_id is not None and not ours and not ticket.opened_by_staff:
        await counts.ensure(tx, ticket.customer_id, now=now)
        await counts.add(tx, ticket.customer_id, tickets=1, labour_minutes=values["minutes"])


async def _is_ours(tx: AsyncConnection, ticket: PanelTicket) -> bool:
    """True if the ticket carries our reference: we opened it, and it never counts against the customer."""
    if "doorman:ticket:" in opening_message(ticket):
        return True
    query = sa.select(ticket_orders.c.ticket_id).where(
        ticket_orders.c.ticket_id == ticket.ticket_id, ticket_orders.c.kind == "hold"
    )
    return (await tx.execute(query)).first() is not None


async def is_known_as_ours(context: Context, ticket_id: int) -> bool:
    """True if we opened this ticket, and the panel has answered that."""
    async with context.db.read() as connection:
        return bool(await connection.scalar(sa.select(tickets.c.ours).where(tickets.c.ticket_id == ticket_id)))


async def mark_ours(
    tx: AsyncConnection, ticket_id: int, *, order_id: int, customer_id: int | None, now: datetime
) -> None:
    """Record that we opened this ticket about that order: answers to it are about the hold."""
    row = (await tx.execute(sa.select(tickets).where(tickets.c.ticket_id == ticket_id))).first()
    if row is not None and not row.ours:
        await tx.execute(tickets.update().where(tickets.c.ticket_id == ticket_id).values(ours=True))
        if row.customer_id is not None and row.opened_by == "customer":
            await counts.add(tx, row.customer_id, tickets=-1, labour_minutes=-int(row.minutes))
    if row is None:
        reading = classify("", "")
        values = {"state": "Open", "opened_by": "staff", "opened_at": now, "ours": True, **_reading_values(reading)}
        await tx.execute(
            tickets.insert().values(ticket_id=ticket_id, customer_id=customer_id, **values | {"minutes": 0})
        )
    await tx.execute(insert_new(tx, ticket_orders).values(ticket_id=ticket_id, order_id=order_id, kind="hold"))


async def lock(tx: AsyncConnection, ticket_id: int) -> None:
    """Lock a ticket, so that nobody else acts on its replies; call this before locking its order, as its events do."""
    await tx.execute(sa.select(tickets.c.ticket_id).where(tickets.c.ticket_id == ticket_id).with_for_update())


async def see_reply(tx: AsyncConnection, ticket: PanelTicket) -> bool:
    """Mark the customer's replies so far as handled; return whether there was a new one.

    A ticket that shows no reply of the customer counts as having a new one, because the caller's event reported it.
    """
    newest = questions.newest_reply(ticket)
    if newest is None:
        return True
    unseen = sa.or_(tickets.c.reply_seen.is_(None), tickets.c.reply_seen < newest)
    which = sa.and_(tickets.c.ticket_id == ticket.ticket_id, unseen)
    return (await tx.execute(tickets.update().where(which).values(reply_seen=newest))).rowcount > 0


async def keep_tickets(locked: LockedOrder, shown: Order, gathered: Gathered) -> str | None:
    """Link the order to the ticket that asked for it; return the line to say if that is new.

    A guest's ticket is only proposed.
    """
    tx, given, asking = locked.tx, locked.given, gathered.asking_ticket
    if asking is None:
        if shown.placed_by is PlacedBy.STAFF and gathered.customer is not None:
            await _propose_guests(locked, shown, gathered.customer.email)
        return None
    await store(tx, asking, given.active.policy, now=given.now, reading=gathered.asking_reading)
    same = asking.customer_id is not None and asking.customer_id == shown.customer_id
    kind = "asked" if same and asking.verified else "proposed"
    linked = await tx.execute(
        insert_new(tx, ticket_orders).values(ticket_id=asking.ticket_id, order_id=shown.order_id, kind=kind)
    )
    if not linked.rowcount:
        return None
    return f"ticket {asking.ticket_id} asked for the order" + ("" if kind == "asked" else " (not certain)")


async def correct(
    tx: AsyncConnection, ticket_id: int, *, topic: str | None, minutes: int | None, by: str, now: datetime
) -> None:
    """Apply a staff correction of a ticket's topic or its actual minutes. Raises NotFound, Invalid."""
    row = (await tx.execute(sa.select(tickets).where(tickets.c.ticket_id == ticket_id).with_for_update())).first()
    if row is None:
        raise NotFound(f"no ticket {ticket_id} is known")
    values: dict[str, Any] = {"corrected_by": by}
    if topic is not None:
        if topic not in set(Topic):
            raise Invalid("unknown topic", [{"path": "topic", "message": f"must be one of {', '.join(Topic)}"}])
        values |= {"topic": topic, "confidence": 1.0}
    if minutes is not None:
        if not 0 <= minutes <= _LONGEST_MINUTES:
            raise Invalid("bad minutes", [{"path": "minutes", "message": f"must be 0 to {_LONGEST_MINUTES}"}])
        values["minutes"] = minutes
        if row.customer_id is not None and not row.ours:
            await counts.ensure(tx, row.customer_id, now=now)
            await counts.add(tx, row.customer_id, labour_minutes=minutes - row.minutes)
    await tx.execute(tickets.update().where(tickets.c.ticket_id == ticket_id).values(values))


async def orders_of(connection: AsyncConnection, ticket_id: int) -> list[int]:
    """Return the orders that a ticket is linked to."""
    query = sa.select(ticket_orders.c.order_id).where(ticket_orders.c.ticket_id == ticket_id)
    return sorted((await connection.execute(query)).scalars().all())


async def _propose_guests(locked: LockedOrder, shown: Order, email: str) -> None:
    """Propose guests' tickets from the customer's own address that ask for an order; they are never charged for."""
    mailbox = canonical_email(email)
    if mailbox is None:
        return
    tx, order_id = locked.tx, shown.order_id
    query = sa.select(tickets.c.ticket_id).where(
        tickets.c.guest_email_hash == hashed("email", mailbox),
        tickets.c.order_intent.in_([intent.value for intent in _ASKING]),
        tickets.c.opened_at <= (shown.placed_at or locked.given.now),
    )
    for ticket_id in (await tx.execute(query.limit(5))).scalars().all():
        row = {"ticket_id": ticket_id, "order_id": order_id, "kind": "proposed"}
        await tx.execute(insert_new(tx, ticket_orders).values(row))


async def customer_orders(connection: AsyncConnection, customer_id: int) -> list[int]:
    """Return the open orders of a customer, newest first."""
    open_states = [OrderState.RECEIVED, OrderState.HELD, OrderState.AWAITING_PAYMENT, OrderState.RELEASING]
    query = (
        sa.select(orders.c.order_id)
        .where(orders.c.customer_id == customer_id, orders.c.state.in_([state.value for state in open_states]))
        .order_by(orders.c.order_id.desc())
        .limit(200)
    )
    return list((await connection.execute(query)).scalars().all())
