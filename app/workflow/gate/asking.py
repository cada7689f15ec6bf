"""Ask the gate about one order, or about all orders that the panel builds for one payment in one checkout.

A slow database must not delay the answer: every wait for the database happens within `passing.in_time`.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.context import Context
from app.core.cut_over import CutOver
from app.core.records import Mode
from app.installation import facts as installation
from app.messaging import inbox
from app.tables.inbox import EventState, events
from app.tables.orders import decisions, orders
from app.workflow.gate import passing
from app.workflow.gate.passing import GateAnswer

#: Orders in one question at most.
MOST_ORDERS: Final = 100
#: Time between two checks whether the worker has decided; longer when many orders wait.
_POLL_SECONDS: Final = 0.02
_POLL_SECONDS_EACH: Final = 0.001

Answers = dict[int, GateAnswer]


async def ask(context: Context, order_id: int, *, since: float | None = None) -> GateAnswer:
    """Answer for one order, by `ask_all`."""
    return (await ask_all(context, [order_id], since=since))[order_id]


async def ask_all(context: Context, order_ids: Sequence[int], *, since: float | None = None) -> Answers:
    """Answer for all within `passing.WAIT_SECONDS` of `since` (monotonic; now by default), even if the database stalls.

    Undecided orders are decided now, in the given sequence.
    """
    if context.settings.mode is Mode.SHADOW:
        return _same(order_ids, GateAnswer(provision=True, reason="shadow"))
    until = (time.monotonic() if since is None else since) + passing.WAIT_SECONDS
    answers: Answers = {}
    await passing.in_time(context, until, _answer(context, order_ids, answers, until=until), otherwise=None)
    return _same(order_ids, passing.UNDECIDED) | answers


async def _answer(context: Context, order_ids: Sequence[int], answers: Answers, *, until: float) -> None:
    """Fill in known verdicts, then those that the worker decides; `answers` keeps them if the time runs out."""
    async with context.db.read() as connection:
        cut_over = await installation.read_cut_over(connection, context.settings.mode)
        answers |= await _known(connection, cut_over, order_ids)
        unknown = [order_id for order_id in order_ids if order_id not in answers]
        if unknown and (passes := await passing.holds_nothing(connection)) is not None:
            answers |= _same(unknown, passes)
            return
    wait_until = until - passing.LAST_LOOK_SECONDS
    asked = await passing.in_time(context, wait_until, _ask_worker(context, unknown), otherwise=None) if unknown else {}
    if asked is None:  # the worker wasn't asked in time: no order is known not to be ours, but some may have a verdict
        async with context.db.read() as connection:
            answers |= await _known(connection, cut_over, unknown)
        return
    while asked and (left := wait_until - time.monotonic()) > 0:
        await asyncio.sleep(min(max(_POLL_SECONDS, _POLL_SECONDS_EACH * len(asked)), left))
        async with context.db.read() as connection:
            answers |= await _found(connection, cut_over, asked)
        asked = {name: order_id for name, order_id in asked.items() if order_id not in answers}
    if asked:
        answers |= await _too_late(context, cut_over, list(asked.values()))


def _same(order_ids: Collection[int], answer: GateAnswer) -> Answers:
    return dict.fromkeys(order_ids, answer)


async def _known(connection: AsyncConnection, cut_over: CutOver, order_ids: Sequence[int]) -> Answers:
    query = (
        sa.select(orders.c.order_id, *passing.COLUMNS)
        .outerjoin_from(orders, decisions, decisions.c.id == orders.c.decision_id)
        .where(orders.c.order_id.in_(order_ids), orders.c.last_read_at.is_not(None))
    )
    return _verdicts(await connection.execute(query), cut_over)


def _verdicts(rows: sa.CursorResult[Any], cut_over: CutOver) -> Answers:
    answers = {}
    for row in rows:
        answer = _verdict(row, cut_over)
        if answer is not None:
            answers[row.order_id] = answer
    return answers


def _verdict(row: Any, cut_over: CutOver) -> GateAnswer | None:
    acts = cut_over.acts_on(row.order_id, placed_at=row.placed_at, first_heard_at=row.first_heard_at)
    return passing.verdict(row, acts=acts)


async def _ask_worker(context: Context, order_ids: Sequence[int]) -> dict[str, int]:
    """Have the worker examine the orders now, in one transaction; return which event asks about which order."""
    question = uuid.uuid4()
    asked = {f"gate:{order_id}:{question}": order_id for order_id in order_ids}
    named = {name: {"order_id": order_id} for name, order_id in asked.items()}
    async with context.db.begin() as tx:
        await context.db.wait_less(tx, passing.WAIT_SECONDS - 2 * passing.LAST_LOOK_SECONDS)
        await inbox.add_urgent(tx, type="gate.asked", named=named, now=context.clock())
    context.wake()
    return asked


async def _found(connection: AsyncConnection, cut_over: CutOver, asked: Mapping[str, int]) -> Answers:
    """Return the worker's findings so far: a verdict, or that the panel does not list the order, or not as Pending."""
    query = (
        sa.select(
            events.c.order_id,
            events.c.state.label("event_state"),
            events.c.result.label("event_result"),
            *passing.COLUMNS,
        )
        .select_from(events)
        .outerjoin(orders, orders.c.order_id == events.c.order_id)
        .outerjoin(decisions, decisions.c.id == orders.c.decision_id)
        .where(events.c.webhook_id.in_([inbox.internal_id(name) for name in asked]))
    )
    answers = {}
    for row in await connection.execute(query):
        answer = None if row.last_read_at is None else _verdict(row, cut_over)
        if answer is None and row.event_state == EventState.PROCESSED and row.event_result in passing.NOT_OURS:
            answer = GateAnswer(provision=True, reason="not_ours")
        if answer is not None:
            answers[row.order_id] = answer
    return answers


async def _too_late(context: Context, cut_over: CutOver, order_ids: Sequence[int]) -> Answers:
    """Answer after a last read: without a verdict, unknown orders pass and known ones wait for the verdict."""
    reported = sa.select(events.c.order_id).where(events.c.order_id.in_(order_ids), passing.RECEIVED)
    read = sa.select(orders.c.order_id).where(orders.c.order_id.in_(order_ids), orders.c.last_read_at.is_not(None))
    async with context.db.read() as connection:
        known = await _known(connection, cut_over, order_ids)
        received = set(await connection.scalars(reported.union(read)))
    passes = GateAnswer(provision=True, reason="not_ours")
    return {order_id: passing.UNDECIDED if order_id in received else passes for order_id in order_ids} | known
