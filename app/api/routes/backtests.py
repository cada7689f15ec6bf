"""Backtests: what a policy would have done with past orders."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, time
from typing import Annotated, Self

from fastapi import Body as BodyParam
from fastapi import Depends, Path, Request, Response
from pydantic import Field, StrictBool, StrictInt, model_validator
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api import problems
from app.api.auth import ADMIN, OPS
from app.api.fields import Body, Text
from app.api.heavy import TurnDep
from app.api.serving import ChangeDep, ContextDep, WindowDep, read, router
from app.api.views.backtests import (
    BacktestDocument,
    BacktestView,
    draw_backtest,
    get_backtest,
    get_view,
    list_backtests,
)
from app.errors import NotFound, WrongState
from app.evaluation.backtest import runs
from app.evaluation.backtest.processes import BacktestProcesses
from app.evaluation.backtest.runs import Wanted
from app.paging import Page
from app.policies import versions
from app.policies.reading import read_document

backtests = router("/backtests", "backtests")
_ADMIN, _OPS = [Depends(ADMIN)], [Depends(OPS)]
_SVG = "image/svg+xml"
BacktestId = Annotated[uuid.UUID, Path(description="The backtest's id.")]


class BacktestRequest(Body):
    """Which policy to try, a document or a published version, and on which orders."""

    document: Annotated[
        Text | None, Field(max_length=1_000_000, description="TOML; anything left out has its default.")
    ] = None
    version: Annotated[StrictInt | None, Field(ge=1, le=2**31 - 1, description="A published policy.")] = None
    since: Annotated[date | None, Field(description="Only orders placed since then; all orders if left out.")] = None
    with_today: Annotated[
        StrictBool, Field(description="Also compute the figures with facts that only became known later.")
    ] = False

    @model_validator(mode="after")
    def _one_policy(self) -> Self:
        if (self.document is None) == (self.version is None):
            raise ValueError("give either `document` or `version`")
        return self


@backtests.get("", response_model=Page[BacktestView], dependencies=_OPS, summary="List backtests, newest first")
async def list_all(context: ContextDep, window: WindowDep) -> Response:
    return await read(context, lambda connection: list_backtests(connection, window, now=context.clock()))


@backtests.get(
    "/{backtest_id}.svg",
    response_class=Response,
    dependencies=_OPS,
    responses={
        200: {"content": {_SVG: {"schema": {"type": "string"}}}, "description": "The chart."},
        **problems.declare(NotFound, WrongState),
    },
    summary="Draw a chart of a finished backtest: outcomes, hours and money by month, risk scores",
)
async def draw(context: ContextDep, backtest_id: BacktestId) -> Response:
    async with context.db.read() as connection:
        return Response(await draw_backtest(connection, backtest_id, now=context.clock()), media_type=_SVG)


@backtests.get(
    "/{backtest_id}",
    response_model=BacktestDocument,
    dependencies=_OPS,
    responses=problems.declare(NotFound),
    summary="Show one backtest with its report",
    description="`running` until `report` is there, which takes a few seconds for thousands of orders. Its `advice` "
    "is the summary: what the policy would have meant against the panel's own past, by month and currency, and what to "
    "do next.",
)
async def show(context: ContextDep, backtest_id: BacktestId) -> Response:
    return await read(context, lambda connection: get_backtest(connection, backtest_id, now=context.clock()))


@backtests.post(
    "",
    status_code=202,
    response_model=BacktestView,
    dependencies=_ADMIN,
    responses=problems.declare(*problems.CHANGING),
    summary="Test a policy on past orders",
    description=(
        "Answers at once; the report appears at `GET /v1/backtests/{id}`. Changes neither the active policy nor "
        "any order. Only one backtest runs at a time (409 otherwise); the newest 20 are kept."
    ),
)
async def start(
    request: Request,
    change: ChangeDep,
    turn: TurnDep,
    body: Annotated[
        BacktestRequest,
        BodyParam(
            openapi_examples={
                "document": {"value": {"document": "[risk]\nreview_from = 50\n"}},
                "version": {"value": {"version": 2, "since": "2026-01-01", "with_today": True}},
            }
        ),
    ],
) -> Response:
    begun: list[uuid.UUID] = []
    since = None if body.since is None else datetime.combine(body.since, time(), UTC)
    wanted = Wanted(document=body.document, version=body.version, since=since, with_today=body.with_today)
    if body.version is not None:
        given = await versions.load(change.context.db, body.version, turn)
    else:
        given = (await turn.run(read_document, body.document or "")).policy

    async def effect(tx: AsyncConnection) -> BacktestView:
        begun.append(await runs.begin(tx, wanted, by=change.by, now=change.now, read=given))
        return await get_view(tx, begun[-1], now=change.now)

    answer = await change.run(effect, status=202)
    if begun:
        processes: BacktestProcesses = request.app.state.backtests
        await processes.start(begun[-1])
    return answer
