"""What one HTTP answer of WHMCS means: pure, from status and bytes to an answer or one of the three failures.

How answers are classified:

| answer | read | write |
|---|---|---|
| 2xx, `result=success` | the answer | the answer |
| 2xx, `result=error`, text in `PERMANENT` | PanelRejected | PanelRejected |
| 2xx, `result=error`, another text | PanelUnavailable | PanelOutcomeUnknown, complete and refused |
| any status below 500, text in `BARRED` | PanelNotPermitted, alarm | the same |
| any status below 500, text in `LOGIN_REFUSED`; 403 with `result=error` | PanelUnavailable, alarm | the same |
| 2xx or 500 that can't be read, redirects, other 4xx | PanelUnavailable | PanelOutcomeUnknown, complete |
| 401, 404, 405, 413 …: the web server's own refusal, before PHP | PanelUnavailable, alarm | the same |
| 429 | PanelTooBusy, `retry_after` | the same |
| 408, 499, other 5xx | PanelUnavailable | PanelOutcomeUnknown, not complete |
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import msgspec

from app.panels.base import (
    PanelError,
    PanelNotPermitted,
    PanelOutcomeUnknown,
    PanelRejected,
    PanelTooBusy,
    PanelUnavailable,
)
from app.panels.whmcs import wire

#: Prefixes (lower case) of error texts that a retry won't change → our code. The first match counts.
PERMANENT: Final[dict[str, str]] = {
    "order id not found or status not pending": "order-not-pending",
    "order id not found": "order-not-found",
    "client id not found": "customer-not-found",
    "client not found": "customer-not-found",
    "either clientid or email is required": "customer-not-found",
    "invoice id not found": "invoice-not-found",
    "ticket id not found": "ticket-not-found",
    "ticket not found": "ticket-not-found",
    "department id not found": "department-not-found",
    "contact id not found": "customer-not-found",
    "the system cannot find the provided user id": "customer-not-found",
    "service id not found": "service-not-found",
    "domain id not found": "domain-not-found",
    "admin id not found": "admin-not-found",
    "name and email address are required if not a client": "customer-not-found",
    "email address invalid": "bad-address",
    "no amount provided": "bad-amount",
    "amount must be in decimal format": "bad-amount",
    "date format is not valid": "bad-date",
    "invalid date format": "bad-date",
    "type can only be add or remove": "bad-parameter",
    "cannot create and send a draft invoice": "bad-parameter",
    "missing variables": "bad-parameter",
    "invalid status": "bad-parameter",
    "invalid stage": "bad-parameter",
    "valid until is required": "bad-date",
    "quote id not found": "quote-not-found",
    "invalid payment method": "bad-payment-method",
    "subject is required": "bad-parameter",
    "message is required": "bad-parameter",
    "a subject is required for a custom message": "bad-parameter",
    "a message body is required for a custom message": "bad-parameter",
    "a related id is required": "bad-parameter",
    "invalid message type provided": "bad-parameter",
    "you must provide either an existing email template name": "bad-parameter",
    "notes can not be empty": "bad-parameter",
    "sending failed": "mail-not-sent",
}

#: Fragments (lower case) of WHMCS 9's refusal to change an issued invoice; the exact text is not documented.
FROZEN: Final = ("cannot be modified", "can not be modified", "immutab")

#: Prefixes (lower case) of errors that WHMCS answers before it runs an action; staff have to fix something.
LOGIN_REFUSED: Final = (
    "invalid ip",
    "invalid or missing credentials",
    "authentication failed",
    "access denied",
)
#: Prefixes (lower case) of errors that bar this one action.
BARRED: Final = ("invalid permissions", "invalid api action")
_NO_SUCH_ACTION: Final = "action could not be found"

_REFUSED_BY_SERVER: Final = frozenset({401, 402, 404, 405, 406, 407, 410, 411, 413, 414, 415, 421, 425, 426, 431, 451})
_STILL_RUNNING: Final = frozenset({408, 499})
_LONGEST_MESSAGE: Final = 300
_LONGEST_WAIT: Final = 86_400.0
_MAX_CANDIDATES: Final = 20
_LINE_START: Final = re.compile(r"^[ \t]*\{", re.MULTILINE)
_TAGS: Final = re.compile(r"<[^<>]{0,200}>")
_BOM: Final = "\ufeff"

#: Twice as fast as `json`; the result is the same for clean answers.
_PLAIN: Final = msgspec.json.Decoder(float_hook=str)

Scrub = Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The parts of a complete HTTP answer that we use."""

    status: int
    body: bytes
    retry_after: str = ""


