"""Damage limits: whether one is reached, counted by bounded queries; `core.consequences` says what a limit stops."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.consequences.fees import KEYS
from app.core.consequences.limits import LENGTHS, Limit, LimitWindow, Reached
from app.core.judgement.decide import Outcome
from app.core.policy.document import Policy
from app.core.policy.sections.acting import HourLimits
from app.core.records import POLICY, AlertKind
from app.errors import WrongState
from app.installation.alerts import alert
from app.policies import versions
from app.tables.customers import credits
from app.tables.orders import decisions, fees
from app.tables.outbox import panel_calls

#: At most this many decisions of a window are read, the newest.
LOOKED_AT: Final = 5_000

_HOLDS = (Outcome.HOLD_FOR_FEE, Outcome.HOLD_FOR_REVIEW)


async def reached_now(
    tx: AsyncConnection, policy: Policy, limit: Limit, *, now: datetime, order_id: int
) -> Reached | None:
    """Return this limit if it is reached; the order is about to be held, charged or rejected."""
    for window in LimitWindow:
        reached = await _look(tx, policy, limit, window, now=now, order_id=order_id)
        if reached is not None:
            return reached
    return None


async def tell(tx: AsyncConnection, reached: Reached, *, now: datetime) -> None:
    """Notify staff, once per limit and window."""
    await alert(tx, AlertKind.DAMAGE_LIMIT, name=reached.alert_name(now), text=reached.to_text(), now=now)


async def check_credits(tx: AsyncConnection, *, now: datetime) -> None:
    """Refuse one more credit if their limit is reached. Raises WrongState, which says when the limit lifts."""
    policy = (await versions.active(tx)).policy
    for window in LimitWindow:
        found = await _look(tx, policy, Limit.CREDITS, window, now=now)
        if found is not None:
            raise WrongState(f"{found.to_text()} No credit was granted.")


async def reached(connection: AsyncConnection, policy: Policy, *, now: datetime) -> tuple[Reached, ...]:
    """Return every limit that is reached now, by bounded queries."""
    found = [await _look(connection, policy, limit, window, now=now) for limit in Limit for window in LimitWindow]
    return tuple(one for one in found if one is not None)


# --- counting -----------------------------------------------------------------------------------------------------


async def _look(
    connection: AsyncConnection,
    policy: Policy,
    limit: Limit,
    window: LimitWindow,
    *,
    now: datetime,
    order_id: int | None = None,
) -> Reached | None:
    """Return the limit if it is reached; `order_id` is about to be held and counts as well."""
    rules: HourLimits = getattr(policy.limits, window.value)
    at_most: int = getattr(rules, limit.value)
    if at_most == 0 or (limit is Limit.REJECTS and not policy.risk.auto_reject):
        return None
    since = now - LENGTHS[window]
    if limit is Limit.HELD_SHARE:
        over = await _share_is_over(connection, rules, since=since, order_id=order_id)
        return Reached(limit=limit, window=window, at_most=at_most, until=None) if over else None
    at: datetime | None = await connection.scalar(_times(limit, since).offset(at_most - 1).limit(1))
    if at is None:
        return None
    return Reached(limit=limit, window=window, at_most=at_most, until=at + LENGTHS[window])


def _times(limit: Limit, since: datetime) -> sa.Select[Any]:
    """Select the times of the limited action, newest first: the n-th shows whether n are reached, and until when."""
    if limit is Limit.FEES:
        return sa.select(fees.c.created_at).where(fees.c.created_at > since).order_by(fees.c.created_at.desc())
    if limit is Limit.REJECTS:
        decided = _decided(since).subquery()
        return sa.select(decided.c.at).where(decided.c.outcome == Outcome.REJECT).order_by(decided.c.at.desc())
    granted = sa.select(credits.c.created_at.label("at")).where(credits.c.created_at > since)
    given_back = sa.select(panel_calls.c.created_at.label("at")).where(
        panel_calls.c.action == sa.literal_column("'add_credit'"),  # a literal, to match the partial index
        panel_calls.c.created_at > since,
        panel_calls.c.key.startswith(KEYS),
    )
    both = sa.union_all(granted, given_back).subquery()
    return sa.select(both.c.at).order_by(both.c.at.desc())


def _decided(since: datetime) -> sa.Select[Any]:
    return (
        sa.select(decisions.c.order_id, decisions.c.outcome, decisions.c.at)
        .where(decisions.c.at > since, decisions.c.by == POLICY)
        .order_by(decisions.c.at.desc())
        .limit(LOOKED_AT)
    )


async def _share_is_over(
    connection: AsyncConnection, rules: HourLimits, *, since: datetime, order_id: int | None
) -> bool:
    """True if the share of orders that the policy wanted to hold, of all that it decided, exceeds the limit."""
    decided = _decided(since).subquery()
    held_id = sa.case((decided.c.outcome.in_(_HOLDS), decided.c.order_id))
    query = sa.select(sa.func.count(decided.c.order_id.distinct()), sa.func.count(held_id.distinct()))
    if order_id is not None:
        query = query.where(decided.c.order_id != order_id)
    total, held = (await connection.execute(query)).one()
    if order_id is not None:
        total, held = total + 1, held + 1
    return bool(total >= rules.held_min_orders and held * 100 > rules.held_share * total)
