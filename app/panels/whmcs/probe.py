"""One plain API call for `doorman doctor`, which needs the raw answer or the reason why there is none."""

from __future__ import annotations

import asyncio
import html
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote, quote_plus, urlencode

import httpx

from app.config import Settings
from app.panels.brakes.limiter import RateLimiter
from app.panels.whmcs import wire
from app.panels.whmcs.answers import decode
from app.panels.whmcs.client import form
from app.panels.whmcs.lines import http_client

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 30.0
_ANSWER_CAP: Final = 16 * 1024 * 1024
_LONGEST_MESSAGE: Final = 300


class Trouble(StrEnum):
    """Why there was no answer."""

    NAME = "name"  # DNS
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    NO_CONNECTION = "no-connection"  # connecting timed out
    CERTIFICATE = "certificate"
    TLS = "tls"
    SILENT = "silent"  # connected, and no answer in time
    BROKEN = "broken"  # the connection ended, or the answer is not HTTP


class Unreached(Exception):
    """There was no answer; the text is the system's. `certificate` is OpenSSL's error code for the certificate."""

    def __init__(self, trouble: Trouble, said: str, *, certificate: int | None = None) -> None:
        super().__init__(said)
        self.trouble = trouble
        self.certificate = certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeReply:
    """A complete HTTP answer. `said` is WHMCS's error text, without our credentials."""

    status: int
    answer: wire.Row
    said: str = ""
    location: str = ""
    date: datetime | None = None  # of the HTTP header
    at: datetime  # our clock, half-way between request and answer

    @property
    def verdict(self) -> str:
        """``success``, ``error``, or empty if WHMCS did not answer."""
        given = str(self.answer.get("result", self.answer.get("status", ""))).strip().lower()
        return given if given in {"success", "error"} else ""


class RoleProbe:
    """Calls actions one at a time, not faster than `DOORMAN_PANEL_RATE`.

    Raises ValueError when made from settings without a panel.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        http: httpx.AsyncClient | None = None,
        seconds: float = ANSWER_SECONDS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if not (settings.panel_url and settings.panel_identifier and settings.panel_secret):
            raise ValueError("the panel is not configured")
        self._url = f"{settings.panel_url}/includes/api.php"
        held = {
            "identifier": settings.panel_identifier,
            "secret": settings.panel_secret,
            "accesskey": settings.panel_access_key,
        }
        self._credentials = {name: value.get_secret_value() for name, value in held.items() if value is not None}
        self._seconds = min(seconds, settings.panel_timeout or seconds)
        self._limiter = RateLimiter(settings.panel_rate)
        self._http = http or http_client()
        self._now = now

    async def aclose(self) -> None:
        """Close the connection."""
        await self._http.aclose()

    async def ask(self, action: str, params: Mapping[str, Any] | None = None) -> ProbeReply:
        """Call one action. Raises Unreached."""
        given = {"action": action, "responsetype": "json", **(params or {}), **self._credentials}
        await self._limiter.take()
        started = self._now()
        try:
            async with asyncio.timeout(self._seconds):
                response, body = await self._post(urlencode(form(given)).encode("ascii"))
        except (httpx.HTTPError, TimeoutError, OSError) as error:
            failure = _failure(error)
        else:
            return self._reply(response, body, at=started + (self._now() - started) / 2)
        finally:
            self._limiter.release()
        raise failure  # not in the handler: the cause would carry the request and our secret

    async def _post(self, content: bytes) -> tuple[httpx.Response, bytes]:
        headers = {"content-type": "application/x-www-form-urlencoded", "accept-encoding": "identity"}
        timeout = httpx.Timeout(self._seconds, connect=min(CONNECT_SECONDS, self._seconds))
        request = self._http.build_request("POST", self._url, content=content, headers=headers, timeout=timeout)
        response = await self._http.send(request, stream=True, auth=None, follow_redirects=False)
        body = bytearray()
        async with aclosing(response):
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _ANSWER_CAP:
                    raise httpx.RemoteProtocolError(f"more than {_ANSWER_CAP} bytes")
        return response, bytes(body)

    def _reply(self, response: httpx.Response, body: bytes, *, at: datetime) -> ProbeReply:
        answer = decode(body)
        said = wire.text(answer.get("message") or answer.get("errormessage") or answer.get("error"))
        return ProbeReply(
            status=response.status_code,
            answer=answer,
            said=" ".join(self._scrub(said).split())[:_LONGEST_MESSAGE],
            location=self._scrub(response.headers.get("location", "")),
            date=_moment(response.headers.get("date", "")),
            at=at,
        )

    def _scrub(self, said: str) -> str:
        for value in self._credentials.values():
            for written in {value, html.escape(value), quote(value), quote_plus(value)} - {""}:
                said = said.replace(written, "***")
        return said


def _moment(written: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(written)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else None


def _failure(error: BaseException) -> Unreached:
    """Return which step failed; httpx wraps the system's error several times."""
    reasons = list(_chain(error))
    for reason in reasons:
        if isinstance(reason, ssl.SSLCertVerificationError):
            return Unreached(Trouble.CERTIFICATE, reason.verify_message, certificate=reason.verify_code)
        if isinstance(reason, ssl.SSLError):
            return Unreached(Trouble.TLS, reason.reason or str(reason))
        if isinstance(reason, socket.gaierror):
            return Unreached(Trouble.NAME, reason.strerror or str(reason))
        if isinstance(reason, ConnectionRefusedError):
            return Unreached(Trouble.REFUSED, "connection refused")
    said = " ".join(str(error).split())[:200] or type(error).__name__
    if isinstance(error, httpx.ConnectTimeout):
        return Unreached(Trouble.NO_CONNECTION, "connecting timed out")
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return Unreached(Trouble.SILENT, "no answer in time")
    if isinstance(error, httpx.ConnectError):
        system = [reason.strerror for reason in reasons if isinstance(reason, OSError) and reason.strerror]
        return Unreached(Trouble.UNREACHABLE, system[-1] if system else said)
    return Unreached(Trouble.BROKEN, said)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error and its causes; a host with several addresses raises an exception group."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for one in error.exceptions:
                yield from _chain(one)
        error = error.__cause__ or error.__context__
