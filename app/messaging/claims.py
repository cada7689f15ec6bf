"""The sending side of the outbox: claiming calls, committing `sending`, recording the outcome.

Each function here is its own short transaction; none is open while a call is in flight. A claim is identified by owner,
`claimed_at` (which increases with each claim) and attempts, so a worker that lost its claim can't change the call.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.records import CallClass, CallState
from app.db import Database, storable
from app.messaging import inbox
from app.messaging.backlog import bring_forward
from app.messaging.outbox import LIVE, ON_THE_WIRE, Call, tell_settled
from app.tables.inbox import WaitsFor, installation
from app.tables.outbox import panel_calls

#: How long a call waits when another call of its order or customer is in flight.
_WAIT_FOR_WIRE = timedelta(seconds=1)
_IS_PAUSED = sa.exists().where(installation.c.name == "paused", sa.cast(installation.c.value, sa.Text) == "true")
_PAUSED = sa.select(_IS_PAUSED)
_NOW = sa.bindparam("now", type_=panel_calls.c.due_at.type)
_ENDS = (CallState.DONE, CallState.DEAD, CallState.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOutcome:
    """The outcome of a claimed call. `attempts` is the new count if it differs from the claim's."""

    state: CallState
    due_at: datetime | None = None
    result: dict[str, Any] | None = None
    error: str | None = None
    applies_until: datetime | None = None
    uncertain: bool = False
    attempts: int | None = None
    waits_for: WaitsFor | None = None


async def paused(connection: AsyncConnection) -> bool:
    """Return whether staff have paused all panel calls."""
    return bool(await connection.scalar(_PAUSED))


# --- claiming -----------------------------------------------------------------------------------------------------


async def claimable(db: Database, *, limit: int, now: datetime, shadow: bool = False) -> int:
    """Count the calls that could be claimed now, up to `limit`; none while paused.

    Called before taking the write lock, which the intake needs more, or panel turns.
    """
    if limit <= 0:
        return 0
    async with db.read() as connection:
        return await connection.scalar(_count_due(shadow=shadow), {"now": now, "most": limit}) or 0


async def claim(
    db: Database, owner: uuid.UUID, *, limit: int, now: datetime, shadow: bool = False, served: Collection[int] = ()
) -> list[Call]:
    """Claim up to `limit` due calls: pending ones to send, unknown ones to look up; none while paused.

    In shadow mode nothing is sent: calls left from enforce mode are looked up if their outcome is unknown, else they
    wait.

    Lifecycle calls of one order, and money calls of one customer, run one at a time and in order. Calls about customers
    who are served already come last, so that many of one don't delay all others.
    """
    if limit <= 0:
        return []
    async with db.begin() as tx:
        chosen = (
            await tx.execute(_choose_due(shadow=shadow), {"now": now, "most": limit, "served": list(served)})
        ).all()
        if not chosen:
            return []
        claimed_at = inbox.claim_time(now, [row.claimed_at for row in chosen])
        values = {"owner": owner, "claimed_at": claimed_at, "chosen": [row.id for row in chosen]}
        rows = await tx.execute(_TAKE, values)
        by_id = {row.id: Call.from_row(row) for row in rows}
    return [by_id[row.id] for row in chosen]


_TAKE = (
    sa.update(panel_calls).where(panel_calls.c.id.in_(sa.bindparam("chosen", expanding=True))).returning(*panel_calls.c)
)
_MOST = sa.bindparam("most", type_=sa.Integer)


@cache
def _count_due(*, shadow: bool) -> sa.Select[int]:
    return sa.select(sa.func.count()).select_from(_due(shadow=shadow).limit(_MOST).subquery())


@cache
def _choose_due(*, shadow: bool) -> sa.Select[Any]:
    last = sa.case((panel_calls.c.customer_id.in_(sa.bindparam("served", expanding=True)), 1), else_=0)
    due = _due(shadow=shadow).order_by(last, panel_calls.c.due_at, panel_calls.c.seq, panel_calls.c.id)
    return due.add_columns(panel_calls.c.claimed_at).limit(_MOST).with_for_update(skip_locked=True, of=panel_calls)


@cache
def _due(*, shadow: bool) -> sa.Select[Any]:
    """Select the calls that could be claimed at `:now`; built once, as workers run it constantly."""
    call = panel_calls.c
    same_order = _waits_for(lambda other: sa.and_(other.lifecycle, other.order_id == call.order_id), patient=True)
    same_customer = _waits_for(lambda other: sa.and_(other.money, other.customer_id == call.customer_id), patient=False)
    sendable = sa.and_(
        call.state == CallState.PENDING,
        sa.or_(~call.lifecycle, ~same_order),
        sa.or_(~call.money, ~same_customer),
    )
    return (
        sa.select(call.id)
        .where(~_IS_PAUSED)
        .where(call.state.in_((CallState.PENDING, CallState.UNKNOWN)), call.owner.is_(None), call.due_at <= _NOW)
        .where(call.state == CallState.UNKNOWN if shadow else sa.or_(call.state == CallState.UNKNOWN, sendable))
    )


def _waits_for(same: Any, *, patient: bool) -> sa.Exists:
    """Select whether another call of the same group goes first: in flight, claimed, or earlier and unfinished.

    A `patient` call waits for an earlier one even between its attempts, because lifecycle calls of an order must not
    overtake each other. Payments may: one that the panel keeps refusing must not block the others.
    """
    call, other = panel_calls.c, panel_calls.alias("other").c
    earlier = sa.or_(other.seq < call.seq, sa.and_(other.seq == call.seq, other.id < call.id))
    first = earlier if patient else sa.and_(earlier, other.due_at <= _NOW)
    waits = sa.and_(other.state == CallState.PENDING, sa.or_(other.owner.is_not(None), first))
    return sa.exists().where(same(other), other.id != call.id, sa.or_(other.state.in_(ON_THE_WIRE), waits))


