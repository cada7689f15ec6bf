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
from app.core.records import CallState
from app.core.states import FeeState
from app.paging import Page
from app.tables.inbox import EventState
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
    description=(
        "Breaches of a hold come first, then customers' answers, then dead panel calls and reviews by due time, "
        "then refunds, and last the fee holds and questions, which wait for the customer. One row for each order."
    ),
)
async def list_waiting(context: ContextDep, window: WindowDep) -> Response:
    return await read(context, lambda connection: list_queue(connection, context.settings, window))


@fees.get("", response_model=Page[FeeView], summary="List fees, newest first")
async def list_all_fees(
    context: ContextDep,
    window: WindowDep,
    state: Annotated[FeeState | Absent, Query(description="Their state.")] = None,
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
    description=(
        "For a dead call, with new attempts, or a waiting one. Its effect is looked up in the panel first, so it "
        "never happens twice."
    ),
)
async def retry_call(change: ChangeDep, call_id: CallId) -> Response:
    async def effect(tx: AsyncConnection) -> CallView:
        return await operations.retry_call(tx, change.context, call_id, by=change.by, now=change.now)

    return await change.run(effect)


@calls.post(
    "/{call_id}/abandon",
    response_model=CallView,
    responses=problems.declare(*problems.CHANGING),
    summary="Abandon a call",
    description=(
        "If the outcome is unknown, Doorman stops checking whether it took effect; this is recorded. Refused "
        "with 409 while it may still take effect (`DOORMAN_PANEL_SETTLE_SECONDS`); the answer says until when."
    ),
)
async def abandon_call(change: ChangeDep, call_id: CallId) -> Response:
    async def effect(tx: AsyncConnection) -> CallView:
        return await operations.abandon_call(tx, call_id, by=change.by, now=change.now)

    return await change.run(effect)


@events.get(
    "",
    response_model=Page[EventView],
    summary="List events, newest first",
    description="Incoming webhooks and Doorman's own internal events. Their bodies are never shown.",
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
    description=(
        "A replay is safe: state is read from the panel, and effects never happen twice. An event that waits for "
        "its next attempt is handled now; one that is already due is refused with 409."
    ),
)
async def replay_event(change: ChangeDep, event_id: EventId) -> Response:
    async def effect(tx: AsyncConnection) -> EventView:
        return await operations.replay_event(tx, event_id, by=change.by, now=change.now)

    return await change.run(effect)


@ops.post(
    "/pause",
    response_model=Brake,
    responses=problems.declare(*problems.CHANGING),
    summary="Pause all calls to the panel",
    description="Events are still received and orders decided. Calls that are already being sent are not stopped.",
)
async def pause(change: ChangeDep) -> Response:
    return await change.run(lambda tx: operations.set_paused(tx, paused=True, by=change.by, now=change.now))


@ops.post(
    "/resume",
    response_model=Brake,
    responses=problems.declare(*problems.CHANGING),
    summary="Resume calls to the panel",
)
async def resume(change: ChangeDep) -> Response:
    return await change.run(lambda tx: operations.set_paused(tx, paused=False, by=change.by, now=change.now))
