"""`/includes/api.php`: authentication, permission, faults, the call itself, the answer."""

import asyncio
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from app.sandbox.calls import billing, clients, orders, pay_methods, quotes, system, tickets
from app.sandbox.calls.table import ACTIONS, Action
from app.sandbox.context import BusinessError
from app.sandbox.control import SandboxPanel
from app.sandbox.faults import Fault
from app.sandbox.state import WriteCall
from app.sandbox.wire import Fields, Renderer

ACTION_MODULES = (
    billing,
    clients,
    orders,
    pay_methods,
    quotes,
    system,
    tickets,
)
"""Importing these modules fills `ACTIONS`."""

FATAL = b"<html><head><title>Oops!</title></head><body><h1>Oops!</h1><p>Something went wrong.</p></body></html>"


class ConnectionLost(Exception):
    """The connection ends without an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    body: bytes
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


def _error(status: int, message: str) -> Answer:
    return Answer(status=status, body=json.dumps({"result": "error", "message": message}).encode())


async def answer(panel: SandboxPanel, body: str, *, ip: str) -> Answer:
    """Answer one POST. A started call is finished even if the caller hangs up, as in PHP."""
    fields = Fields(body)
    refusal = _refusal(panel, fields, ip)
    if refusal is not None:
        return refusal
    action = ACTIONS[fields.text("action").lower()]
    panel.counts[action.name] += 1
    return await asyncio.shield(panel.spawn(_with_faults(panel, action, fields, ip=ip)))


def _refusal(panel: SandboxPanel, fields: Fields, ip: str) -> Answer | None:
    """Return the refusal for one of the three kinds of 403, or for an unknown action."""
    skips_ip = bool(panel.access_key) and hmac.compare_digest(fields.text("accesskey"), panel.access_key)
    if panel.allowed_ips is not None and ip not in panel.allowed_ips and not skips_ip:
        return _error(403, f"Invalid IP {ip}")
    identifier = fields.text("identifier") or fields.text("username")
    secret = fields.text("secret") or fields.text("password")
    if identifier != panel.identifier or not hmac.compare_digest(secret.encode(), panel.secret.encode()):
        return _error(403, "Invalid or missing credentials")
    given = fields.text("action")
    action = ACTIONS.get(given.lower())
    if action is None:
        newer = panel.behaviours.unknown_action_text == "newer"
        text = f'Invalid API Action: "{given}" is not a valid API action' if newer else "API Action could not be found"
        return _error(200, text)
    barred = panel.allowed_actions is not None and action.name not in panel.allowed_actions
    if barred or action.name.lower() in {name.lower() for name in panel.behaviours.role_lacks}:
        return _error(403, _not_permitted(action))
    return None


def _not_permitted(action: Action) -> str:
    return f'Invalid Permissions: API action "{action.name.lower()}" is not allowed'


async def _with_faults(panel: SandboxPanel, action: Action, fields: Fields, *, ip: str) -> Answer:
    if panel.faults.latency:
        await asyncio.sleep(panel.faults.latency)
    fault = panel.faults.take(action.name)
    if fault is None:
        return await _apply(panel, action, fields)
    refused = _refused_by(fault, action, ip)
    if refused is not None:
        return refused
    return await _spoiled(panel, action, fields, fault)


def _refused_by(fault: Fault, action: Action, ip: str) -> Answer | None:
    """Faults where WHMCS, or a proxy in front of it, never runs the action."""
    match fault.kind:
        case "error_500_before":
            return Answer(status=500, body=FATAL, content_type="text/html")
        case "reset_before":
            raise ConnectionLost
        case "http_429":
            return Answer(
                status=429, body=b"Too Many Requests", content_type="text/plain", headers=(("retry-after", "1"),)
            )
        case "http_403_ip":
            return _error(403, f"Invalid IP {ip}")
        case "http_403_permission":
            return _error(403, _not_permitted(action))
        case _:
            return None


async def _spoiled(panel: SandboxPanel, action: Action, fields: Fields, fault: Fault) -> Answer:
    """Faults where the action is applied and the answer is late, broken or missing."""
    if fault.kind in {"late", "kept"}:
        if fault.kind == "kept":
            panel.kept.append(partial(_apply, panel, action, fields))
        else:
            panel.spawn(_later(panel, action, fields, fault.seconds))
        return Answer(status=504, body=b"<html><body>504 Gateway Time-out</body></html>", content_type="text/html")
    if fault.kind == "hang_before":
        await asyncio.sleep(fault.seconds)
    reply = await _apply(panel, action, fields)
    match fault.kind:
        case "error_500_after":
            return Answer(status=500, body=FATAL, content_type="text/html")
        case "reset_after":
            raise ConnectionLost
        case "garbage_after":
            return Answer(status=200, body=b'<b>Fatal error</b>: {"result":"succ')
        case "hang_after":
            await asyncio.sleep(fault.seconds)
            return reply
        case _:
            return reply


async def _later(panel: SandboxPanel, action: Action, fields: Fields, seconds: float) -> None:
    await asyncio.sleep(seconds)
    await _apply(panel, action, fields)


async def _apply(panel: SandboxPanel, action: Action, fields: Fields) -> Answer:
    try:
        reply: Mapping[str, Any] = await action.handler(panel.ctx, fields)
    except BusinessError as error:
        reply = {"result": "error", "message": error.message}
    applied = reply["result"] == "success"
    if applied:
        panel.effects[action.name] += 1
    rendered = Renderer(panel.behaviours)
    if action.writes:
        panel.writes.append(
            WriteCall(
                at=panel.ctx.now(),
                action=action.name,
                params=fields.recorded(),
                applied=applied,
                answer=rendered.value(reply),
            )
        )
    if not applied:
        return _error(200, str(reply["message"]))
    return Answer(status=200, body=rendered.body(reply))
