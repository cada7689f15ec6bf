"""Working out which amounts are large here, from the first orders that were accepted."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from app.context import Context
from app.installation import facts as installation
from app.policies import large_orders

#: How often a round is due.
EVERY: Final = timedelta(hours=6)


async def round(context: Context) -> None:  # one round of counting, as `sweeps.round` is one of sweeping
    """Count, and store the result for all judgements."""
    now = context.clock()
    async with context.db.read() as connection:
        counted = await large_orders.count(connection, now=now)
    async with context.db.begin() as tx:
        await installation.put(tx, large_orders.COUNTED, counted, now=now)
