"""Slow requests block no others: webhooks and the gate are answered meanwhile; callers that send too many wait."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import uuid
from collections.abc import AsyncIterator
from datetime import UTC
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from app.api.bodies import read_json
from app.api.heavy import READ_AT_ONCE
from app.core.records import Role
from app.errors import Invalid
from app.installation.heavy import OF_ONE_KEY, HeavyWork
from tests.api.api_support import NOW, ORDER, add_order, check_problem
from tests.api.conftest import Api, Start

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CHECK = "/v1/policies/check"
LONG = {"document": "[block]\nnetworks = [" + ", ".join(f'"10.0.{n >> 8}.{n & 255}"' for n in range(2_000)) + "]"}
JSON = {"content-type": "application/json"}


@pytest.fixture
async def api(start: Start) -> AsyncIterator[Api]:
    async with start(webhook_secret=SECRET) as running:
        await add_order(running.db)
        yield running


def webhook() -> dict[str, Any]:
    body = json.dumps({"type": "ticket.closed", "timestamp": NOW.isoformat(), "data": {"ticket_id": 1}})
    name = f"msg_{uuid.uuid4()}"
    signature = Webhook(SECRET).sign(name, NOW.astimezone(UTC), body)
    headers = {"webhook-id": name, "webhook-timestamp": str(int(NOW.timestamp())), "webhook-signature": signature}
    return {"content": body, "headers": headers}


async def helper_of(api: Api) -> int:
    """Return the id of the process that does the heavy work."""
    work: HeavyWork = api.app.state.heavy
    turn = work.turn("test")
    pid = await turn.run(os.getpid)
    turn.end()
    return pid


async def stopped(pid: int) -> None:
    """Freeze the process, so that its requests take as long as we like."""
    os.kill(pid, signal.SIGSTOP)


def asking(api: Api, role: Role, method: str = "POST", path: str = CHECK, **more: Any) -> asyncio.Task[httpx.Response]:
    return asyncio.create_task(api.ask(method, path, role, **(more or {"json": LONG})))


async def taken(api: Api, count: int) -> None:
    """Wait until this many requests are in the queue."""
    async with asyncio.timeout(60):
        while api.app.state.heavy.admitted < count:
            await asyncio.sleep(0.01)


async def test_webhooks_and_the_gate_are_answered_while_a_long_document_is_read(api: Api) -> None:
    pid = await helper_of(api)
    await stopped(pid)
    reading = [asking(api, role) for role in (Role.OPS, Role.ADMIN)]
    await taken(api, 2)
    assert (await api.client.post("/webhooks", **webhook())).status_code == 202
    assert (await api.ask("GET", f"/v1/orders/{ORDER}/gate", Role.PANEL)).status_code == 200
    assert (await api.ask("GET", "/v1/queue")).status_code == 200
    assert not any(one.done() for one in reading)
    os.kill(pid, signal.SIGCONT)
    assert [answer.status_code for answer in await asyncio.gather(*reading)] == [200, 200]


async def test_of_64_at_once_most_are_told_to_come_back_and_another_key_has_its_turn(api: Api) -> None:
    pid = await helper_of(api)
    await stopped(pid)
    flood = [asking(api, Role.ADMIN, path=path) for path in (CHECK, "/v1/backtests") * 32]
    async with asyncio.timeout(60):
        while sum(one.done() for one in flood) < 64 - OF_ONE_KEY:
            await asyncio.sleep(0.01)
    for one in flood:
        if one.done():
            check_problem(one.result(), 429, "busy")
            assert int(one.result().headers["retry-after"]) > 0
    other = asking(api, Role.OPS)
    await taken(api, OF_ONE_KEY + 1)
    os.kill(pid, signal.SIGCONT)
    assert (await other).status_code == 200
    assert all(answer.status_code in {200, 409, 429} for answer in await asyncio.gather(*flood))
    assert (await api.ask("POST", CHECK, Role.ADMIN, json={"document": ""})).status_code == 200


async def test_a_killed_process_is_503_and_the_next_request_has_another(api: Api) -> None:
    pid = await helper_of(api)
    await stopped(pid)
    reading = asking(api, Role.OPS)
    await taken(api, 1)
    os.kill(pid, signal.SIGKILL)
    answer = await reading
    check_problem(answer, 503, "unavailable")
    assert answer.headers["retry-after"]
    assert (await api.ask("POST", CHECK, json={"document": ""})).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/policies/1"), ("GET", "/v1/policies/1/diff"), ("POST", "/v1/policies"),
        ("POST", "/v1/policies/1/activate"), ("POST", "/v1/tickets/classify"), (
            "POST", f"/v1/orders/{ORDER}/approve"),
    ],
)  # fmt: skip
async def test_whatever_takes_long_waits_in_the_same_line(api: Api, method: str, path: str) -> None:
    bodies = {"/v1/policies": LONG, "/v1/tickets/classify": {"message": "order a vps"}}
    body = bodies.get(path, {"note": "x" * READ_AT_ONCE} if path.endswith("approve") else None)
    pid = await helper_of(api)
    await stopped(pid)
    reading = [asking(api, Role.ADMIN) for _ in range(OF_ONE_KEY)]
    await taken(api, OF_ONE_KEY)
    check_problem(await api.ask(method, path, Role.ADMIN, json=body), 429, "busy")
    os.kill(pid, signal.SIGCONT)
    await asyncio.gather(*reading)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{" + ",".join(f'"{n}":1' for n in range(90_000)) + "}", "more than 5000 values"),
        ("[" + "[]," * 300_000 + "[]]", "more than 5000 values"),
        ('{"note":' * 60 + "1" + "}" * 60 + " " * READ_AT_ONCE, "nested too deeply"),
        ("[" * 400_000, "can't be read as JSON"),
        ('{"note": "' + "x" * 900_000, "can't be read as JSON"),
        ("9" * 900_000, "can't be read as JSON"),
    ],
)
async def test_long_hostile_bodies_are_refused_elsewhere(api: Api, body: str, words: str) -> None:
    with pytest.raises(Invalid):
        read_json(body.encode())
    answer = await api.ask("POST", f"/v1/orders/{ORDER}/approve", content=body.encode(), headers=JSON)
    found = check_problem(answer, 422, "invalid")
    assert [(one["path"], words in one["message"]) for one in found["errors"]] == [("body", True)]


async def test_a_long_body_that_is_fine_is_the_same_as_a_short_one(api: Api) -> None:
    padded = b'{"note": "called"}' + b" " * 900_000
    key = JSON | {"Idempotency-Key": "once"}
    for _ in range(2):
        answer = await api.ask("POST", f"/v1/orders/{ORDER}/approve", content=padded, headers=key)
        assert answer.status_code == 200, answer.text
    other = await api.ask("POST", f"/v1/orders/{ORDER}/approve", content=padded + b" ", headers=key)
    check_problem(other, 422, "key-reused")
