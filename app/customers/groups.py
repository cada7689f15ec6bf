"""Groups of new accounts that ordered together: who belongs to which, and what a person did with a group."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import insert_new
from app.tables.customers import group_members, groups


async def join(tx: AsyncConnection, order_ids: Collection[int], *, now: datetime) -> int:
    """Put orders into one group and return its id; groups that they belong to already become one, the oldest.

    A group that a person acted on stays as it is: new members form one of their own.
    """
    member, group = group_members.c, groups.c
    known = (
        sa.select(group.id).distinct()
        .join(group_members, member.group_id == group.id)
        .where(member.order_id.in_(sorted(order_ids)), group.acted_at.is_(None))
    )  # fmt: skip
    found = sorted((await tx.scalars(known)).all())
    if not found:
        new = groups.insert().values(created_at=now, grown_at=now).returning(group.id)
        found = [int((await tx.execute(new)).scalar_one())]
    first, *others = found
    if others:
        await tx.execute(group_members.update().where(member.group_id.in_(others)).values(group_id=first))
        await tx.execute(groups.delete().where(group.id.in_(others)))
    rows = [{"order_id": order_id, "group_id": first} for order_id in sorted(order_ids)]
    added = await tx.execute(insert_new(tx, group_members).values(rows))
    if added.rowcount > 0:
        await tx.execute(groups.update().where(group.id == first).values(grown_at=now))
    return int(first)


async def of_order(connection: AsyncConnection, order_id: int) -> int | None:
    """Return the group of an order, or None."""
    query = sa.select(group_members.c.group_id).where(group_members.c.order_id == order_id)
    found: int | None = await connection.scalar(query)
    return found


async def members(connection: AsyncConnection, group_id: int) -> list[int]:
    """Return the orders of a group, the oldest first."""
    query = sa.select(group_members.c.order_id).where(group_members.c.group_id == group_id)
    return list((await connection.scalars(query.order_by(group_members.c.order_id))).all())


async def lock(tx: AsyncConnection, group_id: int) -> bool:
    """Lock a group, so that one person acts on it at a time; False if there is none."""
    return (
        await tx.execute(sa.select(groups.c.id).where(groups.c.id == group_id).with_for_update())
    ).first() is not None


async def mark(tx: AsyncConnection, group_id: int, action: str, *, by: str, now: datetime) -> None:
    """Record what a person did with a group."""
    row = groups.update().where(groups.c.id == group_id)
    await tx.execute(row.values(action=action, acted_by=by, acted_at=now))
