"""The transport to WHMCS: one form-encoded POST per call (panel.md §2.1).

Credentials travel in the body only. No redirects, no proxies or netrc from the environment, no cookies (a PHP session
would make the panel answer our calls one after the other), a cap on each answer, a deadline on each call.
"""

from __future__ import annotations

import asyncio
import html
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final
from urllib.parse import quote, quote_plus, urlencode

import httpx
import structlog
from pydantic import SecretStr

from app.config import safe_panel_url
from app.panels.base import PanelError, PanelOutcomeUnknown, PanelUnavailable
from app.panels.limiter import RateLimiter
from app.panels.whmcs import wire
from app.panels.whmcs.answers import Reply, read_reply

log = structlog.get_logger(__name__)

ANSWER_CAP: Final = 32 * 1024 * 1024
#: How long a write may wait for our own rate limit: the outbox checked its claim just before.
WRITE_PATIENCE_SECONDS: Final = 2.0
CONNECT_SECONDS: Final = 5.0
CONNECTIONS_PER_CLIENT: Final = 8  # httpx pools are quadratic in their connections
IDLE_SECONDS: Final = 3.0  # below the 5 s of Apache, so that we seldom write into a connection being closed
DEFAULT_SECONDS: Final = 30.0
ACTION_SECONDS: Final[Mapping[str, float]] = {"AcceptOrder": 120.0}

Timeout = Callable[[str], float]

#: Raised by httpx before the first byte of a request is sent: refused, DNS, TLS, no free connection.
_NOT_SENT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)


class AnswerTooLargeError(Exception):
    """The panel sends more than we are ready to hold."""


def default_timeout(override: float | None = None) -> Timeout:
    """Return seconds by action: `override` for every call, else 120 for AcceptOrder and 30 for the others."""
    return lambda action: override or ACTION_SECONDS.get(action, DEFAULT_SECONDS)


