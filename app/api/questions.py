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
    summary="Say which questions to customers are worth a field of the order form",
    description="By rule of the policy's `[vetting]`, or by the words of those that people wrote themselves: how often "
    "asked, answered, how fast, and what came of the orders. Good candidates for the order form come first. "
    "The newest 20,000 questions count, 50 rows are shown.",
)
async def report(
    context: ContextDep,
    days: Annotated[int, Query(ge=1, le=3650, description="Asked in the last so many days.")] = 365,
) -> Response:
    return await read(context, lambda connection: questions_report(connection, days=days, now=context.clock()))
