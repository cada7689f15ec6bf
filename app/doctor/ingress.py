"""Checks of the service from outside: does it run, accept only signed webhooks, and answer the gate in time?"""

from __future__ import annotations

import json
import secrets
import time
import uuid
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from app.config import Settings
from app.core.webhooks import SecretError, parse_secrets, sign
from app.doctor.findings import DoctorFinding, fault, ok, unchecked, warning
from app.doctor.records import PING
from app.panels.whmcs.permissions import IMPOSSIBLE_ID

LOCAL: Final = "http://127.0.0.1:8000"
#: The longest that the addon waits within one request of a customer.
PATIENCE_SECONDS: Final = 2.0
_SECONDS: Final = 10.0
_RELOAD: Final = "Start the service again with the settings that this command reads."
_NO_ADDRESS: Final = fault(
    "public-url", "DOORMAN_PUBLIC_URL is not a valid address", "Set it to https://doorman.example.com"
)


def address(settings: Settings) -> str:
    """Return the address at which the service should answer."""
    return (settings.public_url or LOCAL).rstrip("/")


async def check_door(settings: Settings, http: httpx.AsyncClient | None = None) -> list[DoctorFinding]:
    """Call the service as the addon does. A signed event of an unknown type is only stored as ignored."""
    base = address(settings)
    client = http or httpx.AsyncClient(timeout=_SECONDS, trust_env=False, follow_redirects=False)
    try:
        alive = await _healthz(client, base, settings)
        if alive.code != "service":
            return [alive]
        return [alive, *await _webhook(client, base, settings), await _gate(client, base, settings)]
    except httpx.HTTPError as error:
        cure = "Check the logs of the service and of the proxy in front of it."
        return [fault("service-broken", f"{base} stopped answering", cure, said=_reason(error))]
    except (ValueError, httpx.InvalidURL):  # from `urlsplit` and httpx; a header that is not ASCII is a ValueError too
        return [_unusable(settings)]
    finally:
        if http is None:
            await client.aclose()


def _unusable(settings: Settings) -> DoctorFinding:
    key = settings.admin_key
    if key is not None and not key.get_secret_value().isascii():
        cure = "Make another: openssl rand -base64 32"
        return fault("admin-key", "DOORMAN_ADMIN_KEY contains characters that no HTTP header can carry", cure)
    return _NO_ADDRESS


async def _healthz(client: httpx.AsyncClient, base: str, settings: Settings) -> DoctorFinding:
    if urlsplit(base).scheme not in {"http", "https"}:
        return _NO_ADDRESS
    try:
        answer = await client.get(f"{base}/healthz")
    except httpx.HTTPError as error:
        if settings.public_url is None:
            cure = "Start `doorman serve` and run this again; if it listens elsewhere, set DOORMAN_PUBLIC_URL."
            text = f"webhooks and gate: nothing answers at {base}"
            return unchecked("service-stopped", text, cure, said=_reason(error))
        cure = "Is `doorman serve` running, and does the proxy pass this address on to it?"
        return fault("service-stopped", f"nothing answers at {base}", cure, said=_reason(error))
    if answer.status_code == 200 and _json(answer).get("status") == "ok":
        return ok("service", f"the service answers at {base}")
    said = f"HTTP {answer.status_code}"
    if answer.is_redirect:
        said += f", Location: {answer.headers.get('location', '')}"
        cure = "Set DOORMAN_PUBLIC_URL, and url in the addon, to the final address: redirects are not followed."
        return fault("service-redirect", f"{base} redirects", cure, said=said)
    cure = "Have the proxy pass /healthz, /webhooks and /v1 on to `doorman serve`, or correct DOORMAN_PUBLIC_URL."
    return fault("not-doorman", f"something other than Doorman answers at {base}", cure, said=said)


