"""Customers: their aggregates, updated by the code that writes the source data, and their score."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.facts import PlacedBy
from app.core.judgement.customer_score import CustomerHistory, CustomerScore, Segment, score_customer
from app.core.judgement.decide import Judgement
from app.core.policy.document import Policy
from app.db import insert_new
from app.orders.order import OrderDraft
from app.policies import versions
from app.tables.customers import customers

_MONTH_DAYS = 30
_AT_A_TIME = 20  # scores between two pauses; a hundred take as long as thirty webhooks


async def ensure(tx: AsyncConnection, customer_id: int, *, now: datetime) -> None:
    """Create this customer's row if there is none."""
    await tx.execute(insert_new(tx, customers).values(customer_id=customer_id, first_heard_at=now))


async def add(tx: AsyncConnection, customer_id: int, **amounts: int) -> None:
    """Add to a customer's aggregates; each change raises the version."""
    values: dict[str, Any] = {name: customers.c[name] + amount for name, amount in amounts.items() if amount}
    if values:
        await tx.execute(
            customers.update()
            .where(customers.c.customer_id == customer_id)
            .values(**values, version=customers.c.version + 1)
        )


async def count_judged(draft: OrderDraft, judgement: Judgement) -> None:
    """Count an order once into its customer's history, and correct its minutes when it is judged again."""
    if draft.customer_id is None:
        return
    by_staff = draft.order.placed_by in {PlacedBy.STAFF, PlacedBy.STAFF_AS_CUSTOMER}
    manual = by_staff or judgement.labour.minutes > 0
    minutes = judgement.labour.minutes
    await add(
        draft.tx,
        draft.customer_id,
        orders=0 if draft.order.counted else 1,
        manual_orders=int(manual) - int(draft.order.counted_manual),
        labour_minutes=minutes - draft.order.counted_minutes,
    )
    draft.change(counted=True, counted_manual=manual, counted_minutes=minutes)


async def count_released(draft: OrderDraft) -> None:
    """Count a released order that no person had to handle."""
    if draft.customer_id is None or draft.order.effortless:
        return
    if draft.order.counted_manual or draft.order.touched_by_person or not draft.order.counted:
        return
    await add(draft.tx, draft.customer_id, effortless_orders=1)
    draft.change(effortless=True)


async def count_fraud(draft: OrderDraft) -> None:
    """Count an order that ended as fraud, once; customers who share an identity with this one have a bad neighbour."""
    if draft.order.fraud:
        return
    draft.change(fraud=True)
    if draft.customer_id is not None:
        await add(draft.tx, draft.customer_id, fraud_orders=1)
        await _mark_bad(draft.tx, draft.customer_id)


async def uncount_fraud(draft: OrderDraft) -> None:
    """Undo `count_fraud`: it was not fraud after all."""
    if not draft.order.fraud:
        return
    draft.change(fraud=False)
    if draft.customer_id is not None:
        await add(draft.tx, draft.customer_id, fraud_orders=-1)
        await _mark_bad(draft.tx, draft.customer_id)


async def count_chargeback(draft: OrderDraft) -> None:
    """Count a disputed payment."""
    if draft.customer_id is not None:
        await add(draft.tx, draft.customer_id, chargebacks=1)
        await _mark_bad(draft.tx, draft.customer_id)


async def _mark_bad(tx: AsyncConnection, customer_id: int) -> None:
    bad = sa.or_(customers.c.fraud_orders > 0, customers.c.chargebacks > 0)
    await tx.execute(customers.update().where(customers.c.customer_id == customer_id).values(bad=bad))


def history_of(row: Any, *, now: datetime) -> CustomerHistory:
    """Return the history that the score is computed from."""
    since = row.signed_up_at or row.first_heard_at
    months = max(0, (now - since).days // _MONTH_DAYS)
    return CustomerHistory(
        currency=row.currency,
        revenue=row.revenue_minor,
        staff_minutes=row.labour_minutes,
        months_known=months,
        service_months=months * int(row.active_services or 0),
        invoices_paid=int(row.paid_invoices or 0),
        invoices_paid_late=int(row.overdue_invoices or 0),
        orders=row.orders,
        manual_orders=row.manual_orders,
        tickets=row.tickets,
        disputes=row.chargebacks,
    )


def score_of(row: Any, policy: Policy, *, now: datetime) -> CustomerScore:
    """Return a customer's score as of now; a segment that staff pinned wins."""
    scored = score_customer(history_of(row, now=now), policy)
    if row.pinned_segment:
        return CustomerScore(score=scored.score, segment=Segment(row.pinned_segment), reasons=scored.reasons)
    return scored


async def scores(
    connection: AsyncConnection, customer_ids: list[int], *, now: datetime
) -> dict[int, tuple[Any, CustomerScore]]:
    """Return row and score of each known customer."""
    policy = (await versions.active(connection)).policy
    rows = await connection.execute(sa.select(customers).where(customers.c.customer_id.in_(customer_ids)))
    found: dict[int, tuple[Any, CustomerScore]] = {}
    for row in rows:
        found[row.customer_id] = row, score_of(row, policy, now=now)
        if len(found) % _AT_A_TIME == 0:
            await asyncio.sleep(0)
    return found
