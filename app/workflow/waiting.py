"""The waiting time of the oldest item of each kind, each found by index."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.consequences.draft import LIFECYCLE
from app.core.records import CallState
from app.core.states import OPEN_FEE_STATES, HoldKind, OrderState
from app.tables.columns import UtcDateTime
from app.tables.inbox import EventState, events
from app.tables.orders import decisions, fees, orders
from app.tables.outbox import panel_calls
from app.tickets import questions


class Waiting(StrEnum):
    """What waits, and for what."""

    EVENT = "event"  # for the worker, since it is due
    EVENT_PUT_OFF = "event_put_off"  # for another attempt, since it arrived: the panel is unavailable, or a bug of ours
    CALL_PENDING = "call_pending"  # to be sent, since it is due
    CALL_SENDING = "call_sending"  # for its answer, since it was sent
    CALL_PUT_OFF = "call_put_off"  # for another attempt, since it was wanted
    CALL_UNKNOWN = "call_unknown"  # for its outcome, since it was sent
    FEE_DUE = "fee_due"  # an open fee, since the customer's time to choose is over
    FEE_HOLD = "fee_hold"  # for the customer, since it is held
    REVIEW = "review"  # for a person, since it is held
    ANSWER = "answer"  # for a person, since it is held
    QUESTION = "question"  # for the customer, since it is held
    AWAITING_PAYMENT = "awaiting_payment"  # since the order was first heard of
    RELEASING = "releasing"  # since the call was wanted
    REJECTING = "rejecting"
    UNDECIDED = "undecided"  # since it should have been decided


#: Orders without a decision.
UNDECIDED: Final = sa.and_(orders.c.decision_id.is_(None), orders.c.state == OrderState.RECEIVED)

#: This many of the oldest orders in transit are read; there are only ever many if the panel is down.
_LOOKED_AT: Final = 200
_HOLDS = {Waiting.FEE_HOLD: HoldKind.FEE, Waiting.REVIEW: HoldKind.REVIEW, Waiting.ANSWER: HoldKind.ANSWER}
_ON_THE_WAY = {Waiting.RELEASING: OrderState.RELEASING, Waiting.REJECTING: OrderState.REJECTING}


async def oldest(connection: AsyncConnection, *, now: datetime) -> dict[Waiting, datetime | None]:
    """Return since when the oldest item of each kind waits; None if there is none.

    Of the orders that await payment, the one with the lowest id counts as the oldest.
    """
    queries = {
        Waiting.EVENT_PUT_OFF: sa.select(sa.func.min(events.c.received_at)).where(
            events.c.state == EventState.RECEIVED, events.c.last_error.is_not(None)
        ),
        Waiting.CALL_PUT_OFF: sa.select(sa.func.min(panel_calls.c.created_at)).where(
            panel_calls.c.state == CallState.PENDING, panel_calls.c.last_error.is_not(None)
        ),
        Waiting.FEE_DUE: sa.select(sa.func.min(fees.c.expires_at)).where(
            fees.c.state.in_(OPEN_FEE_STATES), fees.c.expires_at <= now
        ),
        Waiting.AWAITING_PAYMENT: sa.select(orders.c.first_heard_at)
        .where(orders.c.state == OrderState.AWAITING_PAYMENT)
        .order_by(orders.c.order_id)
        .limit(1),
        Waiting.UNDECIDED: sa.select(sa.func.min(orders.c.settle_at)).where(UNDECIDED, orders.c.settle_at <= now),
        Waiting.QUESTION: _asked(),
        **{kind: _held(hold) for kind, hold in _HOLDS.items()},
        **{kind: _on_the_way(state) for kind, state in _ON_THE_WAY.items()},
    }
    return {kind: await connection.scalar(query) for kind, query in queries.items()}


def _held(kind: HoldKind) -> sa.Select[Any]:
    """Select held orders of one kind; a partial index on `hold_kind` covers them."""
    held = sa.and_(orders.c.hold_kind.is_not(None), orders.c.hold_kind == kind)
    if kind is HoldKind.ANSWER:
        held = sa.and_(held, ~questions.order_waits())
    return sa.select(sa.func.min(orders.c.hold_since)).where(held)


def _asked() -> sa.Select[Any]:
    held = sa.and_(orders.c.hold_kind.is_not(None), orders.c.hold_kind == HoldKind.ANSWER, questions.order_waits())
    return sa.select(sa.func.min(orders.c.hold_since)).where(held)


def _on_the_way(state: OrderState) -> sa.Select[Any]:
    wanted = (
        sa.select(sa.func.max(panel_calls.c.created_at))
        .where(panel_calls.c.order_id == orders.c.order_id, panel_calls.c.action.in_(LIFECYCLE))
        .scalar_subquery()
    )
    since = sa.func.coalesce(wanted, decisions.c.at, orders.c.first_heard_at, type_=UtcDateTime()).label("since")
    some = (
        sa.select(since)
        .outerjoin_from(orders, decisions, decisions.c.id == orders.c.decision_id)
        .where(orders.c.state == state)
        .order_by(orders.c.order_id)
        .limit(_LOOKED_AT)
        .subquery()
    )
    return sa.select(sa.func.min(some.c.since))
