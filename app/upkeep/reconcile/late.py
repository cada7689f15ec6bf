"""Late effects: panel calls that took effect after we stopped waiting, or took effect twice.

WHMCS has no idempotency keys, so this risk remains. A call that ended without its effect being seen may have been
applied afterwards, and one that was sent more than once may exist twice. The rounds check each call once, well after
its end; `doorman reconcile` checks it again.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.context import Context
from app.core.actions import Action, PanelAction
from app.core.records import PANEL, AlertKind, CallClass, CallState
from app.core.states import OrderState
from app.installation import alerts
from app.messaging import inbox, outbox
from app.messaging.outbox import Call
from app.panels.base import Standing
from app.tables.inbox import EventSource
from app.tables.orders import orders, timeline
from app.tables.outbox import panel_calls
from app.upkeep.reconcile.differences import ComparablePanel, Difference, What

#: How long after the settle time a call is checked.
PATIENCE: Final = timedelta(minutes=5)
#: Calls requested longer ago than this are no longer checked.
WINDOW: Final = timedelta(days=30)

#: States that an order can't have if the call of this action took effect.
_IMPOSSIBLE: Final = {
    Action.ACCEPT_ORDER: {
        OrderState.AWAITING_PAYMENT, OrderState.HELD, OrderState.REJECTING, OrderState.REJECTED, OrderState.CANCELLED,
    },
    Action.CANCEL_ORDER: {
        OrderState.AWAITING_PAYMENT, OrderState.HELD, OrderState.RELEASING, OrderState.RELEASED,
    },
    Action.FRAUD_ORDER: {
        OrderState.AWAITING_PAYMENT, OrderState.HELD, OrderState.RELEASING, OrderState.RELEASED,
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPosition:
    """How far the rounds have got: after the call that ended then."""

    settled_at: datetime
    call_id: uuid.UUID

    @classmethod
    def load(cls, stored: Any) -> ListPosition | None:
        """Read what `dump` wrote; None if nothing is stored."""
        return cls(settled_at=datetime.fromisoformat(stored[0]), call_id=uuid.UUID(stored[1])) if stored else None

    def dump(self) -> list[str]:
        """Return it as JSON values."""
        return [self.settled_at.isoformat(), str(self.call_id)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A call that may have taken effect after it ended."""

    call: Call
    place: ListPosition


# --- which calls --------------------------------------------------------------------------------------------------


def _suspects(now: datetime, settle: timedelta) -> sa.Select[Any]:
    call = panel_calls.c
    given_up = call.state.in_((CallState.CANCELLED, CallState.DEAD))
    doubtful = sa.or_(call.attempts > 1, call.applies_until.is_not(None))  # sent again, or an attempt had no answer
    repeated = sa.and_(call.state == CallState.DONE, call.call_class == CallClass.FINDABLE, doubtful)
    return sa.select(panel_calls).where(
        call.state.in_((CallState.CANCELLED, CallState.DEAD, CallState.DONE)),
        call.seq >= int((now - WINDOW).timestamp() * 1_000_000),
        call.call_class != CallClass.COURTESY,
        call.sent_at.is_not(None),
        call.settled_at <= now - settle - PATIENCE,
        sa.or_(given_up, repeated),
    )


async def next_suspects(
    connection: AsyncConnection, *, after: ListPosition | None, limit: int, now: datetime, settle: timedelta
) -> Sequence[Suspect]:
    """Return the next calls to check, by the time they ended."""
    call = panel_calls.c
    query = _suspects(now, settle).order_by(call.settled_at, call.id).limit(limit)
    if after is not None:
        same_moment = sa.and_(call.settled_at == after.settled_at, call.id > after.call_id)
        query = query.where(sa.or_(call.settled_at > after.settled_at, same_moment))
    rows = (await connection.execute(query)).all()
    return [
        Suspect(call=Call.from_row(row), place=ListPosition(settled_at=row.settled_at, call_id=row.id)) for row in rows
    ]


