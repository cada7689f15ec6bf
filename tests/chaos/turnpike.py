"""The sandbox on a real socket, where each call can be stopped before and after it is applied."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, MutableMapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qs

import uvicorn

from app.sandbox import SandboxPanel
from app.sandbox.server import create_app
from tests.chaos.wire import group_of

Message = MutableMapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class WireCall:
    """One call in transit. `caller` is the first segment of its path: each worker has its own."""

    action: str
    fields: dict[str, str]
    caller: str

    @property
    def order_id(self) -> int:
        """The id of the order concerned, or 0."""
        about = self.fields.get("orderid") or (self.fields.get("id") if self.action == "GetOrders" else None)
        return int(about or 0)

    @property
    def writes(self) -> bool:
        return not self.action.startswith("Get")


Stop = Callable[[WireCall], Awaitable[None]]


async def _pass(_call: WireCall) -> None:
    """Let the call pass."""


class Turnpike:
    """`before` is awaited once a call is fully received, `after` once it is applied but not yet answered.

    If the caller hangs up meanwhile, the call continues, as in PHP.
    """

    def __init__(self, panel: SandboxPanel) -> None:
        self._app = create_app(panel)
        self._under_way: Counter[str] = Counter()
        self.before: Stop = _pass
        self.after: Stop = _pass
        self.overlaps: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        messages = [await receive()]
        while messages[-1].get("more_body"):
            messages.append(await receive())
        body = b"".join(message.get("body", b"") for message in messages)
        fields = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        call = WireCall(action=fields.get("action", ""), fields=fields, caller=scope["path"].split("/")[1])
        await self.before(call)
        group = group_of(call.action, fields)
        self._under_way[group] += 1
        if group and self._under_way[group] > 1:
            self.overlaps.append(f"{call.action} overlaps another call of {group}")
        left = iter(messages)

        async def replay() -> Message:
            held = next(left, None)
            return held if held is not None else cast("Message", await receive())

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self.after(call)
            await send(message)

        try:
            await self._app(scope, replay, answer)
        finally:
            self._under_way[group] -= 1


class _Server(uvicorn.Server):
    """Leaves signal handling to the tests."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


@asynccontextmanager
async def serving(turnpike: Turnpike) -> AsyncIterator[str]:
    """Serve on a free port of the loopback address, in this event loop; yields the address."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(turnpike, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await asyncio.gather(task, return_exceptions=True)
        listener.close()
