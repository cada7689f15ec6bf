"""The connection between Doorman and the sandbox: it loses answers and applies calls late, by the simulated clock."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx

from app.sandbox import SandboxPanel
from app.sandbox.faults import FaultKind
from app.sandbox.server import create_app

#: Faults of the panel itself (app.sandbox.faults).
_PANEL_FAULTS: tuple[FaultKind, ...] = (
    "error_500_before", "error_500_after", "reset_before", "reset_after", "garbage_after", "http_429",
    "http_403_permission",
)  # fmt: skip
#: Faults of the connection: never sent; applied without an answer; neither applied nor answered; applied later.
_WAY_FAULTS = ("refused", "timeout_after", "timeout_before", "late")
_LIFECYCLE = {"AcceptOrder", "PendingOrder", "CancelOrder", "FraudOrder"}
_MONEY = {"CreateInvoice", "UpdateInvoice", "AddCredit"}


@dataclass(frozen=True, slots=True)
class _Late:
    due: datetime
    request: httpx.Request


class Wire(httpx.AsyncBaseTransport):
    """Carries each call to the sandbox, in this process; `storm` is the share of calls with a fault.

    The fault of the n-th call of an action on one object depends only on the seed, not on calls in between.
    """

    def __init__(self, panel: SandboxPanel, *, clock: Callable[[], datetime], seed: int, settle: timedelta) -> None:
        self._panel = panel
        self._inner = httpx.ASGITransport(create_app(panel))
        self._clock = clock
        self._seed = seed
        self._asked: Counter[str] = Counter()
        self._settle = settle
        self._late: list[_Late] = []
        self._under_way: Counter[str] = Counter()
        self.storm = 0.0
        self.overlaps: list[str] = []
        self.faults: Counter[str] = Counter()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self.apply_late()
        fields = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        action = fields.get("action", "")
        group = group_of(action, fields)
        self._under_way[group] += 1
        if group and self._under_way[group] > 1:
            self.overlaps.append(f"{action} overlaps another call of {group}")
        try:
            return await self._carry(action, request, self._chance(action, fields))
        finally:
            self._under_way[group] -= 1

    async def apply_late(self, *, everything: bool = False) -> None:
        """Apply the late calls that are due by now; their callers have hung up."""
        due = [late for late in self._late if everything or late.due <= self._clock()]
        self._late = [late for late in self._late if late not in due]
        for late in due:
            await self._inner.handle_async_request(late.request)

    def apply_later(self, request: httpx.Request) -> None:
        """Apply a call within the settle time, although nobody waits for its answer any more."""
        chance = random.Random(f"{self._seed}:late:{len(self._late)}:{sum(self._asked.values())}")
        due = self._clock() + chance.uniform(0, 1) * self._settle
        again = httpx.Request("POST", request.url, content=request.content, headers=request.headers)
        self._late.append(_Late(due, again))

    def _chance(self, action: str, fields: dict[str, str]) -> random.Random:
        names = ("id", "orderid", "invoiceid", "userid", "clientid")
        about = ":".join([action, *(fields.get(name, "") for name in names)])
        self._asked[about] += 1
        return random.Random(f"{self._seed}:{about}:{self._asked[about]}")

    async def _carry(self, action: str, request: httpx.Request, chance: random.Random) -> httpx.Response:
        fault = self._fate(action, chance)
        if fault is None:
            return await self._inner.handle_async_request(request)
        self.faults[fault] += 1
        if fault == "refused":
            raise httpx.ConnectError("refused", request=request)
        if fault == "late":
            self.apply_later(request)
        if fault == "timeout_after":
            await self._inner.handle_async_request(request)
        if fault in _WAY_FAULTS:
            raise httpx.ReadTimeout("no answer", request=request)
        self._panel.faults.add(fault, action=action)  # type: ignore[arg-type]
        return await self._inner.handle_async_request(request)

    def _fate(self, action: str, chance: random.Random) -> str | None:
        reads = action.startswith("Get")
        if chance.random() >= (self.storm / 3 if reads else self.storm):  # at least one read precedes each write
            return None
        if reads:  # they have no effect that could be lost
            return chance.choice(("refused", "timeout_before", "error_500_before", "garbage_after", "http_429"))
        return chance.choice((*_WAY_FAULTS, *_PANEL_FAULTS, *["late"] * 6))


def group_of(action: str, fields: dict[str, Any]) -> str:
    """Return the group of calls that may not overlap: lifecycle calls of one order, money calls of one customer."""
    if action in _LIFECYCLE:
        return f"order {fields.get('orderid')}"
    customer = fields.get("userid") or fields.get("clientid")
    return f"customer {customer}" if action in _MONEY and customer else ""
