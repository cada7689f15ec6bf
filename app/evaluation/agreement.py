"""How far people and the policy agree: people's decisions on orders judged by the policy, signal by signal.

Reviews are labels too. A signal that people keep overruling has too many points; one that fires on orders they reject
has too few.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Final

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.judgement.decide import Outcome
from app.core.judgement.signals.base import LIMITS
from app.tables.orders import decisions, orders
from app.workflow.decisions import NO_PERSONS, is_review

#: This many of the latest orders decided by a person are read.
AT_MOST: Final = 2_000
_HELD: Final = frozenset({Outcome.HOLD_FOR_REVIEW.value, Outcome.HOLD_FOR_FEE.value, Outcome.REJECT.value})


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class SignalAgreement(_View):
    """One signal on orders judged by the policy and decided by a person."""

    code: str
    score: str = Field(description="`risk` or `self_service`.")
    orders: int = Field(description="Orders on which it fired.")
    approved: int = Field(description="Of these, what people approved.")
    rejected: int = Field(description="Of these, what people rejected.")
    other: int = Field(description="Of these, what people held or asked a fee for.")
    approved_share: Annotated[
        float,
        Field(
            ge=0, le=1, description="approved / orders. If high, the signal matters more to the policy than to people."
        ),
    ]


class AgreementReport(_View):
    """People's decisions on orders judged by the policy."""

    orders: int = Field(description="The latest orders decided by a person, at most 2,000.")
    since: datetime | None = Field(description="When the oldest of them was decided; null where there is none.")
    outcomes: dict[str, dict[str, int]] = Field(
        description="For each of the policy's outcomes, how often people decided what: `{policy: {person: orders}}`."
    )
    agreed_share: float | None = Field(
        description=(
            "Share of orders where people agreed with the policy on letting the order in or not; null without orders."
        )
    )
    signals: tuple[SignalAgreement, ...] = Field(description="The signals that fired, the most frequent first.")


async def agreement(connection: AsyncConnection) -> AgreementReport:
    """Compare the newest decisions of people with what the policy said before them."""
    pairs = await _pairs(connection)
    outcomes: dict[str, Counter[str]] = {}
    fired: dict[tuple[str, str], Counter[str]] = {}
    agreed = 0
    for row in pairs:
        outcomes.setdefault(row.said, Counter())[row.decided] += 1
        agreed += (row.said in _HELD) == (row.decided in _HELD)
        for score, code in {(signal["score"], signal["code"]) for signal in _signals(row.judgement)}:
            fired.setdefault((score, code), Counter())[row.decided] += 1
    found = [_signal(score, code, counts) for (score, code), counts in fired.items()]
    return AgreementReport(
        orders=len(pairs),
        since=min((row.at for row in pairs), default=None),
        outcomes={said: dict(sorted(counts.items())) for said, counts in sorted(outcomes.items())},
        agreed_share=round(agreed / len(pairs), 4) if pairs else None,
        signals=tuple(sorted(found, key=lambda one: (-one.orders, one.score, one.code))),
    )


async def _pairs(connection: AsyncConnection) -> list[Any]:
    """Return each decision of a person with the newest judgement of the policy, newest orders first."""
    person, judged = decisions.alias("person"), decisions.alias("judged")
    newest = (
        sa.select(sa.func.max(decisions.c.id))
        .where(decisions.c.order_id == orders.c.order_id, decisions.c.judgement.is_not(None))
        .correlate(orders)
        .scalar_subquery()
    )
    query = (
        sa.select(
            person.c.outcome.label("decided"),
            person.c.at,
            person.c.by,
            person.c.reasons,
            judged.c.outcome.label("said"),
            judged.c.judgement,
        )
        .select_from(orders)
        .join(person, person.c.id == orders.c.decision_id)
        .join(judged, judged.c.id == newest)
        .where(orders.c.touched_by_person, person.c.by.not_in(NO_PERSONS))
        .order_by(orders.c.order_id.desc())
        .limit(AT_MOST)
    )
    found = await connection.execute(query)
    return [row for row in found if is_review(row.by, [reason["code"] for reason in row.reasons])]


def _signals(judgement: Any) -> Iterable[dict[str, Any]]:
    """Yield the signals except those that the engine adds to keep sums exact."""
    return (signal for signal in judgement["signals"] if signal["points"] and signal["code"] not in LIMITS)


def _signal(score: str, code: str, counts: Counter[str]) -> SignalAgreement:
    total = counts.total()
    approved, rejected = counts[Outcome.APPROVE.value], counts[Outcome.REJECT.value]
    return SignalAgreement(
        code=code, score=score, orders=total, approved=approved, rejected=rejected, other=total - approved - rejected,
        approved_share=round(approved / total, 4),
    )  # fmt: skip
