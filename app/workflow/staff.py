"""Carry out what a member of staff wants of an order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from app.context import Context
from app.core.consequences.news import ActionRequest
from app.core.consequences.refused import Refusal, Refused
from app.core.consequences.staff import act as plan_action
from app.core.states import Trigger
from app.errors import Invalid, LooksDuplicate, NotFound, Problem, ShadowMode, WrongState
from app.orders.order import open_order
from app.workflow.apply import apply
from app.workflow.changing import planned
from app.workflow.decisions import judged_facts

_ERRORS: Final[Mapping[Refusal, Callable[[Refused], Problem]]] = {
    Refusal.INVALID: lambda refused: Invalid(str(refused), refused.details),
    Refusal.WRONG_STATE: lambda refused: WrongState(str(refused)),
    Refusal.SHADOW: lambda refused: ShadowMode(str(refused)),
    Refusal.DUPLICATE: lambda refused: LooksDuplicate(str(refused)),
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

    Raises NotFound, Invalid, LooksDuplicate, WrongState if the order's state does not allow it, and ShadowMode in
    shadow, with what would have happened.
    """
    locked = await open_order(context, tx, order_id, now=now)
    if locked is None:
        raise NotFound(f"no order {order_id} is known; its event may not have arrived yet")
    facts = await judged_facts(tx, order_id) if action is Trigger.CHARGE_FEE else None
    try:
        plan = await planned(locked, partial(plan_action, action, request, by=by, facts=facts))
    except Refused as refused:
        raise as_problem(refused) from None
    await apply(locked, plan, panel_url=context.settings.panel_url)
    context.wake()


def as_problem(refused: Refused) -> Problem:
    """Return the problem that the API answers with."""
    return _ERRORS[refused.kind](refused)
