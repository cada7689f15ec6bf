"""Damage limits: a feature that suddenly holds, bills, rejects or credits far more than the policy allows within an
hour or a day stops acting, and staff are notified.

The verdict is stored as judged and can be replayed; only the action is limited, and the decision's reasons say so.
Decisions by staff are never limited. Workers that decide at the same moment may each exceed a limit by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.billing import fees as fees_service
from app.core.judgement.course import Course
from app.core.judgement.decide import Judgement, Outcome, Reason
from app.core.judgement.reasons import ALWAYS_HELD, ReasonCode
from app.core.money import Money
from app.core.policy.document import Policy
from app.core.policy.sections.acting import HourLimits
from app.core.records import POLICY, AlertKind
from app.core.rows.belongings import Decided
from app.core.states import OrderState
from app.errors import WrongState
from app.installation.alerts import alert
from app.orders.order import OrderDraft
from app.policies import versions
from app.tables.customers import credits
from app.tables.orders import decisions, fees
from app.tables.outbox import panel_calls

#: The reason of a soft hold that was not acted on: the order was left to the panel, and stays so.
LEFT_TO_PANEL: Final = ReasonCode.LIMIT_HELD_SHARE
#: At most this many decisions of a window are read, the newest.
LOOKED_AT: Final = 5_000

_HOLDS = (Outcome.HOLD_FOR_FEE, Outcome.HOLD_FOR_REVIEW)
#: Only an order that is not held yet can be left to the panel; an accept in progress is cancelled instead.
_CAN_BE_LEFT = (OrderState.RECEIVED, OrderState.AWAITING_PAYMENT)
_LEFT = Reason(LEFT_TO_PANEL, "Not held, because the policy's limit of held orders is reached; left to the panel.")


class Limit(StrEnum):
    """The limited actions."""

    HELD_SHARE = "held_share"
    FEES = "fees"
    REJECTS = "rejects"
    CREDITS = "credits"


class LimitWindow(StrEnum):
    """The period of a limit."""

    HOUR = "hour"
    DAY = "day"


LENGTHS: Final = {LimitWindow.HOUR: timedelta(hours=1), LimitWindow.DAY: timedelta(days=1)}
_WORDS: Final = {
    Limit.HELD_SHARE: "{at_most} % of the orders decided within {window} were held",
    Limit.FEES: "{at_most} fees were requested within {window}",
    Limit.REJECTS: "{at_most} orders were rejected by the policy within {window}",
    Limit.CREDITS: "{at_most} credits were granted within {window}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A limit that is reached; `until` is when it lifts at the earliest, None if that depends on later orders."""

    limit: Limit
    window: LimitWindow
    at_most: int
    until: datetime | None

    def to_text(self) -> str:
        """Return a sentence about it for staff."""
        window = {LimitWindow.HOUR: "an hour", LimitWindow.DAY: "a day"}[self.window]
        said = _WORDS[self.limit].format(at_most=self.at_most, window=window)
        ends = f"; it lifts at {self.until:%Y-%m-%d %H:%M} UTC" if self.until is not None else ""
        return f"{said}: the policy's limit limits.{self.window}.{self.limit} is reached{ends}."


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitVerdict:
    """The action on a judgement, by the policy's modes and by these limits."""

    outcome: Outcome
    reasons: tuple[Reason, ...]
    course: Course = Course.ACT

    @property
    def left(self) -> bool:
        """True if it is only recorded, as in shadow."""
        return self.course in {Course.LEAVE, Course.PROPOSE}


async def apply(draft: OrderDraft, judgement: Judgement, plain: LimitVerdict, in_force: Decided | None) -> LimitVerdict:
    """Return what may be done about a judgement now; if a limit stops it, staff are notified in this transaction.

    `plain` is what would be done without limits. `in_force` is the decision until now: the policy does not hold an
    order later that was once left to the panel, because the panel may have gone on with it; reasons that always hold
    are excepted.
    """
    if not draft.acts or plain.outcome is Outcome.APPROVE:
        return plain
    if plain.outcome is Outcome.REJECT:
        return await _reject(draft, plain)
    if ALWAYS_HELD & {reason.code for reason in judgement.reasons}:
        return plain
    if was_left(in_force) or await _too_many_held(draft):
        return LimitVerdict(outcome=plain.outcome, reasons=(*plain.reasons, _LEFT), course=Course.LEAVE)
    if plain.outcome is Outcome.HOLD_FOR_FEE and judgement.fee is not None:
        return await _ask_fee(draft, plain, judgement.fee)
    return plain


def is_limited(verdict: LimitVerdict) -> bool:
    """True if a verdict is left to the panel because too many orders would be held."""
    return any(reason.code == LEFT_TO_PANEL for reason in verdict.reasons)


def was_left(decision: Decided | None) -> bool:
    """True if a stored decision was left to the panel."""
    return decision is not None and any(reason["code"] == LEFT_TO_PANEL for reason in decision.reasons or ())


async def _reject(draft: OrderDraft, plain: LimitVerdict) -> LimitVerdict:
    found = await _tell_first(draft, Limit.REJECTS)
    if found is None:
        return plain
    text = "The policy would reject this order; the limit of rejects is reached, so a person decides."
    return LimitVerdict(
        outcome=Outcome.HOLD_FOR_REVIEW, reasons=(Reason(ReasonCode.WOULD_REJECT, text), *plain.reasons)
    )


async def _too_many_held(draft: OrderDraft) -> bool:
    return draft.state in _CAN_BE_LEFT and await _tell_first(draft, Limit.HELD_SHARE) is not None


async def _ask_fee(draft: OrderDraft, plain: LimitVerdict, fee: Money) -> LimitVerdict:
    """Limit a new fee; one that is already open does not count as new."""
    if await fees_service.is_asked(draft, fee) or await _tell_first(draft, Limit.FEES) is None:
        return plain
    text = "The limit of fees is reached, so no invoice is created and a person decides."
    return LimitVerdict(outcome=Outcome.HOLD_FOR_REVIEW, reasons=(Reason(ReasonCode.LIMIT_FEES, text), *plain.reasons))


async def _tell_first(draft: OrderDraft, limit: Limit) -> Reached | None:
    """Return this limit if it is reached, and notify staff."""
    policy = draft.policy.policy
    for window in LimitWindow:
        found = await _look(draft.tx, policy, limit, window, now=draft.now, order_id=draft.order_id)
        if found is not None:
            await tell(draft.tx, found, now=draft.now)
            return found
    return None


async def tell(tx: AsyncConnection, reached: Reached, *, now: datetime) -> None:
    """Notify staff, once per limit and window."""
    length = LENGTHS[reached.window]
    turn = int(now.timestamp() // length.total_seconds())
    name = f"limit:{reached.limit}:{reached.window}:{turn}"
    await alert(tx, AlertKind.DAMAGE_LIMIT, name=name, text=reached.to_text(), now=now)


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
        panel_calls.c.key.startswith(fees_service.KEYS),
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
