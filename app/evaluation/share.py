"""How many of the last orders a policy would hold: checked before it is activated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.judgement.course import Course, plan
from app.core.judgement.decide import Outcome
from app.core.judgement.provenance import without_hindsight
from app.core.judgement.quick import QuickJudge
from app.core.policy.document import Policy
from app.evaluation.backtest.labels import for_lack_of_facts
from app.orders.facts_codec import unpack
from app.tables.history import CaseSource, cases

#: How many of the last orders placed are judged.
LAST: Final = 1_000
#: With fewer orders the share means nothing.
FEWEST: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldShare:
    """How many of the last orders a policy would hold."""

    cases: Annotated[int, Field(description="Orders that can be judged, among at most the last 1,000.")]
    held: Annotated[int, Field(description="The number of them that it would hold or reject.")]
    percent: Annotated[float | None, Field(description="Null if fewer than 50 orders can be judged.")]
    at_most: Annotated[int, Field(description="Above this share, activating needs confirmation.", examples=[30])]
    text: Annotated[str, Field(examples=["Of the last 1000 orders it would hold 212 (21.2 %)."])]

    @property
    def asks(self) -> bool:
        """True if a person has to confirm the activation."""
        return self.cases >= FEWEST and self.held * 100 > self.at_most * self.cases


#: One of the last orders: its facts as they are stored, when it is judged, and where it comes from.
Last = tuple[bytes, datetime, str]


async def held_share(connection: AsyncConnection, policy: Policy) -> HeldShare:
    """Judge the last orders of the history by a policy, with the facts that were known then."""
    return weigh(policy, await last_orders(connection))


async def last_orders(connection: AsyncConnection) -> list[Last]:
    """Return the orders placed last."""
    query = sa.select(cases.c.facts, cases.c.judged_at, cases.c.source)
    query = query.order_by(cases.c.placed_at.desc(), cases.c.order_id.desc())
    return [(row.facts, row.judged_at, row.source) for row in await connection.execute(query.limit(LAST))]


def weigh(policy: Policy, found: Sequence[Last]) -> HeldShare:
    """Count how many of these orders a policy would hold; takes about a second."""
    held, unknown = _count_held(found, policy) if len(found) >= FEWEST else (0, 0)
    at_most, known = policy.limits.confirm_hold_percent, len(found) - unknown
    if known < FEWEST:
        text = f"The share of orders it would hold is unknown: {known} can be judged, and {FEWEST} are needed."
        return HeldShare(cases=known, held=0, percent=None, at_most=at_most, text=text)
    percent = round(held * 100 / known, 1)
    text = f"Of the last {known} orders it would hold {held} ({percent} %)."
    if unknown:
        text += f" {unknown} more can't be judged because past facts are not known."
    return HeldShare(cases=known, held=held, percent=percent, at_most=at_most, text=text)


def _count_held(found: Sequence[Last], policy: Policy) -> tuple[int, int]:
    """Return how many would be held, and for how many that is unknown."""
    judge, modes = QuickJudge(policy), policy.modes
    held = unknown = 0
    for facts, judged_at, source in found:
        verdict = judge.verdict(without_hindsight(unpack(facts)), now=judged_at)
        outcome = verdict.outcome
        if source == CaseSource.IMPORTED and for_lack_of_facts(outcome, verdict.reasons):
            unknown += 1
        else:
            held += outcome is not Outcome.APPROVE and plan(outcome, modes).course in {Course.REVIEW, Course.ACT}
    return held, unknown