def http_client(transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """Make one small pool as this client needs it; tests name their own transport."""
    return httpx.AsyncClient(
        transport=transport,
        limits=httpx.Limits(
            max_connections=CONNECTIONS_PER_CLIENT,
            max_keepalive_connections=CONNECTIONS_PER_CLIENT,
            keepalive_expiry=IDLE_SECONDS,
        ),
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        trust_env=False,
        follow_redirects=False,
    )


class WhmcsClient:
    """Calls actions of one panel. Reads raise PanelRejected or PanelUnavailable, writes also PanelOutcomeUnknown."""

    def __init__(
        self,
        base_url: str,
        *,
        identifier: SecretStr,
        secret: SecretStr,
        access_key: SecretStr | None = None,
        timeout: Timeout,
        limiter: RateLimiter,
        http: Sequence[httpx.AsyncClient],
        answer_cap: int = ANSWER_CAP,
        write_patience: float = WRITE_PATIENCE_SECONDS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Raises ValueError for an address that is not https, except on loopback."""
        self._url = safe_panel_url(base_url) + "/includes/api.php"
        self._credentials = {"identifier": identifier, "secret": secret, "accesskey": access_key}
        self._timeout = timeout
        self._limiter = limiter
        self._http = list(http)
        self._in_flight = [0] * len(self._http)
        self._answer_cap = answer_cap
        self._write_patience = write_patience
        self._now = now

    async def read(self, action: str, params: Mapping[str, Any] | None = None, *, urgent: bool = False) -> wire.Row:
        """Call an action that changes nothing; `urgent` goes first in the rate limit."""
        await self._limiter.take(urgent=urgent)
        try:
            return await self._call(action, params or {}, write=False)
        finally:
            self._limiter.release()

    async def write(self, action: str, params: Mapping[str, Any]) -> wire.Row:
        """Call an action that changes something. It waits `write_patience` seconds at most for our own rate limit."""
        try:
            async with asyncio.timeout(self._write_patience):
                await self._limiter.take(write=True)
        except TimeoutError:
            raise PanelUnavailable("not sent: our own rate limit is used up", retry_after=1.0) from None
        try:
            return await self._call(action, params, write=True)
        finally:
            self._limiter.release()

    async def aclose(self) -> None:
        """Close all connections."""
        for client in self._http:
            await client.aclose()

    async def _call(self, action: str, params: Mapping[str, Any], *, write: bool) -> wire.Row:
        started = asyncio.get_running_loop().time()
        outcome = await self._exchange(action, params, write=write)
        seconds = round(asyncio.get_running_loop().time() - started, 3)
        if isinstance(outcome, PanelError):
            log.info("panel.not_reached", action=action, seconds=seconds, error=str(outcome))
            raise outcome  # here, not where it was caught: the cause would carry the request and our secret
        log.debug("panel.answered", action=action, seconds=seconds, status=outcome.status)
        return read_reply(outcome, write=write, scrub=self._scrub, now=self._now())

    async def _exchange(self, action: str, params: Mapping[str, Any], *, write: bool) -> Reply | PanelError:
        index = min(range(len(self._http)), key=self._in_flight.__getitem__)
        seconds = self._timeout(action)
        self._in_flight[index] += 1
        try:
            async with asyncio.timeout(seconds):
                return await self._send(self._http[index], action, params, seconds)
        except _NOT_SENT as error:
            return PanelUnavailable(f"not sent: {self._scrub(_reason(error))}")
        except (httpx.HTTPError, TimeoutError, OSError, AnswerTooLargeError) as error:
            said = f"no whole answer to {action}: {self._scrub(_reason(error))}"
            return PanelOutcomeUnknown(said) if write else PanelUnavailable(said)
        finally:
            self._in_flight[index] -= 1

    async def _send(self, http: httpx.AsyncClient, action: str, params: Mapping[str, Any], seconds: float) -> Reply:
        patience = min(CONNECT_SECONDS, seconds / 2)
        request = http.build_request(
            "POST",
            self._url,
            content=self._body(action, params),
            headers={"content-type": "application/x-www-form-urlencoded", "accept-encoding": "identity"},
            timeout=httpx.Timeout(seconds, connect=patience, pool=patience),
        )
        response = await http.send(request, stream=True, auth=None, follow_redirects=False)
        async with aclosing(response):
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > self._answer_cap:
                    raise AnswerTooLargeError(f"more than {self._answer_cap} bytes")
            return Reply(
                status=response.status_code, body=bytes(body), retry_after=response.headers.get("retry-after", "")
            )

    def _body(self, action: str, params: Mapping[str, Any]) -> bytes:
        given = {"action": action, "responsetype": "json", **params}
        secrets = {name: value.get_secret_value() for name, value in self._credentials.items() if value is not None}
        return urlencode(form({**given, **secrets})).encode("ascii")

    def _scrub(self, said: str) -> str:
        """Take our credentials out of the panel's own words."""
        for held in self._credentials.values():
            value = held.get_secret_value() if held is not None else ""
            for written in {value, html.escape(value), quote(value), quote_plus(value)} - {""}:
                said = said.replace(written, "***")
        return said


def form(params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return form fields as PHP reads them: ``1``/``0`` for booleans, ``name[0]`` and ``name[key]`` for arrays.

    None is left out (panel.md §2.2, *Arrays in*, *Booleans in*).
    """
    fields: list[tuple[str, str]] = []
    for name, value in params.items():
        if isinstance(value, Mapping):
            fields += form({f"{name}[{key}]": inner for key, inner in value.items()})
        elif isinstance(value, list | tuple):
            fields += form({f"{name}[{index}]": inner for index, inner in enumerate(value)})
        elif isinstance(value, bool):
            fields.append((name, "1" if value else "0"))
        elif value is not None:
            fields.append((name, wire.clean(str(value))))
    return fields


def _reason(error: Exception) -> str:
    """Return what went wrong in a few words; texts of httpx name hosts and system errors, never the body."""
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return f"timed out ({type(error).__name__})"
    return wire.clean(f"{type(error).__name__}: {error}"[:200])
