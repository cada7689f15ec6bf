"""A person acts on a group of new accounts as a whole."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from app.context import Context
from app.core.consequences.desk.groups import act_on_member
from app.core.consequences.news import ActionRequest
from app.core.consequences.timers import GROUP_ACTED
from app.core.states import Trigger
from app.customers import groups
from app.errors import NotFound
from app.messaging import inbox
from app.messaging.inbox import Event
from app.orders.order import open_order
from app.tables.inbox import EventState
from app.workflow.staff import carry_out

#: As many orders are acted on while the caller waits; the worker goes on with those of a larger group.
_AT_ONCE: Final = 40
_NAMED: Final = 10  # orders in a line of the timeline


async def act(
    tx: AsyncConnection,
    context: Context,
    group_id: int,
    action: Trigger,
    request: ActionRequest,
    *,
    by: str,
    now: datetime,
) -> None:
    """Carry out a person's action on all orders of a group, in this transaction; done again, it does nothing.

    Raises NotFound, WrongState while a panel call about one of the orders is being sent, and ShadowMode in shadow.
    """
    members = await groups.members(tx, group_id)
    if not members:
        raise NotFound(f"there is no group {group_id}; it may have become part of an older one")
    others = _named(members)
    for order_id in members[:_AT_ONCE]:
        await _act_on(tx, context, order_id, action, request, by=by, others=others, now=now)
    for order_id in members[_AT_ONCE:]:
        data = {
            "order_id": order_id, "action": action.value, "by": by, "others": others, "fraud": request.fraud,
            "note": request.note,
        }  # fmt: skip
        name = f"group:{group_id}:{action}:{order_id}:{now.isoformat()}"
        await inbox.add_internal(tx, type=GROUP_ACTED, data=data, now=now, name=name)
    await groups.mark(tx, group_id, action.value, by=by, now=now)
    context.wake()


def _named(order_ids: list[int]) -> str:
    shown = ", ".join(map(str, order_ids[:_NAMED]))
    more = len(order_ids) - _NAMED
    return f"{shown} and {more} more" if more > 0 else shown


async def _act_on(
    tx: AsyncConnection,
    context: Context,
    order_id: int,
    action: Trigger,
    request: ActionRequest,
    *,
    by: str,
    others: str,
    now: datetime,
) -> None:
    locked = await open_order(context, tx, order_id, now=now)
    if locked is None:
        return
    await carry_out(context, locked, partial(act_on_member, action, request, by=by, others=others))


async def group_acted(context: Context, event: Event, order_id: int) -> None:
    """Carry out a person's action on one order of a large group. A refusal has the event tried again."""
    now, data = context.clock(), dict[str, Any](event.data)
    request = ActionRequest(fraud=bool(data.get("fraud")), note=data.get("note"))
    async with context.db.begin() as tx:
        await _act_on(
            tx, context, order_id, Trigger(data["action"]), request, by=data["by"], others=data["others"], now=now
        )
        await inbox.finish(tx, event, state=EventState.PROCESSED, result="acted", now=now)
    context.wake()
