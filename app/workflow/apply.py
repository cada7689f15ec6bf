"""Carry out a plan: the one place that writes an order, its fees, its questions and its timeline."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.actions import Action
from app.core.consequences.effects import (
    NEW_DECISION,
    AddFee,
    AddQuestion,
    Alert,
    ChangeFee,
    ChangeQuestions,
    Count,
    Decide,
    Effect,
    OurTicket,
    Plan,
    Say,
    SendNow,
    SetClock,
    Tell,
    Want,
    Withdraw,
)
from app.core.consequences.snapshot import Conditions
from app.core.records import CallState
from app.core.rows.order import Order
from app.customers import counts
from app.installation import alerts
from app.messaging import inbox, outbox
from app.orders.order import LockedOrder
from app.tables.orders import FeeForm, fees, orders, questions, timeline
from app.tables.outbox import panel_calls
from app.tickets import messages
from app.tickets.records import mark_ours
from app.workflow import decisions

_CHANGE: Final = (
    orders.update().where(orders.c.order_id == sa.bindparam("of_order")).values(version=orders.c.version + 1)
)
_SAY: Final = timeline.insert()
_SEND_NOW: Final = panel_calls.update().where(
    panel_calls.c.order_id == sa.bindparam("of_order"), panel_calls.c.action == Action.ACCEPT_ORDER.value,
    panel_calls.c.due_at > sa.bindparam("at"), panel_calls.c.state == CallState.PENDING, panel_calls.c.attempts == 0,
    panel_calls.c.owner.is_(None),
)  # fmt: skip


@dataclass(slots=True, kw_only=True)
class _Writer:
    """A plan being carried out: which decision is in force by now, and the lines said so far."""

    tx: AsyncConnection
    order: Order  # as it becomes
    given: Conditions
    panel_url: str | None
    candidate: Mapping[str, Any] | None
    decision_id: int | None
    lines: list[dict[str, Any]] = field(default_factory=list)
    clocks: list[inbox.Timer] = field(default_factory=list)

    def cause(self, named: str) -> str:
        """Return a cause with the id of the decision that this plan records."""
        return f"decision:{self.decision_id}" if named == f"decision:{NEW_DECISION}" else named


async def apply(
    locked: LockedOrder, plan: Plan, *, panel_url: str | None, candidate: Mapping[str, Any] | None = None
) -> None:
    """Carry out a plan in the transaction that locked its order; each saved change raises the order's version.

    `candidate` is what a candidate policy would have decided, stored with the decision.
    """
    writer = _Writer(
        tx=locked.tx, order=plan.order, given=locked.given, panel_url=panel_url, candidate=candidate,
        decision_id=plan.before.decision_id,
    )  # fmt: skip
    for effect in plan.effects:
        await _WRITERS[type(effect)](writer, effect)
    changes = plan.changes
    if changes.get("decision_id") == NEW_DECISION:
        changes["decision_id"] = writer.decision_id
    if changes:
        await locked.tx.execute(_CHANGE, {**changes, "of_order": plan.order.order_id})
        await alerts.tell_changes(locked.tx, plan.before, changes, now=locked.given.now)
    await inbox.add_timers(locked.tx, writer.clocks, now=locked.given.now)
    if writer.lines:
        await locked.tx.execute(_SAY, writer.lines)


async def _say(writer: _Writer, line: Say) -> None:
    at, order_id = writer.given.now, writer.order.order_id
    writer.lines.append({"order_id": order_id, "at": at, "what": line.what, "by": line.by, "code": line.code})


async def _decide(writer: _Writer, decision: Decide) -> None:
    writer.decision_id = await decisions.record(
        writer.tx, writer.order, decision, writer.given,
        supersedes=writer.decision_id, candidate=writer.candidate,
    )  # fmt: skip


async def _want(writer: _Writer, wanted: Want) -> None:
    await outbox.enqueue(
        writer.tx, wanted.action, key=wanted.key, cause=writer.cause(wanted.cause), now=writer.given.now,
        order_id=writer.order.order_id, customer_id=wanted.customer_id, due_at=wanted.due_at,
    )  # fmt: skip


async def _withdraw(writer: _Writer, withdrawn: Withdraw) -> None:
    if withdrawn.actions:
        await outbox.cancel(writer.tx, now=writer.given.now, order_id=writer.order.order_id, actions=withdrawn.actions)
    if withdrawn.keys:
        await outbox.cancel(writer.tx, now=writer.given.now, keys=withdrawn.keys)


async def _send_now(writer: _Writer, _effect: SendNow) -> None:
    now = writer.given.now
    await writer.tx.execute(_SEND_NOW, {"due_at": now, "of_order": writer.order.order_id, "at": now})


async def _add_fee(writer: _Writer, added: AddFee) -> None:
    fee = added.fee
    await writer.tx.execute(
        fees.insert().values(
            id=fee.id, order_id=fee.order_id, customer_id=fee.customer_id, amount_minor=fee.amount_minor,
            currency=fee.currency, form=FeeForm.INVOICE, state=fee.state, minutes=fee.minutes, work=fee.work,
            created_at=fee.created_at, expires_at=fee.expires_at,
        )
    )  # fmt: skip


async def _change_fee(writer: _Writer, changed: ChangeFee) -> None:
    await writer.tx.execute(fees.update().where(fees.c.id == changed.fee_id).values(**changed.values))


async def _add_question(writer: _Writer, added: AddQuestion) -> None:
    await writer.tx.execute(
        questions.insert().values(
            id=added.id, order_id=writer.order.order_id, customer_id=writer.order.customer_id, rule=added.rule,
            question=added.question, asked_by=added.by, asked_at=writer.given.now,
        )
    )  # fmt: skip


async def _change_questions(writer: _Writer, changed: ChangeQuestions) -> None:
    unsent = (questions.c.ticket_id.is_(None),) if changed.unsent else ()
    which = questions.update().where(questions.c.id.in_(changed.ids), *unsent)
    await writer.tx.execute(which.values(**changed.values))


async def _tell(writer: _Writer, told: Tell) -> None:
    action = await messages.worded(writer.tx, told, writer.given, panel_url=writer.panel_url)
    await _want(writer, Want(action=action, key=told.key, cause=told.cause, customer_id=told.order.customer_id))


async def _set_clock(writer: _Writer, clock: SetClock) -> None:
    data = {"order_id": writer.order.order_id, **clock.data}
    writer.clocks.append(inbox.Timer(type=clock.type, data=data, due_at=clock.due_at, name=clock.name))


async def _count(writer: _Writer, counted: Count) -> None:
    await counts.add(writer.tx, counted.customer_id, **counted.amounts)
    if counted.standing:
        worse = any(amount > 0 for amount in counted.amounts.values())
        await counts.mark_bad(writer.tx, counted.customer_id, at=writer.given.now if worse else None)


async def _alert(writer: _Writer, effect: Alert) -> None:
    about = writer.order.order_id if effect.about_order else None
    added = await alerts.alert(
        writer.tx, effect.kind, name=effect.name, text=effect.text, now=writer.given.now, order_id=about
    )
    if added and effect.line is not None:
        await _say(writer, effect.line)


async def _our_ticket(writer: _Writer, ticket: OurTicket) -> None:
    order = writer.order
    await mark_ours(
        writer.tx, ticket.ticket_id, order_id=order.order_id, customer_id=order.customer_id, now=writer.given.now
    )


_WRITERS: Final[Mapping[type[Effect], Callable[[_Writer, Any], Awaitable[None]]]] = {
    Say: _say,
    Decide: _decide,
    Want: _want,
    Withdraw: _withdraw,
    SendNow: _send_now,
    AddFee: _add_fee,
    ChangeFee: _change_fee,
    AddQuestion: _add_question,
    ChangeQuestions: _change_questions,
    Tell: _tell,
    SetClock: _set_clock,
    Count: _count,
    Alert: _alert,
    OurTicket: _our_ticket,
}
