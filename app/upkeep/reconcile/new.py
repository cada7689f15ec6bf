"""Orders that we never received: lost webhooks, orders entered in the admin area or by API.

The panel has no date filter, so a cursor stores the highest order id that was seen. Orders below the one at which this
installation started are the past and are left alone: on a real panel thousands of old orders are still Pending.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.context import Context
from app.installation import facts as installation
from app.messaging import inbox
from app.panels.records import PanelOrder
from app.tables.inbox import EventSource, events
from app.tables.orders import orders
from app.upkeep.reconcile.differences import ComparablePanel, Difference, What

CURSOR: Final = installation.ORDERS_SEEN
#: Orders read at a time, lowest ids first; the rest is left to the next round.
AT_ONCE: Final = 1_000
#: This many ids below the cursor are read again: an order can show up after one with a higher id. With fewer than a
#: page holds, one call is enough while few orders come.
_OVERLAP: Final = 50
_IDS_IN_A_QUERY: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Orders up to `floor` are the past; orders up to `seen` were checked."""

    floor: int
    seen: int
    stored: bool  # False: the first look of this installation

    @property
    def above(self) -> int:
        """Return the id above which the panel is asked for orders."""
        return max(self.floor, self.seen - _OVERLAP)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrders:
    """What one read of the newest orders found; `complete` is false if there are more."""

    cursor: Cursor
    listed: tuple[PanelOrder, ...]
    missed: tuple[PanelOrder, ...]
    complete: bool

    def differences(self) -> tuple[Difference, ...]:
        """Return them as differences, in words for staff."""
        return tuple(
            Difference(
                what=What.MISSED, order_id=order.order_id, ours="nothing",
                panel=f"{order.status}, placed {_when(order.placed_at)}",
                remedy="the order is read and judged like any other",
            )
            for order in self.missed
        )  # fmt: skip


def _when(moment: datetime | None) -> str:
    return "at a time that can't be read" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"


async def read_new(context: Context, panel: ComparablePanel, *, after: Cursor | None = None) -> NewOrders:
    """Read the orders above the cursor (or `after`) and return those we never received; writes nothing.

    Raises PanelUnavailable.
    """
    cursor = after or await _cursor(context) or await _first(context, panel)
    listed = await panel.orders_above(cursor.above, limit=AT_ONCE)
    async with context.db.read() as connection:
        known = await _known(connection, [order.order_id for order in listed])
    return NewOrders(
        cursor=cursor,
        listed=listed,
        missed=tuple(order for order in listed if order.order_id not in known),
        complete=len(listed) < AT_ONCE,
    )


def moved(new: NewOrders) -> Cursor:
    """Return the cursor after what was read."""
    seen = max((order.order_id for order in new.listed), default=new.cursor.seen)
    return Cursor(floor=new.cursor.floor, seen=max(seen, new.cursor.seen), stored=True)


async def feed_new(context: Context, new: NewOrders) -> int:
    """Add an event for each order that we never received and move the cursor, in one transaction; return how many.

    Each event has a unique name, so that two processes doing this at the same time add it once.
    """
    now = context.clock()
    async with context.db.begin() as tx:
        stored = await installation.locked(tx, CURSOR, now=now)
        known = await _known(tx, [order.order_id for order in new.missed])
        added = [await _feed(tx, order, now=now) for order in new.missed if order.order_id not in known]
        cursor = moved(new)
        seen = max(cursor.seen, int(stored["seen"])) if stored else cursor.seen
        floor = int(stored["floor"]) if stored else cursor.floor
        if not stored or seen != stored["seen"]:
            await installation.put(tx, CURSOR, {"floor": floor, "seen": seen}, now=now)
    if any(added):
        context.wake()
    return sum(added)


async def _feed(tx: AsyncConnection, order: PanelOrder, *, now: datetime) -> bool:
    data: dict[str, Any] = {"order_id": order.order_id}
    if order.customer_id is not None:
        data["customer_id"] = order.customer_id
    return await inbox.add_internal(
        tx, type="order.created", data=data, now=now,
        name=f"reconcile:order:{order.order_id}", source=EventSource.RECONCILE,
    )  # fmt: skip


async def _cursor(context: Context) -> Cursor | None:
    async with context.db.read() as connection:
        stored = await installation.get(connection, CURSOR)
    return Cursor(floor=int(stored["floor"]), seen=int(stored["seen"]), stored=True) if stored else None


async def _first(context: Context, panel: ComparablePanel) -> Cursor:
    """Start at the cut-over, or now if nothing has been acted on yet."""
    async with context.db.read() as connection:
        since = await installation.get(connection, installation.ENFORCE_SINCE)
    moment = datetime.fromisoformat(since) if since else context.clock()
    last = await panel.last_placed_before(moment)
    return Cursor(floor=last, seen=last, stored=False)


async def _known(connection: AsyncConnection, ids: Collection[int]) -> set[int]:
    """Return the ids with a row or an event of ours; a question of the gate does not count."""
    known: set[int] = set()
    listed = sorted(ids)
    for start in range(0, len(listed), _IDS_IN_A_QUERY):
        some = listed[start : start + _IDS_IN_A_QUERY]
        received = sa.select(events.c.order_id).where(events.c.order_id.in_(some), events.c.type != "gate.asked")
        query = sa.union(sa.select(orders.c.order_id).where(orders.c.order_id.in_(some)), received)
        known.update((await connection.execute(query)).scalars())
    return known
