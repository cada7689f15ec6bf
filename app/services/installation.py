"""Small facts about this installation: since when it acts, whether it is paused, the panel's time zone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.config import Mode
from app.db import Database, insert_into, insert_new
from app.tables.inbox import installation

ENFORCE_SINCE = "enforce_since"
PAUSED = "paused"
#: When the addon's gate asked about an order of ours: `first` and `last`.
GATE_ASKED = "gate:asked"
#: What people are told while that never happened.
NO_GATE = "No gate has ever asked: a hold stops nothing that the panel sets up by itself. Install the addon."
#: Which orders `reconcile` has seen: `floor`, up to which they are the past, and `seen`.
ORDERS_SEEN = "reconcile:orders"
#: When a process last tried whether the database can be written.
_TRIED = "tried-to-write"
#: What everything writes; in its way is only who keeps all others from writing.
_WRITTEN = sa.text("LOCK TABLE events, orders, panel_calls IN ROW EXCLUSIVE MODE")


async def get(connection: AsyncConnection, name: str) -> Any:
    """Return a fact, or None."""
    return (
        await connection.execute(sa.select(installation.c.value).where(installation.c.name == name))
    ).scalar_one_or_none()


async def locked(tx: AsyncConnection, name: str, *, now: datetime) -> Any:
    """Return a fact, or something empty, and let nobody else change it before this transaction ends."""
    await tx.execute(insert_new(tx, installation).values(name=name, value="", changed_at=now))
    return await tx.scalar(sa.select(installation.c.value).where(installation.c.name == name).with_for_update())


async def put(tx: AsyncConnection, name: str, value: Any, *, now: datetime) -> None:
    """Write a fact."""
    changed = await tx.execute(
        installation.update().where(installation.c.name == name).values(value=value, changed_at=now)
    )
    if changed.rowcount == 0:
        await tx.execute(installation.insert().values(name=name, value=value, changed_at=now))


async def try_to_write(db: Database, *, seconds: float, now: datetime) -> None:
    """Store a row for good: nothing less tells of a lock, of a file or server that is read-only, and of a full disk.

    Raises what the database raises, after this time where it is a lock on PostgreSQL, which locks tables singly.
    """
    async with db.begin() as tx:
        if not db.is_sqlite:
            await db.wait_less(tx, seconds)
            await tx.execute(_WRITTEN)
        row = insert_into(tx, installation).values(name=_TRIED, value="", changed_at=now)
        await tx.execute(row.on_conflict_do_update(index_elements=["name"], set_={"changed_at": now}))


async def cut_over(tx: AsyncConnection, mode: Mode, *, now: datetime) -> None:
    """Record when enforce was first switched on; orders placed before are never acted on by themselves (rule 10)."""
    if mode is Mode.ENFORCE and await get(tx, ENFORCE_SINCE) is None:
        await put(tx, ENFORCE_SINCE, now.isoformat(), now=now)


async def acts_on(connection: AsyncConnection, mode: Mode, placed_at: datetime | None) -> bool:
    """Say whether an order placed then is acted on now."""
    if mode is Mode.SHADOW:
        return False
    since = await get(connection, ENFORCE_SINCE)
    return since is not None and placed_at is not None and placed_at >= datetime.fromisoformat(since)


async def acts_on_order(
    connection: AsyncConnection, mode: Mode, order_id: int, *, placed_at: datetime | None, first_heard_at: datetime
) -> bool:
    """Say whether an order is acted on now; without a date that can be read, its number tells whether it is past."""
    if placed_at is None and mode is Mode.ENFORCE:
        seen = await get(connection, ORDERS_SEEN)
        if seen and order_id <= int(seen["floor"]):
            return False
    return await acts_on(connection, mode, placed_at or first_heard_at)


async def is_paused(connection: AsyncConnection) -> bool:
    """Say whether nothing may go out at the moment."""
    return bool(await get(connection, PAUSED))
