"""Health that means something."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from app.api.application import create_app
from app.config import Settings
from app.core.records import Role
from app.db import Database
from app.installation import keys, lacking
from app.installation.panel_requests import store
from app.installation.schema import OldSchema
from app.messaging.inbox import Event
from app.messaging.sending import SendRules
from app.messaging.wake import Wake
from app.messaging.worker import Worker, WorkerLimits
from app.panels.requests import RequestCounts, caused_by
from app.tables.inbox import workers
from app.upkeep import health
from app.workflow.waiting import Waiting
from tests.api.api_support import NOW, add_call, add_decision, add_event, add_fee, add_order, add_question, add_worker
from tests.api.conftest import Api, Start
from tests.stories.house import SECRET


async def ready(api: Api) -> tuple[int, dict[str, Any]]:
    """Query readiness again."""
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
        await tx.execute(sa.update(workers).values(progress_at=NOW - timedelta(seconds=health.PROGRESS_SECONDS + 1)))
    status, body = await ready(api)
    assert (status, body["workers"], body["workers_stuck"]) == (503, 1, 1)
    assert "progress" in body["reasons"][0]
    await add_worker(api.db)
    status, body = await ready(api)
    assert (status, body["workers"], body["workers_stuck"]) == (200, 2, 1)
    async with api.db.begin() as tx:
        await tx.execute(sa.update(workers).values(heartbeat_at=NOW - timedelta(seconds=11)))
    assert "heartbeat" in (await ready(api))[1]["reasons"][0]


class StuckWake(Wake):
    """Lets the main loop run one iteration, then blocks it."""

    async def wait(self, timeout: float) -> None:
        await asyncio.Event().wait()


async def test_a_loop_that_stands_still_shows_within_thirty_seconds_though_the_heart_beats(api: Api) -> None:
    now = NOW

    async def handler(_event: Event) -> None:
        raise AssertionError("there is no event")

    worker = Worker(
        api.db, panel=None, handler=handler, rules=SendRules(settle=timedelta(seconds=1), delays=(1.0,)),
        clock=lambda: now, wake=StuckWake(), limits=WorkerLimits(heartbeat=timedelta(seconds=0.02)),
    )  # fmt: skip
    api.app.state.context.clock = lambda: now
    running = asyncio.create_task(worker.run())
    try:
        await until(api, lambda body: body["ready"])
        now = NOW + timedelta(seconds=28)  # and two more until the next heartbeat
        body = await until(api, lambda body: body["workers_stuck"] == 1)
        assert (body["ready"], body["workers"]) == (False, 1)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def until(api: Api, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Query until the condition holds."""
    async with asyncio.timeout(10):
        while not wanted(body := (await ready(api))[1]):
            await asyncio.sleep(0.02)
    return body


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


async def test_the_oldest_of_each_kind_shows(api: Api) -> None:
    await add_worker(api.db)
    await add_all_waiting(api.db)
    expected = {
        "event": 10, "call_pending": 20, "call_sending": 30, "call_unknown": 40, "fee_due": 50, "fee_hold": 60,
        "review": 70, "answer": 80, "question": 85, "awaiting_payment": 90, "releasing": 20, "rejecting": 110,
        "undecided": 120, "event_put_off": 130, "call_put_off": 140,
    }  # fmt: skip
    assert set(expected) == {kind.value for kind in Waiting}
    assert (await ready(api))[1]["oldest_waiting_seconds"] == expected
    text = (await api.client.get("/metrics")).text
    for kind, seconds in expected.items():
        assert f'doorman_oldest_waiting_seconds{{kind="{kind}"}} {seconds:.1f}' in text


