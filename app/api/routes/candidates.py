"""A candidate policy running in shadow next to the active one, and the report on where they differ."""

from __future__ import annotations

from fastapi import Depends, Response

from app.api import problems
from app.api.auth import ADMIN, OPS
from app.api.fields import PolicyVersion
from app.api.heavy import TurnDep
from app.api.serving import ChangeDep, ContextDep, read, router
from app.evaluation.candidate_report import CandidateReport, candidate_report
from app.policies import candidate as service
from app.policies import versions
from app.policies.published import Candidate

candidates = router("", "policies")


@candidates.post(
    "/policies/{version}/candidate",
    response_model=Candidate,
    dependencies=[Depends(ADMIN)],
    responses=problems.declare(*problems.CHANGING),
    summary="Run a candidate policy in shadow next to the active one",
    description=(
        "From now on it also decides each order, and its verdict is stored next to the active policy's. It never "
        "acts. A new candidate replaces the previous one."
    ),
)
async def choose(change: ChangeDep, turn: TurnDep, version: PolicyVersion) -> Response:
    await versions.load(change.context.db, version, turn)
    return await change.run(lambda tx: service.choose(tx, version, by=change.by, now=change.now))


@candidates.delete(
    "/policies/candidate",
    response_model=Candidate,
    dependencies=[Depends(ADMIN)],
    responses=problems.declare(*problems.CHANGING),
    summary="Stop the candidate policy",
    description="Its verdicts so far stay in the decisions.",
)
async def drop(change: ChangeDep) -> Response:
    return await change.run(lambda tx: service.choose(tx, None, by=change.by, now=change.now))


@candidates.get(
    "/reports/candidate",
    response_model=CandidateReport,
    dependencies=[Depends(OPS)],
    summary="Show where the candidate policy differs from the active one",
    description=(
        "Uses each order's latest decision that holds both verdicts. An order whose decision does not change "
        "gets no new one, whatever the candidate would decide."
    ),
)
async def report(context: ContextDep) -> Response:
    return await read(context, candidate_report)
