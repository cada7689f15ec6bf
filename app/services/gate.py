"""The gate: may this order be provisioned now? The panel asks in the middle of a checkout, so it answers in time.

Whatever the database does meanwhile: nothing in here waits for it outside of `in_time`.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.config import Mode
from app.core.decision import Outcome
from app.core.lifecycle import OrderState
from app.core.policy_modes import ActionMode
from app.db import is_unavailable
from app.deadline import within
from app.errors import WrongState
from app.messaging import inbox
from app.services import installation, limits, modes, policies
from app.services.context import Context
from app.tables.inbox import EventState, events
from app.tables.orders import decisions, orders

#: The answer is there so long after the question at the latest: 1.5 s, less what the way back may take.
WAIT_SECONDS: Final = 1.35
#: So long before that, waiting ends and what can be known is read for the last time.
_LAST_LOOK_SECONDS = 0.15
_POLL_SECONDS = 0.02

_T = TypeVar("_T")

_BY_OUTCOME = {
    Outcome.APPROVE: (True, "approved"),
    Outcome.HOLD_FOR_FEE: (False, "held_for_fee"),
    Outcome.HOLD_FOR_REVIEW: (False, "held_for_review"),
    Outcome.REJECT: (False, "rejected"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GateAnswer:
    """Whether to provision, and why: a word of the contract (design §6)."""

    provision: bool
    reason: str


#: There is no verdict, or none can be known: shut. A later approval heals it with an accept.
UNDECIDED: Final = GateAnswer(provision=False, reason="undecided")


async def ask(context: Context, order_id: int, *, since: float | None = None) -> GateAnswer:
    """Answer for one order within `WAIT_SECONDS` of `since` (monotonic; else of now), whatever the database does."""
    if context.settings.mode is Mode.SHADOW:
        return GateAnswer(provision=True, reason="shadow")
    until = (time.monotonic() if since is None else since) + WAIT_SECONDS
    return await in_time(context, until, _ask(context, order_id, until), otherwise=UNDECIDED)


async def in_time(context: Context, until: float, work: Coroutine[Any, Any, _T], *, otherwise: _T) -> _T:
    """Return what the work finds, or `otherwise` when the monotonic clock says `until` or the database fails it."""
    try:
        return await within(until - time.monotonic(), work)
    except Exception as error:
        if not is_unavailable(error):
            raise
        context.db.outage.note("gate", error)
        return otherwise


async def _ask(context: Context, order_id: int, until: float) -> GateAnswer:
    """Read what is known, else have the order decided now by the worker and wait for it."""
    async with context.db.read() as connection:
        answer = await _known(connection, context, order_id) or await _holds_nothing(connection)
    if answer is not None:
        return answer
    wait_until = until - _LAST_LOOK_SECONDS
    asked = await in_time(context, wait_until, _ask_worker(context, order_id), otherwise=None)
    if asked is None:  # what was never asked about can't be called not ours; the worker may have known it all the same
        async with context.db.read() as connection:
            return await _known(connection, context, order_id) or UNDECIDED
    while time.monotonic() < wait_until:
        await asyncio.sleep(_POLL_SECONDS)
        async with context.db.read() as connection:
            answer = await _known(connection, context, order_id) or await _finished(connection, asked)
        if answer is not None:
            return answer
    return await _too_late(context, order_id)


async def _known(connection: AsyncConnection, context: Context, order_id: int) -> GateAnswer | None:
    row = await _row(connection, order_id)
    if row is None or row.last_read_at is None:
        return None
    acts = await installation.acts_on_order(
        connection, context.settings.mode, order_id, placed_at=row.placed_at, first_heard_at=row.first_heard_at
    )
    if not acts and not row.touched_by_person:
        return GateAnswer(provision=True, reason="before_cutover")
    if row.outcome is None:
        return None
    if row.state == OrderState.CLOSED and row.outcome == Outcome.APPROVE:
        return None  # it was gone from the panel: what is asked about may be another order by now
    if limits.was_left(row) or modes.was_left(row):
        return GateAnswer(provision=True, reason="shadow")  # it stays as the panel has it
    if row.mode == Mode.SHADOW:
        return GateAnswer(provision=True, reason="before_cutover")  # decided in shadow: never acted on (rule 10)
    provision, reason = _BY_OUTCOME[Outcome(row.outcome)]
    return GateAnswer(provision=provision, reason=reason)


async def _holds_nothing(connection: AsyncConnection) -> GateAnswer | None:
    """Where the policy's mode of holding is not enforce, an order without a verdict need not wait for one."""
    try:
        holds = (await policies.active(connection)).policy.modes.hold is ActionMode.ENFORCE
    except WrongState:  # not valid any more: nothing is decided until there is another
        return None
    return None if holds else GateAnswer(provision=True, reason="shadow")


async def _row(connection: AsyncConnection, order_id: int) -> Any:
    columns = (
        orders.c.placed_at, orders.c.first_heard_at, orders.c.last_read_at, orders.c.outcome, orders.c.state,
        orders.c.touched_by_person, decisions.c.mode, decisions.c.reasons,
    )  # fmt: skip
    return (
        await connection.execute(
            sa.select(*columns)
            .outerjoin_from(orders, decisions, decisions.c.id == orders.c.decision_id)
            .where(orders.c.order_id == order_id)
        )
    ).first()


async def _ask_worker(context: Context, order_id: int) -> str:
    """Have the worker look at the order now; its reads go first in the rate limit."""
    now = context.clock()
    name = f"gate:{order_id}:{uuid.uuid4()}"
    async with context.db.begin() as tx:
        await context.db.wait_less(tx, WAIT_SECONDS - 2 * _LAST_LOOK_SECONDS)
        await inbox.add_internal(tx, type="gate.asked", data={"order_id": order_id}, now=now, name=name, urgent=True)
    context.wake()
    return name


async def _finished(connection: AsyncConnection, name: str) -> GateAnswer | None:
    """What the worker found, where that is no verdict: the panel does not list the order, or not as Pending."""
    query = sa.select(events.c.state, events.c.result).where(events.c.webhook_id == inbox.internal_id(name))
    row = (await connection.execute(query)).first()
    if row is not None and row.state == EventState.PROCESSED and row.result in {"not-listed", "not-pending"}:
        return GateAnswer(provision=True, reason="not_ours")
    return None


async def _too_late(context: Context, order_id: int) -> GateAnswer:
    """The last look: without a verdict, what we never heard of passes, what we know waits for the verdict."""
    async with context.db.read() as connection:
        answer = await _known(connection, context, order_id)
        if answer is not None:
            return answer
        heard = await connection.execute(
            sa.select(events.c.id).where(events.c.order_id == order_id, events.c.type != "gate.asked").limit(1)
        )
        row = await _row(connection, order_id)
        if heard.first() is None and (row is None or row.last_read_at is None):
            return GateAnswer(provision=True, reason="not_ours")
    return UNDECIDED
