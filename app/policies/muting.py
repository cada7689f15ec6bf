"""Mute risk signals that fire on so many orders that they carry no information at this provider."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.policy.document import Policy
from app.core.policy.sections.judging import Muting
from app.db import Database
from app.policies import versions
from app.tables.customers import order_sightings, signal_firings

_MUTED_SECONDS = 600.0
#: How often (seconds) the worker counts ahead.
REFRESHED_SECONDS = 240.0


@dataclass(slots=True)
class MutedCache:
    """Risk signals that fire on too many orders, recounted every ten minutes and when the policy's rules change.

    With a long history counting takes a while, so the worker does it ahead (`refresh`) and not in a transaction that
    keeps others from writing.
    """

    codes: tuple[str, ...] = ()
    rules: Muting | None = None
    read_at: float = -_MUTED_SECONDS

    async def get(self, connection: AsyncConnection, policy: Policy, *, now: datetime) -> tuple[str, ...]:
        """Return the muted codes: fired on more than the policy's share of its recent orders (`muting`)."""
        if policy.muting != self.rules or time.monotonic() - self.read_at >= _MUTED_SECONDS:
            await self._count(connection, policy.muting, now=now)
        return self.codes

    async def refresh(self, db: Database, *, now: datetime) -> None:
        """Count again, by the policy in force. Raises what `versions.active` does."""
        async with db.read() as connection:
            await self._count(connection, (await versions.active(connection)).policy.muting, now=now)

    async def _count(self, connection: AsyncConnection, rules: Muting, *, now: datetime) -> None:
        self.codes = await _muted(connection, rules, now=now)
        self.rules, self.read_at = rules, time.monotonic()


async def _muted(connection: AsyncConnection, rules: Muting, *, now: datetime) -> tuple[str, ...]:
    since = now - timedelta(days=rules.days)
    total = (
        await connection.execute(
            sa.select(sa.func.count()).select_from(order_sightings).where(order_sightings.c.placed_at > since)
        )
    ).scalar_one()
    if total < rules.min_orders:
        return ()
    rows = await connection.execute(
        sa.select(signal_firings.c.code)
        .where(signal_firings.c.placed_at > since)
        .group_by(signal_firings.c.code)
        .having(sa.func.count() * 100 > rules.share_percent * total)
        .order_by(signal_firings.c.code)
    )
    return tuple(row.code for row in rows)
