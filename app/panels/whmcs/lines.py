"""The transport of panel calls: one form-encoded POST and its complete answer.

A `Line` is a transport: httpx for everything that changes the panel, `bulk` for many reads. Both raise httpx's
exceptions, which show whether the request was sent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final, Protocol

import httpx

from app.panels.base import BeforeSend
from app.panels.whmcs.answers import Reply

ANSWER_CAP: Final = 32 * 1024 * 1024
CONNECT_SECONDS: Final = 5.0
CONNECTIONS_PER_LINE: Final = 8  # httpx pools are quadratic in their connections
IDLE_SECONDS: Final = 3.0  # below Apache's 5 s, so that we rarely write to a closing connection

#: Headers of each call; the answer is not compressed, so that its size can be limited while it is received.
HEADERS: Final = (
    (b"content-type", b"application/x-www-form-urlencoded"),
    (b"accept-encoding", b"identity"),
    (b"accept", b"*/*"),
    (b"user-agent", b"doorman"),
)
_LIMITS: Final = httpx.Limits(
    max_connections=CONNECTIONS_PER_LINE,
    max_keepalive_connections=CONNECTIONS_PER_LINE,
    keepalive_expiry=IDLE_SECONDS,
)
_FIRST_BYTE: Final = "http11.send_request_headers.started"


class AnswerTooLargeError(Exception):
    """The panel's answer exceeds the size limit."""


class HeldBackError(Exception):
    """`before_send` raised this: nothing was sent."""

    def __init__(self, reason: Exception) -> None:
        super().__init__()
        self.reason = reason  # httpcore drops causes


class Line(Protocol):
    """A transport for calls, with its own connections."""

    async def post(
        self, url: httpx.URL, body: bytes, *, seconds: float, before_send: BeforeSend | None = None
    ) -> Reply:
        """Send a form and return the complete answer; `before_send` is awaited just before the first byte is sent.

        Raises httpx.HTTPError, OSError, AnswerTooLargeError, and HeldBackError with the exception of `before_send`. The
        caller limits the total time; a line may also give up after `seconds` without a byte.
        """
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


class HttpxLine:
    """One of httpx's transports as it is: a client around it costs as much again for redirects, cookies and proxies,
    and we want none. With cookies, a PHP session would make the panel answer our calls one at a time.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport | None = None, *, answer_cap: int = ANSWER_CAP) -> None:
        """Tests, and reads over lean connections, pass a transport of their own."""
        self._transport = transport or httpx.AsyncHTTPTransport(limits=_LIMITS, trust_env=False)
        self._answer_cap = answer_cap

    async def post(
        self, url: httpx.URL, body: bytes, *, seconds: float, before_send: BeforeSend | None = None
    ) -> Reply:
        """See `Line`."""
        patience = min(CONNECT_SECONDS, seconds / 2)
        extensions: dict[str, Any] = {
            "timeout": {"connect": patience, "pool": patience, "read": seconds, "write": seconds}
        }
        if before_send is not None:
            extensions["trace"] = _at_the_first_byte(before_send)
        request = httpx.Request("POST", url, content=body, headers=HEADERS, extensions=extensions)
        response = await self._transport.handle_async_request(request)
        response.request = request
        async with aclosing(response):
            content = bytearray()
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > self._answer_cap:
                    raise AnswerTooLargeError(f"more than {self._answer_cap} bytes")
        waits = response.headers.get("retry-after", "")
        return Reply(status=response.status_code, body=bytes(content), retry_after=waits)

    async def aclose(self) -> None:
        """See `Line`."""
        await self._transport.aclose()


def http_client() -> httpx.AsyncClient:
    """Make one small pool for a panel, without redirects, cookies, or proxies and netrc from the environment."""
    return httpx.AsyncClient(
        limits=_LIMITS,
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        trust_env=False,
        follow_redirects=False,
    )


def _at_the_first_byte(before_send: BeforeSend) -> Callable[[str, object], Awaitable[None]]:
    """Return an httpcore trace function that awaits `before_send` once the connection is made."""

    async def trace(name: str, _info: object) -> None:
        if name == _FIRST_BYTE:
            try:
                await before_send()
            except Exception as error:  # noqa: BLE001 - httpx must not handle it as its own error
                raise HeldBackError(error) from None

    return trace
