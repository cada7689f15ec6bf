"""The gate: may this order be provisioned now? The panel asks in the middle of a checkout, so it answers in time.

Whatever the database does meanwhile: nothing in here waits for it outside of `in_time`.
"""

from __future__ import annotations

import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.billing import limits
from app.config import Mode
from app.context import Context
from app.core.judgement.decide import Outcome
from app.core.policy.sections.modes import ActionMode
from app.core.states import OrderState
from app.db import is_unavailable
from app.deadline import within
from app.errors import WrongState
from app.policies import versions
from app.tables.inbox import events
from app.tables.orders import decisions, orders
from app.workflow import verdicts

#: The answer is there so long after the question at the latest: 1.5 s, less what the way back may take.
WAIT_SECONDS: Final = 1.35
#: So long before that, waiting ends and what can be known is read for the last time.
LAST_LOOK_SECONDS: Final = 0.15

#: What the worker found where an order is none of ours: the panel does not list it, or not as Pending.
NOT_OURS = frozenset({"not-listed", "not-pending"})
#: Events by which an order is one of ours: it was told of, or the panel lists it as Pending and other reads fail.
HEARD = sa.or_(events.c.type != "gate.asked", events.c.reads_failed_at.is_not(None))
#: Of an order and its decision, what `verdict` looks at.
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
    """Whether to provision, and why: a word of the contract (design §6)."""

    provision: bool
    reason: str


#: There is no verdict, or none can be known: shut. A later approval heals it with an accept.
UNDECIDED: Final = GateAnswer(provision=False, reason="undecided")


async def in_time(context: Context, until: float, work: Coroutine[Any, Any, _T], *, otherwise: _T) -> _T:
    """Return what the work finds, or `otherwise` when the monotonic clock says `until` or the database fails it."""
    try:
        return await within(until - time.monotonic(), work)
    except Exception as error:
        if not is_unavailable(error):
            raise
        context.db.outage.note("gate", error)
        return otherwise


def verdict(row: Any, *, acts: bool) -> GateAnswer | None:
    """Return the answer by an order's row, which the panel was read for; None while it has no verdict."""
    if not acts and not row.touched_by_person:
        return GateAnswer(provision=True, reason="before_cutover")
    if row.outcome is None:
        return None
    if row.state == OrderState.CLOSED and row.outcome == Outcome.APPROVE:
        return None  # it was gone from the panel: what is asked about may be another order by now
    if limits.was_left(row) or verdicts.was_left(row):
        return GateAnswer(provision=True, reason="shadow")  # it stays as the panel has it
    if row.mode == Mode.SHADOW:
        return GateAnswer(provision=True, reason="before_cutover")  # decided in shadow: never acted on (rule 10)
    provision, reason = _BY_OUTCOME[Outcome(row.outcome)]
    return GateAnswer(provision=provision, reason=reason)


async def holds_nothing(connection: AsyncConnection) -> GateAnswer | None:
    """Where the policy's mode of holding is not enforce, an order without a verdict need not wait for one."""
    try:
        holds = (await versions.active(connection)).policy.modes.hold is ActionMode.ENFORCE
    except WrongState:  # not valid any more: nothing is decided until there is another
        return None
    return None if holds else GateAnswer(provision=True, reason="shadow")
