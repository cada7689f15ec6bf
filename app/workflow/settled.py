"""Follow up a panel call whose outcome is known: the event ``panel_call.settled``."""

from __future__ import annotations

import uuid
from datetime import datetime
from functools import partial

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.context import Context
from app.core.actions import Action
from app.core.consequences.news import CallEnded
from app.core.consequences.settling import settle
from app.core.records import CallState
from app.installation import alerts
from app.messaging import inbox, outbox
from app.messaging.inbox import Event
from app.messaging.outbox import Call
from app.orders.order import open_order
from app.tables.customers import CreditState, credits
from app.tables.inbox import EventState, WaitsFor, events
from app.workflow.apply import apply
from app.workflow.changing import planned


async def settled(context: Context, event: Event) -> None:
    """Follow up one settled call, in one transaction with the event."""
    now = context.clock()
    async with context.db.begin() as tx:
        call = await _call_of(tx, event)
        result = "no-such-call"
        if call is not None:
            result = f"{call.action}-{call.state}"
            if call.action == Action.ADD_CREDIT:
                await _credit_settled(tx, call)
            if call.order_id is not None:
                await _for_order(context, tx, call, call.order_id, now)
            if call.state is CallState.DEAD:
                await alerts.tell_dead_call(tx, call, event_id=event.id, now=now)
        await inbox.finish(tx, event, state=EventState.PROCESSED, result=result[:64], now=now)
    context.wake()


async def _call_of(tx: AsyncConnection, event: Event) -> Call | None:
    try:
        call_id = uuid.UUID(str(event.data.get("call_id")))
    except ValueError:
        return None
    return await outbox.get(tx, call_id)


async def _credit_settled(tx: AsyncConnection, call: Call) -> None:
    states = {CallState.DONE: CreditState.DONE, CallState.DEAD: CreditState.DEAD, CallState.CANCELLED: CreditState.DEAD}
    if call.state in states:
        await tx.execute(
            credits.update().where(credits.c.panel_call_id == call.id).values(state=states[call.state].value)
        )


async def _for_order(context: Context, tx: AsyncConnection, call: Call, order_id: int, now: datetime) -> None:
    locked = await open_order(context, tx, order_id, now=now)
    if locked is None:
        return
    ended = CallEnded(
        id=call.id, key=call.key, action=Action(call.action), state=call.state, cause=call.cause, params=call.params,
        result=call.result or {}, last_error=call.last_error, uncertain=call.uncertain,
        event_waits=call.state is not CallState.DONE and await _event_waits(tx, order_id),
    )  # fmt: skip
    plan = await planned(locked, partial(settle, ended))
    await apply(locked, plan, panel_url=context.settings.panel_url)


async def _event_waits(tx: AsyncConnection, order_id: int) -> bool:
    """True if an event about the order waits for a call to end: it will move the order."""
    waiting = sa.select(events.c.id).where(
        events.c.order_id == order_id, events.c.state == EventState.RECEIVED, events.c.waits_for == WaitsFor.CALL
    )
    return (await tx.execute(waiting.limit(1))).first() is not None
