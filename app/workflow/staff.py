"""Carry out what a member of staff wants of an order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from app.context import Context
from app.core.consequences.effects import Plan
from app.core.consequences.news import ActionRequest, WorkTerms
from app.core.consequences.refused import Refusal, Refused
from app.core.consequences.snapshot import Conditions, Snapshot
from app.core.consequences.staff import act as plan_action
from app.core.states import Trigger
from app.errors import Invalid, LooksDuplicate, NotFound, Problem, ShadowMode, WorkUnpaid, WrongState
from app.orders.order import LockedOrder, open_order
from app.shown import panel_url
from app.workflow.apply import apply
from app.workflow.changing import planned
from app.workflow.decisions import judged_facts

_ERRORS: Final[Mapping[Refusal, Callable[[Refused], Problem]]] = {
    Refusal.INVALID: lambda refused: Invalid(str(refused), refused.details),
    Refusal.WRONG_STATE: lambda refused: WrongState(str(refused)),
    Refusal.SHADOW: lambda refused: ShadowMode(str(refused)),
    Refusal.DUPLICATE: lambda refused: LooksDuplicate(str(refused)),
    Refusal.IN_PANEL: lambda refused: WrongState(str(refused)),
    Refusal.WORK_UNPAID: lambda refused: WorkUnpaid(str(refused), **refused.members),
}


async def act(
    tx: AsyncConnection,
    context: Context,
    order_id: int,
    action: Trigger,
    request: ActionRequest,
    *,
    by: str,
    now: datetime,
) -> None:
    """Carry out a person's action on one order, in this transaction.

    Raises NotFound, Invalid, LooksDuplicate, WrongState if the order's state does not allow it, WorkUnpaid if
    approving would give away work without a word, and ShadowMode in shadow, with what would have happened.
    """
    locked = await open_order(context, tx, order_id, now=now)
    if locked is None:
        raise NotFound(f"no order {order_id} is known; its event may not have arrived yet")
    charges = action is Trigger.CHARGE_FEE or request.work is WorkTerms.FEE
    facts = await judged_facts(tx, order_id) if charges else None
    await carry_out(context, locked, partial(plan_action, action, request, by=by, facts=facts))
    context.wake()


async def carry_out(context: Context, locked: LockedOrder, make: Callable[[Snapshot, Conditions], Plan]) -> None:
    """Plan a person's action on a locked order and apply it. Raises the problem that a refusal is answered with."""
    try:
        plan = await planned(locked, make)
    except Refused as refused:
        raise as_problem(refused, panel_url(context.settings, locked.order.order_id)) from None
    await apply(locked, plan, panel_url=context.settings.panel_url)


def as_problem(refused: Refused, url: str | None) -> Problem:
    """Return a refusal as it is answered; what only the panel can do now, with the order's address there."""
    problem = _ERRORS[refused.kind](refused)
    if refused.kind is Refusal.IN_PANEL and url is not None:
        return WrongState(f"{problem.detail}: {url}", panel_url=url)
    return problem