async def add_all_waiting(db: Database) -> None:
    """Add two waiting rows of each kind; the older one has the age in seconds that the test expects."""

    def ago(seconds: float) -> Any:
        return NOW - timedelta(seconds=seconds)

    free: dict[str, Any] = {"hold_kind": None, "hold_since": None, "hold_due_at": None}
    await add_event(db, state="received", due_at=ago(10), order_id=None)
    await add_event(db, state="received", due_at=NOW + timedelta(hours=1), order_id=None)
    later: dict[str, Any] = {"due_at": NOW + timedelta(hours=1), "last_error": "Invalid Permissions"}
    await add_event(db, state="received", order_id=None, received_at=ago(130), **later)
    await add_call(db, key="d", seq=4, order_id=93, state="pending", created_at=ago(140), settled_at=None, **later)
    on_the_wire = {"state": "sending", "sent_at": ago(30), "settled_at": None, "action": "add_client_note"}
    await add_call(db, key="b", seq=2, order_id=91, **on_the_wire | {"lifecycle": False})
    await add_call(db, key="c", seq=3, order_id=92, **on_the_wire | {"state": "unknown", "sent_at": ago(40)})
    await add_order(db, 1, hold_kind="fee", hold_since=ago(60))
    await add_fee(db, 1, expires_at=ago(50))
    for order_id, kind, since in ((2, "review", 70), (3, "review", 5), (4, "answer", 80), (12, "answer", 85)):
        await add_order(db, order_id, hold_kind=kind, hold_since=ago(since))
    await add_question(db, 12)
    await add_order(db, 5, state="awaiting_payment", first_heard_at=ago(90), **free)
    await add_order(db, 6, state="awaiting_payment", first_heard_at=ago(3), **free)
    await add_order(db, 7, state="releasing", first_heard_at=ago(1000), **free)
    pending = {"state": "pending", "due_at": ago(20), "created_at": ago(20), "settled_at": None}
    await add_call(db, key="a", seq=1, order_id=7, **pending)
    await add_order(db, 8, state="rejecting", first_heard_at=ago(1000), **free)
    await add_decision(db, 8, at=ago(110))
    await add_order(db, 9, state="received", settle_at=ago(120), outcome=None, **free)
    await add_order(db, 10, state="received", settle_at=NOW + timedelta(seconds=5), outcome=None, **free)
    await add_order(db, 11, state="released", settle_at=ago(500), outcome=None, **free)


async def test_what_waits_for_nothing_is_not_there(api: Api) -> None:
    await add_worker(api.db)
    assert (await ready(api))[1]["oldest_waiting_seconds"] == {}
    text = (await api.client.get("/metrics")).text
    assert 'doorman_oldest_waiting_seconds{kind="review"} 0.0' in text


async def test_failed_events_are_counted_and_no_reason_to_be_away(api: Api) -> None:
    await add_worker(api.db)
    await add_event(api.db)
    await add_event(api.db, result="kills-its-worker")
    status, body = await ready(api)
    assert (status, body["failed_events"]) == (200, 2)
    assert 'doorman_events{state="failed"} 2.0' in (await api.client.get("/metrics")).text


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


async def test_requests_to_the_panel_are_counted_by_action_and_cause(api: Api) -> None:
    counts = RequestCounts()
    with caused_by("order.created"):
        counts.count("GetOrders")
        counts.count("GetOrders")
    counts.count("GetInvoice")
    await store(api.db, counts)
    text = (await api.client.get("/metrics")).text
    assert 'doorman_panel_requests_total{action="GetOrders",cause="order.created"} 2.0' in text
    assert 'doorman_panel_requests_total{action="GetInvoice",cause="other"} 1.0' in text


async def test_an_old_schema_is_refused_with_the_command_that_helps(tmp_path: Any) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path / 'old.db'}")
    app = create_app(settings)
    with pytest.raises(OldSchema, match="doorman migrate"):
        async with app.router.lifespan_context(app):
            pass


async def test_what_is_not_set_up_yet_is_said_and_does_not_make_it_unready(start: Start) -> None:
    async with start(keys=False) as api:
        await add_worker(api.db)
        status, body = await ready(api)
        assert (status, body["ready"]) == (200, True)
        assert body["notices"][:3] == [lacking.NO_PANEL, lacking.NO_WEBHOOKS, lacking.NO_KEY]
        async with api.db.begin() as tx:
            await keys.create_key(tx, "ada", Role.OPS, now=NOW)
        assert lacking.NO_KEY not in (await ready(api))[1]["notices"]
        async with api.db.begin() as tx:
            await keys.revoke_key(tx, "ada", now=NOW)
        assert lacking.NO_KEY in (await ready(api))[1]["notices"]


async def test_nothing_is_missing_once_panel_secret_and_a_key_are_set(start: Start) -> None:
    secret = SecretStr("x" * 40)
    async with start(
        keys=False, admin_key=secret, panel_identifier=secret, panel_secret=secret, webhook_secret=SecretStr(SECRET)
    ) as api:
        notices = (await ready(api))[1]["notices"]
        assert {lacking.NO_PANEL, lacking.NO_WEBHOOKS, lacking.NO_KEY} & set(notices) == set()
