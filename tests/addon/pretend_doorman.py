"""Stand-ins for Doorman: a server with scripted answers that records its requests, and addresses that never answer."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One request as received."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """The webhook's body."""
        return dict(json.loads(self.body))

    @property
    def asks_for_several(self) -> bool:
        """True if it asks the gate about several orders."""
        return "/gate?order_ids=" in self.path

    @property
    def asks_gate(self) -> bool:
        return self.asks_for_several or self.path.endswith("/gate")

    @property
    def orders(self) -> list[int]:
        """The orders that the gate is asked about."""
        if self.asks_for_several:
            return [int(one) for one in self.path.partition("=")[2].split(",")]
        return [int(self.path.split("/")[-2])]

    def everything(self) -> str:
        """The whole request as text, for searching."""
        return f"{self.path} {self.headers} {self.body.decode(errors='replace')}"


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, answer: object, status: int = 200) -> Reply:
        """Answer with JSON."""
        return cls(status, json.dumps(answer).encode(), {"content-type": "application/json"})


ACCEPTED = Reply.of({"event_id": "x", "duplicate": False}, 202)


@dataclass(slots=True)
class PretendDoorman:
    """Answers as configured; `got` holds all requests."""

    url: str = ""
    got: list[Sent] = field(default_factory=list)
    answer: Callable[[Sent], Reply] = lambda _: ACCEPTED

    @property
    def webhooks(self) -> list[Sent]:
        return [sent for sent in self.got if sent.path.endswith("/webhooks")]

    @property
    def gate_asked(self) -> list[Sent]:
        return [sent for sent in self.got if sent.asks_gate]

    def gate(self, *, provision: bool, reason: str) -> None:
        """Answer every gate call like this, and accept every webhook."""
        self.verdicts(lambda _: (provision, reason))

    def verdicts(self, judge: Callable[[int], tuple[bool, str]]) -> None:
        """Answer every gate call by order, and accept every webhook."""

        def answer(sent: Sent) -> Reply:
            if not sent.asks_gate:
                return ACCEPTED
            rows = [
                {"order_id": one, **dict(zip(("provision", "reason"), judge(one), strict=True))} for one in sent.orders
            ]
            return Reply.of({"orders": rows} if sent.asks_for_several else rows[0])

        self.answer = answer

    def always(self, reply: Reply) -> None:
        """Answer everything like this."""
        self.answer = lambda _: reply


@contextmanager
def pretending() -> Iterator[PretendDoorman]:
    """Serve a pretend Doorman on a free port of the loopback address."""
    doorman = PretendDoorman()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def _take(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            sent = Sent(method=self.command, path=self.path, headers=headers, body=body)
            doorman.got.append(sent)
            reply = doorman.answer(sent)
            self.send_response(reply.status)
            for name, value in {"content-length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_POST = do_PUT = do_HEAD = _take

        def log_message(self, *_arguments: object) -> None:
            pass

    server = _Quiet(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True)
    thread.start()
    doorman.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield doorman
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, *_arguments: object) -> None:
        """Ignore errors: callers may hang up."""


@contextmanager
def silence() -> Iterator[str]:
    """An address where connections are accepted (by the kernel) and nothing is ever answered."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def no_connection() -> Iterator[str]:
    """An address that does not even finish the handshake: its backlog is full, so that SYNs are dropped."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        fillers = []
        try:
            for _ in range(4):
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(address)
                fillers.append(filler)
            yield f"http://127.0.0.1:{address[1]}"
        finally:
            for filler in fillers:
                filler.close()


def nobody() -> str:
    """An address where connections are refused."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    return f"http://127.0.0.1:{port}"
