"""Has the panel's gate ever asked us? Without it a hold may stop nothing: Pending alone blocks no provisioning."""

from __future__ import annotations

import time
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.context import Context
from app.core.policy.document import Policy
from app.core.policy.sections.modes import ActionMode
from app.core.records import NO_GATE, Mode
from app.errors import NotFound, WrongState
from app.installation import facts as installation
from app.policies import versions
from app.tables.orders import orders
from app.workflow.gate.passing import in_time

#: Each process writes the time of the last call at most once in this interval.
APART: Final = timedelta(hours=1)
#: Time limit for that write: the connection to the panel stays open until then.
PATIENCE_SECONDS: Final = 0.4


async def remember(context: Context, order_ids: Collection[int]) -> None:
    """Record that the gate asked and was answered; only for orders that we know, so that test calls don't count.

    Called after the answer was sent. If the database is busy or down, the next call is recorded instead.
    """
    now = context.clock()
    if context.gate_noted_at is not None and now - context.gate_noted_at < APART:
        return
    until = time.monotonic() + PATIENCE_SECONDS
    await in_time(context, until, _write(context, order_ids, now), otherwise=None)


async def _write(context: Context, order_ids: Collection[int], now: datetime) -> None:
    async with context.db.read() as connection:
        known = await connection.scalar(sa.select(orders.c.order_id).where(orders.c.order_id.in_(order_ids)).limit(1))
    if known is None:
        return
    async with context.db.begin() as tx:
        await context.db.wait_less(tx, PATIENCE_SECONDS / 2)
        before = await installation.get(tx, installation.GATE_ASKED) or {}
        at = now.isoformat()
        await installation.put(tx, installation.GATE_ASKED, {"first": before.get("first", at), "last": at}, now=now)
    context.gate_noted_at = now


async def is_missing(connection: AsyncConnection, mode: Mode) -> bool:
    """True if orders are held here and no gate has ever asked."""
    if mode is Mode.SHADOW or await installation.get(connection, installation.GATE_ASKED) is not None:
        return False
    try:
        return (await versions.active(connection)).policy.modes.hold is ActionMode.ENFORCE
    except (NotFound, WrongState):  # no policy is active yet, or it is no longer valid
        return False


async def warnings(connection: AsyncConnection, policy: Policy) -> tuple[str, ...]:
    """Return a warning if the policy holds orders but no gate has ever asked: a hold needs a working gate."""
    if policy.modes.hold is not ActionMode.ENFORCE:
        return ()
    asked = await installation.get(connection, installation.GATE_ASKED)
    return () if asked is not None else (f"modes.hold is enforce: {NO_GATE}",)
