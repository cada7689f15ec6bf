"""The report on questions to customers: those asked often, answered and then approved belong on the order form."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Annotated, Any, Final

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.records import QuestionOutcome
from app.shown import Cut, View
from app.tables.orders import questions

#: A question is worth a field of the order form once it was asked this often, ...
OFTEN: Final = 5
#: ... this percentage was answered, and the same percentage of orders decided after an answer was approved.
MOSTLY: Final = 80
#: How many of the newest questions are read, and how many rows are shown.
LOOKED_AT: Final = 20_000
SHOWN: Final = 50


class OutcomesView(View):
    """The outcomes of orders after the question; the rest is not decided yet."""

    approved: int
    rejected: int
    cancelled: int
    fee: Annotated[int, Field(description="The customer was asked for a fee instead.")]
    open: int


class QuestionRow(View):
    """The question of one rule, or the questions that staff wrote themselves."""

    rule: Annotated[
        str | None,
        Field(description="The rule of the policy's [vetting]; null for a question in a person's own words."),
    ]
    question: Annotated[str, Cut(200), Field(description="The latest wording.")]
    asked: int
    answered: int
    median_hours: Annotated[float | None, Field(description="From the question to the answer; null without an answer.")]
    outcomes: OutcomesView
    form_field: Annotated[
        bool,
        Field(
            description=f"A good field for the order form: asked at least {OFTEN} times, mostly answered and approved."
        ),
    ]


class QuestionsReport(View):
    """The questions of a period: good candidates for the order form first, then by how often they were asked."""

    since: datetime
    asked: int
    rows: tuple[QuestionRow, ...]
    rows_total: int


async def questions_report(connection: AsyncConnection, *, days: int, now: datetime) -> QuestionsReport:
    """Count the questions asked in the last `days`, except those that never reached a customer."""
    since = now - timedelta(days=days)
    query = (
        sa.select(
            questions.c.rule, questions.c.question, questions.c.asked_at, questions.c.answered_at, questions.c.outcome
        )
        .where(
            questions.c.asked_at >= since,
            sa.func.coalesce(questions.c.outcome, "") != QuestionOutcome.WITHDRAWN.value,
        )
        .order_by(questions.c.asked_at.desc(), questions.c.id)
        .limit(LOOKED_AT)
    )
    found = (await connection.execute(query)).all()
    groups: dict[tuple[str, str], list[Any]] = {}
    for one in found:
        same = ("rule", one.rule) if one.rule is not None else ("own", " ".join(one.question.casefold().split()))
        groups.setdefault(same, []).append(one)
    rows = sorted((_row(group) for group in groups.values()), key=lambda row: (not row.form_field, -row.asked))
    return QuestionsReport(since=since, asked=len(found), rows=tuple(rows[:SHOWN]), rows_total=len(rows))


def _row(group: Sequence[Any]) -> QuestionRow:
    """`group` is newest first."""
    hours = [(one.answered_at - one.asked_at).total_seconds() / 3600 for one in group if one.answered_at is not None]
    count = {outcome: sum(one.outcome == outcome.value for one in group) for outcome in QuestionOutcome}
    after_answer = [one.outcome for one in group if one.answered_at is not None and one.outcome is not None]
    approved = after_answer.count(QuestionOutcome.APPROVED.value)
    good = len(group) >= OFTEN and _mostly(len(hours), len(group)) and _mostly(approved, len(after_answer))
    return QuestionRow(
        rule=group[0].rule,
        question=group[0].question,
        asked=len(group),
        answered=len(hours),
        median_hours=round(median(hours), 2) if hours else None,
        outcomes=OutcomesView(
            approved=count[QuestionOutcome.APPROVED],
            rejected=count[QuestionOutcome.REJECTED],
            cancelled=count[QuestionOutcome.CANCELLED],
            fee=count[QuestionOutcome.FEE],
            open=sum(one.outcome is None for one in group),
        ),
        form_field=good,
    )


def _mostly(part: int, whole: int) -> bool:
    return whole > 0 and part * 100 >= whole * MOSTLY
