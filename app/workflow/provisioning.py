"""After an accept, read an order's services back until they are active, or a person has to look.

The error in the panel's module queue is shown if our role may read it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.context import Context
from app.core.consequences.provisioning import BuildQuestion, Built, LineBuilt, conclude, not_found
from app.core.records import TimelineCode
from app.core.states import Flag, OrderState, Provisioning
from app.core.statuses import BUILT
from app.messaging import inbox
from app.messaging.inbox import Event, VersionMoved
from app.orders.order import open_order
from app.panels.base import PanelReader, PanelUnavailable
from app.panels.records import PanelLine, PanelOrder, PanelProduct, PanelQueueEntry, PanelService
from app.tables.inbox import EventState
from app.tables.orders import UNBUILT, orders, timeline
from app.workflow.changing import change
from app.workflow.mirror import items_of

_ONE_BY_ONE: Final = 3  # up to this many services are read by id; for more, the customer's whole list is read

_HOW_FAR: Final = sa.select(orders.c.version, orders.c.state, orders.c.provisioning).where(
    orders.c.order_id == sa.bindparam("of_order")
)
_SAID: Final = (
    sa.select(timeline.c.what)
    .where(timeline.c.order_id == sa.bindparam("of_order"), timeline.c.code == TimelineCode.NOT_BUILT.value)
    .order_by(timeline.c.id.desc())
    .limit(1)
)

Queue = Mapping[tuple[str, int], PanelQueueEntry]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the panel shows of an order's provisioning; `queue` is None if our role may not read it."""

    version: int  # of our own row, before the reads
    order: PanelOrder
    services: Mapping[int, PanelService]
    modules: Mapping[int, str]  # product id → module
    queue: Queue | None


async def check(context: Context, event: Event, order_id: int) -> None:
    """Read the order's services back and report what is not built. Raises PanelUnavailable and VersionMoved."""
    now = context.clock()
    seen = await _see(context, order_id)
    async with context.db.begin() as tx:
        locked = await open_order(context, tx, order_id, now=now)
        result = "nothing-to-check"
        question = BuildQuestion.of(event.data)
        if seen is not None and locked is not None:
            if locked.order.version != seen.version:
                raise VersionMoved
            built = _built(seen, await _said(tx, order_id) if seen.services else None)
            result = await change(context, locked, partial(conclude, built=built, question=question))
        elif locked is not None and question.is_first and _is_unbuilt(locked.order):
            await change(context, locked, not_found)
        await inbox.finish(tx, event, state=EventState.PROCESSED, result=result, now=now)
    context.wake()


def _is_unbuilt(order: Any) -> bool:
    """True if there may be something to check: released, and not known to be built."""
    return bool(order.state == OrderState.RELEASED and order.provisioning != Provisioning.DONE)


async def _see(context: Context, order_id: int) -> Seen | None:
    """Read with no transaction open; None if there is nothing to check: not released, or built."""
    async with context.db.read() as connection:
        row = (await connection.execute(_HOW_FAR, {"of_order": order_id})).first()
    if row is None or not _is_unbuilt(row):
        return None
    panel = context.panel
    if panel is None:
        raise PanelUnavailable("no panel is configured")
    order = await panel.order(order_id)
    if order is None or order.customer_id is None:
        return None
    if order.lines and all(line.status in BUILT for line in order.lines):
        return Seen(version=row.version, order=order, services={}, modules={}, queue={})  # no more has to be read
    services = await _services(panel, order)
    return Seen(
        version=row.version,
        order=order,
        services={service.service_id: service for service in services},
        modules=_modules(await context.catalogue.get(panel, urgent=False)),
        queue=await _queue(context),
    )


async def _services(panel: PanelReader, order: PanelOrder) -> list[PanelService]:
    wanted = {line.relid for line in order.lines if line.kind == "product" and line.relid}
    if len(wanted) > _ONE_BY_ONE:
        found = [await panel.services(customer_id=order.customer_id)]
    else:
        found = [await panel.services(service_id=one) for one in sorted(wanted)]
    return [service for group in found for service in group if service.service_id in wanted]


def _modules(catalogue: Sequence[PanelProduct]) -> dict[int, str]:
    return {product.product_id: product.module for product in catalogue}


async def _queue(context: Context) -> Queue | None:
    """Return the newest entry of each service, addon and domain; None if our role may not read them."""
    if context.panel is None:
        return None
    try:
        entries = await context.panel.module_queue()
    except PanelUnavailable as error:
        if not error.alarm:
            raise
        return None
    return {(entry.kind, entry.relid): entry for entry in sorted(entries, key=lambda entry: entry.entry_id)}


def _built(seen: Seen, said: str | None) -> Built:
    """Return what the panel shows, in the core's words."""
    lines = tuple(_line(line, seen) for line in seen.order.lines)
    items = items_of(seen.order, {one: service.status for one, service in seen.services.items()})
    return Built(status=seen.order.status, items=items, lines=lines, queue_readable=seen.queue is not None, said=said)


def _line(line: PanelLine, seen: Seen) -> LineBuilt:
    product = line.kind == "product"
    service = seen.services.get(line.relid or 0) if product else None
    entry = (seen.queue or {}).get(("service" if product else line.kind, line.relid or 0))
    return LineBuilt(
        kind=line.kind,
        relid=line.relid,
        name=line.product or line.domain,
        status=service.status if service is not None else line.status,
        module="" if service is None else seen.modules.get(service.product_id or 0, ""),
        queued=None if entry is None else entry.error,
    )


async def _said(tx: AsyncConnection, order_id: int) -> str | None:
    """Return the newest line of the timeline that says what was not built."""
    said: str | None = await tx.scalar(_SAID, {"of_order": order_id})
    return said


# --- showing it ---------------------------------------------------------------------------------------------------


def unbuilt_orders() -> sa.ColumnElement[bool]:
    """Return the condition for released orders that were not built: they wait for a person.

    Most orders are released, so the query must not use an index on the state.
    """
    released = sa.func.coalesce(orders.c.state, "") == OrderState.RELEASED
    flagged = sa.cast(orders.c.flags, sa.Text).like(f'%"{Flag.PROVISIONING_FAILED.value}"%')
    return sa.and_(sa.text(UNBUILT), released, flagged)


async def count_failed(connection: AsyncConnection, *, at_most: int) -> int:
    """Return how many released orders were not built, counting up to `at_most`."""
    some = sa.select(sa.literal(1)).select_from(orders).where(unbuilt_orders()).limit(at_most).subquery()
    return int(await connection.scalar(sa.select(sa.func.count()).select_from(some)) or 0)
