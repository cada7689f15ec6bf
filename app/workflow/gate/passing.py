"""The gate: may this order be provisioned now? The panel asks during a checkout, so the answer has a deadline.

A slow database must not delay it: every wait for the database happens within `in_time`.
"""

from __future__ import annotations

import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.context import Context
from app.core.consequences import modes
from app.core.judgement.decide import Outcome
from app.core.policy.sections.modes import ActionMode
from app.core.records import Mode
from app.core.states import OrderState
from app.db import is_unavailable
from app.deadline import within
from app.errors import WrongState
from app.policies import versions
from app.tables.inbox import events
from app.tables.orders import decisions, orders

#: The answer is ready this long after the question at the latest: 1.5 s, less the time for sending it.
WAIT_SECONDS: Final = 1.35
#: This long before the deadline, waiting ends and the last read begins.
LAST_LOOK_SECONDS: Final = 0.15

#: The worker's results for an order that is not ours: the panel does not list it, or not as Pending.
NOT_OURS = frozenset({"not-listed", "not-pending"})
#: Events that make an order ours: it was reported, or the panel lists it as Pending and other reads fail.
RECEIVED = sa.or_(events.c.type != "gate.asked", events.c.reads_failed_at.is_not(None))
#: The columns of an order and its decision that `verdict` reads.
COLUMNS = (
    orders.c.placed_at, orders.c.first_heard_at, orders.c.last_read_at, orders.c.outcome, orders.c.state,
    orders.c.touched_by_person, decisions.c.mode, decisions.c.reasons,
)  # fmt: skip

_T = TypeVar("_T")

_BY_OUTCOME = {
    Outcome.APPROVE: (True, "approved"),
    Outcome.HOLD_FOR_FEE: (False, "held_for_fee"),
    Outcome.HOLD_FOR_REVIEW: (False, "held_for_review"),
    Outcome.REJECT: (False, "rejected"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GateAnswer:
    """Whether to provision, and why; `reason` is one of the API's documented words."""

    provision: bool
    reason: str


#: There is no verdict, or it can't be read: shut. A later approval provisions the order with an accept.
UNDECIDED: Final = GateAnswer(provision=False, reason="undecided")


async def in_time(context: Context, until: float, work: Coroutine[Any, Any, _T], *, otherwise: _T) -> _T:
    """Return the result of the work, or `otherwise` if the monotonic clock reaches `until` or the database fails."""
    try:
        return await within(until - time.monotonic(), work)
    except Exception as error:
        if not is_unavailable(error):
            raise
        context.db.outage.note("gate", error)
        return otherwise


def verdict(row: Any, *, acts: bool) -> GateAnswer | None:
    """Return the answer from the row of an order that was read from the panel; None while it has no verdict."""
    if not acts and not row.touched_by_person:
        return GateAnswer(provision=True, reason="before_cutover")
    if row.outcome is None:
        return None
    if row.state == OrderState.CLOSED and row.outcome == Outcome.APPROVE:
        return None  # it was deleted in the panel: the question may be about another order with its number
    if modes.was_limited(row) or modes.was_left(row):
        return GateAnswer(provision=True, reason="shadow")  # the panel decides
    if row.mode == Mode.SHADOW:
        return GateAnswer(provision=True, reason="before_cutover")  # decided in shadow: never acted on
    provision, reason = _BY_OUTCOME[Outcome(row.outcome)]
    return GateAnswer(provision=provision, reason=reason)


async def holds_nothing(connection: AsyncConnection) -> GateAnswer | None:
    """Return an answer for orders without a verdict if the policy's mode of holding is not enforce, else None."""
    try:
        holds = (await versions.active(connection)).policy.modes.hold is ActionMode.ENFORCE
    except WrongState:  # the policy is no longer valid: nothing is decided until another is active
        return None
    return None if holds else GateAnswer(provision=True, reason="shadow")