async def _webhook(client: httpx.AsyncClient, base: str, settings: Settings) -> list[DoctorFinding]:
    try:
        keys = parse_secrets(settings.webhook_secrets)
    except SecretError:
        keys = ()
    if not keys:
        return [unchecked("webhook", "webhooks: no secret to sign with", "Set DOORMAN_WEBHOOK_SECRET.")]
    good = await _post(client, base, keys[0])
    bad = await _post(client, base, secrets.token_bytes(32))
    return [_taken(good), _refused(bad)]


async def _post(client: httpx.AsyncClient, base: str, key: bytes) -> httpx.Response:
    now = datetime.now(UTC)
    body = json.dumps({"type": PING, "timestamp": now.isoformat(), "data": {}}).encode()
    headers = sign(str(uuid.uuid4()), body, key, now=now)
    return await client.post(f"{base}/webhooks", content=body, headers={**headers, "content-type": "application/json"})


def _taken(answer: httpx.Response) -> DoctorFinding:
    if answer.status_code == 202:
        return ok("webhook", f"a signed event is accepted ({PING}: stored as ignored, without effect)")
    said = _said(answer)
    if answer.status_code == 401 and "clock" in said:
        return fault("webhook", "the service refuses our signature", "Set the clock of its machine (NTP).", said=said)
    cures = {
        401: f"Its DOORMAN_WEBHOOK_SECRET differs from this command's. {_RELOAD}",
        404: f"It has no DOORMAN_WEBHOOK_SECRET, or the proxy does not pass /webhooks on. {_RELOAD}",
        413: "The proxy refuses bodies: allow 256 KiB (nginx: client_max_body_size 256k).",
        503: "The database can't be written to: check the service's log and the disk.",
    }
    cure = cures.get(answer.status_code, "Check the proxy in front of the service, and both logs.")
    return fault("webhook", "the service does not accept a signed event", cure, said=said)


def _refused(answer: httpx.Response) -> DoctorFinding:
    if answer.status_code == 401:
        return ok("webhook-forged", "an event with a wrong signature is refused")
    if answer.status_code < 300:
        cure = "What answers at /webhooks is not Doorman, or not this version: forged events must never be accepted."
        return fault("webhook-forged", "an event with a wrong signature is accepted", cure, said=_said(answer))
    text = "whether forged events are refused: unexpected answer"
    return unchecked("webhook-forged", text, said=_said(answer))


async def _gate(client: httpx.AsyncClient, base: str, settings: Settings) -> DoctorFinding:
    if settings.admin_key is None:
        cure = "Set DOORMAN_ADMIN_KEY for this command, or use the page of the addon, which asks with its own key."
        return unchecked("gate", "the gate: keys are stored hashed, so this command has none to use", cure)
    headers = {"authorization": f"Bearer {settings.admin_key.get_secret_value()}"}
    started = time.monotonic()
    answer = await client.get(f"{base}/v1/orders/{IMPOSSIBLE_ID}/gate", headers=headers)
    seconds = time.monotonic() - started
    body = _json(answer)
    if answer.status_code == 401:
        cure = f"Its DOORMAN_ADMIN_KEY differs from this command's, or the proxy drops Authorization. {_RELOAD}"
        return fault("gate", "the service refuses our key", cure, said=_said(answer))
    if answer.status_code != 200 or "provision" not in body:
        cure = "Have the proxy pass /v1 on to the service, at least from the panel's address."
        return fault("gate", "the gate does not answer", cure, said=_said(answer))
    text = f"the gate answers in {seconds:.2f} s: {body.get('reason')} for an order that does not exist"
    if seconds > PATIENCE_SECONDS:
        cure = "The addon waits 2 s at most, then follows its setting `unreachable`: check the load and the proxy."
        return warning("gate", text, cure)
    return ok("gate", text)


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _said(answer: httpx.Response) -> str:
    detail = str(_json(answer).get("detail", ""))[:200]
    return f"HTTP {answer.status_code}" + (f": {detail}" if detail else "")


def _reason(error: httpx.HTTPError) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
