"""Why an order was decided this way, for staff: every point with its sentence, exact sums, work and money."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.facts import Facts
from app.core.judgement.decide import Judgement, Outcome
from app.core.judgement.explanation.staff import WorkLine, for_staff, score_sums, work_lines
from app.core.judgement.signals.base import ScoreKind, Signal
from app.core.judgement.stored import load_facts, load_judgement
from app.core.policy.document import Policy
from app.core.records import Mode
from app.errors import NotFound
from app.shown import Lengths, ReasonView, cut, cut_or_none, fit, reasons
from app.tables.orders import decisions, orders
from app.tickets.explanations import last_judged, policy_of

_SIGNALS = 100
_EVIDENCE = 12
_NAMES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreSumView:
    """The sum of a score: start + points = value."""

    score: ScoreKind
    start: int
    points: Annotated[int, Field(description="The sum of the points of its signals.")]
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PointView:
    """One signal with its points; `limit` is the part beyond the end of the scale."""

    code: str
    score: ScoreKind
    points: int
    detail: str
    minutes: Annotated[int, Field(description="Staff minutes for this signal.")]
    evidence: dict[str, str | int | float | bool | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkLineView:
    """One line of the calculation of work and money."""

    code: Annotated[str, Field(examples=["cost"])]
    text: Annotated[str, Field(examples=["It costs us 40.00 USD an hour."])]
    minutes: int | None
    amount: Annotated[str | None, Field(examples=["33.33"])]
    currency: Annotated[str | None, Field(examples=["USD"])]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedView:
    """The policy's latest judgement, even if a person decided after it."""

    policy_version: int | None
    engine_version: str
    at: datetime
    outcome: Outcome
    reasons: tuple[ReasonView, ...]
    scores: tuple[ScoreSumView, ...]
    signals: tuple[PointView, ...]
    work: Annotated[tuple[WorkLineView, ...], Field(description="Work and money, line by line.")]
    missing: Annotated[tuple[str, ...], Field(description="Unknown facts, which did not count either way.")]
    muted: Annotated[tuple[str, ...], Field(description="Signals that are muted because they fire too often.")]
    catalogue_gap: Annotated[bool, Field(description="The customer's request can't be ordered in the cart.")]
    courtesy_used: bool
    candidate: Annotated[dict[str, Any] | None, Field(description="What the candidate policy would have decided.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffExplanationView:
    """The decision in force, for staff only, and the basis of the policy's own decision."""

    order_id: int
    order_number: str
    outcome: Outcome | None
    reasons: tuple[ReasonView, ...]
    by: Annotated[str | None, Field(examples=["policy"])]
    mode: Mode | None
    note: Annotated[str | None, Field(description="The note of the person who decided.")]
    judged: JudgedView | None
    lines: Annotated[tuple[str, ...], Field(description="The same as readable text, line by line.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """The policy's newest decision, loaded."""

    row: Any
    judgement: Judgement
    facts: Facts
    policy: Policy


async def staff_explanation_view(connection: AsyncConnection, order_id: int) -> StaffExplanationView:
    """Explain the decision in force to staff. Raises NotFound."""
    row = (await connection.execute(sa.select(orders).where(orders.c.order_id == order_id))).first()
    if row is None:
        raise NotFound(f"no order {order_id} is known; its event may not have arrived yet")
    decided = (await connection.execute(sa.select(decisions).where(decisions.c.id == row.decision_id))).first()
    judged = await last_judged(connection, order_id)
    seen = None
    if judged is not None:
        seen = _Seen(
            row=judged,
            judgement=load_judgement(judged.judgement),
            facts=load_facts(judged.facts),
            policy=await policy_of(connection, judged.policy_version),
        )
    return fit(lambda lengths: _view(row, decided, seen, lengths))


def _view(row: Any, decided: Any, seen: _Seen | None, lengths: Lengths) -> StaffExplanationView:
    lines = () if seen is None else for_staff(seen.judgement, seen.facts, seen.policy)
    return StaffExplanationView(
        order_id=row.order_id,
        order_number=cut(row.order_number or str(row.order_id), 40),
        outcome=None if decided is None else Outcome(decided.outcome),
        reasons=() if decided is None else reasons(decided.reasons, lengths),
        by=None if decided is None else cut(decided.by, min(lengths.name, 120)),
        mode=None if decided is None else Mode(decided.mode),
        note=None if decided is None else cut_or_none(decided.note, 1_000),
        judged=None if seen is None else _judged(seen, lengths),
        lines=tuple(cut(line, lengths.line) for line in lines[: 2 * _SIGNALS]),
    )


def _judged(seen: _Seen, lengths: Lengths) -> JudgedView:
    judgement = seen.judgement
    return JudgedView(
        policy_version=seen.row.policy_version,
        engine_version=cut(judgement.engine_version, 24),
        at=seen.row.at,
        outcome=judgement.outcome,
        reasons=tuple(
            ReasonView(code=cut(reason.code, 48), text=cut(reason.text, lengths.line))
            for reason in judgement.reasons[: lengths.reasons]
        ),
        scores=tuple(
            ScoreSumView(score=one.score, start=one.start, points=one.points, value=one.value)
            for one in score_sums(judgement)
        ),
        signals=tuple(_point(signal, lengths) for signal in judgement.signals[:_SIGNALS]),
        work=tuple(_work_line(line, lengths) for line in work_lines(judgement, seen.policy)),
        missing=tuple(cut(name, 60) for name in judgement.missing[:_NAMES]),
        muted=tuple(cut(name, 60) for name in seen.facts.muted[:_NAMES]),
        catalogue_gap=judgement.catalogue_gap,
        courtesy_used=judgement.courtesy_used,
        candidate=seen.row.candidate,
    )


def _point(signal: Signal, lengths: Lengths) -> PointView:
    evidence = signal.evidence[:_EVIDENCE] if lengths.evidence else ()
    return PointView(
        code=signal.code,
        score=signal.score,
        points=signal.points,
        detail=cut(signal.detail, lengths.line),
        minutes=signal.minutes,
        evidence={
            cut(name, 40): cut(value, lengths.evidence) if isinstance(value, str) else value for name, value in evidence
        },
    )


def _work_line(line: WorkLine, lengths: Lengths) -> WorkLineView:
    return WorkLineView(
        code=cut(line.code, 48),
        text=cut(line.text, lengths.line),
        minutes=line.minutes,
        amount=None if line.amount is None else line.amount.to_text(),
        currency=None if line.amount is None else line.amount.currency,
    )
