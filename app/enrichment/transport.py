"""One HTTP request to an external service.

No redirects, no proxies or netrc from the environment, no cookies, TLS always verified, a size limit on the answer, and
no compression, so that a small answer can't expand to a huge one. A request is never retried, as it may cost money.
"""

from __future__ import annotations

from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final

import httpx

from app.enrichment.base import NoAnswer

ANSWER_CAP: Final = 64 * 1024
_CONNECTIONS: Final = 16


@dataclass(frozen=True, slots=True)
class Reply:
    """Status and body of an answer."""

    status: int
    body: bytes


def http_client() -> httpx.AsyncClient:
    """Make the client of one service; the caller enforces the time limit."""
    return httpx.AsyncClient(
        timeout=None,  # noqa: S113 - `asking` keeps the time for all services together
        limits=httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=4, keepalive_expiry=30.0),
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        trust_env=False,
        follow_redirects=False,
        headers={"Accept-Encoding": "identity", "User-Agent": "doorman"},
    )


async def post(http: httpx.AsyncClient, url: str, **request: Any) -> Reply:
    """Send one POST. Raises NoAnswer if there is no answer or it is too large."""
    try:
        async with http.stream("POST", url, **request) as response:
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > ANSWER_CAP:
                    raise NoAnswer("the answer is too large")
            return Reply(response.status_code, bytes(body))
    except httpx.HTTPError as error:  # its text may contain the requested URL
        raise NoAnswer(f"not reached: {type(error).__name__}") from None
