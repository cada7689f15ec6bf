"""``POST /webhooks`` over ASGI: every refusal in its order, and 202 only when the event is on disk."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import jsonschema
import pytest
import sqlalchemy as sa
from starlette.responses import PlainTextResponse

from app.api.webhooks import MAX_BODY, WebhookFront, openapi_path
from app.core.webhooks import EVENT_TYPES, SecretError, sign
from app.db import Database
from app.messaging.intake import Intake
from app.tables.inbox import events

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
KEYS = (b"new key, 24 bytes long..", b"old key, 24 bytes long..")
SECRETS = tuple("whsec_" + b64encode(key).decode() for key in KEYS)
BODY = b'{"type": "order.created", "timestamp": "2026-01-31T11:59:00Z", "data": {"order_id": 5}}'


@pytest.fixture
async def intake(db: Database) -> AsyncIterator[Intake]:
    intake = Intake(db, wake=lambda: None)
    intake.start()
    yield intake
    await intake.aclose()


def front(intake: Intake, secrets: tuple[str, ...] = SECRETS) -> WebhookFront:
    inner = PlainTextResponse("from the application behind")
    return WebhookFront(inner, intake_of=lambda: intake, secrets=secrets, clock=lambda: NOW)


@pytest.fixture
async def client(intake: Intake) -> AsyncIterator[httpx.AsyncClient]:
    async with connected(front(intake)) as client:
        yield client


def connected(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://doorman")


def headers(body: bytes = BODY, webhook_id: str = "msg_1", key: bytes = KEYS[0]) -> dict[str, str]:
    return sign(webhook_id, body, key, now=NOW)


async def post(client: httpx.AsyncClient, body: bytes = BODY, **options: Any) -> httpx.Response:
    return await client.post("/webhooks", content=body, headers=headers(body, **options))


async def count(db: Database) -> int:
    async with db.read() as connection:
        return int((await connection.execute(sa.select(sa.func.count()).select_from(events))).scalar_one())


def assert_problem(answer: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert (problem["type"], problem["status"]) == (f"urn:doorman:problem:{slug}", status)
    assert problem["title"]
    assert problem["detail"]
    return problem


# --- accepted -----------------------------------------------------------------------------------------------------


async def test_a_signed_event_is_on_disk_when_it_is_answered(client: httpx.AsyncClient, db: Database) -> None:
    answer = await post(client)
    assert (answer.status_code, answer.headers["content-type"]) == (202, "application/json")
    assert answer.json() == {"event_id": "msg_1", "duplicate": False}
    assert await count(db) == 1


async def test_a_repeat_gets_the_same_answer_and_has_no_effect(client: httpx.AsyncClient, db: Database) -> None:
    await post(client)
    assert (await post(client)).json() == {"event_id": "msg_1", "duplicate": True}
    together = await asyncio.gather(*(post(client, webhook_id="msg_2") for _ in range(20)))
    assert sorted(answer.json()["duplicate"] for answer in together) == [False] + [True] * 19
    assert await count(db) == 2


async def test_both_secrets_are_good_while_rotating(client: httpx.AsyncClient) -> None:
    assert (await post(client, webhook_id="msg_1", key=KEYS[0])).status_code == 202
    assert (await post(client, webhook_id="msg_2", key=KEYS[1])).status_code == 202


async def test_an_unknown_type_is_accepted(client: httpx.AsyncClient, db: Database) -> None:
    body = b'{"type": "domain.renewed", "timestamp": "2026-01-31T11:59:00Z", "data": []}'
    assert (await post(client, body)).status_code == 202
    async with db.read() as connection:
        assert (await connection.execute(sa.select(events.c.state))).scalar_one() == "ignored"


async def test_an_event_id_may_be_any_printable_ascii(client: httpx.AsyncClient) -> None:
    webhook_id = 'a "quoted" \\ id.with{braces}'
    assert (await post(client, webhook_id=webhook_id)).json()["event_id"] == webhook_id


async def test_odd_text_is_stored_byte_by_byte(client: httpx.AsyncClient, db: Database) -> None:
    body = BODY[:-1] + b', "x": "\\ud800 \\u0000 \xf0\x9f\x8e\x89 &amp;"}'
    assert (await post(client, body)).status_code == 202
    async with db.read() as connection:
        assert (await connection.execute(sa.select(events.c.body))).scalar_one() == body


# --- refused, in this order ---------------------------------------------------------------------------------------

HUGE = b"x" * (MAX_BODY + 1)


async def test_without_a_secret_the_endpoint_is_off_whatever_comes(intake: Intake) -> None:
    async with connected(front(intake, secrets=())) as client:
        assert_problem(await post(client), 404, "not-found")
        assert_problem(await client.post("/webhooks", content=HUGE), 404, "not-found")
        assert_problem(await client.get("/webhooks"), 404, "not-found")


async def test_too_large_comes_before_the_signature(client: httpx.AsyncClient, db: Database) -> None:
    assert_problem(await client.post("/webhooks", content=HUGE), 413, "too-large")
    assert_problem(await post(client, HUGE), 413, "too-large")
    assert await count(db) == 0


async def test_the_signature_comes_before_the_content(client: httpx.AsyncClient, db: Database) -> None:
    assert_problem(await client.post("/webhooks", content=b"nonsense"), 401, "bad-signature")
    assert_problem(await post(client, key=b"another"), 401, "bad-signature")
    assert await count(db) == 0


@pytest.mark.parametrize("signature", ["", "v1", "v1,", "v1,%%%", ",", "v1,====", "\xff", "v1,a v1,b", "v9,abc"])
async def test_a_garbage_signature_is_refused(client: httpx.AsyncClient, signature: str) -> None:
    sent = {name.encode(): value.encode("latin-1") for name, value in headers().items()}
    sent[b"webhook-signature"] = signature.encode("latin-1")
    answer = await client.post("/webhooks", content=BODY, headers=sent)
    assert_problem(answer, 401, "bad-signature")


async def test_a_stale_signature_is_refused(client: httpx.AsyncClient) -> None:
    old = sign("msg_1", BODY, KEYS[0], now=datetime(2026, 1, 31, 11, 54, 59, tzinfo=UTC))
    assert_problem(await client.post("/webhooks", content=BODY, headers=old), 401, "bad-signature")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"", "body"),
        (b"[1]", "body"),
        (b"[" * 200_000, "body"),
        (BODY.replace(b'"order_id": 5', b""), "data.order_id"),
        (BODY.replace(b"5}", b"-5}"), "data.order_id"),
        (BODY.replace(b"Z", b""), "timestamp"),
        (BODY.replace(b"order.created", b""), "type"),
    ],
)
async def test_malformed_says_where(client: httpx.AsyncClient, db: Database, body: bytes, path: str) -> None:
    problem = assert_problem(await post(client, body), 422, "invalid")
    assert [error["path"] for error in problem["errors"]] == [path]
    assert all(error["message"] for error in problem["errors"])
    assert await count(db) == 0


async def test_what_cannot_be_stored_is_to_be_sent_again(db: Database) -> None:
    stopped = Intake(db, wake=lambda: None)
    async with connected(front(stopped)) as client:
        answer = await post(client)
    assert_problem(answer, 503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0
    await stopped.aclose()


async def test_other_methods_and_other_paths(client: httpx.AsyncClient) -> None:
    for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS"):
        answer = await client.request(method, "/webhooks")
        assert_problem(answer, 405, "method-not-allowed")
        assert answer.headers["allow"] == "POST"
    for path in ("/", "/webhooks/", "/webhooks/x", "/v1/queue"):
        assert (await client.post(path)).text == "from the application behind"


@pytest.mark.parametrize("secret", ["whsec_", "secret", "whsec_%%%"])
def test_a_broken_secret_is_an_error_at_start(secret: str) -> None:
    with pytest.raises(SecretError, match="webhook secret 1"):
        WebhookFront(PlainTextResponse(""), intake_of=lambda: None, secrets=[secret], clock=lambda: NOW)  # type: ignore[arg-type, return-value]


# --- bodies that come slowly, wrongly or not at all ---------------------------------------------------------------


async def call(app: WebhookFront, messages: list[dict[str, Any]], **more: str) -> tuple[list[dict[str, Any]], int]:
    """Return what was answered, and how many of the messages were not asked for."""
    left = list(messages)
    sent: list[dict[str, Any]] = []

    async def receive() -> Any:
        await asyncio.sleep(0)
        return left.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    given = [(name.encode(), value.encode()) for name, value in (headers() | more).items()]
    await app({"type": "http", "method": "POST", "path": "/webhooks", "headers": given}, receive, send)
    return sent, len(left)


def chunk(body: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_a_body_may_come_in_pieces(intake: Intake) -> None:
    pieces = [chunk(BODY[at : at + 1]) for at in range(len(BODY))]
    sent, _ = await call(front(intake), [*pieces, {"type": "http.request"}])
    assert sent[0]["status"] == 202


async def test_a_length_that_is_declared_too_large_is_refused_unread(intake: Intake) -> None:
    for declared in (str(MAX_BODY + 1), "9" * 5000):
        sent, left = await call(front(intake), [chunk(BODY, more=False)], **{"content-length": declared})
        assert (sent[0]["status"], left) == (413, 1)


@pytest.mark.parametrize("declared", ["5", "nonsense", ""])
async def test_a_body_is_counted_whatever_was_declared(intake: Intake, declared: str) -> None:
    pieces = [chunk(b"x" * 65536) for _ in range(20)]
    sent, left = await call(front(intake), pieces, **{"content-length": declared})
    assert (sent[0]["status"], left) == (413, 15)


async def test_a_body_of_just_the_limit_is_read(client: httpx.AsyncClient) -> None:
    body = BODY + b" " * (MAX_BODY - len(BODY))
    assert (await post(client, body)).status_code == 202


async def test_a_sender_who_hangs_up_half_way_is_not_answered(intake: Intake, db: Database) -> None:
    sent, _ = await call(front(intake), [chunk(BODY[:10]), {"type": "http.disconnect"}])
    assert sent == []
    assert await count(db) == 0


# --- the document -------------------------------------------------------------------------------------------------


def test_each_example_fits_exactly_one_schema() -> None:
    content = openapi_path()["post"]["requestBody"]["content"]["application/json"]
    assert set(content["examples"]) == set(EVENT_TYPES)
    for example in content["examples"].values():
        jsonschema.validate(example["value"], content["schema"])


async def test_each_example_is_accepted(client: httpx.AsyncClient, db: Database) -> None:
    examples = openapi_path()["post"]["requestBody"]["content"]["application/json"]["examples"]
    for name, example in examples.items():
        body = json.dumps(example["value"]).encode()
        assert (await post(client, body, webhook_id=name)).status_code == 202
    async with db.read() as connection:
        assert set((await connection.execute(sa.select(events.c.state))).scalars()) == {"received"}


def test_the_document_names_every_answer() -> None:
    assert set(openapi_path()["post"]["responses"]) == {"202", "401", "404", "408", "413", "422", "503"}
