"""Webhook signatures and parsing, without I/O.

The signature is Standard Webhooks (HMAC-SHA256 of ``id.timestamp.body``); the body is our own envelope
``{"type", "timestamp", "data"}`` with the types of `EVENT_TYPES`.
"""

from __future__ import annotations

import hmac
import json
import re
from base64 import b64decode
from binascii import b2a_base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from pydantic_core import from_json

TOLERANCE = timedelta(minutes=5)
MAX_DEPTH = 200
MAX_ID = 2**63 - 1
MAX_TYPE = 64
_LONGEST_NUMBER = len(str(MAX_ID))
_SECRET_PREFIX = "whsec_"  # noqa: S105  (the public prefix, not a secret)
_TOLERANCE_SECONDS = TOLERANCE.total_seconds()
_WEBHOOK_ID = re.compile(rb"[ -~]{1,255}")
_SECONDS = re.compile(rb"[0-9]{1,15}")


class FieldKind(StrEnum):
    """The type of a field. Numbers and flags may arrive as text, as PHP sends them."""

    ID = "id"
    CHOICE = "choice"
    NPS = "nps"
    FLAG = "flag"
    TEXT = "text"


Read = Callable[[object], int | str | bool | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of an event's ``data``; `read` returns the converted value, or None if it is invalid."""

    kind: FieldKind
    description: str
    expects: str
    read: Read
    choices: tuple[str, ...] = ()


def _whole(value: object, *, lowest: int, highest: int) -> int | None:
    if isinstance(value, str) and len(value) <= _LONGEST_NUMBER and value.isascii() and value.isdigit():
        value = int(value)
    return value if type(value) is int and lowest <= value <= highest else None  # a bool is not a number


def _read_id(value: object) -> int | None:
    return value if type(value) is int and 0 < value <= MAX_ID else _whole(value, lowest=1, highest=MAX_ID)


def _read_nps(value: object) -> int | None:
    return _whole(value, lowest=0, highest=10)


def _read_flag(value: object) -> bool | None:
    return _FLAGS.get(value) if isinstance(value, str | int) else None


def _read_text(value: object) -> str | None:
    return value if isinstance(value, str) else str(value) if isinstance(value, int | float) else None


_FLAGS: dict[str | int, bool] = {1: True, 0: False, "1": True, "0": False}  # True and False are 1 and 0 here


def _says_nothing(field: Field, value: object) -> bool:
    """Return whether an optional value means "none", which PHP also writes as "" or, for ids, 0."""
    return value == "" or (field.kind is FieldKind.ID and value in (0, "0") and value is not False)


@dataclass(frozen=True, slots=True)
class EventType:
    """One event type: its meaning and the fields of its ``data``. Every type may also carry ``actor``."""

    description: str
    required: Mapping[str, Field]
    optional: Mapping[str, Field] = field(default_factory=dict)


def _id(description: str) -> Field:
    expects = f"a whole number from 1 to {MAX_ID}"
    return Field(kind=FieldKind.ID, description=description, expects=expects, read=_read_id)


def _choice(description: str, *choices: str) -> Field:
    def read(value: object) -> str | None:
        return value if isinstance(value, str) and value in choices else None

    expects = f"one of {', '.join(choices)}"
    return Field(kind=FieldKind.CHOICE, description=description, expects=expects, read=read, choices=choices)


def _nps(description: str) -> Field:
    return Field(kind=FieldKind.NPS, description=description, expects="a whole number from 0 to 10", read=_read_nps)


def _flag(description: str) -> Field:
    return Field(kind=FieldKind.FLAG, description=description, expects="true or false", read=_read_flag)


def _text(description: str) -> Field:
    return Field(kind=FieldKind.TEXT, description=description, expects="text", read=_read_text)


_ORDER = {"order_id": _id("The panel's order id.")}
_CUSTOMER = {"customer_id": _id("The panel's client id.")}
_INVOICE = {"invoice_id": _id("The panel's invoice id.")}
_TICKET = {"ticket_id": _id("The panel's ticket id.")}
_SERVICE = {"service_id": _id("The panel's service id.")}
_STAFF = {"staff_id": _id("The panel's admin id.")}

#: The events that the panel sends, by type. Only the ids are trusted; facts for decisions are read from the panel.
EVENT_TYPES: Mapping[str, EventType] = {
    "order.created": EventType(
        "An order was placed and is not paid yet.",
        _ORDER,
        {
            **_CUSTOMER,
            **_INVOICE,
            "placed_by": _choice("Who entered it.", "customer", "staff", "staff_as_customer", "api"),
            **_STAFF,
            "ip": _text("Where it was placed from."),
        },
    ),
    "order.paid": EventType("An order's invoice was paid.", {**_ORDER, **_CUSTOMER, **_INVOICE}),
    "order.status_changed": EventType(
        "An order's status changes in the panel (its hooks fire before the change).",
        {**_ORDER, "to": _choice("The new status.", "accepted", "cancelled", "fraud", "pending", "deleted")},
        _STAFF,
    ),
    "order.fraud_checked": EventType("The panel's own fraud check has run.", _ORDER),
    "order.overridden": EventType("Staff provisioned by hand although the order was held.", {**_ORDER, **_STAFF}),
    "invoice.paid": EventType("An invoice was paid.", _INVOICE),
    "invoice.cancelled": EventType("An invoice was cancelled.", _INVOICE),
    "invoice.refunded": EventType("An invoice was refunded, in part or whole.", _INVOICE),
    "quote.accepted": EventType("A customer accepted a quote.", {"quote_id": _id("The panel's quote id.")}, _INVOICE),
    "ticket.opened": EventType(
        "A ticket was opened.",
        _TICKET,
        {
            **_CUSTOMER,
            "opened_by": _choice("Who opened it.", "customer", "staff"),
            "subject": _text("Its subject."),
            "message": _text("Its first message."),
            "department": _text("The department it went to."),
            "priority": _text("Its priority."),
        },
    ),
    "ticket.replied": EventType(
        "A ticket got a reply.", {**_TICKET, "by": _choice("Who replied.", "customer", "staff")}
    ),
    "ticket.closed": EventType("A ticket was closed.", _TICKET),
    "customer.changed": EventType("A customer's details changed.", _CUSTOMER),
    "customer.closed": EventType("A customer's account was closed.", _CUSTOMER),
    "customer.merged": EventType(
        "Two customers were merged; the history follows.",
        {"from": _id("The client id that is merged away."), "to": _id("The client id that remains.")},
    ),
    "feedback.received": EventType(
        "A customer rated their satisfaction.",
        {**_CUSTOMER, "nps": _nps("How likely to recommend us, 0 to 10.")},
        {
            "would_buy_again": _flag("Whether they would buy again."),
            "comment": _text("Their comment."),
            **_TICKET,
            **_ORDER,
        },
    ),
    "service.provisioned": EventType("A service was provisioned.", _SERVICE, _ORDER),
    "service.failed": EventType("A service could not be provisioned.", _SERVICE, _ORDER),
}


class BadSignature(Exception):
    """The webhook is not signed with a known secret, or the signature is too old. The text is safe for the sender."""


class SecretError(ValueError):
    """A webhook secret in the settings is unusable; the text says which one and why, never the secret."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of a body."""

    path: str
    message: str


class Malformed(Exception):
    """The signature is valid but the body can't be stored; `errors` lists the reasons."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__("; ".join(f"{error.path}: {error.message}" for error in errors))
        self.errors = tuple(errors)


class ParsedEvent(NamedTuple):
    """The contents of a webhook.

    `data` holds the known fields that were sent: ids and NPS as int, flags as bool, the rest as text.
    `actor` is unchanged, or empty if none was sent. Both are empty when the type is not `known`.
    """

    type: str
    occurred_at: datetime
    known: bool
    data: Mapping[str, Any]
    actor: Mapping[str, Any]

    @property
    def order_id(self) -> int | None:
        """The order that the event is about, if the event names one."""
        return self.data.get("order_id")

    @property
    def customer_id(self) -> int | None:
        """The customer that the event is about; for a merge, the one that remains."""
        return self.data.get("to") if self.type == "customer.merged" else self.data.get("customer_id")


def parse_secrets(texts: Iterable[str]) -> tuple[bytes, ...]:
    """Decode ``whsec_…`` secrets to the keys that `verify` takes.

    Raises SecretError for a secret that is not ``whsec_`` followed by base64.
    """
    return tuple(_key(text, position) for position, text in enumerate(texts, start=1))


def _key(text: str, position: int) -> bytes:
    encoded = text.removeprefix(_SECRET_PREFIX)
    if encoded == text:
        raise SecretError(f"webhook secret {position} must begin with {_SECRET_PREFIX}")
    try:
        key = b64decode(encoded.rstrip("=") + "=" * (-len(encoded.rstrip("=")) % 4), validate=True)
    except ValueError:
        raise SecretError(f"webhook secret {position} is not base64 after {_SECRET_PREFIX}") from None
    if not key:
        raise SecretError(f"webhook secret {position} is empty")
    return key


def sign(webhook_id: str, body: bytes, key: bytes, *, now: datetime) -> dict[str, str]:
    """Return the three signature headers for a webhook."""
    timestamp = str(int(now.timestamp()))
    signature = _signature(key, b"%b.%b.%b" % (webhook_id.encode(), timestamp.encode(), body))
    return {"webhook-id": webhook_id, "webhook-timestamp": timestamp, "webhook-signature": signature.decode()}


def verify(headers: Mapping[bytes, bytes], body: bytes, secrets: Sequence[bytes], *, now: datetime) -> str:
    """Return the webhook id if one of the keys from `parse_secrets` signed this within the last five minutes.

    Headers as in ASGI: bytes, names in lower case. Otherwise raises BadSignature, and nothing else.
    """
    webhook_id = headers.get(b"webhook-id", b"")
    timestamp = headers.get(b"webhook-timestamp", b"")
    if not _WEBHOOK_ID.fullmatch(webhook_id):
        raise BadSignature("webhook-id must be 1-255 printable ASCII characters")
    if not _SECONDS.fullmatch(timestamp):
        raise BadSignature("webhook-timestamp must be seconds since 1970")
    if abs(now.timestamp() - int(timestamp)) > _TOLERANCE_SECONDS:
        raise BadSignature("webhook-timestamp is more than five minutes away from this server's clock")
    content = b"%b.%b.%b" % (webhook_id, timestamp, body)
    given = headers.get(b"webhook-signature", b"").split(b" ")
    for key in secrets:
        expected = _signature(key, content)
        for signature in given:  # compared as text: base64 can encode the same bytes in several ways
            if hmac.compare_digest(expected, signature):
                return webhook_id.decode()
    raise BadSignature("no v1 signature in webhook-signature matches the body")


def _signature(key: bytes, content: bytes) -> bytes:
    return b"v1," + b2a_base64(hmac.digest(key, content, "sha256"), newline=False)


def parse_event(body: bytes) -> ParsedEvent:
    """Read the envelope and, for a known type, the fields in `EVENT_TYPES`; other fields are ignored.

    Raises Malformed.
    """
    envelope = _load(body)
    kind = envelope.get("type")
    occurred_at = _moment(envelope.get("timestamp"))
    data = _object(envelope.get("data"))
    event_type = EVENT_TYPES.get(kind) if isinstance(kind, str) else None
    if not isinstance(kind, str) or occurred_at is None or data is None or not (event_type or _is_type(kind)):
        raise Malformed(_envelope_errors(kind, occurred_at, data))
    if event_type is None:
        return ParsedEvent(kind, occurred_at, known=False, data={}, actor={})
    fields, actor = _fields(event_type, data)
    return ParsedEvent(kind, occurred_at, known=True, data=fields, actor=actor)


def _is_type(kind: object) -> bool:
    return isinstance(kind, str) and 0 < len(kind) <= MAX_TYPE and kind.isascii() and kind.isprintable()


def _envelope_errors(kind: object, occurred_at: datetime | None, data: dict[str, Any] | None) -> list[FieldError]:
    errors = []
    if not _is_type(kind):
        errors.append(FieldError("type", f"must be text of 1-{MAX_TYPE} printable ASCII characters"))
    if occurred_at is None:
        errors.append(FieldError("timestamp", "must be ISO 8601 with a time zone, such as 2026-01-31T12:00:00Z"))
    if data is None:
        errors.append(FieldError("data", "must be an object"))
    return errors


def _load(body: bytes) -> dict[str, Any]:
    try:
        envelope = from_json(body)  # 2 µs; refuses more than 200 levels
    except ValueError:
        envelope = _load_slowly(body)
    if not isinstance(envelope, dict):
        raise Malformed([FieldError("body", "must be an object")])
    return envelope


def _load_slowly(body: bytes) -> object:
    """Parse with `json`, which also accepts lone surrogates, or report what is wrong."""
    try:
        envelope = json.loads(body.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):  # includes bad UTF-8 and numbers with thousands of digits
        raise Malformed([FieldError("body", f"can't be read as JSON of at most {MAX_DEPTH} levels")]) from None
    if _is_deep(envelope):
        raise Malformed([FieldError("body", f"is nested more than {MAX_DEPTH} levels deep")])
    return envelope


def _is_deep(root: object) -> bool:
    level = [root]
    for _ in range(MAX_DEPTH):
        children: list[object] = []
        for node in level:
            inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
            children += [child for child in inner if isinstance(child, dict | list)]
        if not children:
            return False
        level = children
    return True


def _moment(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _object(value: object) -> dict[str, Any] | None:
    if isinstance(value, dict):
        return value
    return {} if value == [] else None  # PHP writes an empty object as an empty list


def _fields(event_type: EventType, data: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    fields: dict[str, Any] = {}
    errors: list[FieldError] = []
    for name, expected in event_type.required.items():
        value = expected.read(data.get(name))
        if value is None:
            errors.append(FieldError(f"data.{name}", f"is required: {expected.expects}"))
        fields[name] = value
    for name, expected in event_type.optional.items():
        given = data.get(name)
        if given is None:
            continue
        value = expected.read(given)
        if value is not None:
            fields[name] = value
        elif not _says_nothing(expected, given):
            errors.append(FieldError(f"data.{name}", f"must be {expected.expects}"))
    given = data.get("actor")
    actor = {} if given is None else _object(given)
    if actor is None:
        errors.append(FieldError("data.actor", "must be an object"))
    if actor is None or errors:
        raise Malformed(errors)
    return fields, actor
