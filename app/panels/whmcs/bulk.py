"""A lean HTTP/1.1 transport for reading a panel in bulk: `doorman import` makes a call for each customer.

Written here because httpcore (under httpx) takes more time for a call than a panel on the same network does; the parser
is httptools, which the server uses anyway. Connections are kept while they are busy; the number of them is the rate
limiter's slots. For reads alone: it does not say when the first byte leaves.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from typing import Final, cast

import httptools
import httpx

from app.panels.whmcs.client import ANSWER_CAP, IDLE_SECONDS, AnswerTooLargeError

_CONNECT_SECONDS: Final = 5.0


class _Connection(asyncio.Protocol):
    """One connection; one exchange at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._answered: asyncio.Future[httpx.Response] | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._size = 0
        self._headed = False
        self.reusable = True
        self.free_since = 0.0

    async def exchange(self, request: bytes) -> httpx.Response:
        """Send and return the whole answer. Raises httpx.TransportError and AnswerTooLargeError."""
        if self._transport is None or self._transport.is_closing():
            raise httpx.ReadError("the connection is closed")
        self._parser = httptools.HttpResponseParser(self)
        self._headers, self._body, self._size, self._headed = [], [], 0, False
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            return await self._answered
        except BaseException:  # who is cancelled leaves an answer on its way that belongs to nobody
            self.close()
            raise
        finally:
            self._answered = None

    def close(self) -> None:
        """Hang up."""
        self.reusable = False
        if self._transport is not None:
            self._transport.abort()

    @property
    def fresh(self) -> bool:
        """Whether it may be used for another exchange."""
        open_ = self._transport is not None and not self._transport.is_closing()
        return self.reusable and open_ and time.monotonic() - self.free_since < IDLE_SECONDS

    # --- asyncio --------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self._parser is None or self._answered is None:
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(httpx.RemoteProtocolError(f"not HTTP: {error}"))

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`; an answer without a length ends here."""
        self.reusable = False
        if exc is None and self._headed and not self._has_length():
            self.on_message_complete()
        self._fail(httpx.ReadError("the connection was closed before the answer was whole"))

    # --- httptools ------------------------------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """All headers are there."""
        self._headed = True

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._body.append(body)
        self._size += len(body)
        if self._size > ANSWER_CAP:
            self._fail(AnswerTooLargeError(f"more than {ANSWER_CAP} bytes"))

    def on_message_complete(self) -> None:
        """The whole answer is there."""
        if self._answered is None or self._answered.done() or self._parser is None:
            return
        status = self._parser.get_status_code()
        if status < 200:  # a hint; the answer itself follows
            self._headers, self._headed = [], False
            return
        self.reusable = self.reusable and self._parser.should_keep_alive()
        self.free_since = time.monotonic()
        self._answered.set_result(httpx.Response(status, headers=self._headers, content=b"".join(self._body)))

    def _has_length(self) -> bool:
        return any(name.lower() in {b"content-length", b"transfer-encoding"} for name, _ in self._headers)

    def _fail(self, error: Exception) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(error)
            self.close()


class BulkTransport(httpx.AsyncBaseTransport):
    """Answers of a panel, whole; httpx's exceptions as its own transport has them."""

    def __init__(self) -> None:
        self._free: list[_Connection] = []
        self._busy: set[_Connection] = set()
        self._tls: ssl.SSLContext | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx."""
        connection = self._again() or await self._connect(request.url)
        self._busy.add(connection)
        try:
            return await connection.exchange(_written(request))
        finally:
            self._busy.discard(connection)
            if connection.reusable:
                self._free.append(connection)
            else:
                connection.close()

    async def aclose(self) -> None:
        """Hang up everywhere."""
        for connection in (*self._free, *self._busy):
            connection.close()
        self._free.clear()

    def _again(self) -> _Connection | None:
        while self._free:
            connection = self._free.pop()
            if connection.fresh:
                return connection
            connection.close()
        return None

    async def _connect(self, url: httpx.URL) -> _Connection:
        secure = url.scheme == "https"
        if secure and self._tls is None:
            self._tls = httpx.create_ssl_context(trust_env=False)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                _, connection = await loop.create_connection(
                    _Connection, url.host, url.port or (443 if secure else 80), ssl=self._tls if secure else None
                )
        except TimeoutError:
            raise httpx.ConnectTimeout("nobody answered") from None
        except OSError as error:
            raise httpx.ConnectError(str(error)) from None
        return connection


def _written(request: httpx.Request) -> bytes:
    head = [b"%s %s HTTP/1.1" % (request.method.encode("ascii"), request.url.raw_path)]
    head += [b"%s: %s" % header for header in request.headers.raw]
    return b"\r\n".join([*head, b"", request.content])
