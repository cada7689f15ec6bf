"""A candidate policy in shadow beside the active one: it decides the same live orders, and never acts.

Its verdict stands beside that of the active policy in each decision that is written. An order whose decision stays as
it is writes none, whatever the candidate would make of it meanwhile.
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
from app.orders.order import OrderInHand
from app.policies import versions
from app.tables.policies import policy_candidates

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """The version that runs beside the active one, since when and by whose wish; None where nothing does."""

    version: int | None
    since: datetime | None
    by: str | None


async def current(connection: AsyncConnection) -> Candidate:
    """Return what runs beside the active policy."""
    row = (
        await connection.execute(sa.select(policy_candidates).order_by(policy_candidates.c.id.desc()).limit(1))
    ).first()
    if row is None or row.version is None:
        return Candidate(version=None, since=None, by=None)
    return Candidate(version=row.version, since=row.set_at, by=row.set_by)


async def choose(tx: AsyncConnection, version: int | None, *, by: str, now: datetime) -> Candidate:
    """Let a published version run beside the active one, or none; the same again changes nothing.

    Raises NotFound, and WrongState for the version that is active.
    """
    running = await current(tx)
    if running.version == version:
        return running
    if version is not None:
        await versions.get(tx, version)
        if (await versions.active(tx)).version == version:
            raise WrongState(f"version {version} is the active policy: there is nothing to compare")
    await tx.execute(policy_candidates.insert().values(version=version, set_by=by, set_at=now))
    return await current(tx)


async def verdict(file: OrderInHand, gathered: Gathered, own: OwnKnowledge) -> dict[str, Any] | None:
    """Return what the candidate says about an order, as it is stored; None where no candidate runs.

    Terms and lists are its own, looked for in the same texts; what is muted is as for the active policy.
    """
    version = (await current(file.tx)).version
    if version is None or version == file.policy.version:
        return None
    try:
        policy: Policy = await versions.get(file.tx, version)
    except (NotFound, WrongState):  # gone, or refused by now: no reason to decide nothing
        return None
    found = _judged(file, gathered, own, policy)
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


def _judged(file: OrderInHand, gathered: Gathered, own: OwnKnowledge, policy: Policy) -> Judgement | None:
    """Decide by the candidate; a policy on trial must not keep the active one from deciding, whatever fails in it."""
    try:
        return decide(build_facts(gathered, own, policy), policy, now=file.now)
    except Exception:
        log.exception("candidate.failed", order_id=file.order_id)
        return None
