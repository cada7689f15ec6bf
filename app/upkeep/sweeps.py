"""Sweeps: every state that waits for one of our events moves on even if its timer or event was lost or failed.

A sweep only adds events again, under unique names that prevent duplicates, and a limited number in a round, found by
index. If that did not help, the order is held for a person. The worker itself takes care of what waits in the inbox and
the outbox (`messaging.worker`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.context import Context
from app.core.actions import Action
from app.core.consequences import acting
from app.core.consequences.clocks import REMIND_EVERY, REMINDERS, reminder
from app.core.consequences.draft import LIFECYCLE, Draft
from app.core.consequences.fees import KEYS
from app.core.consequences.questions import ask_key
from app.core.consequences.timers import CHECK_BUILD, HOLD_DUE, QUESTION_DUE, READ_BACK, SETTLE
from app.core.judgement.decide import Outcome, Reason
from app.core.judgement.reasons import ReasonCode
from app.core.policy.sections.modes import ActionMode
from app.core.records import Mode
from app.core.states import OPEN_FEE_STATES, FeeState, HoldKind, OrderState
from app.messaging import inbox, outbox
from app.orders.order import open_order
from app.policies import versions
from app.tables.customers import CreditState, credits
from app.tables.inbox import EventState, events
from app.tables.orders import decisions, fees, orders, questions
from app.tables.outbox import panel_calls
from app.tickets.questions import is_open
from app.upkeep import troubles
from app.workflow import clock_jumps, provisioning
from app.workflow.changing import change
from app.workflow.waiting import UNDECIDED

log = structlog.get_logger()

#: How often a round is due.
EVERY: Final = timedelta(seconds=60)
#: How long something may be overdue before it is swept: its own timer comes first.
GRACE: Final = timedelta(minutes=5)
#: At most this many of each kind are swept in a round.
AT_MOST: Final = 100

_LOOKED_WITHIN = timedelta(hours=1)
_CREDITS_WITHIN = timedelta(days=14)  # a call is retried for days
_LIFECYCLE = tuple(action.value for action in LIFECYCLE)
_ENDED = "the call that it waits for has ended"


async def round(context: Context) -> None:  # a round of sweeping, as `notifications.round` is one of notifying
    """Sweep every waiting state once."""
    now = context.clock()
    found = 0
    for sweep in (
        clock_jumps.correct,
        _undecided,
        _on_the_way,
        _paid,
        _unbuilt,
        _holds,
        _fees,
        _questions,
        _unreported_fees,
        _unreported_credits,
    ):
        found += await sweep(context, now)
    await troubles.tell(context, now)
    if found:
        log.warning("sweep", found=found)
        context.wake()


# --- orders -------------------------------------------------------------------------------------------------------


async def _undecided(context: Context, now: datetime) -> int:
    """Sweep orders that should have been decided by now."""
    query = (
        sa.select(orders.c.order_id)
        .where(
            UNDECIDED, orders.c.settle_at <= now - GRACE, ~_event_comes(orders.c.order_id, now),
        )
        .order_by(orders.c.settle_at)
    )  # fmt: skip
    rows = await _read(context, query)
    for row in rows:
        name = f"sweep:undecided:{row.order_id}"
        async with context.db.begin() as tx:
            if not await _again(tx, name, type_=SETTLE, data={"order_id": row.order_id}, now=now):
                reason = Reason(
                    ReasonCode.NEVER_DECIDED, "The order could not be decided in time because its events fail."
                )
                await _hold(context, tx, row.order_id, OrderState.RECEIVED, reason, now=now)
    return len(rows)


async def _on_the_way(context: Context, now: datetime) -> int:
    """Sweep orders that wait for the end of a call that has ended or never existed."""
    found = 0
    for state in (OrderState.RELEASING, OrderState.REJECTING):
        query = (
            sa.select(orders.c.order_id, orders.c.decision_id)
            .outerjoin(decisions, decisions.c.id == orders.c.decision_id)
            .where(
                orders.c.state == state, ~_call_lives(orders.c.order_id), ~_event_comes(orders.c.order_id, now),
                sa.or_(decisions.c.at.is_(None), decisions.c.at <= now - GRACE),
            )
            .order_by(orders.c.order_id)
        )  # fmt: skip
        rows = await _read(context, query)
        for row in rows:
            async with context.db.begin() as tx:
                await _move_on(context, tx, row, state, now=now)
        found += len(rows)
    return found


async def _move_on(context: Context, tx: AsyncConnection, row: Any, state: OrderState, *, now: datetime) -> None:
    """Report again how its call ended; if that was done before, or there is no call, hold the order for a person."""
    call = (
        await tx.execute(
            sa.select(panel_calls)
            .where(panel_calls.c.order_id == row.order_id, panel_calls.c.action.in_(_LIFECYCLE))
            .order_by(panel_calls.c.seq.desc())
            .limit(1)
        )
    ).first()
    name = f"sweep:{state}:{row.order_id}:{row.decision_id}"
    if call is None:
        type_, data = READ_BACK, {"order_id": row.order_id}
    else:
        type_, data = inbox.CALL_SETTLED, {"call_id": str(call.id), "order_id": row.order_id}
    if not await _again(tx, name, type_=type_, data=data, now=now):
        await _hold(
            context, tx, row.order_id, state, Reason(ReasonCode.STUCK, f"The order is {state}, but {_ENDED}."), now=now
        )


async def _paid(context: Context, now: datetime) -> int:
    """Sweep approved orders that are paid and were not released. `reconcile` reads back the others."""
    query = (
        sa.select(orders.c.order_id, orders.c.decision_id)
        .where(
            orders.c.state == OrderState.AWAITING_PAYMENT, orders.c.settled, _released_by_us(),
            ~_event_comes(orders.c.order_id, now),
        )
        .order_by(orders.c.order_id)
    )  # fmt: skip
    rows = await _read(context, query)
    for row in rows:
        name = f"sweep:paid:{row.order_id}:{row.decision_id}"
        async with context.db.begin() as tx:
            if not await _again(tx, name, type_=READ_BACK, data={"order_id": row.order_id}, now=now):
                reason = Reason(ReasonCode.STUCK, "The order is approved and paid but could not be released.")
                await _hold(context, tx, row.order_id, OrderState.AWAITING_PAYMENT, reason, now=now)
    return len(rows)


async def _unbuilt(context: Context, now: datetime) -> int:
    """Read back orders that were not provisioned: staff may have fixed it without any hook firing."""
    looked = sa.exists().where(
        events.c.order_id == orders.c.order_id, events.c.type == CHECK_BUILD,
        events.c.received_at > now - _LOOKED_WITHIN,
    )  # fmt: skip
    query = sa.select(orders.c.order_id).where(provisioning.unbuilt_orders(), ~looked).order_by(orders.c.order_id)
    rows = await _read(context, query)
    async with context.db.begin() as tx:
        for row in rows:
            name = f"sweep:unbuilt:{row.order_id}:{now:%Y-%m-%dT%H}"
            await inbox.add_internal(tx, type=CHECK_BUILD, data={"order_id": row.order_id}, now=now, name=name)
    return len(rows)


async def _hold(
    context: Context, tx: AsyncConnection, order_id: int, state: OrderState, reason: Reason, *, now: datetime
) -> None:
    """Hold an order that no sweep moved on; in shadow, or from before the cut-over, it only shows in the metrics."""
    locked = await open_order(context, tx, order_id, now=now)

    def hold(draft: Draft) -> None:
        if draft.state is state and draft.acts:
            acting.hold_by_clock(draft, reason)

    if locked is not None:
        await change(context, locked, hold)


# --- holds and fees -----------------------------------------------------------------------------------------------


async def _holds(context: Context, now: datetime) -> int:
    """Sweep expired holds whose timer was lost. They are in the queue in any case."""
    if context.settings.mode is Mode.SHADOW:
        return 0  # holds don't expire in shadow; they are swept when enforce is back
    reminded_to_the_end = now - (REMINDERS + 1) * REMIND_EVERY
    query = (
        sa.select(orders.c.order_id, orders.c.hold_due_at, orders.c.hold_expires_at)
        .where(
            orders.c.hold_kind.is_not(None), orders.c.hold_due_at <= now - GRACE,
            orders.c.state.in_([OrderState.HELD, OrderState.RECEIVED]),
            ~_event_comes(orders.c.order_id, None, HOLD_DUE),
            sa.or_(orders.c.hold_expires_at <= now - GRACE, sa.and_(
                orders.c.hold_expires_at.is_(None), orders.c.hold_due_at > reminded_to_the_end)),
        )
        .order_by(orders.c.hold_due_at)
    )  # fmt: skip
    rows = await _read(context, query)
    found = 0
    async with context.db.begin() as tx:
        for row in rows:
            due_at = row.hold_expires_at or row.hold_due_at
            number = reminder(due_at, now)
            name = f"sweep:hold:{row.order_id}:{due_at.isoformat()}:{number}"
            found += await inbox.add_internal(tx, type=HOLD_DUE, data={"order_id": row.order_id}, now=now, name=name)
    return found


async def _fees(context: Context, now: datetime) -> int:
    """Sweep overdue open fees of orders that no longer wait for them: their invoice is read back each day."""
    query = (
        sa.select(fees.c.id, fees.c.order_id)
        .join(orders, orders.c.order_id == fees.c.order_id)
        .where(
            fees.c.state.in_(OPEN_FEE_STATES), fees.c.expires_at <= now - GRACE, fees.c.created_at <= now,
            orders.c.hold_expires_at.is_(None), ~_event_comes(fees.c.order_id, now),
        )
        .order_by(fees.c.created_at)
    )  # fmt: skip
    rows = await _read(context, query)
    found = 0
    async with context.db.begin() as tx:
        for row in rows:
            name = f"sweep:fee:{row.id}:{now:%Y-%m-%d}"
            found += await inbox.add_internal(tx, type=READ_BACK, data={"order_id": row.order_id}, now=now, name=name)
    return found


async def _questions(context: Context, now: datetime) -> int:
    """Sweep questions with an overdue reminder, and those whose call ended without being reported."""
    if context.settings.mode is Mode.SHADOW:
        return 0
    async with context.db.read() as connection:
        rules = (await versions.active(connection)).policy
    late = now - timedelta(days=rules.ask.remind_days) - GRACE
    unsent = sa.and_(questions.c.ticket_id.is_(None), questions.c.asked_at <= now - GRACE)
    unreminded = sa.and_(
        questions.c.ticket_id.is_not(None), questions.c.reminded_at.is_(None), questions.c.asked_at <= late,
        sa.literal(rules.messages.question_reminder.send and rules.modes.messages is not ActionMode.SHADOW),
    )  # fmt: skip
    query = (
        sa.select(questions.c.id, questions.c.order_id, questions.c.ticket_id)
        .join(orders, orders.c.order_id == questions.c.order_id)
        .where(
            orders.c.hold_kind.is_not(None), orders.c.hold_kind == HoldKind.ANSWER, is_open(),
            sa.or_(unsent, unreminded), ~_event_comes(orders.c.order_id, now, QUESTION_DUE),
        )
        .order_by(questions.c.asked_at)
    )  # fmt: skip
    rows = await _read(context, query)
    found = 0
    async with context.db.begin() as tx:
        for row in rows:
            if row.ticket_id is not None:
                name, data = f"sweep:question:{row.id}", {"order_id": row.order_id}
                found += await inbox.add_internal(tx, type=QUESTION_DUE, data=data, now=now, name=name)
                continue
            asks = sa.and_(panel_calls.c.order_id == row.order_id, panel_calls.c.key == ask_key(row.id))
            over = sa.select(panel_calls).where(asks, panel_calls.c.settled_at <= now - GRACE)
            call = (await tx.execute(over.limit(1))).first()
            found += call is not None and await _tell_again(tx, call, now=now)
    return found


# --- calls whose end was not reported -----------------------------------------------------------------------------


async def _unreported_fees(context: Context, now: datetime) -> int:
    """Sweep fees that wait for the end of a call that has ended: its end is reported once more."""
    lives = sa.exists().where(
        panel_calls.c.order_id == fees.c.order_id,
        panel_calls.c.action.in_((Action.CREATE_INVOICE, Action.CANCEL_INVOICE)),
        panel_calls.c.state.in_(outbox.LIVE),
    )
    under_way = sa.or_(fees.c.state == FeeState.PENDING, fees.c.wanted_state.is_not(None))
    query = (
        sa.select(fees.c.id, fees.c.order_id)
        .where(
            fees.c.state.in_(OPEN_FEE_STATES), fees.c.created_at <= now - GRACE, under_way, ~lives,
            ~_event_comes(fees.c.order_id, now),
        )
        .order_by(fees.c.created_at)
    )  # fmt: skip
    rows = await _read(context, query)
    found = 0
    async with context.db.begin() as tx:
        for row in rows:
            last = (
                sa.select(panel_calls.c.id, panel_calls.c.order_id, panel_calls.c.customer_id)
                .where(panel_calls.c.order_id == row.order_id, panel_calls.c.key.startswith(f"{KEYS}{row.id}:"))
                .order_by(panel_calls.c.seq.desc())
                .limit(1)
            )
            call = (await tx.execute(last)).first()
            found += call is not None and await _tell_again(tx, call, now=now)
    return found


async def _unreported_credits(context: Context, now: datetime) -> int:
    """Sweep credits of the last days that wait for the end of a call that has ended."""
    query = (
        sa.select(panel_calls.c.id, panel_calls.c.order_id, panel_calls.c.customer_id)
        .join(credits, credits.c.panel_call_id == panel_calls.c.id)
        .where(
            credits.c.created_at > now - _CREDITS_WITHIN, credits.c.state == CreditState.PENDING,
            panel_calls.c.settled_at <= now - GRACE,
        )
        .order_by(credits.c.created_at)
    )  # fmt: skip
    rows = await _read(context, query)
    async with context.db.begin() as tx:
        return sum([await _tell_again(tx, row, now=now) for row in rows])


async def _tell_again(tx: AsyncConnection, call: Any, *, now: datetime) -> bool:
    data = {"call_id": str(call.id), "order_id": call.order_id, "customer_id": call.customer_id}
    return await inbox.add_internal(tx, type=inbox.CALL_SETTLED, data=data, now=now, name=f"sweep:told:{call.id}")


# --- shared -------------------------------------------------------------------------------------------------------


async def _read(context: Context, query: sa.Select[Any]) -> list[Any]:
    async with context.db.read() as connection:
        return list((await connection.execute(query.limit(AT_MOST))).all())


async def _again(tx: AsyncConnection, name: str, *, type_: str, data: dict[str, Any], now: datetime) -> bool:
    """Add an event; False if one of this name was already handled without effect."""
    if await inbox.add_internal(tx, type=type_, data=data, now=now, name=name):
        return True
    state = await tx.scalar(sa.select(events.c.state).where(events.c.webhook_id == inbox.internal_id(name)))
    return bool(state == EventState.RECEIVED)


def _event_comes(order_id: sa.ColumnElement[Any], now: datetime | None, type_: str | None = None) -> sa.Exists:
    """True if an event about the order is due soon (or at any time, without `now`)."""
    conditions = [events.c.order_id == order_id, events.c.state == EventState.RECEIVED]
    if now is not None:
        conditions.append(events.c.due_at <= now + GRACE)
    if type_ is not None:
        conditions.append(events.c.type == type_)
    return sa.exists().where(*conditions)


def _released_by_us() -> sa.ColumnElement[bool]:
    """True if we released the order; written so that no index is used, because most orders are approved."""
    return sa.func.coalesce(orders.c.outcome, "") == Outcome.APPROVE


def _call_lives(order_id: sa.ColumnElement[Any]) -> sa.Exists:
    return sa.exists().where(
        panel_calls.c.order_id == order_id,
        panel_calls.c.action.in_(_LIFECYCLE),
        panel_calls.c.state.in_(outbox.LIVE),
    )
