"""``POST /webhooks``: verify, store, answer.

An ASGI callable in front of the application instead of a route: it runs for everything that happens in the panel, and
the framework would cost more than the work (`make bench` measures it).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from http import HTTPStatus
from typing import Any, NamedTuple

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.problems import RETRY_AFTER
from app.core.webhooks import (
    EVENT_TYPES,
    BadSignature,
    EventType,
    Field,
    FieldKind,
    Malformed,
    parse_event,
    parse_secrets,
    verify,
)
from app.errors import PROBLEM_MEDIA_TYPE, Invalid, NotFound, Problem, TooLarge, Unavailable
from app.messaging.intake.batch import Arrival
from app.messaging.intake.group_commit import Intake, IntakeUnavailable

PATH = "/webhooks"
MAX_BODY = 256 * 1024
_TOO_LARGE = TooLarge(f"a webhook must not exceed {MAX_BODY // 1024} KiB")
_NOT_STORED = Unavailable("the event could not be stored; send it again with the same webhook-id")
_JSON = ((b"content-type", b"application/json"),)

log = structlog.get_logger()


class _Answer(NamedTuple):
    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...]


class _Refusal(Exception):
    def __init__(self, answer: _Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class _Disconnected(Exception):
    pass


class _BadlySigned(Problem):
    slug, title, status = "bad-signature", "Not signed by the panel", 401


class _MethodNotAllowed(Problem):
    slug, title, status = "method-not-allowed", "Method Not Allowed", 405


def _refusal(problem: Problem, *headers: tuple[bytes, bytes]) -> _Refusal:
    body = json.dumps(problem.to_body()).encode()
    return _Refusal(_Answer(problem.status, body, ((b"content-type", PROBLEM_MEDIA_TYPE.encode()), *headers)))


class WebhookFront:
    """Answers ``/webhooks`` itself and hands everything else to the application behind it.

    `secrets` are the ``whsec_…`` texts of the settings; a malformed one raises SecretError here, at start. `intake_of`
    is called for each request, as the intake starts only with the application's lifespan.
    """

    def __init__(
        self, app: ASGIApp, *, intake_of: Callable[[], Intake], secrets: Iterable[str], clock: Callable[[], datetime]
    ) -> None:
        self._app = app
        self._intake_of = intake_of
        self._secrets = parse_secrets(secrets)
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http" or scope["path"] != PATH:
            await self._app(scope, receive, send)
            return
        try:
            answer = await self._answer(scope, receive)
        except _Refusal as refusal:
            answer = refusal.answer
            if answer.status != Unavailable.status:  # an outage of the database is logged once, not for each request
                log.info("event.refused", status=answer.status)
        except _Disconnected:
            return
        length = (b"content-length", b"%d" % len(answer.body))
        await send({"type": "http.response.start", "status": answer.status, "headers": [*answer.headers, length]})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, scope: Scope, receive: Receive) -> _Answer:
        if not self._secrets:
            raise _refusal(NotFound("the webhook endpoint is off: DOORMAN_WEBHOOK_SECRET is not set"))
        if scope["method"] != "POST":
            raise _refusal(_MethodNotAllowed("webhooks must be sent with POST"), (b"allow", b"POST"))
        headers = dict(scope["headers"])
        if _declares_too_much(headers.get(b"content-length", b"")):
            raise _refusal(_TOO_LARGE)
        body = await _read(receive)
        now = self._clock()
        try:
            webhook_id = verify(headers, body, self._secrets, now=now)
            duplicate = await self._intake_of().record(Arrival(webhook_id, body, parse_event(body), now))
        except BadSignature as error:
            raise _refusal(_BadlySigned(str(error))) from None
        except Malformed as error:
            errors = [{"path": e.path, "message": e.message} for e in error.errors]
            raise _refusal(
                Invalid("the event's signature is valid, but its content can't be understood", errors)
            ) from None
        except IntakeUnavailable:
            raise _refusal(_NOT_STORED, (b"retry-after", RETRY_AFTER.encode())) from None
        body = b'{"event_id": %b, "duplicate": %b}' % (
            json.dumps(webhook_id).encode(),
            b"true" if duplicate else b"false",
        )
        return _Answer(202, body, _JSON)


def _declares_too_much(content_length: bytes) -> bool:
    return content_length.isdigit() and (len(content_length) > 9 or int(content_length) > MAX_BODY)


async def _read(receive: Receive) -> bytes:
    """Read the body and count its bytes: the declared length may be missing or wrong."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Disconnected
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > MAX_BODY:
            raise _refusal(_TOO_LARGE)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def openapi_path() -> dict[str, Any]:
    """Return the OpenAPI path item of `PATH`."""
    return {
        "post": {
            "tags": ["webhooks"],
            "operationId": "receive_webhook",
            "summary": "Receive an event from the panel",
            "description": _DESCRIPTION,
            "security": [],
            "parameters": [_header(name, text, example) for name, text, example in _HEADERS],
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {
                        "schema": {"oneOf": [_schema(name, EVENT_TYPES[name]) for name in EVENT_TYPES]},
                        "examples": {name: {"value": _example(name, EVENT_TYPES[name])} for name in EVENT_TYPES},
                    }
                },
            },
            "responses": {"202": _ACCEPTED, **{str(status): _refused(status, text) for status, text in _REFUSED}},
        }
    }


