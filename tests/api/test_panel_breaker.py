"""The circuit breaker of the panel, as the API processes show it."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.tables.inbox import workers
from app.upkeep import health
from tests.api.api_support import NOW, add_call, add_worker
from tests.api.conftest import Api


async def shown(api: Api, *states: str) -> tuple[int, str, float]:
    """Add workers with these breaker states; return the status and field of `/readyz`, and the metric."""
    async with api.db.begin() as tx:
        await tx.execute(sa.delete(workers))
    for state in states:
        await add_worker(api.db)
        async with api.db.begin() as tx:
            newest = sa.select(workers.c.id).where(workers.c.panel == "closed").limit(1).scalar_subquery()
            await tx.execute(sa.update(workers).where(workers.c.id == newest).values(panel=state))
    api.app.state.probe._read_at = float("-inf")
    answer = api.checked(await api.client.get("/readyz"))
    lines = (await api.client.get("/metrics")).text.splitlines()
    (value,) = [line.split()[1] for line in lines if line.startswith("doorman_panel_breaker ")]
    return answer.status_code, answer.json()["panel"], float(value)


@pytest.mark.parametrize(
    ("states", "panel", "value"),
    [
        (["closed"], "closed", 0),
        (["half_open"], "half_open", 1),
        (["open"], "open", 2),
        (["open", "half_open"], "half_open", 1),
        (["open", "closed"], "closed", 0),
    ],
)
async def test_the_worker_that_reaches_the_panel_best_counts(
    api: Api, states: list[str], panel: str, value: int
) -> None:
    assert await shown(api, *states) == (200, panel, value)


async def test_a_panel_that_is_away_takes_no_intake_out_of_the_load_balancer(api: Api) -> None:
    since = NOW - timedelta(seconds=health.CALL_SECONDS + 1)
    await add_call(api.db, state="pending", settled_at=None, due_at=since)
    assert (await shown(api, "closed"))[0] == 503
    assert (await shown(api, "open"))[0] == 200
