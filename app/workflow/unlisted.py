"""Orders that the panel does not list: deleted, not visible yet, or never there."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Final

from app.context import Context
from app.core.consequences import panel
from app.core.consequences.timers import look_again
from app.core.states import OrderState
from app.messaging.inbox import Event, GiveUp, Postpone
from app.orders.order import LockedOrder, open_order
from app.workflow.actors import who
from app.workflow.changing import change

#: Seconds to wait before reading an order again that the panel does not list: five attempts in ten minutes.
NOT_LISTED_DELAYS: Final = (15, 60, 180, 345)


async def not_listed(context: Context, locked: LockedOrder | None, event: Event) -> None:
    """Handle an order that the panel does not list: deleted if we knew it, else maybe not visible yet."""
    known = locked is not None and locked.order.last_read_at is not None
    reported = event.data.get("to") == "deleted"
    if locked is not None and known and not reported and locked.order.state is not OrderState.CLOSED:
        if event.urgent:
            await change(context, locked, partial(look_again, seconds=NOT_LISTED_DELAYS[0]))
            return
        if event.attempts == 1:  # no event reported a deletion: the list may lack it for a moment
            delay = timedelta(seconds=NOT_LISTED_DELAYS[0])
            raise Postpone("the panel does not list this order any more", delay=delay, counted=True)
    if locked is not None and (known or reported):
        await change(context, locked, partial(panel.delete, actor=who(event, "deleted")))
        return
    if event.urgent or reported:
        return  # the order is not ours, or was deleted before we ever saw it
    if event.attempts <= len(NOT_LISTED_DELAYS):
        delay = timedelta(seconds=NOT_LISTED_DELAYS[event.attempts - 1])
        raise Postpone("the panel does not list this order yet", delay=delay, counted=True)
    raise GiveUp("order-not-found", "the panel does not list this order")


async def mark_unknown(context: Context, order_id: int, now: datetime) -> None:
    """Keep an order visible that the panel never listed: received, flagged, without a decision."""
    async with context.db.begin() as tx:
        locked = await open_order(context, tx, order_id, now=now, create=True)
        if locked is not None:
            await change(context, locked, panel.mark_unknown)
