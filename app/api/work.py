"""The queue, fees, panel calls, events and the brake: what ops staff work with apart from orders."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import Path, Query, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api import operations, problems
from app.api.auth import OPS, PANEL
from app.api.fields import Absent, CustomerFilter, EventId
from app.api.operations import Brake
from app.api.serving import ChangeDep, ContextDep, WindowDep, read, router
from app.api.views.lists import list_calls, list_events, list_fees
from app.api.views.records import CallView, EventView, FeeView
from app.core.states import FeeState
from app.paging import Page
from app.tables.inbox import EventState
from app.tables.outbox import CallState
from app.workflow.queue import QueueRow, list_queue

queue = router("/queue", "queue", PANEL)
fees = router("/fees", "fees", OPS)
calls = router("/panel-calls", "panel calls", OPS)
events = router("/events", "events", OPS)
ops = router("/ops", "ops", OPS)

CallId = Annotated[uuid.UUID, Path(description="The panel call's id.")]


@queue.get(
    "",
    response_model=Page[QueueRow],
    summary="List what waits for a person, most urgent first",
    description="Breaches of a hold, then answers of customers, then dead panel calls and reviews by their clock, then "
    "refunds, and last the fee holds and the questions, which wait for the customer. One row for each order.",
)
async def list_waiting(context: ContextDep, window: WindowDep) -> Response:
    return await read(context, lambda connection: list_queue(connection, context.settings, window))


@fees.get("", response_model=Page[FeeView], summary="List fees, newest first")
async def list_all_fees(
    context: ContextDep,
    window: WindowDep,
    state: Annotated[FeeState | Absent, Query(description="How far they are.")] = None,
    customer_id: CustomerFilter = None,
) -> Response:
    return await read(context, lambda connection: list_fees(connection, window, state=state, customer_id=customer_id))


@calls.get(
    "",
    response_model=Page[CallView],
    summary="List panel calls, newest first",
    description="Calls that change something in the panel, kept until their outcome is known.",
)
async def list_all_calls(
    context: ContextDep,
    window: WindowDep,
    state: Annotated[CallState | Absent, Query(description="`dead` ones wait for a person.")] = None,
) -> Response:
    return await read(context, lambda connection: list_calls(connection, window, state=state))


@calls.post(
    "/{call_id}/retry",
    response_model=CallView,
    responses=problems.declare(*problems.ACTING),
    summary="Try a call again now",
    description="A dead one with all its attempts, or one that waits. It is looked up in the panel first, so that it "
    "never takes effect twice.",
)
async def retry_call(change: ChangeDep, call_id: CallId) -> Response:
    async def effect(tx: AsyncConnection) -> CallView:
        return await operations.retry_call(tx, change.context, call_id, by=change.by, now=change.now)

    return await change.run(effect)


@calls.post(
    "/{call_id}/abandon",
    response_model=CallView,
    responses=problems.declare(*problems.CHANGING),
    summary="Give a call up",
    description="Of one whose outcome is unknown nobody asks any more whether it took effect; that is recorded. "
    "Refused with 409 while it may still take effect (`DOORMAN_PANEL_SETTLE_SECONDS`); the answer says until when.",
)
async def abandon_call(change: ChangeDep, call_id: CallId) -> Response:
    async def effect(tx: AsyncConnection) -> CallView:
        return await operations.abandon_call(tx, call_id, by=change.by, now=change.now)

    return await change.run(effect)


@events.get(
    "",
    response_model=Page[EventView],
    summary="List events, newest first",
    description="Webhooks that came in and events that we set for ourselves. Their bodies are never shown.",
)
async def list_all_events(
    context: ContextDep,
    window: WindowDep,
    state: Annotated[EventState | Absent, Query(description="`failed` ones can be replayed.")] = None,
) -> Response:
    return await read(context, lambda connection: list_events(connection, window, state=state))


@events.post(
    "/{event_id}/replay",
    response_model=EventView,
    responses=problems.declare(*problems.CHANGING),
    summary="Handle an event again",
    description="State is read from the panel and effects are unique by what they want, so a replay does no harm. "
    "One that waits for its next attempt is handled now; one that is due already is refused with 409.",
)
async def replay_event(change: ChangeDep, event_id: EventId) -> Response:
    async def effect(tx: AsyncConnection) -> EventView:
        return await operations.replay_event(tx, event_id, by=change.by, now=change.now)

    return await change.run(effect)


@ops.post(
    "/pause",
    response_model=Brake,
    responses=problems.declare(*problems.CHANGING),
    summary="Pause: nothing goes out to the panel",
    description="Everything is still received and decided. Calls that are on the wire already are not called back.",
)
async def pause(change: ChangeDep) -> Response:
    return await change.run(lambda tx: operations.set_paused(tx, paused=True, by=change.by, now=change.now))


@ops.post(
    "/resume",
    response_model=Brake,
    responses=problems.declare(*problems.CHANGING),
    summary="Resume: what waited goes out",
)
async def resume(change: ChangeDep) -> Response:
    return await change.run(lambda tx: operations.set_paused(tx, paused=False, by=change.by, now=change.now))
