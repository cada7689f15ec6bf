"""Middleware around every route: the body limit, the count of requests, and the handler of last resort."""

from __future__ import annotations

from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api import problems
from app.api.metrics import Metrics

MAX_BODY = 1024 * 1024


class BodyLimit:
    """Refuses bodies over `MAX_BODY`, counted while they stream: the declared length may be missing or wrong."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        too_large = HTTPException(413, f"the body must not exceed {MAX_BODY} bytes")
        declared, read = _declared(scope), 0

        async def limited() -> Message:
            nonlocal read
            if declared > MAX_BODY:
                raise too_large
            message = await receive()
            read += len(message.get("body", b""))
            if read > MAX_BODY:
                raise too_large
            return message

        await self._app(scope, limited, send)


def _declared(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:12])
    return 0


#: Caches must not keep what is behind a key, and browsers must not guess its type.
PRIVATE: Final = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))


class Private:
    """Adds the headers of `PRIVATE` to every answer under /v1, refusals included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http" or not scope["path"].startswith("/v1"):
            await self._app(scope, receive, send)
            return

        async def private(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *PRIVATE]
            await send(message)

        await self._app(scope, receive, private)


class Observer:
    """Counts requests, and answers unexpected errors with a problem instead of a broken connection."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception as error:
            if status:
                raise  # part of the answer is sent: only closing the connection can show the error
            await problems.render_internal(error)(scope, receive, noted)
        finally:
            self._metrics.count_request(scope, status)
