"""Why an order was decided this way, for staff: every point with its sentence, exact sums, work and money."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.facts import Facts
from app.core.judgement.decide import Judgement, Outcome
from app.core.judgement.explanation.staff import WorkLine, for_staff, score_sums, work_lines
from app.core.judgement.signals.base import ScoreKind
from app.core.judgement.stored import load_facts, load_judgement
from app.core.policy.document import Policy
from app.core.records import Mode
from app.errors import NotFound
from app.shown import Cut, Evidence, Reasons, View, first, within
from app.tables.orders import decisions, orders
from app.tickets.explanations import last_judged, policy_of

_SIGNALS = 60  # a judgement has one of each code, and a limit for each family and score
_NAMES = 40
_LINES = 200


class ScoreSumView(View):
    """The sum of a score: start + points = value."""

    score: ScoreKind
    start: int
    points: Annotated[int, Field(description="The sum of the points of its signals.")]
    value: int


class PointView(View):
    """One signal with its points; `limit` is the part beyond the end of the scale."""

    code: str
    score: ScoreKind
    points: int
    detail: Annotated[str, Cut(1_100)]
    minutes: Annotated[int, Field(description="Staff minutes for this signal.")]
    evidence: Evidence


class WorkLineView(View):
    """One line of the calculation of work and money."""

    code: Annotated[str, Cut(48), Field(examples=["cost"])]
    text: Annotated[str, Cut(1_100), Field(examples=["It costs us 40.00 USD an hour."])]
    minutes: int | None
    amount: Annotated[str | None, Field(examples=["33.33"])]
    currency: Annotated[str | None, Field(examples=["USD"])]


class JudgedView(View):
    """The policy's latest judgement, even if a person decided after it."""

    policy_version: int | None
    engine_version: Annotated[str, Cut(24)]
    at: datetime
    outcome: Outcome
    reasons: Reasons
    scores: tuple[ScoreSumView, ...]
    signals: Annotated[tuple[PointView, ...], first(_SIGNALS)]
    work: Annotated[tuple[WorkLineView, ...], Field(description="Work and money, line by line.")]
    missing: Annotated[
        tuple[str, ...], Cut(60), first(_NAMES), Field(description="Unknown facts, which did not count either way.")
    ]
    muted: Annotated[
        tuple[str, ...],
        Cut(60),
        first(_NAMES),
        Field(description="Signals that are muted because they fire too often."),
    ]
    catalogue_gap: Annotated[bool, Field(description="The customer's request can't be ordered in the cart.")]
    courtesy_used: bool
    candidate: Annotated[dict[str, Any] | None, Field(description="What the candidate policy would have decided.")]


class StaffExplanationView(View):
    """The decision in force, for staff only, and the basis of the policy's own decision."""

    order_id: int
    order_number: Annotated[str, Cut(40)]
    outcome: Outcome | None
    reasons: Reasons
    by: Annotated[str | None, Cut(120), Field(examples=["policy"])]
    mode: Mode | None
    note: Annotated[str | None, Cut(1_000), Field(description="The note of the person who decided.")]
    judged: JudgedView | None
    lines: Annotated[
        tuple[str, ...], Cut(1_100), first(_LINES), Field(description="The same as readable text, line by line.")
    ]


async def staff_explanation_view(connection: AsyncConnection, order_id: int) -> StaffExplanationView:
    """Explain the decision in force to staff. Raises NotFound."""
    row = (await connection.execute(sa.select(orders).where(orders.c.order_id == order_id))).first()
    if row is None:
        raise NotFound(f"no order {order_id} is known; its event may not have arrived yet")
    decided = (await connection.execute(sa.select(decisions).where(decisions.c.id == row.decision_id))).first()
    newest = await last_judged(connection, order_id)
    judged: JudgedView | None = None
    lines: tuple[str, ...] = ()
    if newest is not None:
        judgement, facts = load_judgement(newest.judgement), load_facts(newest.facts)
        policy = await policy_of(connection, newest.policy_version)
        judged, lines = _judged(newest, judgement, facts, policy), for_staff(judgement, facts, policy)
    in_force = {name: getattr(decided, name, None) for name in ("outcome", "reasons", "by", "mode", "note")}
    number = row.order_number or str(order_id)
    return within(StaffExplanationView(order_id=order_id, order_number=number, judged=judged, lines=lines, **in_force))


def _judged(row: Any, judgement: Judgement, facts: Facts, policy: Policy) -> JudgedView:
    return JudgedView.of(
        judgement,
        policy_version=row.policy_version,
        at=row.at,
        scores=score_sums(judgement),
        work=[_work_line(line) for line in work_lines(judgement, policy)],
        muted=facts.muted,
        candidate=row.candidate,
    )


def _work_line(line: WorkLine) -> WorkLineView:
    amount = line.amount
    return WorkLineView.of(
        line,
        amount=None if amount is None else amount.to_text(),
        currency=None if amount is None else amount.currency,
    )