def read_reply(reply: Reply, *, write: bool, scrub: Scrub, now: datetime) -> wire.Row:
    """Return the answer of a successful call, else raise the failure of the table above.

    `scrub` removes our credentials from the panel's error text; `now` turns a date in ``Retry-After`` into seconds.
    """
    answer = decode(reply.body)
    verdict = _verdict(answer)
    if verdict == "success" and 200 <= reply.status < 300:
        return answer
    message = _message(answer, scrub)
    if reply.status == 429:
        raise PanelTooBusy("the panel asks us to slow down (HTTP 429)", retry_after=_seconds(reply.retry_after, now))
    if verdict == "error" and reply.status < 500:
        _raise_refusal(reply.status, message, write=write)
    raise _without_verdict(reply, write=write, now=now)


def _raise_refusal(status: int, message: str, *, write: bool) -> None:
    """Raise for an error that WHMCS itself reported."""
    words = message.lower()
    if words.startswith(BARRED) or _NO_SUCH_ACTION in words:
        raise PanelNotPermitted(message, alarm=True)
    if status == 403 or words.startswith(LOGIN_REFUSED):
        raise PanelUnavailable(message or "the panel refused the call (HTTP 403)", alarm=True)
    for beginning, code in PERMANENT.items():
        if words.startswith(beginning):
            raise PanelRejected(code, message)
    if "invoice" in words and any(part in words for part in FROZEN):
        raise PanelRejected("invoice-frozen", message)
    said = f"the panel answered with an unknown error: {message or '(no text)'}"
    raise PanelOutcomeUnknown(said, refused=True) if write else PanelUnavailable(said)


def _without_verdict(reply: Reply, *, write: bool, now: datetime) -> PanelError:
    """Return the failure for an answer that is not from WHMCS or can't be parsed."""
    status = reply.status
    if status in _REFUSED_BY_SERVER:
        return PanelUnavailable(f"no WHMCS API at this address: the web server answered HTTP {status}", alarm=True)
    said = f"the panel answered HTTP {status} without a readable result"
    if 300 <= status < 400:
        said = f"the panel answered HTTP {status}, a redirect, which is not followed: check DOORMAN_PANEL_URL"
    if write:
        return PanelOutcomeUnknown(said, complete=status not in _STILL_RUNNING and status <= 500)
    blocked = 300 <= status < 400 or status == 403
    return PanelUnavailable(said, alarm=blocked, retry_after=_seconds(reply.retry_after, now))


def decode(body: bytes) -> wire.Row:
    """Return the JSON object of an answer; empty if there is none that can be trusted.

    A byte-order mark and noise before the object (PHP notices, output of other hooks) are tolerated: the object must
    then begin a line and run to the end, so that quoted text can't pose as the answer. Floats stay texts, because money
    must not become a binary fraction.
    """
    try:
        whole = _PLAIN.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    else:
        if isinstance(whole, dict):
            return wire.unflatten(whole)
    content = body.decode("utf-8", "replace").lstrip(_BOM + " \t\r\n").rstrip()
    decoder = json.JSONDecoder(strict=False, parse_float=str, parse_constant=lambda _: None)
    for tried, match in enumerate(_LINE_START.finditer(content)):
        if tried >= _MAX_CANDIDATES:
            break
        try:
            value, end = decoder.raw_decode(content, match.end() - 1)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict) and (end == len(content) or match.end() == 1):
            return wire.unflatten(value)
    return {}


def _verdict(answer: wire.Row) -> str:
    """Return ``success``, ``error`` or an empty text.

    Some actions answer `status` in place of `result`. It counts only if `result` is missing and it holds one of these
    two words; otherwise it is domain data (``Unpaid``).
    """
    given = answer.get("result", answer.get("status"))
    word = given.strip().lower() if isinstance(given, str) else ""
    return word if word in {"success", "error"} else ""


def _message(answer: wire.Row, scrub: Scrub) -> str:
    said: Any = answer.get("message") or answer.get("errormessage") or answer.get("error")
    words = scrub(wire.text(said))[: _LONGEST_MESSAGE * 4]
    return " ".join(_TAGS.sub(" ", words).split())[:_LONGEST_MESSAGE]


def _seconds(retry_after: str, now: datetime) -> float | None:
    """Return the wait from ``Retry-After`` in seconds, at most a day."""
    given = retry_after.strip()
    if given.isascii() and given.isdigit() and len(given) < 10:
        return min(float(given), _LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(given)
        return min(max((until - now).total_seconds(), 0.0), _LONGEST_WAIT) if until.tzinfo else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
