"""Actions of ops staff on panel calls, events and the brake."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.views.lists import get_call, get_event
from app.api.views.records import CallView, EventView
from app.context import Context
from app.core.actions import Action
from app.core.records import CallState, Mode
from app.errors import NotFound, ShadowMode, WrongState
from app.installation import facts as installation
from app.messaging import inbox, outbox
from app.messaging.outbox import CallNotFound, WrongCallState

log = structlog.get_logger()

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brake:
    """Whether panel calls are sent."""

    paused: bool


async def retry_call(tx: AsyncConnection, context: Context, call_id: uuid.UUID, *, by: str, now: datetime) -> CallView:
    """Try a call again now. Raises NotFound, WrongState, ShadowMode."""
    call = await get_call(tx, call_id)
    if context.settings.mode is Mode.SHADOW:
        raise ShadowMode(f"nothing was done in shadow mode; in enforce mode, {call.action} would be tried again")
    if call.action == Action.ACCEPT_ORDER and call.state == CallState.DEAD:
        raise WrongState(
            f"the order has been held since then: approve it instead (POST /v1/orders/{call.order_id}/approve)"
        )
    try:
        await outbox.retry(tx, call_id, now)
    except CallNotFound:
        raise NotFound(f"there is no panel call {call_id}") from None
    except WrongCallState as error:
        raise WrongState(f"the call is {error.state}, or a newer call replaces it; it can't be tried again") from None
    log.info("panel_call.retried", call_id=str(call_id), by=by)
    return await get_call(tx, call_id)


async def abandon_call(tx: AsyncConnection, call_id: uuid.UUID, *, by: str, now: datetime) -> CallView:
    """Give up a call. Raises NotFound, and WrongState if it is done, being sent, or may still take effect."""
    try:
        await outbox.abandon(tx, call_id, now)
    except CallNotFound:
        raise NotFound(f"there is no panel call {call_id}") from None
    except WrongCallState as error:
        if error.until is not None:
            until = f"{error.until.astimezone(UTC) + _SECOND:%Y-%m-%d %H:%M:%S} UTC"
            raise WrongState(f"it may still take effect, so a new call could repeat it: wait until {until}") from None
        raise WrongState(f"the call is {error.state}; only pending, unknown and dead calls can be abandoned") from None
    log.info("panel_call.abandoned", call_id=str(call_id), by=by)
    return await get_call(tx, call_id)


async def replay_event(tx: AsyncConnection, event_id: int, *, by: str, now: datetime) -> EventView:
    """Handle an event again, or now. Raises NotFound, and WrongState if it is already due."""
    event = await get_event(tx, event_id)
    if not await inbox.replay(tx, event_id, now):
        raise WrongState(f"the event is {event.state} and already due")
    log.info("event.replayed", event_id=event_id, by=by)
    return await get_event(tx, event_id)


async def set_paused(tx: AsyncConnection, *, paused: bool, by: str, now: datetime) -> Brake:
    """Pull or release the brake."""
    await installation.put(tx, installation.PAUSED, paused, now=now)
    log.warning("ops.paused" if paused else "ops.resumed", by=by)
    return Brake(paused=paused)
