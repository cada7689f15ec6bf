"""Small facts about this installation: since when it acts, whether it is paused, the panel's time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.config import Settings
from app.core.cut_over import CutOver
from app.core.records import Mode
from app.db import Database, insert_into, insert_new
from app.tables.inbox import installation

ENFORCE_SINCE = "enforce_since"
#: How far the panel's clock is from UTC, learned from it.
OFFSET = "panel_utc_offset_minutes"
PAUSED = "paused"
#: When the addon's gate first and last asked about an order of ours: `first` and `last`.
GATE_ASKED = "gate:asked"
#: Which orders `reconcile` has seen: `seen`, and `floor`, up to which orders predate it.
ORDERS_SEEN = "reconcile:orders"
#: When a process last tested whether the database is writable.
_TRIED = "tried-to-write"
#: The lock mode of normal writes; it only waits for locks that block all writers.
_WRITTEN = sa.text("LOCK TABLE events, orders, panel_calls IN ROW EXCLUSIVE MODE")


async def get(connection: AsyncConnection, name: str) -> Any:
    """Return a fact, or None."""
    return (
        await connection.execute(sa.select(installation.c.value).where(installation.c.name == name))
    ).scalar_one_or_none()


async def locked(tx: AsyncConnection, name: str, *, now: datetime) -> Any:
    """Return a fact, or an empty value, and lock it until this transaction ends."""
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
    """Commit a row: only a real write reveals a lock, a read-only file or server, or a full disk.

    Raises the database's error; for a lock on PostgreSQL, which locks single tables, after `seconds`.
    """
    async with db.begin() as tx:
        if not db.is_sqlite:
            await db.wait_less(tx, seconds)
            await tx.execute(_WRITTEN)
        row = insert_into(tx, installation).values(name=_TRIED, value="", changed_at=now)
        await tx.execute(row.on_conflict_do_update(index_elements=["name"], set_={"changed_at": now}))


async def cut_over(tx: AsyncConnection, mode: Mode, *, now: datetime) -> None:
    """Record when enforce was first switched on; orders placed earlier are never acted on automatically."""
    if mode is Mode.ENFORCE and await get(tx, ENFORCE_SINCE) is None:
        await put(tx, ENFORCE_SINCE, now.isoformat(), now=now)


async def read_cut_over(connection: AsyncConnection, mode: Mode) -> CutOver:
    """Return the cut-over, to decide for many orders."""
    return _cut_over((await connection.execute(sa.select(*DEPENDED_ON))).one(), mode)


def _value(name: str) -> sa.ScalarSelect[Any]:
    return sa.select(installation.c.value).where(installation.c.name == name).scalar_subquery()


#: What `known` is made of, as columns of any query.
DEPENDED_ON: Final = (
    _value(ENFORCE_SINCE).label("enforce_since"),
    _value(ORDERS_SEEN).label("orders_seen"),
    _value(GATE_ASKED).label("gate_asked"),
    _value(OFFSET).label("panel_offset"),
)


def _cut_over(found: Any, mode: Mode) -> CutOver:
    since, seen = found.enforce_since, found.orders_seen
    return CutOver(
        mode=mode,
        since=datetime.fromisoformat(since) if since is not None else None,
        floor=int(seen["floor"]) if seen else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What decisions about an order depend on: the cut-over, the panel's zone, and whether the gate ever asked."""

    cut_over: CutOver
    zone: tzinfo
    gate_asked: bool


def known(found: Any, settings: Settings) -> Known:
    """Return what decisions about an order depend on, from a row with the columns `DEPENDED_ON`."""
    return Known(
        cut_over=_cut_over(found, settings.mode),
        zone=settings.zone or zone_of(found.panel_offset),
        gate_asked=bool(found.gate_asked),
    )


def zone_of(minutes: Any) -> tzinfo:
    """Return the zone with this offset; UTC until it is known."""
    return timezone(timedelta(minutes=minutes)) if isinstance(minutes, int) else UTC


async def is_paused(connection: AsyncConnection) -> bool:
    """True if all panel calls are paused."""
    return bool(await get(connection, PAUSED))
