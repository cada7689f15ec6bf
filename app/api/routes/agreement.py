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
    summary="Compare people's decisions with the policy's",
    description=(
        "Covers the latest orders that a person decided, in total and by signal. `GET /v1/reports/suggestions` "
        "proposes points and thresholds from the history."
    ),
)
async def show(context: ContextDep) -> Response:
    return await read(context, agreement)
