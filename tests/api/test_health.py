"""Health that means something."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app.config import Settings
from app.db import Database
from app.main import create_app
from app.services import health
from app.services.schema import OldSchema
from app.tables.inbox import workers
from tests.api.api_support import NOW, add_call, add_event, add_order, add_worker
from tests.api.conftest import Api


async def ready(api: Api) -> tuple[int, dict[str, Any]]:
    """Ask anew how it stands."""
    api.app.state.probe._read_at = float("-inf")
    answer = api.checked(await api.client.get("/readyz"))
    return answer.status_code, answer.json()


async def test_ready_needs_a_worker_that_moves(api: Api) -> None:
    status, body = await ready(api)
    assert status == 503
    assert "no worker" in body["reasons"][0]
    await add_worker(api.db, NOW - timedelta(seconds=5))
    assert await ready(api) == (200, {**body, "ready": True, "reasons": [], "workers": 1})
    async with api.db.begin() as tx:
        await tx.execute(sa.update(workers).values(progress_at=NOW - timedelta(seconds=31)))
    assert "loop" in (await ready(api))[1]["reasons"][0]
    async with api.db.begin() as tx:
        await tx.execute(sa.update(workers).values(heartbeat_at=NOW - timedelta(seconds=11)))
    assert "heartbeat" in (await ready(api))[1]["reasons"][0]


async def test_a_worker_that_stopped_is_none(api: Api) -> None:
    await add_worker(api.db, stopped_at=NOW)
    assert (await ready(api))[1]["workers"] == 0


async def test_a_backlog_shows(api: Api) -> None:
    await add_worker(api.db)
    await add_event(api.db, state="received", due_at=NOW - timedelta(seconds=health.EVENT_SECONDS + 1))
    status, body = await ready(api)
    assert (status, body["oldest_event_seconds"]) == (503, health.EVENT_SECONDS + 1)
    assert "event" in body["reasons"][0]


async def test_calls_that_wait_too_long_show_unless_we_are_paused(api: Api) -> None:
    await add_worker(api.db)
    await add_call(api.db, state="pending", settled_at=None, due_at=NOW - timedelta(seconds=health.CALL_SECONDS + 1))
    assert "panel call" in (await ready(api))[1]["reasons"][0]
    await api.ask("POST", "/v1/ops/pause")
    assert (await ready(api))[0] == 200


async def test_unknown_and_dead_calls_are_counted(api: Api) -> None:
    await add_worker(api.db)
    for number in range(health.UNKNOWN_CALLS + 1):
        await add_call(api.db, key=f"k{number}", seq=number, state="unknown", order_id=number + 1, sent_at=NOW)
    await add_call(api.db, key="dead", seq=1000)
    status, body = await ready(api)
    assert (status, body["unknown_calls"], body["dead_calls"]) == (503, health.UNKNOWN_CALLS + 1, 1)


async def test_without_its_database_it_is_alive_and_not_ready(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_self: Database) -> Any:
        raise sa.exc.OperationalError("SELECT", {}, Exception("gone"))

    monkeypatch.setattr(Database, "read", fails)
    assert (await api.client.get("/healthz")).json() == {"status": "ok"}
    status, body = await ready(api)
    assert (status, body["reasons"]) == (503, ["the database can't be reached"])
    metrics = (await api.client.get("/metrics")).text
    assert "doorman_database_up 0.0" in metrics


async def test_metrics_count_by_template_and_state(api: Api) -> None:
    await add_order(api.db)
    await add_worker(api.db)
    await add_call(api.db)
    for order_id in (1, 2, 3):
        await api.ask("GET", f"/v1/orders/{order_id}")
    await api.client.get("/nothing/here")
    text = (await api.client.get("/metrics")).text
    assert 'doorman_http_requests_total{method="GET",route="/v1/orders/{order_id}",status="404"} 3.0' in text
    assert 'route="none",status="404"} 1.0' in text
    assert 'doorman_orders{state="held"} 1.0' in text
    assert 'doorman_panel_calls{state="dead"} 1.0' in text
    assert "doorman_workers_alive 1.0" in text
    assert "doorman_queue 1.0" in text


async def test_an_old_schema_is_refused_with_the_command_that_helps(tmp_path: Any) -> None:
    settings = Settings(_env_file=None, database_url=f"sqlite:///{tmp_path / 'old.db'}")
    app = create_app(settings)
    with pytest.raises(OldSchema, match="doorman migrate"):
        async with app.router.lifespan_context(app):
            pass