_DESCRIPTION = (
    "[Standard Webhooks](https://www.standardwebhooks.com): signed over `id.timestamp.body`, five minutes' "
    "tolerance, at most 256 KiB. Answered once the event is stored, before it is handled; repeating the same "
    "`webhook-id` has no further effect. Unknown types are stored as ignored and answered the same way; extra "
    "fields are ignored. Only the ids are trusted: decisions use data read from the panel. You can't try it from "
    "this page without the secret."
)
_HEADERS = (
    (
        "webhook-id",
        "1-255 printable ASCII characters; the same for every attempt at one event.",
        "msg_2KWPBgLlAfxdpx2AI",
    ),
    ("webhook-timestamp", "When this attempt was sent, in seconds since 1970.", "1769860800"),
    ("webhook-signature", "`v1,<base64 HMAC-SHA256>`; several are separated by spaces.", "v1,K5oZfzN95Z9UVu1EsfQmfVNQ"),
)
_REFUSED = (
    (HTTPStatus.UNAUTHORIZED, "`bad-signature`: unsigned, signed with another secret, or not within five minutes."),
    (HTTPStatus.NOT_FOUND, "`not-found`: no webhook secret is set, so the endpoint is off."),
    (HTTPStatus.REQUEST_TIMEOUT, "`too-slow`: the request took longer than ten seconds to arrive."),
    (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "`too-large`: more than 256 KiB."),
    (HTTPStatus.UNPROCESSABLE_ENTITY, "`invalid`: signed, but not a valid event; `errors` names each error."),
    (HTTPStatus.SERVICE_UNAVAILABLE, "`unavailable`: not stored; send it again after `Retry-After` seconds."),
)
_ACCEPTED = {
    "description": "The event is stored.",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["event_id", "duplicate"],
                "properties": {
                    "event_id": {"type": "string", "description": "The `webhook-id`."},
                    "duplicate": {"type": "boolean", "description": "Whether it had arrived before."},
                },
            },
            "example": {"event_id": "msg_2KWPBgLlAfxdpx2AI", "duplicate": False},
        }
    },
}
_ACTOR_SCHEMA = {
    "type": "object",
    "description": "Who did it, as far as the panel knows.",
    "properties": {
        "kind": {"type": "string", "description": "`customer`, `staff`, `api`, `cron` or `doorman`"},
        "admin_id": {"type": ["integer", "null"]},
        "user_id": {"type": ["integer", "null"]},
        "masquerade": {"type": "boolean"},
    },
}


def _header(name: str, description: str, example: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": True,
        "description": description,
        "schema": {"type": "string"},
        "example": example,
    }


def _refused(status: HTTPStatus, description: str) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": description,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        response["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return response


def _schema(name: str, event_type: EventType) -> dict[str, Any]:
    fields = {**event_type.required, **event_type.optional}
    return {
        "type": "object",
        "title": name,
        "description": event_type.description,
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"const": name},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": {
                "type": "object",
                "required": list(event_type.required),
                "properties": {**{key: _field_schema(field) for key, field in fields.items()}, "actor": _ACTOR_SCHEMA},
            },
        },
    }


def _field_schema(field: Field) -> dict[str, Any]:
    shape: dict[FieldKind, dict[str, Any]] = {
        FieldKind.ID: {"type": "integer", "format": "int64", "minimum": 1},
        FieldKind.CHOICE: {"type": "string", "enum": list(field.choices)},
        FieldKind.NPS: {"type": "integer", "minimum": 0, "maximum": 10},
        FieldKind.FLAG: {"type": "boolean"},
        FieldKind.TEXT: {"type": "string"},
    }
    return {**shape[field.kind], "description": field.description}


def _example(name: str, event_type: EventType) -> dict[str, Any]:
    values: dict[FieldKind, Any] = {FieldKind.ID: 1042, FieldKind.NPS: 9, FieldKind.FLAG: True, FieldKind.TEXT: "…"}
    data = {
        key: field.choices[0] if field.kind is FieldKind.CHOICE else values[field.kind]
        for key, field in event_type.required.items()
    }
    return {"type": name, "timestamp": "2026-01-31T12:00:00Z", "data": data}
