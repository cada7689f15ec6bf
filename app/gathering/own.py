"""Our own rows of an order, as they are before a look at the panel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from app.context import Context
from app.core.consequences.unread import JUDGED_STATES
from app.core.facts import PlacedBy
from app.core.statuses import DECIDED
from app.panels.records import PanelOrder
from app.tables.inbox import events
from app.tables.orders import fees, orders, ticket_orders

_COLUMNS: Final = (
    orders.c.version, orders.c.state, orders.c.placed_by, orders.c.payment_state, orders.c.settled,
    orders.c.touched_by_person, orders.c.last_read_at, orders.c.unread_since, orders.c.decision_id,
    orders.c.read_digest, orders.c.panel_status, orders.c.staff_id, orders.c.provisioning, orders.c.flags,
    orders.c.read_event_id, orders.c.invoice_id, orders.c.outcome,
)  # fmt: skip
_ORDER_ID: Final = sa.bindparam("of_order", type_=sa.BigInteger)
_WITH_INVOICE: Final = sa.and_(fees.c.order_id == _ORDER_ID, fees.c.invoice_id.is_not(None))
#: One row, of our order if there is one; the newest event is the newest of all.
_OWN: Final = sa.select(
    sa.select(sa.func.max(events.c.id)).scalar_subquery().label("newest_event"),
    sa.exists().where(_WITH_INVOICE).label("has_fees"),
    sa.select(ticket_orders.c.ticket_id)
    .where(ticket_orders.c.order_id == _ORDER_ID, ticket_orders.c.kind == "asked")
    .limit(1).scalar_subquery().label("asking_ticket_id"),
    *_COLUMNS,
).select_from(
    sa.select(sa.literal(1).label("one")).subquery().outerjoin(orders, orders.c.order_id == _ORDER_ID)
)  # fmt: skip
_FEES: Final = (
    sa.select(fees.c.id, fees.c.state, fees.c.invoice_id)
    .where(_WITH_INVOICE)
    .order_by(fees.c.created_at.desc())
    .limit(10)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """Our own rows of an order; `newest_event` is the newest event of all, which a look that begins now has seen."""

    row: Any
    newest_event: int
    fees: tuple[Any, ...]
    asking_ticket_id: int | None

    @property
    def version(self) -> int | None:
        return None if self.row is None else self.row.version

    @property
    def placed_by(self) -> PlacedBy:
        return PlacedBy.UNKNOWN if self.row is None else PlacedBy(self.row.placed_by)

    @property
    def payment_state(self) -> str:
        return "" if self.row is None else self.row.payment_state

    def is_at_rest(self, order: PanelOrder) -> bool:
        """True if nothing is judged about the order any more, whatever its customer does."""
        row = self.row
        if row is None or row.last_read_at is None or row.unread_since is not None:
            return False
        return row.touched_by_person or row.state not in JUDGED_STATES or order.status in DECIDED

    def is_decided(self, context: Context) -> bool:
        """True if the order is judged again only if the panel shows something else of it.

        The ticket that asked for an order of staff, and answers of external services, may come later.
        """
        row = self.row
        if row is None or row.decision_id is None or row.unread_since is not None or row.read_digest is None:
            return False
        later = row.placed_by == PlacedBy.STAFF or (context.enrichment is not None and bool(context.enrichment.sources))
        return not later


async def own_rows(context: Context, order_id: int) -> Own:
    """Read our own rows of an order, whether there are any or not."""
    async with context.db.read() as connection:
        row = (await connection.execute(_OWN, {"of_order": order_id})).one()
        rows = (await connection.execute(_FEES, {"of_order": order_id})).all() if row.has_fees else ()
    known = row.version is not None
    return Own(
        row=row if known else None, newest_event=row.newest_event or 0, fees=tuple(rows),
        asking_ticket_id=row.asking_ticket_id if known else None,
    )  # fmt: skip
