"""Backtests started by the API, each in a separate process, so that neither the event loop nor the intake waits."""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from contextlib import suppress

import structlog

from app.db import Database
from app.evaluation.backtest import runs

log = structlog.get_logger()

_PATIENCE_SECONDS = 5.0


class BacktestProcesses:
    """Starts them, records failures, and ends them at shutdown. They end automatically if we are killed."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._watched: dict[uuid.UUID, tuple[asyncio.subprocess.Process, asyncio.Task[None]]] = {}

    async def start(self, backtest_id: uuid.UUID) -> None:
        """Run a stored backtest in a new process."""
        environment = {**os.environ, "DOORMAN_DATABASE_URL": self._db.url.render_as_string(hide_password=False)}
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "app", "backtest-process", str(backtest_id),
                stdin=asyncio.subprocess.PIPE, env=environment,
            )  # fmt: skip
        except OSError as error:
            await runs.fail(self._db, backtest_id, f"no process could be started for the backtest: {error}")
            return
        self._watched[backtest_id] = (process, asyncio.create_task(self._watch(backtest_id, process)))

    async def _watch(self, backtest_id: uuid.UUID, process: asyncio.subprocess.Process) -> None:
        status = await process.wait()
        self._watched.pop(backtest_id, None)
        try:
            # has no effect on a finished backtest, or one that recorded its own failure
            await runs.fail(self._db, backtest_id, f"the backtest's process ended with status {status}")
        except Exception:  # the database is down; the backtest will count as dead
            log.exception("backtest.unrecorded", backtest_id=str(backtest_id))

    async def aclose(self) -> None:
        """End running backtests; they are recorded as failed."""
        watched = list(self._watched.values())
        for process, _ in watched:
            with suppress(ProcessLookupError):
                process.terminate()
        for process, watch in watched:
            try:
                await asyncio.wait_for(asyncio.shield(watch), _PATIENCE_SECONDS)
            except TimeoutError:
                with suppress(ProcessLookupError):
                    process.kill()
                await watch
