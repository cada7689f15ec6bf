"""The report on how far people and the policy agree."""

from __future__ import annotations

from fastapi import Response

from app.api.auth import OPS
from app.api.serving import ContextDep, read, router
from app.evaluation.agreement import AgreementReport, agreement

reports = router("/reports/agreement", "reports", OPS)


@reports.get(
    "",
    response_model=AgreementReport,
    summary="Compare what people decided with what the policy said",
    description="Over the latest orders that a person decided, and signal by signal. `doorman suggest` turns what is "
    "known of the history into proposed points.",
)
async def show(context: ContextDep) -> Response:
    return await read(context, agreement)
