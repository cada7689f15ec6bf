"""Lock one order in a transaction, and read it with everything of ours that belongs to it, once."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.context import Context
from app.core.actions import Action
from app.core.consequences.actor import Actor
from app.core.consequences.building import GATE_ASKED
from app.core.consequences.snapshot import LIVE, CallSeen, Conditions, EventSeen, Need, Recent, Snapshot
from app.core.facts import OrderKind, PaymentState, PlacedBy
from app.core.judgement.decide import Outcome
from app.core.records import POLICY, CallState
from app.core.rows.belongings import Decision, Fee, Question
from app.core.rows.order import Order
from app.core.rows.typed import columns, read
from app.core.states import OrderState, Provisioning
from app.installation import facts as installation
from app.messaging import inbox
from app.policies import published, versions
from app.tables.inbox import EventSource, events
from app.tables.orders import decisions, fees, orders, questions
from app.tables.outbox import panel_calls

#: Events about an order are read this far back, the newest first.
_EVENTS_SINCE: Final = timedelta(hours=1)
_EVENTS_READ: Final = 100
#: Types of events that name who changed the order's status.
_TELL_WHO: Final = ("order.status_changed", "order.read_back")

_ORDER_ID: Final = sa.bindparam("order_id", type_=sa.BigInteger)
#: The decision in force, and what else belongs to an order.
_BELONGINGS: Final = sa.select(
    *(decisions.c[name] for name in columns(Decision)),
    sa.exists().where(decisions.c.order_id == _ORDER_ID).label("decided"),
    sa.exists().where(fees.c.order_id == _ORDER_ID).label("fees"),
    sa.exists().where(questions.c.order_id == _ORDER_ID).label("questions"),
).select_from(
    sa.select(sa.literal(1).label("one")).subquery().outerjoin(
        decisions, decisions.c.id == sa.bindparam("decision_id", type_=sa.BigInteger)
    )
)  # fmt: skip


_DEPENDED_ON: Final = published.ACTIVE.add_columns(*installation.DEPENDED_ON)
_CALLS: Final = sa.select(
    panel_calls.c.id, panel_calls.c.key, panel_calls.c.action, panel_calls.c.state, panel_calls.c.settled_at
).order_by(panel_calls.c.seq, panel_calls.c.id)
_CALLS_OF: Final = _CALLS.where(panel_calls.c.order_id == sa.bindparam("of_order"))
_LOCK_CALLS: Final = _CALLS.where(panel_calls.c.id.in_(sa.bindparam("live", expanding=True))).with_for_update()
_LOCK: Final = sa.select(orders).where(orders.c.order_id == sa.bindparam("of_order")).with_for_update()
_CREATE: Final = orders.insert().returning(*orders.c)
_EVENT_BODY: Final = sa.case((events.c.type.in_(_TELL_WHO), events.c.body))
_RECENT: Final = (
    sa.select(
        events.c.id, events.c.type, events.c.source, events.c.received_at, events.c.occurred_at,
        _EVENT_BODY.label("body"),
    )
    .where(events.c.order_id == sa.bindparam("of_order"), events.c.received_at > sa.bindparam("since"))
    .order_by(events.c.id.desc())
    .limit(_EVENTS_READ)
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedOrder:
    """An order locked by a transaction: nobody else changes it before the transaction ends."""

    tx: AsyncConnection
    snapshot: Snapshot
    given: Conditions

    @property
    def order(self) -> Order:
        """The order's row."""
        return self.snapshot.order


async def open_order(
    context: Context, tx: AsyncConnection, order_id: int, *, now: datetime, create: bool = False
) -> LockedOrder | None:
    """Lock an order for this transaction and read it; None if there is none and `create` is false."""
    row = (await tx.execute(_LOCK, {"of_order": order_id})).first()
    new = row is None
    if row is None and create:
        row = (await tx.execute(_CREATE, _new_row(order_id, now))).one()
    if row is None:
        return None
    order = read(Order, row)
    snapshot = _new(order) if new else await _snapshot(tx, order)
    return LockedOrder(tx=tx, snapshot=snapshot, given=await conditions(context, tx, now=now))


def _new(order: Order) -> Snapshot:
    """Return the snapshot of an order that was just created: nothing belongs to it yet."""
    return Snapshot(order=order, calls=(), judged={})


