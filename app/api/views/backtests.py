"""Backtests as the API returns them."""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import NotFound, WrongState
from app.evaluation.backtest import chart
from app.evaluation.backtest.records import BacktestReport
from app.evaluation.backtest.runs import DEAD_AFTER
from app.paging import Page, SortOrder, Window, read_page
from app.shown import Cut, View
from app.tables.history import backtests

_INTERRUPTED = "its process ended too early"


class BacktestState(StrEnum):
    """The state of a backtest."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"


class BacktestView(View):
    """One backtest, without its report."""

    id: uuid.UUID
    state: BacktestState
    error: Annotated[str | None, Cut(500), Field(description="Why it failed.")]
    policy_hash: Annotated[str, Field(description="The version of the tested policy.")]
    active_version: Annotated[int, Field(description="The version of the active policy that it is compared with.")]
    engine_version: str
    by: str
    created_at: datetime
    finished_at: datetime | None


class BacktestDocument(BacktestView):
    """One backtest with its report."""

    report: Annotated[BacktestReport | None, Field(description="Null until it is finished, and if it failed.")]


_SHOWN = tuple(column for column in backtests.c if column.name not in {"options", "report"})


def _state(row: Any, *, now: datetime) -> dict[str, Any]:
    """Return state and error; a backtest whose process is gone counts as failed, although nothing recorded it."""
    if row.finished_at is not None:
        return {"state": BacktestState.FAILED if row.error else BacktestState.FINISHED}
    if row.alive_at <= now - DEAD_AFTER:
        return {"state": BacktestState.FAILED, "error": _INTERRUPTED}
    return {"state": BacktestState.RUNNING}


async def list_backtests(connection: AsyncConnection, window: Window, *, now: datetime) -> Page[BacktestView]:
    """Return the backtests, newest first."""
    order = SortOrder(columns=(backtests.c.created_at, backtests.c.id), kinds=(datetime, uuid.UUID))
    rows, cursor = await read_page(connection, sa.select(*_SHOWN), order, window)
    return Page(items=tuple(BacktestView.of(row, **_state(row, now=now)) for row in rows), next_cursor=cursor)


async def get_backtest(connection: AsyncConnection, backtest_id: uuid.UUID, *, now: datetime) -> BacktestDocument:
    """Return one backtest. Raises NotFound."""
    query = sa.select(*_SHOWN, backtests.c.report).where(backtests.c.id == backtest_id)
    row = (await connection.execute(query)).first()
    if row is None:
        raise NotFound("there is no such backtest, or it was deleted")
    return BacktestDocument.of(row, **_state(row, now=now))


async def get_view(connection: AsyncConnection, backtest_id: uuid.UUID, *, now: datetime) -> BacktestView:
    """Return a backtest that was just started."""
    query = sa.select(*_SHOWN).where(backtests.c.id == backtest_id)
    row = (await connection.execute(query)).one()
    return BacktestView.of(row, **_state(row, now=now))


async def draw_backtest(connection: AsyncConnection, backtest_id: uuid.UUID, *, now: datetime) -> str:
    """Return the chart of a finished backtest. Raises NotFound, WrongState."""
    found = await get_backtest(connection, backtest_id, now=now)
    if found.report is None:
        raise WrongState(f"the backtest is {found.state}: there is nothing to draw")
    return chart.draw(found.report)
