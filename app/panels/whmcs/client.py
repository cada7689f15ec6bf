"""WHMCS API calls: one form-encoded POST each, rate limited, with a deadline and a classified failure.

Credentials are sent in the body only. The transport is in `lines`.
"""

from __future__ import annotations

import asyncio
import html
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote, quote_plus, urlencode

import httpx
import structlog
from pydantic import SecretStr

from app.config import safe_panel_url
from app.panels.base import BeforeSend, PanelDown, PanelError, PanelOutcomeUnknown, PanelTooBusy, PanelUnavailable
from app.panels.brakes.breaker import Breaker
from app.panels.brakes.limiter import LONGEST_PAUSE_SECONDS, RateLimiter
from app.panels.requests import RequestCounts, caused_by
from app.panels.whmcs import wire
from app.panels.whmcs.answers import Reply, read_reply
from app.panels.whmcs.lines import AnswerTooLargeError, HeldBackError, Line

log = structlog.get_logger(__name__)

DEFAULT_SECONDS: Final = 30.0
ACTION_SECONDS: Final[Mapping[str, float]] = {"AcceptOrder": 120.0}

#: How often a read is made again when the panel asked us to slow down.
AGAIN: Final = 3

Timeout = Callable[[str], float]

#: Raised by httpx when no connection could be made: refused, DNS, TLS.
_UNREACHED: Final = (httpx.ConnectError, httpx.ConnectTimeout)
#: Raised by httpx before the first byte of a request is sent.
_NOT_SENT: Final = (
    *_UNREACHED,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)
#: Status codes of a proxy that got no answer from the panel behind it.
_NO_PANEL_BEHIND: Final = frozenset({502, 503, 504, *range(520, 528), 530})


def default_timeout(override: float | None = None) -> Timeout:
    """Return the time limit in seconds by action: `override` for all, else 120 for AcceptOrder and 30 for others."""
    return lambda action: override or ACTION_SECONDS.get(action, DEFAULT_SECONDS)


