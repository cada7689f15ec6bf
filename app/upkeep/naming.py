"""Names of customers whom no order has made us read: ticket writers, and all from before names were stored."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from app.context import Context
from app.customers import names
from app.panels.base import PanelUnavailable

#: How often a round is due.
EVERY: Final = timedelta(minutes=5)
#: At most this many customers are read in a round: a small part of the panel's rate.
AT_MOST: Final = 100


async def round(context: Context, *, at_most: int = AT_MOST) -> None:  # as `sweeps.round`
    """Read the names of some customers in the panel. Raises PanelUnavailable."""
    if context.panel is None:
        raise PanelUnavailable("no panel is configured")
    async with context.db.read() as connection:
        waiting = await names.unnamed(connection, at_most=at_most)
    for customer_id in waiting:
        customer = await context.panel.customer(customer_id)
        async with context.db.begin() as tx:
            digest = names.NOT_LISTED
            if customer is not None:
                digest = await names.remember(tx, customer_id, customer, known=names.NOT_LISTED)
            await names.mark(tx, customer_id, digest)
