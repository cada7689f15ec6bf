# ruff: noqa: T201
"""The two servers of `bench_intake`: ``servers.py floor|ours DATABASE`` prints its port and serves until terminated."""

from __future__ import annotations

import asyncio
import gc
import hmac
import socket
import sqlite3
import sys
import threading
import time
from base64 import b64encode
from collections import deque
from typing import Any

import uvicorn
from pydantic import SecretStr
from secret import KEY, SECRET

from app.api.application import create_app
from app.config import Settings
from app.installation.schema import migrate
from app.log import configure
from app.processes.slow_clients import ImpatientProtocol


class Floor:
    """The practical limit: signature, one durable row, group commit by one writer thread. No framework, no parsing."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._waiting: deque[tuple[str, bytes, asyncio.Future[None]]] = deque()
        self._arrived = threading.Event()
        threading.Thread(target=self._write, daemon=True).start()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Check, store, answer."""
        if scope["type"] == "lifespan":
            await receive()
            gc.collect()
            gc.freeze()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        headers = dict(scope["headers"])
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        status = 202 if await self._accept(headers, body) else 401
        await send(
            {"type": "http.response.start", "status": status, "headers": [(b"content-length", b"2")]},
        )
        await send({"type": "http.response.body", "body": b"{}"})

    async def _accept(self, headers: dict[bytes, bytes], body: bytes) -> bool:
        id_, timestamp = headers.get(b"webhook-id", b""), headers.get(b"webhook-timestamp", b"0")
        expected = b"v1," + b64encode(hmac.digest(KEY, b"%b.%b.%b" % (id_, timestamp, body), "sha256"))
        if not hmac.compare_digest(expected, headers.get(b"webhook-signature", b"")):
            return False
        if abs(time.time() - int(timestamp)) > 300:
            return False
        stored = asyncio.get_running_loop().create_future()
        self._waiting.append((id_.decode(), body, stored))
        self._arrived.set()
        await stored
        return True

    def _write(self) -> None:
        database = sqlite3.connect(self._path, isolation_level=None)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("CREATE TABLE events (id TEXT PRIMARY KEY, body BLOB NOT NULL)")
        while self._arrived.wait():
            self._arrived.clear()
            batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if not batch:
                continue
            database.execute("BEGIN IMMEDIATE")
            database.executemany(
                "INSERT INTO events VALUES (?, ?) ON CONFLICT DO NOTHING", [(id_, body) for id_, body, _ in batch]
            )
            database.execute("COMMIT")
            answers = [stored for _, _, stored in batch]
            answers[0].get_loop().call_soon_threadsafe(_resolve, answers)


def _resolve(answers: list[asyncio.Future[None]]) -> None:
    for answer in answers:
        if not answer.done():
            answer.set_result(None)


def _ours(path: str) -> Any:
    configure("json")
    settings = Settings(database_url=f"sqlite:///{path}", webhook_secret=SecretStr(SECRET))
    migrate(settings.database_url)
    return create_app(settings)


def main() -> None:
    """Serve one of them."""
    name, path = sys.argv[1:]
    app = Floor(path) if name == "floor" else _ours(path)
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        print(listener.getsockname()[1], flush=True)
        # as in `app.processes.serve`
        config = uvicorn.Config(
            app,
            loop="uvloop",
            http=ImpatientProtocol if name == "ours" else "httptools",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
        )
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
