"""A panel whose answers are all scripted by the test."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import httpx
from pydantic import SecretStr

from app.panels.brakes.limiter import RateLimiter
from app.panels.whmcs.client import WhmcsClient
from app.panels.whmcs.lines import HttpxLine
from app.panels.whmcs.panel import WhmcsPanel
from tests.contract.worlds import adapter

URL = "https://billing.example/includes/api.php"
NOON = datetime(2026, 8, 14, 12, 0, tzinfo=UTC)


class Script:
    """Answers by action, from constants or functions of the fields; records what was sent."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.sent: list[tuple[str, dict[str, str]]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        fields = dict(parse_qsl(request.content.decode(), keep_blank_values=True))
        for hidden in ("identifier", "secret", "responsetype"):
            del fields[hidden]
        action = fields.pop("action")
        self.sent.append((action, fields))
        answer = self.answers[action]
        answer = answer(fields) if callable(answer) else answer
        if isinstance(answer, str):
            return httpx.Response(200, json={"result": "error", "message": answer})
        if isinstance(answer, httpx.Response):
            return answer
        return httpx.Response(200, text=json.dumps({"result": "success", **answer}))

    def count(self, action: str) -> int:
        return sum(name == action for name, _ in self.sent)


def panel(script: Script, *, zone: bool = True) -> WhmcsPanel:
    transport = httpx.MockTransport(script)
    if zone:
        return adapter("https://billing.example", transport, identifier="i-d", secret="s-t")
    client = WhmcsClient(
        "https://billing.example",
        identifier=SecretStr("i-d"),
        secret=SecretStr("s-t"),
        timeout=lambda action: 5,
        limiter=RateLimiter(10_000),
        lines=[HttpxLine(transport)],
    )
    return WhmcsPanel(client, now=lambda: NOON)


def listed(outer: str, inner: str, *rows: dict[str, Any]) -> Callable[[dict[str, str]], dict[str, Any]]:
    """Return a list action that serves pages of at most two rows."""

    def answer(fields: dict[str, str]) -> dict[str, Any]:
        start, size = int(fields.get("limitstart", 0)), min(int(fields.get("limitnum", 25)), 2)
        page = list(rows[start : start + size])
        counters = {"totalresults": len(rows), "startnumber": start, "numreturned": len(page)}
        return {**counters, outer: {inner: page} if page else ""}

    return answer
