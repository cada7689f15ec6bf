"""A candidate policy in shadow next to the active one: it decides the same live orders, and never acts.

Each stored decision holds the candidate's verdict next to that of the active policy. While an order's decision stays
the same no row is written, even if the candidate's verdict changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.judgement.decide import Judgement, decide
from app.core.policy.document import Policy
from app.errors import NotFound, WrongState
from app.gathering.facts import OwnKnowledge, build_facts
from app.gathering.panel import Gathered
from app.orders.order import LockedOrder
from app.policies import versions
from app.tables.policies import policy_candidates

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """The version that runs next to the active one, since when, and who chose it; None if there is none."""

    version: int | None
    since: datetime | None
    by: str | None


_NEWEST = sa.select(policy_candidates).order_by(policy_candidates.c.id.desc()).limit(1)


async def current(connection: AsyncConnection) -> Candidate:
    """Return the candidate that runs next to the active policy."""
    row = (await connection.execute(_NEWEST)).first()
    if row is None or row.version is None:
        return Candidate(version=None, since=None, by=None)
    return Candidate(version=row.version, since=row.set_at, by=row.set_by)


async def choose(tx: AsyncConnection, version: int | None, *, by: str, now: datetime) -> Candidate:
    """Let a published version run next to the active one, or none; repeating the choice changes nothing.

    Raises NotFound, and WrongState for the version that is active.
    """
    running = await current(tx)
    if running.version == version:
        return running
    if version is not None:
        await versions.get(tx, version)
        if (await versions.active(tx)).version == version:
            raise WrongState(f"version {version} is already the active policy, so there is nothing to compare")
    await tx.execute(policy_candidates.insert().values(version=version, set_by=by, set_at=now))
    return await current(tx)


async def verdict(locked: LockedOrder, gathered: Gathered, own: OwnKnowledge) -> dict[str, Any] | None:
    """Return the candidate's verdict on an order, as it is stored; None if no candidate runs.

    The candidate applies its own terms and lists to the same texts; the active policy's muted signals stay muted.
    """
    version = (await current(locked.tx)).version
    if version is None or version == locked.given.active.version:
        return None
    try:
        policy: Policy = await versions.get(locked.tx, version)
    except (NotFound, WrongState):  # deleted, or no longer valid: the active policy decides all the same
        return None
    found = _judged(locked, gathered, own, policy)
    if found is None:
        return None
    fee = found.fee
    return {
        "version": version,
        "outcome": found.outcome.value,
        "reasons": [reason.code for reason in found.reasons],
        "self_service": found.scores.self_service,
        "risk": found.scores.risk,
        "fee": None if fee is None else {"amount_minor": fee.amount_minor, "currency": fee.currency},
        "minutes": found.labour.minutes,
    }


def _judged(locked: LockedOrder, gathered: Gathered, own: OwnKnowledge, policy: Policy) -> Judgement | None:
    """Decide by the candidate; no failure in it may keep the active policy from deciding."""
    try:
        return decide(build_facts(gathered, own, policy), policy, now=locked.given.now)
    except Exception:
        log.exception("candidate.failed", order_id=locked.order.order_id)
        return None
