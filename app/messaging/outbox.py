"""The outbox: panel calls, stored in the transaction of their cause and kept until their outcome is known.

This is the side of callers that enqueue calls and of staff who manage them; the sending side is `claims`.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.actions import Action, PanelAction, action_from_params
from app.core.records import CallClass, CallState
from app.db import insert_new, storable
from app.messaging import inbox
from app.tables.inbox import WaitsFor
from app.tables.outbox import panel_calls

ON_THE_WIRE = (CallState.SENDING, CallState.UNKNOWN)
LIVE = (CallState.PENDING, *ON_THE_WIRE)

#: Attributes of `Call` whose column has another name.
_COLUMNS = {"cancel_requested": "unwanted"}


class CallNotFound(Exception):
    """There is no panel call with this id."""


class WrongCallState(Exception):
    """The call's state doesn't allow this, or a newer call has its key.

    `until` is set if it becomes possible at that time.
    """

    def __init__(self, state: CallState, *, until: datetime | None = None) -> None:
        super().__init__(f"the call is {state}")
        self.state = state
        self.until = until


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A panel call as it was when read or claimed."""

    id: uuid.UUID
    key: str
    action: str
    call_class: CallClass
    params: dict[str, Any]
    order_id: int | None
    customer_id: int | None
    cause: str
    state: CallState
    uncertain: bool
    cancel_requested: bool
    attempts: int
    due_at: datetime
    owner: uuid.UUID | None
    claimed_at: datetime | None
    sent_at: datetime | None
    applies_until: datetime | None
    waits_for: WaitsFor | None
    last_error: str | None
    result: dict[str, Any] | None

    @classmethod
    def from_row(cls, row: sa.Row[Any]) -> Call:
        """Read a row of `panel_calls`."""
        values = {name: getattr(row, _COLUMNS.get(name, name)) for name in cls.__slots__}
        waits_for = row.waits_for and WaitsFor(row.waits_for)
        return cls(
            **values | {"call_class": CallClass(row.call_class), "state": CallState(row.state), "waits_for": waits_for}
        )

    def to_action(self) -> PanelAction:
        """Rebuild the action.

        Raises ValueError or TypeError if another version of Doorman wrote parameters that we can't read.
        """
        return action_from_params(self.action, self.params)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRef:
    """A call's id and what it does."""

    id: uuid.UUID
    key: str
    action: Action
    state: CallState


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """The result of a cancellation: `cancelled` is never sent; `under_way` is settled first and reported by event."""

    cancelled: list[CallRef] = field(default_factory=list)
    under_way: list[CallRef] = field(default_factory=list)


class _Sequence:
    """Numbers that increase with time and with each call, so that simultaneous calls keep their order."""

    def __init__(self) -> None:
        self._last = 0

    def after(self, now: datetime) -> int:
        self._last = max(self._last + 1, int(now.timestamp() * 1_000_000))
        return self._last


_sequence = _Sequence()


async def enqueue(
    tx: AsyncConnection,
    action: PanelAction,
    *,
    key: str,
    cause: str,
    now: datetime,
    order_id: int | None = None,
    customer_id: int | None = None,
    due_at: datetime | None = None,
) -> uuid.UUID:
    """Enqueue a panel call; `key` names the desired effect, never the requester.

    If a call with this key is already queued (or done, for findable actions), its id is returned and nothing changes,
    except that a cancellation of a call in flight is withdrawn.
    """
    params = storable(action.to_params())
    row = {
        "seq": _sequence.after(now),
        "key": key,
        "action": action.action,
        "call_class": action.call_class,
        "money": action.money,
        "lifecycle": action.lifecycle,
        "order_id": order_id if order_id is not None else params.get("order_id"),
        "customer_id": customer_id if customer_id is not None else params.get("customer_id"),
        "reference": params.get("reference"),
        "params": params,
        "cause": cause,
        "state": CallState.PENDING,
        "due_at": due_at or now,
        "created_at": now,
    }
    _check(row)
    while True:
        added: uuid.UUID | None = await tx.scalar(
            insert_new(tx, panel_calls, panel_calls.c.id), {"id": uuid.uuid4(), **row}
        )
        if added is not None:
            return added
        if (wanted := await _wanted(tx, key)) is not None:
            return wanted


