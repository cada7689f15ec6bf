"""Requests to the panel are added up in the database; none is lost while it can't be written to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from app.config import Settings
from app.context import Context
from app.db import Database
from app.installation import panel_requests
from app.panels.requests import RequestCounts, caused_by
from app.upkeep.rounds import Round, keep_rounds
from app.workflow.events import _HANDLERS, _ORDER_HANDLERS
from tests.stories.deaf import open_deaf, placed

pytestmark = pytest.mark.both_databases("counts are added by an upsert in each dialect")


async def stored(db: Database) -> dict[tuple[str, str], int]:
    async with db.read() as connection:
        return await panel_requests.load(connection)


def counted(calls: int, cause: str = "send") -> RequestCounts:
    counts = RequestCounts()
    with caused_by(cause):
        for _ in range(calls):
            counts.count("GetOrders")
    return counts


async def test_processes_add_up(db: Database) -> None:
    await asyncio.gather(*(panel_requests.store(db, counted(3)) for _ in range(4)))
    await panel_requests.store(db, counted(1, "reconcile"))
    await panel_requests.store(db, RequestCounts())
    assert await stored(db) == {("GetOrders", "send"): 12, ("GetOrders", "reconcile"): 1}


@dataclass(frozen=True, slots=True)
class FullDatabase(Database):
    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Any]:
        raise OSError("no space left")
        yield


async def test_what_could_not_be_stored_is_added_the_next_time(db: Database) -> None:
    counts = counted(2)
    await panel_requests.store(FullDatabase(db.url, db.reader, db.writer), counts)
    with caused_by("send"):
        counts.count("GetOrders")
    await panel_requests.store(db, counts)
    assert await stored(db) == {("GetOrders", "send"): 3}


async def test_counts_are_stored_meanwhile_and_at_the_end(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panel_requests, "_STORE_SECONDS", 0.01)
    counts = counted(1)
    async with panel_requests.storing(db, counts):
        async with asyncio.timeout(10):
            while not await stored(db):
                await asyncio.sleep(0.01)
        monkeypatch.setattr(panel_requests, "_STORE_SECONDS", 60)
        with caused_by("send"):
            counts.count("GetInvoice")
    assert (await stored(db))["GetInvoice", "send"] == 1


async def test_what_makes_a_request_is_named(db: Database) -> None:
    async with open_deaf(db) as house:
        panel: Any = house.context.panel
        await placed(house, pay=True, autosetup="accept")
        causes = {cause for _, cause in panel._client._requests.take()}
        assert {"order.created", "order.check_build", "send"} <= causes
        assert causes <= {*_HANDLERS, *_ORDER_HANDLERS, "send", "other"}


async def test_rounds_are_named(db: Database) -> None:
    counts, done = RequestCounts(), asyncio.Event()

    async def run(_context: Context) -> None:
        counts.count("GetOrders")
        done.set()

    settings = Settings(database_url="sqlite:///unused.db")
    context = Context(db=db, settings=settings)
    running = asyncio.create_task(keep_rounds(context, (Round(name="reconcile", every=timedelta(hours=1), run=run),)))
    await asyncio.wait_for(done.wait(), 10)
    running.cancel()
    assert counts.take() == {("GetOrders", "reconcile"): 1}
