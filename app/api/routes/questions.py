"""The report on questions asked of customers."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Response

from app.api.auth import OPS
from app.api.serving import ContextDep, read, router
from app.api.views.questions import QuestionsReport, questions_report

questions = router("/reports/questions", "reports", OPS)


@questions.get(
    "",
    response_model=QuestionsReport,
    summary="Show which questions to customers deserve a field in the order form",
    description=(
        "Grouped by rule of the policy's `[vetting]`, or by wording for questions that staff wrote: how often "
        "asked and answered, how fast, and the orders' outcomes. Good candidates for the order form come first. "
        "Covers the newest 20,000 questions; shows 50 rows."
    ),
)
async def report(
    context: ContextDep,
    days: Annotated[int, Query(ge=1, le=3650, description="Asked within this many days.")] = 365,
) -> Response:
    return await read(context, lambda connection: questions_report(connection, days=days, now=context.clock()))
