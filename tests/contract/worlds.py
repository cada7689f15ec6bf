"""The panels that the contract suite tests: the sandbox over ASGI, and `MockWhmcs` over respx."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

import httpx
from pydantic import SecretStr

from app.panels.base import Panel
from app.panels.brakes.limiter import RateLimiter
from app.panels.whmcs.client import WhmcsClient
from app.panels.whmcs.lines import HttpxLine
from app.panels.whmcs.panel import WhmcsPanel
from app.sandbox import Behaviours, SandboxPanel
from app.sandbox.models import PayMethod
from app.sandbox.server import create_app
from tests.contract.fake import IDENTIFIER, SECRET, MockWhmcs

NOW = datetime(2026, 8, 14, 12, 0, tzinfo=UTC)

FaultKind = Literal[
    "error_500_before",
    "error_500_after",
    "reset_before",
    "reset_after",
    "garbage_after",
    "hang_after",
    "http_429",
    "http_403_ip",
    "http_403_permission",
]


@dataclass(slots=True)
class Deadline:
    """The time-out of every call, in seconds."""

    seconds: float = 10


class World(Protocol):
    """A panel with one customer, accessible through our adapter and directly."""

    panel: Panel
    deadline: Deadline
    customer_id: int

    async def place_order(self) -> int: ...
    async def pay(self, invoice_id: int) -> None: ...
    async def delete_order(self, order_id: int) -> None: ...
    def store_card(self, last_four: str, expires: str, token: str) -> None: ...
    async def settled(self) -> None: ...
    def fail_next(self, action: str, kind: FaultKind) -> None: ...
    def effects(self, action: str) -> int: ...
    async def aclose(self) -> None: ...


def adapter(
    url: str,
    transport: httpx.AsyncBaseTransport | None,
    *,
    identifier: str,
    secret: str,
    deadline: Deadline | None = None,
) -> WhmcsPanel:
    """Create our adapter as `open_panel` does, with this transport and deadline and a fixed clock."""
    limit = deadline or Deadline()
    client = WhmcsClient(
        url,
        identifier=SecretStr(identifier),
        secret=SecretStr(secret),
        timeout=lambda action: limit.seconds,
        limiter=RateLimiter(10_000),
        lines=[HttpxLine(transport), HttpxLine(transport)],
        now=lambda: NOW,
    )
    return WhmcsPanel(client, zone=ZoneInfo("Europe/Berlin"), now=lambda: NOW)


class FakeWorld:
    """`MockWhmcs`; callers that create it install it on a respx router."""

    def __init__(self) -> None:
        self.whmcs = MockWhmcs()
        self.customer_id = self.whmcs.customer_id
        self.deadline = Deadline()
        self.panel: Panel = adapter(
            "https://billing.example", None, identifier=IDENTIFIER, secret=SECRET, deadline=self.deadline
        )

    async def place_order(self) -> int:
        return self.whmcs.add_order()

    async def pay(self, invoice_id: int) -> None:
        self.whmcs.pay(invoice_id)

    async def delete_order(self, order_id: int) -> None:
        del self.whmcs.orders[order_id]

    def store_card(self, last_four: str, expires: str, token: str) -> None:
        self.whmcs.store_card(last_four, expires, token)

    async def settled(self) -> None:
        return

    def fail_next(self, action: str, kind: FaultKind) -> None:
        self.whmcs.fail_next(action, kind)

    def effects(self, action: str) -> int:
        return self.whmcs.effects[action]

    async def aclose(self) -> None:
        await self.panel.aclose()


class SandboxWorld:
    """The sandbox in this process."""

    def __init__(self, behaviours: Behaviours | None = None) -> None:
        self.sandbox = SandboxPanel(behaviours=behaviours, now=lambda: NOW)
        transport = httpx.ASGITransport(create_app(self.sandbox))
        self.deadline = Deadline()
        self.panel: Panel = adapter(
            "http://127.0.0.1",
            transport,
            identifier=self.sandbox.identifier,
            secret=self.sandbox.secret,
            deadline=self.deadline,
        )
        self.customer_id = self.sandbox.add_client(email="ada@example.com").id
        self.product_id = self.sandbox.add_product("Starter", autosetup="accept").id

    async def place_order(self) -> int:
        items: Sequence[int] = [self.product_id]
        return (await self.sandbox.place_order(self.customer_id, items)).id

    async def pay(self, invoice_id: int) -> None:
        await self.sandbox.pay_invoice(invoice_id)

    async def delete_order(self, order_id: int) -> None:
        await self.sandbox.staff_cancel(order_id)
        await self.sandbox.staff_delete(order_id)

    def store_card(self, last_four: str, expires: str, token: str) -> None:
        stored = self.sandbox.state.clients[self.customer_id].pay_methods
        stored.append(PayMethod(id=len(stored) + 1, last_four=last_four, expires=expires, token=token))

    async def settled(self) -> None:
        await self.sandbox.settled()

    def fail_next(self, action: str, kind: FaultKind) -> None:
        self.sandbox.faults.add(kind, action=action, seconds=0.4)

    def effects(self, action: str) -> int:
        return self.sandbox.effects[action]

    async def aclose(self) -> None:
        await self.panel.aclose()
        await self.sandbox.close()
