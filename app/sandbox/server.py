"""The pretend panel as an ASGI app, and as a server on a port."""

import asyncio
import socket
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app.sandbox import api
from app.sandbox.control import SandboxPanel
from app.sandbox.views import control_routes

PAGE = Path(__file__).with_name("page.html")
CRON_SECONDS = 5.0


def create_app(panel: SandboxPanel) -> ASGIApp:
    """`/includes/api.php` as WHMCS has it, `/sandbox/api/…` to act as customers and staff, and a page at `/`."""

    async def page(request: Request) -> Response:  # noqa: ARG001 - one page for all
        return FileResponse(PAGE, media_type="text/html")

    people = Starlette(routes=[Route("/", page), *control_routes(panel)])

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].endswith("/includes/api.php"):
            await _api(panel, scope, receive, send)
        else:
            await people(scope, receive, send)

    return app


async def _api(panel: SandboxPanel, scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope, receive)
    if request.method != "POST":
        await JSONResponse({"result": "error", "message": "Invalid request method"}, 200)(scope, receive, send)
        return
    body = (await request.body()).decode("utf-8", errors="replace")
    ip = request.client.host if request.client else "127.0.0.1"
    try:
        reply = await api.answer(panel, body, ip=ip)
    except api.ConnectionLost:
        await _hang_up(receive, send)
        return
    headers = dict(reply.headers)
    response = Response(reply.body, status_code=reply.status, media_type=reply.content_type, headers=headers)
    await response(scope, receive, send)


async def _hang_up(receive: Receive, send: Send) -> None:
    """Close the connection without sending a byte: on uvicorn by its transport, in process as httpx would report it."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cron(panel: SandboxPanel) -> None:
    """Run the five-minute cron every few seconds, so that a demo need not wait."""
    while True:
        await asyncio.sleep(CRON_SECONDS)
        await panel.run_cron()


@asynccontextmanager
async def serving(panel: SandboxPanel, *, port: int = 0, cron: bool = True) -> AsyncIterator[str]:
    """Serve on 127.0.0.1 in this event loop; yields the address. Port 0 picks a free port."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # or asyncio leaves Nagle on
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    config = uvicorn.Config(create_app(panel), log_level="warning", lifespan="off", timeout_graceful_shutdown=2)
    server = _Server(config)
    tasks: list[asyncio.Task[Any]] = [asyncio.create_task(server.serve(sockets=[listener]))]
    if cron:
        tasks.append(asyncio.create_task(_cron(panel)))
    try:
        await server.listening.wait()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        for task in tasks[1:]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await panel.close()
        listener.close()


class _Server(uvicorn.Server):
    """Signals when it listens, and leaves signal handling to its caller."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield
