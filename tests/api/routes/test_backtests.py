"""Backtests over the API: started at once, run in a separate process, shown when finished."""

from __future__ import annotations

import asyncio
import json
import xml.etree.ElementTree as ET
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app.core.records import Role
from app.evaluation.backtest.runs import DEAD_AFTER
from app.tables.history import backtests
from tests.api.api_support import NOW, add_backtest, check_problem
from tests.api.conftest import Api, Start
from tests.evaluation.backtest.history import GIVEN, add_cases, some_cases

pytestmark = pytest.mark.timeout(120)
PATH = "/v1/backtests"


async def ended(api: Api, backtest_id: str) -> dict[str, Any]:
    """Wait until a backtest has ended."""
    async with asyncio.timeout(90):
        while (found := (await api.ask("GET", f"{PATH}/{backtest_id}")).json())["state"] == "running":
            await asyncio.sleep(0.2)
    return dict(found)


async def test_a_backtest_from_the_request_to_the_chart(api: Api) -> None:
    await add_cases(api.db, some_cases(30))
    asked = await api.ask("POST", PATH, Role.ADMIN, json={"document": GIVEN, "with_today": True})
    assert asked.status_code == 202, asked.text
    begun = asked.json()
    assert (begun["state"], begun["by"], begun["error"]) == ("running", "admin-key", None)
    check_problem(await api.ask("GET", f"{PATH}/{begun['id']}.svg"), 409, "wrong-state")
    check_problem(await api.ask("POST", PATH, Role.ADMIN, json={"document": ""}), 409, "request-running")
    done = await ended(api, begun["id"])
    assert (done["state"], done["error"]) == ("finished", None)
    assert done["report"]["cases"]["total"] == 30
    assert done["report"]["given"]["hash"] == done["policy_hash"]
    chart = await api.ask("GET", f"{PATH}/{begun['id']}.svg")
    assert chart.headers["content-type"] == "image/svg+xml"
    assert ET.fromstring(chart.text).tag == "{http://www.w3.org/2000/svg}svg"
    listed = (await api.ask("GET", PATH)).json()["items"]
    assert [(one["id"], one["state"]) for one in listed] == [(begun["id"], "finished")]
    assert len(json.dumps(done)) < 64_000


async def test_a_repeat_of_a_request_begins_nothing_new(api: Api) -> None:
    await add_cases(api.db, some_cases(3))
    key = {"Idempotency-Key": "once"}
    first = await api.ask("POST", PATH, Role.ADMIN, json={"version": 1}, headers=key)
    again = await api.ask("POST", PATH, Role.ADMIN, json={"version": 1}, headers=key)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    assert (await ended(api, first.json()["id"]))["state"] == "finished"
    async with api.db.read() as connection:
        assert await connection.scalar(sa.select(sa.func.count()).select_from(backtests)) == 1


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "body"),
        ({"document": "", "version": 1}, "body"),
        ({"document": "[risk]\nreview_from = 101"}, "document.risk.review_from"),
        ({"document": "a = ["}, "document"),
        ({"document": "\x00"}, "document"),
        ({"version": 0}, "version"),
        ({"version": True}, "version"),
        ({"document": "", "since": "yesterday"}, "since"),
        ({"document": "", "with_today": 1}, "with_today"),
        ({"document": "", "more": 1}, "more"),
    ],
)
async def test_what_can_not_be_tried_is_422(api: Api, body: dict[str, Any], path: str) -> None:
    await add_cases(api.db, some_cases(1))
    problem = check_problem(await api.ask("POST", PATH, Role.ADMIN, json=body), 422, "invalid")
    assert [error["path"] for error in problem["errors"]] == [path]


async def test_what_is_not_there(api: Api) -> None:
    told = check_problem(await api.ask("POST", PATH, Role.ADMIN, json={"document": ""}), 409, "wrong-state")
    assert "doorman import" in told["detail"]
    await add_cases(api.db, some_cases(1))
    check_problem(await api.ask("POST", PATH, Role.ADMIN, json={"version": 77}), 404, "not-found")
    unknown = "00000000-0000-0000-0000-000000000000"
    check_problem(await api.ask("GET", f"{PATH}/{unknown}"), 404, "not-found")
    check_problem(await api.ask("GET", f"{PATH}/{unknown}.svg"), 404, "not-found")
    check_problem(await api.ask("GET", f"{PATH}/nonsense"), 422, "invalid")


async def test_one_whose_process_is_gone_has_failed(api: Api) -> None:
    await add_cases(api.db, some_cases(1))
    lost = await add_backtest(api.db, alive_at=NOW - DEAD_AFTER, created_at=NOW - timedelta(hours=1))
    shown = (await api.ask("GET", f"{PATH}/{lost}")).json()
    assert (shown["state"], shown["report"]) == ("failed", None)
    assert "ended too early" in shown["error"]
    assert (await api.ask("POST", PATH, Role.ADMIN, json={"document": ""})).status_code == 202  # blocks nothing


async def test_the_end_of_the_service_ends_its_backtest(start: Start) -> None:
    async with start() as api:
        await add_cases(api.db, some_cases(500))
        begun = (await api.ask("POST", PATH, Role.ADMIN, json={"document": GIVEN})).json()
    async with api.db.read() as connection:
        row = (await connection.execute(sa.select(backtests))).one()
    assert (str(row.id), row.report) == (begun["id"], None)
    assert row.error
    assert row.finished_at is not None