async def count_suspects(connection: AsyncConnection, *, now: datetime, settle: timedelta) -> int:
    """Return how many calls there are to check."""
    query = sa.select(sa.func.count()).select_from(_suspects(now, settle).subquery())
    return int(await connection.scalar(query) or 0)


# --- looking ------------------------------------------------------------------------------------------------------


async def look_at(context: Context, panel: ComparablePanel, call: Call) -> Difference | None:
    """Return the late effect of a call, None if there is none. Raises PanelUnavailable."""
    try:
        action = call.to_action()
    except (ValueError, TypeError):
        return None  # written by another version of Doorman
    if call.call_class is CallClass.FINDABLE:
        return await _too_many(context, panel, call, action)
    return await _contradiction(context, panel, call, action)


async def _too_many(context: Context, panel: ComparablePanel, call: Call, action: PanelAction) -> Difference | None:
    found = await panel.copies(action)
    async with context.db.read() as connection:
        same = sa.select(panel_calls.c.state).where(
            panel_calls.c.reference == call.params.get("reference"), panel_calls.c.customer_id == call.customer_id
        )
        states = list((await connection.execute(same)).scalars())
    if set(states) & set(outbox.LIVE):
        return None  # requested again: its next look-up will find what exists
    expected = states.count(CallState.DONE)
    if found <= expected:
        return None
    amount = call.params.get("amount")
    thing = call.action.replace("_", " ") + (f" of {amount}" if amount else "")
    who = f"customer {call.customer_id}" if call.customer_id else "the ticket"
    if expected:
        return Difference(
            what=What.TWICE, order_id=call.order_id, ours=f"{thing}: once, call {call.id}",
            panel=f"{found} times for {who}", remedy="a person undoes the extra ones",
        )  # fmt: skip
    return Difference(
        what=What.LATE, order_id=call.order_id, ours=f"{thing}: given up, call {call.id}",
        panel=f"applied after all, for {who}", remedy="a person undoes it or leaves it",
    )  # fmt: skip


async def _contradiction(
    context: Context, panel: ComparablePanel, call: Call, action: PanelAction
) -> Difference | None:
    impossible = _IMPOSSIBLE.get(Action(call.action))
    if impossible is None or call.order_id is None:
        return None
    async with context.db.read() as connection:
        state = await connection.scalar(sa.select(orders.c.state).where(orders.c.order_id == call.order_id))
    if state not in impossible:
        return None
    found = await panel.look_up(action)
    if found.standing is not Standing.APPLIED:
        return None
    return Difference(
        what=What.LATE, order_id=call.order_id,
        ours=f"{state}; {call.action.replace('_', ' ')} was given up, call {call.id}",
        panel=str(found.result.get("status") or "applied"), remedy="the order is read again; a person decides",
    )  # fmt: skip


# --- telling ------------------------------------------------------------------------------------------------------


async def tell(tx: AsyncConnection, call: Call, found: Difference, *, now: datetime) -> bool:
    """Notify staff, add it to the timeline and have the order read back; False if it was reported before."""
    kind = AlertKind.BREACH if call.action == Action.ACCEPT_ORDER else AlertKind.DEAD_CALL
    text = f"Applied {'twice' if found.what is What.TWICE else 'late'}. Doorman: {found.ours}. Panel: {found.panel}."
    if not await alerts.alert(tx, kind, name=f"late:{call.id}", text=text, now=now, order_id=call.order_id):
        return False
    known = call.order_id is not None and await tx.scalar(
        sa.select(orders.c.order_id).where(orders.c.order_id == call.order_id)
    )
    if known:
        entry = {"order_id": call.order_id, "at": now, "what": text, "by": PANEL}
        await tx.execute(timeline.insert().values(entry))
        await inbox.add_internal(
            tx, type="order.read_back", data={"order_id": call.order_id}, now=now,
            name=f"reconcile:late:{call.id}", source=EventSource.RECONCILE,
        )  # fmt: skip
    return True
