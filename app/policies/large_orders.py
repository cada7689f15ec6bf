"""Which amounts are large here, by currency: stored by a round of the worker (`app.upkeep.large_orders`)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.judgement.first_orders import DAYS, FirstOrders, summed_up
from app.installation import facts as installation
from app.policies.muting import ended_well, known_endings
from app.tables.customers import first_orders

#: The name under which the latest count is stored.
COUNTED: Final = "first_orders"
_CACHED_SECONDS: Final = 600.0


@dataclass(slots=True)
class LargeOrders:
    """The accepted first orders of each currency as stored, read every ten minutes."""

    known: Mapping[str, FirstOrders] = field(default_factory=dict)
    read_at: float = -_CACHED_SECONDS

    async def get(self, connection: AsyncConnection) -> Mapping[str, FirstOrders]:
        """Return the first orders by currency; empty until they were counted."""
        if time.monotonic() - self.read_at >= _CACHED_SECONDS:
            stored = await installation.get(connection, COUNTED) or {}
            self.known = {
                currency: FirstOrders(orders=one["orders"], percentiles=tuple(one["percentiles"]))
                for currency, one in stored.items()
            }
            self.read_at = time.monotonic()
        return self.known


async def count(connection: AsyncConnection, *, now: datetime) -> dict[str, dict[str, Any]]:
    """Return the percentiles of the first orders that ended well in the last year, as stored, by currency."""
    query = (
        sa.select(first_orders.c.currency, first_orders.c.amount_minor)
        .select_from(known_endings(first_orders, first_orders.c.order_id))
        .where(ended_well(DAYS, now=now))
    )
    amounts: dict[str, list[int]] = {}
    for row in await connection.execute(query):
        amounts.setdefault(row.currency, []).append(row.amount_minor)
    found = {currency: summed_up(some) for currency, some in sorted(amounts.items())}
    return {
        currency: {"orders": one.orders, "percentiles": list(one.percentiles)}
        for currency, one in found.items()
        if one is not None
    }
