# ruff: noqa: T201
"""The load: 32 keep-alive connections, each sending its next webhook when the last is answered.

``client.py PORT REQUESTS`` prints one JSON line. Everything is signed before the clock starts.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
import uuid
from base64 import b64encode
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from hmac import digest
from typing import cast

import uvloop
from secret import KEY

CONNECTIONS = 32
RETRY_SECONDS = 2.0
BODY_BYTES = 1400


def signed_requests(count: int) -> list[bytes]:
    """Return webhooks of the usual length as complete HTTP requests."""
    now = datetime.now(UTC)
    return signed(_body(number + 1, now) for number in range(count))


def signed(bodies: Iterable[bytes]) -> list[bytes]:
    """Return complete HTTP requests, each with its own webhook id."""
    timestamp = str(int(time.time()))
    run = uuid.uuid4().hex
    made = []
    for number, body in enumerate(bodies):
        webhook_id = f"msg_{run}_{number}"
        signature = b64encode(digest(KEY, f"{webhook_id}.{timestamp}.".encode() + body, sha256)).decode()
        head = (
            "POST /webhooks HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: doorman-addon/1.0\r\n"
            f"accept: application/json\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
            f"webhook-id: {webhook_id}\r\nwebhook-timestamp: {timestamp}\r\nwebhook-signature: v1,{signature}\r\n\r\n"
        )
        made.append(head.encode() + body)
    return made


def _body(number: int, now: datetime) -> bytes:
    data = {
        "ticket_id": number,
        "customer_id": number % 500 + 1,
        "opened_by": "customer",
        "subject": "Is my server ready?",
        "message": "",
        "department": "Support",
        "priority": "Medium",
        "actor": {"kind": "customer", "admin_id": None, "user_id": number % 500 + 1, "masquerade": False},
    }
    envelope = {"type": "ticket.opened", "timestamp": now.isoformat(), "data": data}
    data["message"] = ("I have paid five minutes ago. " * 60)[: BODY_BYTES - len(json.dumps(envelope))]
    return json.dumps(envelope).encode()


class Connection(asyncio.Protocol):
    """Sends from the shared list until it is empty, and records the time of each answer.

    A patient one sends again what was answered with 503, as the panel's addon does.
    """

    def __init__(
        self, requests: list[bytes], seconds: list[float], done: asyncio.Future[None], *, patient: bool = False
    ) -> None:
        self._requests = requests
        self._seconds = seconds
        self._done = done
        self._patient = patient
        self._request = b""
        self._buffer = b""
        self._sent_at = 0.0
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's is not an instance of the class

    def send_next(self) -> None:
        """Send one more, if there is one."""
        if not self._requests:
            self._done.set_result(None)
            return
        self._request = self._requests.pop()
        self._sent_at = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Wait for the complete answer, which must be a 202."""
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        if self._patient and head.startswith(b"HTTP/1.1 503"):
            print("a webhook was answered with 503 and is sent again", file=sys.stderr)
            self._buffer = b""
            asyncio.get_running_loop().call_later(RETRY_SECONDS, self._transport.write, self._request)
            return
        if not head.startswith(b"HTTP/1.1 202"):
            self._done.set_exception(RuntimeError(self._buffer.decode()))
            return
        self._seconds.append(time.perf_counter() - self._sent_at)
        self._buffer = b""
        self.send_next()

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the run if the server hangs up."""
        if not self._done.done():
            self._done.set_exception(ConnectionError("the server closed a connection"))


def _same(connection: Connection) -> Connection:
    return connection


async def send(
    port: int, requests: list[bytes], *, connections: int, patient: bool = False
) -> tuple[float, float, list[float]]:
    """Send them all; return when the first was sent and the last answered, and how long each took."""
    loop = asyncio.get_running_loop()
    seconds = list[float]()
    done = [loop.create_future() for _ in range(connections)]
    senders = [Connection(requests, seconds, future, patient=patient) for future in done]
    for sender in senders:
        await loop.create_connection(partial(_same, sender), "127.0.0.1", port)
    gc.disable()
    started = time.monotonic()
    for sender in senders:
        sender.send_next()
    await asyncio.gather(*done)
    return started, time.monotonic(), seconds


async def load(port: int, count: int) -> dict[str, float]:
    """Return rate and latencies."""
    started, ended, seconds = await send(port, signed_requests(count), connections=CONNECTIONS)
    seconds.sort()
    return {
        "rate": count / (ended - started),
        "p50_ms": seconds[count // 2] * 1000,
        "p99_ms": seconds[count * 99 // 100] * 1000,
    }


if __name__ == "__main__":
    print(json.dumps(uvloop.run(load(int(sys.argv[1]), int(sys.argv[2])))))
