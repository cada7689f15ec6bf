"""Lean HTTP/1.1 connections for reading a panel: an order costs eight reads, and an import a read for each customer.

They are our own because httpx's connections need more time per call than a panel on the same network: 500 to 800 us of
the processor against 40. The parser is httptools, which the server uses anyway. The worker reads with httpx all the
same, which takes these connections as its transport; `doorman import` uses them as they are. Connections are kept while
they are busy; the rate limiter's slots limit their number. For reads only: it does not report when the first byte is
sent.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Iterator
from functools import partial
from typing import Final, cast

import httptools
import httpx

from app.panels.base import BeforeSend
from app.panels.whmcs.answers import Reply
from app.panels.whmcs.lines import ANSWER_CAP, CONNECT_SECONDS, HEADERS, IDLE_SECONDS, AnswerTooLargeError

_HEAD: Final = b"".join(b"%s: %s\r\n" % header for header in HEADERS)
_LENGTHS: Final = frozenset({b"content-length", b"transfer-encoding"})


class _Connection(asyncio.Protocol):
    """One connection; one exchange at a time."""

    def __init__(self, answer_cap: int) -> None:
        self._answer_cap = answer_cap
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._answered: asyncio.Future[Reply] | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._size = 0
        self._headed = False
        self.reusable = True
        self.free_since = 0.0

    async def exchange(self, request: bytes) -> Reply:
        """Send and return the whole answer. Raises httpx.TransportError and AnswerTooLargeError."""
        if self._transport is None or self._transport.is_closing():
            raise httpx.ReadError("the connection is closed")
        self._parser = httptools.HttpResponseParser(self)
        self._headers, self._body, self._size, self._headed = [], [], 0, False
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            return await self._answered
        except BaseException:  # a cancelled exchange leaves an answer in transit that must not be reused
            self.close()
            raise
        finally:
            self._answered = None

    def close(self) -> None:
        """Close the connection."""
        self.reusable = False
        if self._transport is not None:
            self._transport.abort()

    @property
    def fresh(self) -> bool:
        """True if it may be used for another exchange."""
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
        self._fail(httpx.ReadError("the connection was closed before the answer was complete"))

    # --- httptools ------------------------------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """All headers have arrived."""
        self._headed = True

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._body.append(body)
        self._size += len(body)
        if self._size > self._answer_cap:
            self._fail(AnswerTooLargeError(f"more than {self._answer_cap} bytes"))

    def on_message_complete(self) -> None:
        """The whole answer has arrived."""
        if self._answered is None or self._answered.done() or self._parser is None:
            return
        status = self._parser.get_status_code()
        if status < 200:  # an interim response; the final answer follows
            self._headers, self._headed = [], False
            return
        self.reusable = self.reusable and self._parser.should_keep_alive()
        self.free_since = time.monotonic()
        try:
            self._answered.set_result(self._reply(status))
        except (httpx.DecodingError, AnswerTooLargeError) as error:
            self._fail(error)

    def _reply(self, status: int) -> Reply:
        headers = {name.lower(): value for name, value in self._headers}
        body = b"".join(self._unpacked(status) if b"content-encoding" in headers else self._body)
        return Reply(status=status, body=body, retry_after=headers.get(b"retry-after", b"").decode("latin-1"))

    def _unpacked(self, status: int) -> Iterator[bytes]:
        """Decompress an answer that was compressed against our request; in parts, as it may grow greatly."""
        size = 0
        for part in httpx.Response(status, headers=self._headers, content=iter(self._body)).iter_bytes():
            size += len(part)
            if size > self._answer_cap:
                raise AnswerTooLargeError(f"more than {self._answer_cap} bytes")
            yield part

    def _has_length(self) -> bool:
        return any(name.lower() in _LENGTHS for name, _ in self._headers)

    def _fail(self, error: Exception) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(error)
            self.close()


class BulkLine:
    """`Line` for reads: whole answers, httpx's exceptions."""

    def __init__(self, *, answer_cap: int = ANSWER_CAP) -> None:
        self._answer_cap = answer_cap
        self._free: list[_Connection] = []
        self._busy: set[_Connection] = set()
        self._tls: ssl.SSLContext | None = None
        self._headed: tuple[tuple[bytes, bytes], bytes] = ((b"", b""), b"")

    async def post(
        self,
        url: httpx.URL,
        body: bytes,
        *,
        seconds: float,  # noqa: ARG002 - the caller limits the total time
        before_send: BeforeSend | None = None,
    ) -> Reply:
        """See `Line`. Raises ValueError for a call with `before_send`."""
        if before_send is not None:
            raise ValueError("this line is for reads only")
        connection = self._again() or await self._connect(url)
        self._busy.add(connection)
        try:
            return await connection.exchange(b"%b%d\r\n\r\n%b" % (self._head(url), len(body), body))
        finally:
            self._busy.discard(connection)
            if connection.reusable:
                self._free.append(connection)
            else:
                connection.close()

    async def aclose(self) -> None:
        """Close all connections."""
        for connection in (*self._free, *self._busy):
            connection.close()
        self._free.clear()

    def _head(self, url: httpx.URL) -> bytes:
        """Return the request head up to the body length; computed once, as the address never changes."""
        if self._headed[0] != (url.raw_path, url.netloc):
            line = b"POST %b HTTP/1.1\r\nhost: %b\r\n" % (url.raw_path, url.netloc)
            self._headed = (
                (url.raw_path, url.netloc),
                b"%b%bcontent-length: " % (line, _HEAD),
            )
        return self._headed[1]

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
            async with asyncio.timeout(CONNECT_SECONDS):
                made = partial(_Connection, self._answer_cap)
                port, tls = (url.port or 443, self._tls) if secure else (url.port or 80, None)
                _, connection = await loop.create_connection(made, url.host, port, ssl=tls)
        except TimeoutError:
            raise httpx.ConnectTimeout("no connection in time") from None
        except OSError as error:
            raise httpx.ConnectError(str(error)) from None
        return connection


class LeanTransport(httpx.AsyncBaseTransport):
    """httpx's transport for reads over lean connections; the caller limits the total time."""

    def __init__(self, *, answer_cap: int = ANSWER_CAP) -> None:
        self._line = BulkLine(answer_cap=answer_cap)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a form. Raises httpx.TransportError and AnswerTooLargeError, and ValueError for a traced request."""
        if "trace" in request.extensions:
            raise ValueError("this transport is for reads only")
        reply = await self._line.post(request.url, await request.aread(), seconds=CONNECT_SECONDS)
        return httpx.Response(reply.status, headers={"retry-after": reply.retry_after}, content=reply.body)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._line.aclose()
