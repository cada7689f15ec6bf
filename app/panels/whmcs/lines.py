"""The transport of panel calls: one form-encoded POST and its complete answer.

A `Line` is a transport: httpx for everything that changes the panel, `bulk` for many reads. Both raise httpx's
exceptions, which show whether the request was sent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final, Protocol

import httpx

from app.panels.base import BeforeSend
from app.panels.whmcs.answers import Reply

ANSWER_CAP: Final = 32 * 1024 * 1024
CONNECT_SECONDS: Final = 5.0
CONNECTIONS_PER_LINE: Final = 8  # httpx pools are quadratic in their connections
IDLE_SECONDS: Final = 3.0  # below Apache's 5 s, so that we rarely write to a closing connection

#: Headers of each call; the answer is not compressed, so that its size can be limited while it is received.
HEADERS: Final = {"content-type": "application/x-www-form-urlencoded", "accept-encoding": "identity"}
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
    """A small httpx pool without redirects, proxies or netrc from the environment, or cookies: a PHP session would make
    the panel answer our calls one at a time.
    """

    def __init__(self, http: httpx.AsyncClient | None = None, *, answer_cap: int = ANSWER_CAP) -> None:
        """Tests pass their own client."""
        self._http = http or http_client()
        self._answer_cap = answer_cap

    async def post(
        self, url: httpx.URL, body: bytes, *, seconds: float, before_send: BeforeSend | None = None
    ) -> Reply:
        """See `Line`."""
        patience = min(CONNECT_SECONDS, seconds / 2)
        request = self._http.build_request(
            "POST",
            url,
            content=body,
            headers=HEADERS,
            timeout=httpx.Timeout(seconds, connect=patience, pool=patience),
            extensions={} if before_send is None else {"trace": _at_the_first_byte(before_send)},
        )
        response = await self._http.send(request, stream=True, auth=None, follow_redirects=False)
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
        await self._http.aclose()


def http_client(transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """Make one small pool for a panel; tests pass their own transport."""
    return httpx.AsyncClient(
        transport=transport,
        limits=httpx.Limits(
            max_connections=CONNECTIONS_PER_LINE,
            max_keepalive_connections=CONNECTIONS_PER_LINE,
            keepalive_expiry=IDLE_SECONDS,
        ),
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