def _check(row: dict[str, Any]) -> None:
    if (row["money"] and row["customer_id"] is None) or (row["lifecycle"] and row["order_id"] is None):
        raise ValueError(f"{row['action']} needs an order or customer id: its calls are made one at a time")


def _is_live() -> sa.ColumnElement[bool]:
    findable = sa.and_(panel_calls.c.call_class == CallClass.FINDABLE, panel_calls.c.state == CallState.DONE)
    return sa.or_(panel_calls.c.state.in_(LIVE), findable)


async def _wanted(tx: AsyncConnection, key: str) -> uuid.UUID | None:
    found = await tx.execute(sa.select(panel_calls).where(panel_calls.c.key == key, _is_live()).with_for_update())
    row = found.first()
    if row is None:  # settled between our insert and this read: it may be enqueued again
        return None
    call = Call.from_row(row)
    if call.cancel_requested:
        await tx.execute(sa.update(panel_calls).where(panel_calls.c.id == call.id).values(unwanted=False))
    return call.id


async def cancel(
    tx: AsyncConnection,
    *,
    now: datetime,
    order_id: int | None = None,
    actions: Collection[Action] | None = None,
    keys: Collection[str] | None = None,
) -> Cancelled:
    """Cancel calls that were not sent yet, and return those in flight.

    A call in flight is not sent again. If it was not applied it ends as `cancelled`; however it ends, a
    `panel_call.settled` event reports it. Calls cancelled at once are reported by the return value only.
    """
    if order_id is None and keys is None:
        raise ValueError("cancel needs an order or keys")
    select = sa.select(panel_calls).where(panel_calls.c.state.in_(LIVE))
    if order_id is not None:
        select = select.where(panel_calls.c.order_id == order_id)
    if actions is not None:
        select = select.where(panel_calls.c.action.in_(actions))
    if keys is not None:
        select = select.where(panel_calls.c.key.in_(keys))
    rows = (await tx.execute(select.order_by(panel_calls.c.seq, panel_calls.c.id).with_for_update())).all()
    answer = Cancelled()
    for call in map(Call.from_row, rows):
        pending = call.state is CallState.PENDING
        values = _cancelled(now) if pending else {"unwanted": True}
        await tx.execute(sa.update(panel_calls).where(panel_calls.c.id == call.id).values(**values))
        state = CallState.CANCELLED if pending else call.state
        reference = CallRef(id=call.id, key=call.key, action=Action(call.action), state=state)
        (answer.cancelled if pending else answer.under_way).append(reference)
    return answer


def _cancelled(now: datetime) -> dict[str, Any]:
    return {"state": CallState.CANCELLED, "owner": None, "settled_at": now}


async def was_wanted(tx: AsyncConnection, key: str, *, order_id: int) -> bool:
    """Return whether a call about this order is queued, in flight or done; cancelled and dead calls don't count."""
    ended = (CallState.CANCELLED, CallState.DEAD)
    query = sa.select(panel_calls.c.id).where(
        panel_calls.c.order_id == order_id, panel_calls.c.key == key, panel_calls.c.state.not_in(ended)
    )
    return (await tx.execute(query.limit(1))).first() is not None


# --- for staff ----------------------------------------------------------------------------------------------------


_ONE = sa.select(panel_calls).where(panel_calls.c.id == sa.bindparam("of_call"))


async def get(connection: AsyncConnection, call_id: uuid.UUID) -> Call | None:
    """Read one call."""
    row = (await connection.execute(_ONE, {"of_call": call_id})).first()
    return None if row is None else Call.from_row(row)


