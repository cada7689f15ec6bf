"""Settings that staff make on a customer by hand: the segment and the white-glove flag."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import NotFound
from app.tables.customers import customers


async def pin(tx: AsyncConnection, customer_id: int, changes: dict[str, Any]) -> None:
    """Set `pinned_segment` (None unpins it) or `white_glove`; decisions in progress read again. Raises NotFound."""
    values = {name: changes[name] for name in ("pinned_segment", "white_glove") if name in changes}
    changed = await tx.execute(
        customers.update()
        .where(customers.c.customer_id == customer_id)
        .values(**values, version=customers.c.version + 1)
    )
    if changed.rowcount == 0:
        raise NotFound(f"customer {customer_id} is unknown: no event about this customer has arrived yet")
