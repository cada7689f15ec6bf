"""The gate for several orders at once: one payment may let a panel build many, within one checkout."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.config import Mode
from app.messaging import inbox
from app.services import gate, installation
from app.services.context import Context
from app.services.gate import GateAnswer
from app.services.installation import CutOver
from app.tables.inbox import EventState, events
from app.tables.orders import decisions, orders

#: So many orders at most in one question.
MOST_ORDERS: Final = 100
#: Between two looks whether the worker has decided: longer where many are waited for.
_POLL_SECONDS: Final = 0.02
_POLL_SECONDS_EACH: Final = 0.001

Answers = dict[int, GateAnswer]


async def ask_all(context: Context, order_ids: Sequence[int], *, since: float | None = None) -> Answers:
    """Answer for all of them within `gate.WAIT_SECONDS` of `since` (monotonic; else of now).

    Those not decided are decided now, in the order given. Where the database fails, what was found until then counts.
    """
    if context.settings.mode is Mode.SHADOW:
        return _same(order_ids, GateAnswer(provision=True, reason="shadow"))
    until = (time.monotonic() if since is None else since) + gate.WAIT_SECONDS
    found: Answers = {}
    await gate.in_time(context, until, _ask(context, order_ids, found, until), otherwise=None)
    return _same(order_ids, gate.UNDECIDED) | found


async def _ask(context: Context, order_ids: Sequence[int], found: Answers, until: float) -> None:
    """Put into `found` what is known, then what the worker decides, so that it is there whenever time is up."""
    async with context.db.read() as connection:
        cut_over = await installation.read_cut_over(connection, context.settings.mode)
        found |= await _known(connection, cut_over, order_ids)
        unknown = [order_id for order_id in order_ids if order_id not in found]
        if unknown and (passes := await gate.holds_nothing(connection)) is not None:
            found |= _same(unknown, passes)
            return
    if unknown:
        await _decide(context, cut_over, unknown, found, deadline=until - gate.LAST_LOOK_SECONDS)


async def _decide(
    context: Context, cut_over: CutOver, order_ids: Sequence[int], found: Answers, *, deadline: float
) -> None:
    """Have the worker decide, and wait for it."""
    asked = await gate.in_time(context, deadline, _ask_worker(context, order_ids), otherwise=None)
    if asked is None:  # what was never asked about can't be called not ours; the worker may have known it all the same
        async with context.db.read() as connection:
            found |= await _known(connection, cut_over, order_ids)
        return
    while asked and time.monotonic() < deadline:
        pause = max(_POLL_SECONDS, _POLL_SECONDS_EACH * len(asked))
        await asyncio.sleep(max(0.0, min(pause, deadline - time.monotonic())))
        async with context.db.read() as connection:
            found |= await _found(connection, cut_over, asked)
        asked = {name: order_id for name, order_id in asked.items() if order_id not in found}
    if asked:
        found |= await _too_late(context, asked.values())


def _same(order_ids: Collection[int], answer: GateAnswer) -> Answers:
    return dict.fromkeys(order_ids, answer)


async def _known(connection: AsyncConnection, cut_over: CutOver, order_ids: Sequence[int]) -> Answers:
    query = (
        sa.select(orders.c.order_id, *gate.COLUMNS)
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
    return gate.verdict(row, acts=acts)


async def _ask_worker(context: Context, order_ids: Sequence[int]) -> dict[str, int]:
    """Have the worker look at the orders now, in one transaction; return which event asks about which order."""
    question = uuid.uuid4()
    asked = {f"gate:{order_id}:{question}": order_id for order_id in order_ids}
    named = {name: {"order_id": order_id} for name, order_id in asked.items()}
    async with context.db.begin() as tx:
        await inbox.add_urgent(tx, type="gate.asked", named=named, now=context.clock())
    context.wake()
    return asked


async def _found(connection: AsyncConnection, cut_over: CutOver, asked: Mapping[str, int]) -> Answers:
    """What the worker found by now: a verdict, or that the panel does not list the order, or not as Pending."""
    query = (
        sa.select(
            events.c.order_id, events.c.state.label("event_state"), events.c.result.label("event_result"), *gate.COLUMNS
        )
        .select_from(events)
        .outerjoin(orders, orders.c.order_id == events.c.order_id)
        .outerjoin(decisions, decisions.c.id == orders.c.decision_id)
        .where(events.c.webhook_id.in_([inbox.internal_id(name) for name in asked]))
    )
    answers = {}
    for row in await connection.execute(query):
        answer = None if row.last_read_at is None else _verdict(row, cut_over)
        if answer is None and row.event_state == EventState.PROCESSED and row.event_result in gate.NOT_OURS:
            answer = GateAnswer(provision=True, reason="not_ours")
        if answer is not None:
            answers[row.order_id] = answer
    return answers


async def _too_late(context: Context, order_ids: Collection[int]) -> Answers:
    """No verdict in time: what we never heard of passes, what we know waits for the verdict."""
    told = sa.select(events.c.order_id).where(events.c.order_id.in_(order_ids), gate.HEARD)
    read = sa.select(orders.c.order_id).where(orders.c.order_id.in_(order_ids), orders.c.last_read_at.is_not(None))
    async with context.db.read() as connection:
        heard = set(await connection.scalars(told.union(read)))
    return {
        order_id: gate.UNDECIDED if order_id in heard else GateAnswer(provision=True, reason="not_ours")
        for order_id in order_ids
    }