async def _locked(tx: AsyncConnection, call_id: uuid.UUID) -> Call:
    found = await tx.execute(sa.select(panel_calls).where(panel_calls.c.id == call_id).with_for_update())
    if (row := found.first()) is None:
        raise CallNotFound(str(call_id))
    return Call.from_row(row)


async def retry(tx: AsyncConnection, call_id: uuid.UUID, now: datetime) -> Call:
    """Retry a dead call with all its attempts, or a waiting one (pending, unknown) now; return it as it was before.

    Raises CallNotFound, and WrongCallState for any other state or if a newer call has its key.
    """
    call = await _locked(tx, call_id)
    if call.state not in {CallState.DEAD, CallState.PENDING, CallState.UNKNOWN}:
        raise WrongCallState(call.state)
    values: dict[str, Any] = {"due_at": now}
    if call.state is CallState.DEAD:
        newer = sa.select(panel_calls.c.id).where(panel_calls.c.key == call.key, _is_live())
        if (await tx.execute(newer)).first() is not None:
            raise WrongCallState(call.state)
        values |= {"state": CallState.PENDING, "attempts": 0, "settled_at": None, "unwanted": False, "owner": None}
    await tx.execute(sa.update(panel_calls).where(panel_calls.c.id == call_id).values(**values))
    return call


async def abandon(tx: AsyncConnection, call_id: uuid.UUID, now: datetime) -> Call:
    """Abandon a pending, unknown or dead call and report it by event; return it as it was before.

    An unknown call is not looked up again, and that is recorded. While it may still take effect it can't be abandoned,
    because enqueueing the same again would do it twice. Raises CallNotFound, WrongCallState.
    """
    call = await _locked(tx, call_id)
    if call.state not in {CallState.PENDING, CallState.UNKNOWN, CallState.DEAD}:
        raise WrongCallState(call.state)
    if call.state is CallState.UNKNOWN and call.applies_until is not None and now < call.applies_until:
        raise WrongCallState(call.state, until=call.applies_until)
    values = _cancelled(now)
    if call.state is CallState.UNKNOWN:
        note = f"abandoned while its outcome was unknown; before that: {call.last_error or 'no answer'}"
        values |= {"uncertain": True, "last_error": note}
    await tx.execute(sa.update(panel_calls).where(panel_calls.c.id == call_id).values(**values))
    await tell_settled(tx, call, CallState.CANCELLED, now=now)
    return call


async def tell_settled(tx: AsyncConnection, call: Call, state: CallState, *, now: datetime) -> None:
    """Add the event that reports how a call ended."""
    data = {
        "call_id": str(call.id),
        "action": call.action,
        "key": call.key,
        "cause": call.cause,
        "state": state,
        "order_id": call.order_id,
        "customer_id": call.customer_id,
    }
    await inbox.add_internal(tx, type=inbox.CALL_SETTLED, data=data, now=now)


# --- what waits ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingCalls:
    """The outbox backlog: since when the oldest call of each state has waited, and how many there are."""

    oldest: dict[CallState, datetime]
    count: dict[CallState, int]


async def waiting(connection: AsyncConnection, *, now: datetime) -> WaitingCalls:
    """Return the backlog: due pending calls, calls in flight, and dead calls, which wait for staff."""
    due = sa.or_(panel_calls.c.state != CallState.PENDING, panel_calls.c.due_at <= now)
    since = sa.case(
        (panel_calls.c.state == CallState.PENDING, panel_calls.c.due_at),
        (panel_calls.c.state == CallState.DEAD, panel_calls.c.settled_at),
        else_=panel_calls.c.sent_at,
    )
    rows = await connection.execute(
        sa.select(panel_calls.c.state, sa.func.min(since), sa.func.count())
        .where(panel_calls.c.state.in_((*LIVE, CallState.DEAD)), due)
        .group_by(panel_calls.c.state)
    )
    found = [(CallState(state), oldest, count) for state, oldest, count in rows]
    return WaitingCalls(
        oldest={state: oldest for state, oldest, _ in found if oldest is not None},
        count={state: count for state, _, count in found},
    )