async def reschedule_for_panel(tx: AsyncConnection, *, limit: int, now: datetime) -> int:
    """Make up to `limit` calls due now that were postponed while the panel was down; return how many."""
    waiting = panel_calls.c.state.in_((CallState.PENDING, CallState.UNKNOWN))
    return await bring_forward(tx, panel_calls, waiting, first=panel_calls.c.seq, limit=limit, now=now)


# --- sending and settling -----------------------------------------------------------------------------------------


_CLAIMED = sa.and_(
    panel_calls.c.id == sa.bindparam("of_call"),
    panel_calls.c.owner == sa.bindparam("claimed_by"),
    panel_calls.c.claimed_at == sa.bindparam("since"),
    panel_calls.c.attempts == sa.bindparam("tries"),
    panel_calls.c.state == sa.bindparam("as_state"),
)
_START = sa.update(panel_calls).where(_CLAIMED, ~_IS_PAUSED)
_STILL_OURS = sa.select(panel_calls.c.id).where(_CLAIMED)
_LOCK_CLAIMED = sa.select(panel_calls).where(_CLAIMED).with_for_update()
_SETTLE = sa.update(panel_calls).where(panel_calls.c.id == sa.bindparam("of_call"))


def _claim_of(call: Call) -> dict[str, Any]:
    return {
        "of_call": call.id, "claimed_by": call.owner, "since": call.claimed_at, "tries": call.attempts,
        "as_state": call.state,
    }  # fmt: skip


async def start_sending(db: Database, call: Call, *, now: datetime) -> Call | None:
    """Commit `sending` for a claimed pending call and return it; None if it must not be sent now.

    It must not if the claim was lost, the call was cancelled, or staff paused all calls; nor if another call of its
    order or customer is in flight, which the unique indexes enforce.
    """
    if call.state is not CallState.PENDING:
        raise ValueError(f"a call is sent from pending, not from {call.state}")
    attempts = call.attempts + 1
    start = {"state": CallState.SENDING, "sent_at": now, "attempts": attempts} | _claim_of(call)
    started = stopped = False
    try:
        async with db.begin() as tx:
            started = (await tx.execute(_START, start)).rowcount == 1
            stopped = not started and await paused(tx)
    except sa.exc.IntegrityError:
        stopped = True
    if stopped:
        due_at = now + _WAIT_FOR_WIRE
        later = CallOutcome(
            state=CallState.PENDING, due_at=due_at, error=call.last_error, waits_for=call.waits_for
        )  # fmt: skip
        await settle(db, call, later, now=now)
        return None
    if not started:
        return None
    return replace(call, state=CallState.SENDING, sent_at=now, attempts=attempts)


async def still_ours(db: Database, call: Call) -> bool:
    """Return whether the claim still holds."""
    async with db.read() as connection:
        return (await connection.execute(_STILL_OURS, _claim_of(call))).first() is not None


async def settle(db: Database, call: Call, outcome: CallOutcome, *, now: datetime) -> CallState | None:
    """Record the outcome of a claimed call and release it; return its state, None if the claim was lost.

    A call cancelled in the meantime ends as cancelled if it was certainly not applied. A final state sets an event in
    the same transaction.
    """
    async with db.begin() as tx:
        row = (await tx.execute(_LOCK_CLAIMED, _claim_of(call))).first()
        if row is None:
            return None
        state = outcome.state
        if Call.from_row(row).cancel_requested and state in {CallState.PENDING, CallState.DEAD}:
            state = CallState.CANCELLED
        values = {
            "state": state,
            "owner": None,
            "due_at": outcome.due_at or now,
            "last_error": None if outcome.error is None else storable(outcome.error)[:500],
            "waits_for": outcome.waits_for,
            "uncertain": outcome.uncertain,
            "attempts": call.attempts if outcome.attempts is None else outcome.attempts,
        }
        if outcome.applies_until is not None:
            values["applies_until"] = outcome.applies_until
        if state is CallState.DONE:
            values["result"] = storable(outcome.result or {})
        if state in _ENDS:
            values["settled_at"] = now
            await tell_settled(tx, call, state, now=now)
        await tx.execute(_SETTLE, {**values, "of_call": call.id})
        return state


async def release(tx: AsyncConnection, left: sa.ColumnElement[bool], *, settle_for: timedelta, now: datetime) -> int:
    """Release claimed calls that match `left`; return how many. Locked rows are skipped.

    A call that was being sent becomes unknown: it may take effect until the settle time is over. A courtesy call is
    never repeated.
    """
    owned = sa.select(panel_calls).where(panel_calls.c.owner.is_not(None), panel_calls.c.state.in_(LIVE), left)
    rows = (await tx.execute(owned.order_by(panel_calls.c.id).with_for_update(skip_locked=True))).all()
    for call in map(Call.from_row, rows):
        values: dict[str, Any] = {"owner": None}
        if call.state is CallState.SENDING:
            values |= {"last_error": "the worker ended while the call was on the wire", "due_at": now}
            if call.call_class is CallClass.COURTESY:
                values |= {"state": CallState.DONE, "uncertain": True, "settled_at": now}
                await tell_settled(tx, call, CallState.DONE, now=now)
            else:
                values |= {"state": CallState.UNKNOWN, "applies_until": now + settle_for}
        await tx.execute(sa.update(panel_calls).where(panel_calls.c.id == call.id).values(**values))
    return len(rows)
