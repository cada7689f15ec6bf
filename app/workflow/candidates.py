"""What a candidate policy would decide about live orders, in shadow next to the active one: it never acts.

Each stored decision holds the candidate's verdict next to that of the active policy. While an order's decision stays
the same no row is written, even if the candidate's verdict changes.
"""

from __future__ import annotations

from typing import Any

import structlog

from app.core.judgement.decide import Judgement, decide
from app.core.policy.document import Policy
from app.errors import NotFound, WrongState
from app.gathering.facts import OwnKnowledge, build_facts
from app.gathering.panel import Gathered
from app.orders.order import LockedOrder
from app.policies import published, versions

log = structlog.get_logger()


async def verdict(locked: LockedOrder, gathered: Gathered, own: OwnKnowledge) -> dict[str, Any] | None:
    """Return the candidate's verdict on an order, as it is stored; None if no candidate runs.

    The candidate applies its own terms and lists to the same texts; the active policy's muted signals stay muted.
    """
    version = (await published.candidate(locked.tx)).version
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
