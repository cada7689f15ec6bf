"""Slow clients: a connection is closed when headers or body arrive too slowly, so that clients can't block it."""

from __future__ import annotations

import asyncio
import json
from typing import ClassVar, Final

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.api.middleware import PRIVATE
from app.errors import PROBLEM_MEDIA_TYPE, TooSlow

log = structlog.get_logger()

_TICKS: Final = 10


def _refusal() -> bytes:
    body = json.dumps(TooSlow("the request was not received completely in time").to_body()).encode()
    headers = (
        (b"content-type", PROBLEM_MEDIA_TYPE.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
        *PRIVATE,
    )
    lines = b"".join(b"%b: %b\r\n" % header for header in headers)
    return b"HTTP/1.1 408 Request Timeout\r\n" + lines + b"\r\n" + body


_REFUSAL: Final = _refusal()


class ImpatientProtocol(HttpToolsProtocol):
    """One HTTP connection. Headers have `patience` seconds to arrive, and so has a body; uvicorn would wait for ever.

    A timer of the connection counts ticks while the client has something to send: a request costs two assignments and
    no timer of its own, and a stall of our process counts as one tick, however long it was.
    """

    patience: ClassVar[float] = 10.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start counting: a connection that sends nothing is slow, too."""
        super().connection_made(transport)
        self._ticks = 0
        self._in_headers = False
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop counting."""
        self._timer.cancel()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Expect the headers, after the first byte of a request."""
        self._ticks, self._in_headers = 0, True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Expect the body, after the headers."""
        self._ticks, self._in_headers = 0, False
        super().on_headers_complete()

    def _wait(self) -> None:
        self._timer = self.loop.call_later(self.patience / _TICKS, self._tick)

    def _tick(self) -> None:
        if self.transport.is_closing():
            return
        self._ticks = self._ticks + 1 if self._client_is_due() else 0
        if self._ticks <= _TICKS:
            self._wait()
        else:
            self._end()

    def _client_is_due(self) -> bool:
        """True if we wait for the client, and not the client for us."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return True
        return cycle.more_body and not self.flow.read_paused and not cycle.waiting_for_100_continue

    def _end(self) -> None:
        unanswered = self.cycle is not None and not self.cycle.response_started
        if self._in_headers or unanswered:
            log.info("request.too_slow", part="headers" if self._in_headers else "body")
            self.transport.write(_REFUSAL)
        self.transport.close()
