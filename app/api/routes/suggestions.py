"""What the provider's own history suggests to change in the policy."""

from __future__ import annotations

from fastapi import Response

from app.api import problems
from app.api.auth import OPS
from app.api.heavy import TurnDep
from app.api.serving import ContextDep, answer, router
from app.errors import Busy
from app.evaluation.suggesting import Suggested, suggest_from

reports = router("/reports/suggestions", "reports", OPS)


@reports.get(
    "",
    response_model=Suggested,
    responses=problems.declare(Busy),
    summary="Suggest points and thresholds from the history",
    description=(
        "Learns from the newest 20,000 orders, as `doorman suggest` does from all: points of risk signals, then other "
        "values of the review threshold, of orders per hour and day, and of amounts, each with how many more bad and "
        "good orders it would hold. Changes nothing: test `document` with `POST /v1/backtests`. Takes some seconds."
    ),
)
async def suggest(context: ContextDep, turn: TurnDep) -> Response:
    url = context.db.url.render_as_string(hide_password=False)
    return answer(await turn.run(suggest_from, url, context.clock()))
