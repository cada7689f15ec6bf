"""Customers: their aggregates, updated by the code that writes the source data, and their score."""

from __future__ import annotations

import asyncio
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.judgement.customer_score import CustomerHistory, CustomerScore, Segment, score_customer
from app.core.policy.document import Policy
from app.db import insert_new
from app.policies import versions
from app.tables.customers import customers

_MONTH_DAYS = 30
_AT_A_TIME = 20  # scores between two pauses; a hundred take as long as thirty webhooks


async def ensure(tx: AsyncConnection, customer_id: int, *, now: datetime) -> None:
    """Create this customer's row if there is none."""
    await tx.execute(insert_new(tx, customers), {"customer_id": customer_id, "first_heard_at": now})


async def add(tx: AsyncConnection, customer_id: int, **amounts: int) -> None:
    """Add to a customer's aggregates; each change raises the version."""
    given = {f"more_{name}": amount for name, amount in amounts.items() if amount}
    if given:
        names = tuple(sorted(name for name, amount in amounts.items() if amount))
        await tx.execute(_adding(names), {**given, "of_customer": customer_id})


@cache
def _adding(names: tuple[str, ...]) -> sa.Update:
    more: dict[str, Any] = {name: customers.c[name] + sa.bindparam(f"more_{name}") for name in names}
    whose = customers.c.customer_id == sa.bindparam("of_customer")
    return customers.update().where(whose).values(**more, version=customers.c.version + 1)


async def mark_bad(tx: AsyncConnection, customer_id: int, *, at: datetime | None) -> None:
    """Work out anew whether a customer counts as bad: for others who share an identity, a bad neighbour.

    `at`: when new evidence became known; None if some was taken back.
    """
    bad = sa.or_(customers.c.fraud_orders > 0, customers.c.chargebacks > 0)
    values: dict[str, Any] = {"bad": bad} | ({} if at is None else {"bad_at": at})
    await tx.execute(customers.update().where(customers.c.customer_id == customer_id).values(values))


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
