# ruff: noqa: T201
"""The panel of `bench_import`: ``panel_server.py ORDERS`` prints its port and serves a generated past until terminated.

It records each call's body; ``GET /recorded`` returns all of them.
"""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import sys
from typing import Any

import uvicorn

from app.sandbox import SandboxPanel
from app.sandbox.server import create_app


class Recorder:
    """Forwards calls and records their bodies."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._bodies: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["path"] == "/recorded":
            said = json.dumps(self._bodies).encode()
            self._bodies = []
            await send(
                {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(said))]}
            )
            await send({"type": "http.response.body", "body": said})
            return

        async def heard() -> Any:
            message = await receive()
            if message.get("body"):
                self._bodies.append(message["body"].decode("ascii"))
            return message

        await self._app(scope, heard, send)


def main() -> None:
    """Generate the past and serve it."""
    panel = SandboxPanel(seed=1)
    panel.configure(timezone="UTC")
    panel.add_history(orders=int(sys.argv[1]))
    gc.collect()
    gc.freeze()
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        print(listener.getsockname()[1], flush=True)
        config = uvicorn.Config(
            Recorder(create_app(panel)), loop="uvloop", http="httptools", lifespan="off", log_level="warning"
        )
        asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))


if __name__ == "__main__":
    main()
