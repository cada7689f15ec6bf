"""The steps that every change of an order takes: make a plan, read what it lacks, and apply it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from app.billing import limits
from app.context import Context
from app.core.consequences.draft import Draft
from app.core.consequences.effects import Plan
from app.core.consequences.limits import Limit
from app.core.consequences.snapshot import Conditions, Lacking, Need, Snapshot
from app.core.facts import Facts
from app.orders.order import LockedOrder, read_more
from app.workflow.apply import apply

T = TypeVar("T")


async def planned(
    locked: LockedOrder,
    make: Callable[[Snapshot, Conditions], T],
    *,
    facts: Callable[[], Awaitable[Facts]] | None = None,
) -> T:
    """Make a plan; as long as it lacks something, read that and make it anew.

    `facts` reads what is judged; only a look at the panel has them. Raises Lacking for facts without it.
    """
    while True:
        try:
            return make(locked.snapshot, locked.given)
        except Lacking as lacking:
            if lacking.need is not Need.FACTS:
                locked = await _with(locked, lacking.need)
            elif facts is None:
                raise
            else:
                locked = replace(locked, snapshot=replace(locked.snapshot, facts=await facts()))


async def _with(locked: LockedOrder, need: Need | Limit) -> LockedOrder:
    if isinstance(need, Need):
        return await read_more(locked, need)
    given = locked.given
    reached = await limits.reached_now(
        locked.tx, given.active.policy, need, now=given.now, order_id=locked.order.order_id
    )
    return replace(locked, given=replace(given, limits={**given.limits, need: reached}))


async def change(context: Context, locked: LockedOrder, step: Callable[[Draft], T]) -> T:
    """Make a plan by one step, apply it, and return the step's result."""

    def make(snapshot: Snapshot, given: Conditions) -> tuple[Plan, T]:
        draft = Draft.of(snapshot, given)
        result = step(draft)
        return draft.plan(), result

    plan, result = await planned(locked, make)
    await apply(locked, plan, panel_url=context.settings.panel_url)
    return result
