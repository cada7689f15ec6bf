"""The lists and look-ups of the API, page by page through the indexes."""

from __future__ import annotations

import asyncio
import uuid
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.views.customers import CustomerView, ScoresAnswer, ScoreView, customer_view, score_view
from app.api.views.records import (
    CallView,
    CreditView,
    EventView,
    FeeView,
    RunnerUpView,
    TicketView,
    credit_view,
    fee_view,
)
from app.core.records import CallState
from app.core.states import FeeState
from app.customers import counts as customer_service
from app.errors import NotFound
from app.paging import Page, SortOrder, Window, read_page, read_page_by_state
from app.tables.customers import credits as credits_table
from app.tables.customers import customers
from app.tables.inbox import EventState, events
from app.tables.orders import fees, ticket_texts, tickets
from app.tables.outbox import panel_calls
from app.tickets import records

_MONTH = timedelta(days=30)
_AT_A_TIME = 100  # scores in a batch, between which other tasks run


async def list_fees(
    connection: AsyncConnection, window: Window, *, state: FeeState | None, customer_id: int | None
) -> Page[FeeView]:
    """Return fees, newest first."""
    order = SortOrder(columns=(fees.c.created_at, fees.c.id), kinds=(datetime, uuid.UUID))
    if customer_id is not None:
        query = sa.select(fees).where(fees.c.customer_id == customer_id)
        query = query if state is None else query.where(fees.c.state == state)
        rows, cursor = await read_page(connection, query, order, window)
    else:
        states = list(FeeState) if state is None else [state]
        rows, cursor = await read_page_by_state(connection, fees, states, order, window)
    return Page(items=tuple(fee_view(row) for row in rows), next_cursor=cursor)


async def list_calls(connection: AsyncConnection, window: Window, *, state: CallState | None) -> Page[CallView]:
    """Return panel calls, newest first."""
    order = SortOrder(columns=(panel_calls.c.seq, panel_calls.c.id), kinds=(int, uuid.UUID))
    states = list(CallState) if state is None else [state]
    rows, cursor = await read_page_by_state(connection, panel_calls, states, order, window)
    return Page(items=tuple(CallView.model_validate(row) for row in rows), next_cursor=cursor)


async def get_call(connection: AsyncConnection, call_id: uuid.UUID) -> CallView:
    """Return one panel call. Raises NotFound."""
    row = (await connection.execute(sa.select(panel_calls).where(panel_calls.c.id == call_id))).first()
    if row is None:
        raise NotFound(f"there is no panel call {call_id}")
    return CallView.model_validate(row)


_EVENT = tuple(column for column in events.c if column.name != "body")


async def list_events(connection: AsyncConnection, window: Window, *, state: EventState | None) -> Page[EventView]:
    """Return events, newest first, without their bodies."""
    query = sa.select(*_EVENT)
    if state is not None:
        query = query.where(events.c.state == state)
    rows, cursor = await read_page(connection, query, SortOrder(columns=(events.c.id,), kinds=(int,)), window)
    return Page(items=tuple(EventView.model_validate(row) for row in rows), next_cursor=cursor)


async def get_event(connection: AsyncConnection, event_id: int) -> EventView:
    """Return one event. Raises NotFound."""
    row = (await connection.execute(sa.select(*_EVENT).where(events.c.id == event_id))).first()
    if row is None:
        raise NotFound(f"there is no event {event_id}")
    return EventView.model_validate(row)


# --- customers ----------------------------------------------------------------------------------------------------


async def get_customer(connection: AsyncConnection, customer_id: int, *, now: datetime) -> CustomerView:
    """Return one customer. Raises NotFound."""
    row, scored = await _scored(connection, customer_id, now=now)
    return customer_view(row, scored, now=now)


async def get_score(connection: AsyncConnection, customer_id: int, *, now: datetime) -> ScoreView:
    """Return one customer's score. Raises NotFound."""
    row, scored = await _scored(connection, customer_id, now=now)
    return score_view(row, scored, now=now)


async def _scored(connection: AsyncConnection, customer_id: int, *, now: datetime) -> tuple[Any, Any]:
    found = await customer_service.scores(connection, [customer_id], now=now)
    if customer_id not in found:
        raise NotFound(f"no customer {customer_id} is known; no event about them has arrived yet")
    return found[customer_id]


async def get_scores(connection: AsyncConnection, customer_ids: list[int], *, now: datetime) -> ScoresAnswer:
    """Return the scores of many customers, in the order asked for, and the ids that are unknown."""
    asked = list(dict.fromkeys(customer_ids))
    found = await customer_service.scores(connection, asked, now=now)
    known = []
    for one in asked:
        if one in found:
            known.append(score_view(*found[one], now=now))
            if len(known) % _AT_A_TIME == 0:
                await asyncio.sleep(0)
    return ScoresAnswer(items=tuple(known), unknown=tuple(one for one in asked if one not in found))


async def list_credits(connection: AsyncConnection, window: Window, *, customer_id: int) -> Page[CreditView]:
    """Return a customer's credits, newest first. Raises NotFound."""
    known = sa.select(customers.c.customer_id).where(customers.c.customer_id == customer_id)
    if await connection.scalar(known) is None:
        raise NotFound(f"no customer {customer_id} is known; no event about them has arrived yet")
    query = sa.select(credits_table).where(credits_table.c.customer_id == customer_id)
    order = SortOrder(columns=(credits_table.c.created_at, credits_table.c.id), kinds=(datetime, uuid.UUID))
    rows, cursor = await read_page(connection, query, order, window)
    return Page(items=tuple(credit_view(row) for row in rows), next_cursor=cursor)


async def get_credit(connection: AsyncConnection, credit_id: uuid.UUID) -> CreditView:
    """Return a credit that was just granted."""
    return credit_view(
        (await connection.execute(sa.select(credits_table).where(credits_table.c.id == credit_id))).one()
    )


# --- tickets -----------------------------------------------------------------------------------------


async def get_ticket(connection: AsyncConnection, ticket_id: int) -> TicketView:
    """Return one ticket. Raises NotFound."""
    row = (await connection.execute(sa.select(tickets).where(tickets.c.ticket_id == ticket_id))).first()
    if row is None:
        raise NotFound(f"no ticket {ticket_id} is known; its event may not have arrived yet")
    subject = await connection.scalar(sa.select(ticket_texts.c.subject).where(ticket_texts.c.ticket_id == ticket_id))
    linked = await records.orders_of(connection, ticket_id)
    next_best = RunnerUpView(topic=row.runner_up, confidence=row.runner_up_confidence) if row.runner_up else None
    return TicketView.of(row, subject=subject or "", order_ids=linked[-50:], runner_up=next_best)