async def read_more(locked: LockedOrder, need: Need) -> LockedOrder:
    """Return the order with something more of it that was not read from the start."""
    tx, snapshot = locked.tx, locked.snapshot
    order_id = locked.order.order_id
    if need is Need.CALLS:
        return replace(locked, snapshot=replace(snapshot, calls=await _calls(tx, order_id)))
    if need is Need.RECENT:
        return replace(locked, snapshot=replace(snapshot, recent=await _recent(tx, order_id, locked.given.now)))
    if need is Need.JUDGED:
        return replace(locked, snapshot=replace(snapshot, judged=await _judged(tx, order_id)))
    raise ValueError("facts are made from what was read in the panel, not from our rows")


async def conditions(context: Context, tx: AsyncConnection, *, now: datetime) -> Conditions:
    """Return what a plan depends on beside the order and the news."""
    row = (await tx.execute(_DEPENDED_ON)).first()
    active = await versions.of_row(tx, row)
    known = installation.known(row, context.settings)
    return Conditions(
        now=now,
        active=active,
        cut_over=known.cut_over,
        zone=known.zone,
        gate_asked=known.gate_asked,
        fresh_id=uuid.uuid4(),
    )


async def _snapshot(tx: AsyncConnection, order: Order) -> Snapshot:
    order_id = order.order_id
    row = (await tx.execute(_BELONGINGS, {"order_id": order_id, "decision_id": order.decision_id})).one()
    decision = None if row.id is None else read(Decision, row)
    by_policy = decision is not None and decision.by == POLICY and decision.judgement is not None
    return Snapshot(
        order=order,
        decision=decision,
        judged=decision.judgement if decision is not None and by_policy else None if row.decided else {},
        fees=tuple(read(Fee, one) for one in await _all(tx, fees, order_id)) if row.fees else (),
        questions=tuple(read(Question, one) for one in await _all(tx, questions, order_id)) if row.questions else (),
    )


async def _all(tx: AsyncConnection, table: sa.Table, order_id: int) -> Sequence[sa.Row[Any]]:
    at = {fees: fees.c.created_at, questions: questions.c.asked_at}[table]
    return (await tx.execute(sa.select(table).where(table.c.order_id == order_id).order_by(at))).all()


async def _judged(tx: AsyncConnection, order_id: int) -> Mapping[str, Any]:
    """Return the policy's newest judgement as it is stored, empty if there is none."""
    by_policy = sa.and_(
        decisions.c.order_id == order_id, decisions.c.by == POLICY, decisions.c.judgement.is_not(sa.null())
    )
    newest = sa.select(decisions.c.judgement).where(by_policy).order_by(decisions.c.id.desc()).limit(1)
    return await tx.scalar(newest) or {}


async def _calls(tx: AsyncConnection, order_id: int) -> tuple[CallSeen, ...]:
    """Return the order's panel calls; those that are not settled are locked, so that none is sent meanwhile."""
    rows = {row.id: row for row in await tx.execute(_CALLS_OF, {"of_order": order_id})}
    live = [row.id for row in rows.values() if row.state in LIVE]
    if live and tx.dialect.name != "sqlite":  # a transaction of SQLite that writes is alone
        rows |= {row.id: row for row in await tx.execute(_LOCK_CALLS, {"live": live})}
    return tuple(
        CallSeen(key=row.key, action=Action(row.action), state=CallState(row.state), settled_at=row.settled_at)
        for row in rows.values()
    )


async def _recent(tx: AsyncConnection, order_id: int, now: datetime) -> Recent:
    """Return what happened lately; decisions only if the gate asked."""
    rows = (await tx.execute(_RECENT, {"of_order": order_id, "since": now - _EVENTS_SINCE})).all()
    seen = tuple(_event(row) for row in reversed(rows))
    if not any(one.type == GATE_ASKED for one in seen):
        return Recent(events=seen)
    decided = sa.select(decisions.c.at, decisions.c.outcome).where(decisions.c.order_id == order_id)
    outcomes = [(row.at, Outcome(row.outcome)) for row in await tx.execute(decided.order_by(decisions.c.id))]
    return Recent(events=seen, outcomes=tuple(outcomes))


def _event(row: sa.Row[Any]) -> EventSeen:
    seen = EventSeen(
        id=row.id,
        type=row.type,
        by_webhook=row.source == EventSource.WEBHOOK,
        received_at=row.received_at,
        occurred_at=row.occurred_at,
    )
    if row.body is None:
        return seen
    data = inbox.data_of(row.body)
    became = data.get("to")
    return replace(seen, became=became if isinstance(became, str) else None, actor=Actor.from_event(data))


def _new_row(order_id: int, now: datetime) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "kind": OrderKind.NEW,
        "state": OrderState.RECEIVED,
        "provisioning": Provisioning.NONE,
        "placed_by": PlacedBy.UNKNOWN,
        "first_heard_at": now,
        "payment_state": PaymentState.UNKNOWN,
        "items": [],
        "flags": [],
    }
