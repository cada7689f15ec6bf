"""Slow clients: a request that is not complete in time is ended; a client that waits for our answer is not."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvicorn

from app.core.records import Role
from app.processes.serve import listen
from app.processes.slow_clients import ImpatientProtocol
from tests.api.conftest import Api, Start

SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)  # independent of the database
PATIENCE = 0.6
_NEXT = b"GET /healthz HTTP/1.1\r\nx-padding: " + b"a" * 500
Connect = Callable[[], Any]


class Quick(ImpatientProtocol):
    """The service's protocol class, with shorter time-outs."""

    patience = PATIENCE


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[Connect]:
    """Serve an application over a socket; yields a function that connects to it."""
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    config = uvicorn.Config(app, http=Quick, ws="none", lifespan="off", log_config=None, timeout_keep_alive=30)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield lambda: asyncio.open_connection("127.0.0.1", port)
    finally:
        server.should_exit = True
        await running


async def _all_of(reader: asyncio.StreamReader) -> bytes:
    """Read to the end; if we still send after the other side closed, the connection is reset after the answer."""
    answer = b""
    with suppress(ConnectionResetError):
        while chunk := await reader.read(65_536):
            answer += chunk
    return answer


async def dribble(connect: Connect, first: bytes, then: bytes = b"") -> tuple[bytes, float]:
    """Send the first part at once, then a byte at short intervals; return the answer, and the time it took."""
    reader, writer = await connect()
    began = time.monotonic()
    writer.write(first)

    async def go_on() -> None:
        with suppress(OSError):
            for number in range(10_000):
                await asyncio.sleep(PATIENCE / 15)
                if then:
                    writer.write(then[number % len(then) :][:1])

    sending = asyncio.create_task(go_on())
    try:
        async with asyncio.timeout(30):
            answer = await _all_of(reader)
    finally:
        sending.cancel()
        writer.close()
    return answer, time.monotonic() - began


def check_refused(answer: bytes) -> None:
    """Check that it is a complete problem document."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 "), answer
    headers = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
    assert headers[b"content-type"] == b"application/problem+json"
    assert (headers[b"connection"], headers[b"cache-control"]) == (b"close", b"no-store")
    assert int(headers[b"content-length"]) == len(body)
    assert json.loads(body)["type"] == "urn:doorman:problem:too-slow"


@SQLITE
async def test_headers_that_dribble_are_ended(api: Api) -> None:
    async with serving(api.app) as connect:
        answer, took = await dribble(connect, b"GET /healthz HTTP/1.1\r\nhost: x\r\n", b"x-padding: aaaaaaaa\r\n")
    check_refused(answer)
    assert took > PATIENCE


@SQLITE
@pytest.mark.parametrize("path", ["/v1/tickets/classify", "/webhooks"])
async def test_a_body_that_dribbles_is_ended(start: Start, path: str) -> None:
    async with start(webhook_secret=f"whsec_{base64.b64encode(b'x' * 32).decode()}") as api:
        head = (
            f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: {api.headers(Role.OPS)['Authorization']}\r\n"
            "content-type: application/json\r\ncontent-length: 100000\r\n\r\n"
        )
        async with serving(api.app) as connect:
            answer, took = await dribble(connect, head.encode(), b" ")
    check_refused(answer)
    assert took > PATIENCE


@SQLITE
async def test_a_connection_that_says_nothing_is_closed(api: Api) -> None:
    async with serving(api.app) as connect:
        assert (await dribble(connect, b""))[0] == b""
        assert (await dribble(connect, b"\r\n", b"\r\n"))[0] == b""


@SQLITE
async def test_after_an_answer_the_next_request_must_come_in_too(api: Api) -> None:
    async with serving(api.app) as connect:
        answer, _ = await dribble(connect, b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n", _NEXT)
    first, found, second = answer.partition(b"HTTP/1.1 408")
    assert first.startswith(b"HTTP/1.1 200")
    check_refused(found + second)


@SQLITE
async def test_what_is_left_of_a_refused_body_is_not_waited_for(api: Api) -> None:
    head = b"POST /v1/policies HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n"
    async with serving(api.app) as connect:
        answer, _ = await dribble(connect, head, b" ")
    assert answer.startswith(b"HTTP/1.1 401")
    assert b" 408 " not in answer


async def test_who_waits_for_us_is_not_ended() -> None:
    """An answer may take long, and a body that we have not read yet is not late."""

    async def slow(_scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(PATIENCE * 2)
        size, more = 0, True
        while more:
            message = await receive()
            size += len(message["body"])
            more = message["more_body"]
        await asyncio.sleep(PATIENCE * 2)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"6")]})
        await send({"type": "http.response.body", "body": b"%d" % size})

    head = b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 900000\r\n\r\n"
    async with serving(slow) as connect:
        answer, took = await dribble(connect, head + b"x" * 900_000)
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"900000")
    assert took > PATIENCE * 4
