"""`doorman backtest`: decides the history again with a policy and prints the report."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import uuid
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, tzinfo
from pathlib import Path
from threading import Thread
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app import log
from app.cli.backtest import tables
from app.clock import utc_now
from app.config import Settings
from app.core.policy.document import parse_policy
from app.db import Database
from app.evaluation.backtest import chart as backtest_chart
from app.evaluation.backtest import runs as backtest
from app.evaluation.backtest.records import BacktestReport
from app.evaluation.backtest.runs import Wanted
from app.installation.administration import BY, opened

_WIDTH: Final = 80
_NICE: Final = 10  # lets the service on the same machine go first


def run_backtest(
    settings: Settings,
    document: str,
    *,
    since: datetime | None,
    with_today: bool,
    as_json: bool,
    chart: Path | None,
) -> None:
    """Try a policy on the history and print the report.

    Raises PolicyError, WrongState without history, RequestRunning, BacktestFailed, schema.OldSchema, OSError.
    """
    log.configure(level=logging.CRITICAL)
    parse_policy(document)  # an invalid policy is reported before the database is opened
    if chart is not None:
        chart.touch()  # a path that can't be written to fails before the work
    report = asyncio.run(_tried(settings, Wanted(document=document, since=since, with_today=with_today)))
    if chart is not None:
        chart.write_text(backtest_chart.draw(report), encoding="utf-8")
    if as_json:
        sys.stdout.write(report.model_dump_json(indent=2) + "\n")
        return
    out = Console(highlight=False)
    if not out.is_terminal or out.width < _WIDTH:
        out = Console(highlight=False, width=_WIDTH)
    tables.show(report, out)
    if chart is not None:
        out.print(f"\nThe chart is in {chart}", soft_wrap=True)


async def _tried(settings: Settings, wanted: Wanted) -> BacktestReport:
    async with opened(settings) as db:
        async with db.begin() as tx:
            started = await backtest.begin(tx, wanted, by=BY, now=utc_now())
        return await _with_bar(db, started, zone=settings.zone)


async def _with_bar(db: Database, started: uuid.UUID, *, zone: tzinfo | None) -> BacktestReport:
    """Run a backtest, with a progress bar on stderr."""
    errors = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=errors, transient=True)
    shown: AbstractContextManager[object] = bar if errors.is_terminal else nullcontext()
    with shown:
        task = bar.add_task("orders judged", total=None)
        return await backtest.run(
            db, started, zone=zone, progress=lambda done, of: bar.update(task, completed=done, total=max(done, of))
        )


async def run_begun(settings: Settings, backtest_id: str) -> None:
    """Run a backtest that the API has started; ends with the process that started this one.

    Raises BacktestFailed, which is recorded with the backtest.
    """
    log.configure(settings.log_format)
    Thread(target=_end_with_parent, daemon=True).start()
    os.nice(_NICE)
    db = Database.open(settings.database_url)
    try:
        await backtest.run(db, uuid.UUID(backtest_id), zone=settings.zone)
    finally:
        await db.close()


def _end_with_parent() -> None:
    """Wait for the end of our stdin, which the parent process holds open as long as it lives.

    Reads the descriptor instead of `sys.stdin`: Python aborts if a thread waits in `sys.stdin` at exit.
    """
    while os.read(0, 1):
        pass
    os._exit(1)
