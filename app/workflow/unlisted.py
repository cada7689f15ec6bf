"""Orders that the panel does not list: deleted, not visible yet, or never there."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from app.context import Context
from app.core.records import PANEL
from app.core.states import Flag, OrderState
from app.messaging.inbox import Event, GiveUp, Postpone
from app.orders.order import OrderDraft, open_order
from app.orders.timers import look_again
from app.workflow import panel_changes
from app.workflow.actors import who

#: Seconds to wait before reading an order again that the panel does not list: five attempts in ten minutes.
NOT_LISTED_DELAYS: Final = (15, 60, 180, 345)


async def not_listed(draft: OrderDraft | None, event: Event) -> None:
    """Handle an order that the panel does not list: deleted if we knew it, else maybe not visible yet."""
    known = draft is not None and draft.before.last_read_at is not None
    reported = event.data.get("to") == "deleted"
    if draft is not None and known and not reported and draft.state is not OrderState.CLOSED:
        if event.urgent:
            await look_again(draft, seconds=NOT_LISTED_DELAYS[0])
            return
        if event.attempts == 1:  # no event reported a deletion: the list may lack it for a moment
            delay = timedelta(seconds=NOT_LISTED_DELAYS[0])
            raise Postpone("the panel does not list this order any more", delay=delay, counted=True)
    if draft is not None and (known or reported):
        await panel_changes.deleted(draft, who(event, "deleted"))
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
        draft = await open_order(tx, order_id, mode=context.settings.mode, now=now, create=True)
        if draft is not None and draft.flag(Flag.UNKNOWN_TO_PANEL):
            draft.say("the panel does not list this order", by=PANEL)
            await draft.save()
