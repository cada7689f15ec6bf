"""What the history suggests, over the API: learned in a process of its own, and nothing changes."""

from __future__ import annotations

import pytest

from app.core.policy.document import parse_policy
from app.tables.access import Role
from tests.api.api_support import check_problem
from tests.api.conftest import Api
from tests.cli.test_suggest import fill

PATH = "/v1/reports/suggestions"


@pytest.mark.slow("starts the process for heavy work, which loads scikit-learn")
async def test_what_the_history_suggests_can_be_tried_as_it_is(api: Api) -> None:
    few = (await api.ask("GET", PATH)).json()
    assert (few["document"], few["points"], few["thresholds"], few["complete"]) == (None, [], [], True)
    assert few["why_no_points"].startswith("Too few orders with a known result")
    await fill(api.db, orders=600)
    found = (await api.ask("GET", PATH)).json()
    assert found["bad"] + found["good"] == found["by_outcome"] == 600
    proposed = parse_policy(found["document"])
    for one in found["points"]:
        assert getattr(proposed.points.risk, one["key"]) == one["after"] != one["before"]
    assert {one["key"] for one in found["thresholds"]} >= {"risk.review_from", "thresholds.ip_orders_per_hour"}
    again = await api.ask("POST", "/v1/backtests", Role.ADMIN, json={"document": found["document"]})
    assert again.status_code == 202


async def test_it_is_for_ops(api: Api) -> None:
    check_problem(await api.ask("GET", PATH, Role.PANEL), 403, "forbidden")