class WhmcsClient:
    """Calls actions of one panel. Reads raise PanelRejected or PanelUnavailable, writes also PanelOutcomeUnknown.

    While the breaker is open both raise PanelDown without using the network.
    """

    def __init__(
        self,
        base_url: str,
        *,
        identifier: SecretStr,
        secret: SecretStr,
        access_key: SecretStr | None = None,
        timeout: Timeout,
        limiter: RateLimiter,
        breaker: Breaker | None = None,
        lines: Sequence[Line],
        reads: Line | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        requests: RequestCounts | None = None,
    ) -> None:
        """`reads` is the line for reads, if they have one of their own.

        Raises ValueError for an address that is not https, except on loopback.
        """
        self._url = httpx.URL(safe_panel_url(base_url) + "/includes/api.php")  # parsed once, not at each call
        credentials = {"identifier": identifier, "secret": secret, "accesskey": access_key}
        self._credentials = {name: held.get_secret_value() for name, held in credentials.items() if held is not None}
        self._signature = urlencode(form(self._credentials))
        self._timeout = timeout
        self._limiter = limiter
        self._breaker = breaker or Breaker()
        self._breaker.probe_with(self._probe)
        self._lines = list(lines)
        self._reads = reads
        self._in_flight = [0] * len(self._lines)
        self._now = now
        self._requests = requests or RequestCounts()

    async def read(self, action: str, params: Mapping[str, Any] | None = None, *, urgent: bool = False) -> wire.Row:
        """Call an action that changes nothing; `urgent` goes first in the rate limit.

        Where the panel asks us to slow down, the read is made again once that is over; an urgent one is not.
        """
        for _ in range(0 if urgent else AGAIN):
            try:
                return await self._read(action, params, urgent=urgent)
            except PanelTooBusy as busy:
                if busy.retry_after is None or busy.retry_after > LONGEST_PAUSE_SECONDS:
                    raise
        return await self._read(action, params, urgent=urgent)

    async def _read(self, action: str, params: Mapping[str, Any] | None, *, urgent: bool) -> wire.Row:
        self._breaker.check()
        await self._limiter.take(urgent=urgent)
        try:
            if not self._breaker.closed:
                self._limiter.give_back()  # it opened while we waited: free our turn for the callers behind us
            self._breaker.check()
            return await self._call(action, params or {}, write=False)
        finally:
            self._limiter.release()

    async def write(self, action: str, params: Mapping[str, Any], *, before_send: BeforeSend | None = None) -> wire.Row:
        """Call an action that changes something; its rate limit turn was taken when the call was claimed.

        `before_send` is awaited just before the request is handed over, and again before its first byte is sent, as a
        connection may have to be made in between. If it raises, nothing is sent and the exception is passed on.
        """
        self._breaker.check()
        await self._limiter.take_slot()
        try:
            self._breaker.check()
            if before_send is not None:
                await before_send()
            return await self._call(action, params, write=True, before_send=before_send)
        finally:
            self._limiter.release()

    async def aclose(self) -> None:
        """Stop probing and close all connections."""
        await self._breaker.aclose()
        for line in (*self._lines, *([] if self._reads is None else [self._reads])):
            await line.aclose()

    async def _probe(self) -> None:
        """Make a cheap call to see whether the panel answers."""
        await self._limiter.take(urgent=True)
        try:
            with caused_by("probe"):
                await self._call("GetAdminDetails", {}, write=False)
        finally:
            self._limiter.release()

    async def _call(
        self, action: str, params: Mapping[str, Any], *, write: bool, before_send: BeforeSend | None = None
    ) -> wire.Row:
        started = asyncio.get_running_loop().time()
        outcome = await self._exchange(action, params, write=write, before_send=before_send)
        self._requests.count(action)
        seconds = round(asyncio.get_running_loop().time() - started, 3)
        if isinstance(outcome, PanelError):
            log.info("panel.not_reached", action=action, seconds=seconds, error=str(outcome))
            raise outcome  # not in the handler: the cause would carry the request and our secret
        log.debug("panel.answered", action=action, seconds=seconds, status=outcome.status)
        try:
            return read_reply(outcome, write=write, scrub=self._scrub, now=self._now())
        except PanelTooBusy as busy:
            self._limiter.pause(busy.retry_after or 0.0)
            raise

    async def _exchange(
        self, action: str, params: Mapping[str, Any], *, write: bool, before_send: BeforeSend | None
    ) -> Reply | PanelError:
        seconds = self._timeout(action)
        began = self._breaker.now()
        try:
            async with asyncio.timeout(seconds):
                body = self._body(action, params)
                if self._reads is not None and not write:
                    reply = await self._reads.post(self._url, body, seconds=seconds)
                else:
                    reply = await self._post(body, seconds=seconds, before_send=before_send)
        except HeldBackError as held:
            raise held.reason from None
        except _NOT_SENT as error:
            if isinstance(error, _UNREACHED):
                self._breaker.missed(began=began, reached=False)
            return self._unavailable(f"not sent: {self._scrub(_reason(error))}")
        except (httpx.HTTPError, TimeoutError, OSError, AnswerTooLargeError) as error:
            if isinstance(error, AnswerTooLargeError | httpx.DecodingError):
                self._breaker.answered()
            else:
                self._breaker.missed(began=began, reached=True)
            said = f"no complete answer to {action}: {self._scrub(_reason(error))}"
            return PanelOutcomeUnknown(said) if write else self._unavailable(said)
        return self._judge(reply, began=began, write=write)

    async def _post(self, body: bytes, *, seconds: float, before_send: BeforeSend | None) -> Reply:
        """Send on the line with the fewest calls in flight."""
        index = min(range(len(self._lines)), key=self._in_flight.__getitem__)
        self._in_flight[index] += 1
        try:
            return await self._lines[index].post(self._url, body, seconds=seconds, before_send=before_send)
        finally:
            self._in_flight[index] -= 1

    def _judge(self, reply: Reply, *, began: float, write: bool) -> Reply | PanelDown:
        """Report an answer to the breaker; a proxy's error without a panel behind it doesn't count as one."""
        if reply.status not in _NO_PANEL_BEHIND:
            self._breaker.answered()
            return reply
        self._breaker.missed(began=began, reached=True)
        return reply if write or self._breaker.closed else self._breaker.down(f"a proxy answered HTTP {reply.status}")

    def _unavailable(self, said: str) -> PanelUnavailable:
        return PanelUnavailable(said) if self._breaker.closed else self._breaker.down(said)

    def _body(self, action: str, params: Mapping[str, Any]) -> bytes:
        given = {name: value for name, value in params.items() if name not in self._credentials}
        fields = urlencode(form({"action": action, "responsetype": "json", **given}))
        return f"{fields}&{self._signature}".encode("ascii")

    def _scrub(self, said: str) -> str:
        """Remove our credentials from the panel's text."""
        for value in self._credentials.values():
            for written in {value, html.escape(value), quote(value), quote_plus(value)} - {""}:
                said = said.replace(written, "***")
        return said


def form(params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return form fields as PHP reads them: ``1``/``0`` for booleans, ``name[0]`` and ``name[key]`` for arrays.

    None is left out.
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
    """Return a short description of the error; httpx's texts name hosts and system errors, never the body."""
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return f"timed out ({type(error).__name__})"
    return wire.clean(f"{type(error).__name__}: {error}"[:200])
