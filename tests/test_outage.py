"""An unusable database is logged once a minute, however many callers notice it."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app.db import Database
from app.messaging.inbox import Event
from app.messaging.sending import SendRules
from app.messaging.wake import Wake
from app.messaging.worker import Worker, WorkerLimits
from app.outage import Outage

Logs = list[MutableMapping[str, Any]]


def test_one_line_a_minute_counts_what_it_keeps_back(logs: Logs) -> None:
    times = iter((0.0, 1.0, 59.9, 60.0, 119.0, 3600.0))
    outage = Outage(lambda: next(times))
    for _ in range(6):
        outage.note("gate", TimeoutError())
    assert [(line["event"], line["suppressed"]) for line in logs] == [
        ("database.unavailable", 0), ("database.unavailable", 2), ("database.unavailable", 1),
    ]  # fmt: skip


def test_a_line_names_the_error_and_neither_statement_nor_values(logs: Logs) -> None:
    error = sa.exc.OperationalError("SELECT secret", {"a": "value"}, Exception("database is locked\nmore"))
    Outage(lambda: 0.0).note("api", error)
    assert logs[0]["reason"] == "OperationalError: database is locked"
    assert "secret" not in str(logs)


class CountingWake(Wake):
    """Counts the iterations of the main loop, and lets each follow at once."""

    turns = 0

    async def wait(self, timeout: float) -> None:
        self.turns += 1
        await asyncio.sleep(0)


@pytest.mark.parametrize("url", ["postgresql://nobody@127.0.0.1:1/nothing", "sqlite:////proc/nothing/doorman.db"])
async def test_a_worker_without_a_database_says_so_once_a_minute(url: str, logs: Logs) -> None:
    seconds, wake = 0.0, CountingWake()
    db = replace(Database.open(url), outage=Outage(lambda: seconds))

    async def handler(_event: Event) -> None:
        raise AssertionError("there is no event")

    worker = Worker(
        db, panel=None, handler=handler, rules=SendRules(settle=timedelta(seconds=1), delays=(1.0,)),
        clock=lambda: datetime.now(UTC), wake=wake, limits=WorkerLimits(),
    )  # fmt: skip
    running = asyncio.create_task(worker.run())
    for minute in (0, 1):
        seconds, before = 60.0 * minute, wake.turns
        while wake.turns < before + 5:
            await asyncio.sleep(0.01)
        assert [line["event"] for line in logs] == ["database.unavailable"] * (minute + 1)
    worker.stop()
    await running
    await db.close()
