"""The real Doorman on a real socket, with its worker and the sandbox as its panel, in a thread with its own event loop.

The clock is real. The sandbox sends nothing itself: only the addon sends events and asks the gate.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
import sqlalchemy as sa
import uvicorn
from pydantic import SecretStr

from app.api.application import create_app
from app.clock import utc_now
from app.config import Settings
from app.context import CatalogueCache, Context
from app.core.records import Role
from app.db import Database
from app.installation import keys
from app.messaging.wake import Wake
from app.messaging.worker import Worker
from app.panels.whmcs.opening import open_panel
from app.policies import versions
from app.processes.worker import learn_identity, send_rules
from app.sandbox import Behaviours, SandboxPanel
from app.sandbox.server import serving
from app.tables.inbox import events
from app.upkeep.startup import prepare
from app.workflow.events import handle
from tests.processes.test_processes import LOCAL

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ADMIN_KEY = "admin-key-of-the-addon-0123456789abcdef"
#: Some tests hold thirty orders at once: no damage limit may stop them.
POLICY = """
[messages]
department_id = 1
[limits.hour]
held_share = 0
fees = 0
[limits.day]
held_share = 0
fees = 0
"""
PATIENCE = 30.0
WISH = "Please install Ubuntu 8.04 on it and migrate my old site."

T = TypeVar("T")


def until(condition: Callable[[], T | None], what: str) -> T:
    """Wait for a condition and return what it found; fail if it does not become true in time."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.03)
    pytest.fail(f"did not happen within {PATIENCE:.0f} s: {what}")


class Service:
    """Doorman and its panel; use it inside `running`."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._api: tuple[uvicorn.Server, asyncio.Task[None]] | None = None
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self.panel = SandboxPanel(behaviours=Behaviours(timezone="Europe/Berlin"))
        self.key = ""
        """An API key of the role `panel`, as the addon has it."""

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something in the service's event loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    @contextmanager
    def running(self) -> Iterator[Service]:
        """Start everything, and stop it at the end."""
        self._thread.start()
        serving_panel = serving(self.panel, cron=False)
        try:
            address = self.call(serving_panel.__aenter__())
            self.call(self._open(address))
            self.up()
            yield self
        finally:
            self.down()
            self.call(self._close())
            self.call(serving_panel.__aexit__(None, None, None))
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    async def _open(self, panel_url: str) -> None:
        settings = Settings(
            database_url=f"sqlite:///{self._database}", mode="enforce", panel_url=panel_url,
            panel_identifier=SecretStr(self.panel.identifier), panel_secret=SecretStr(self.panel.secret),
            webhook_secret=SecretStr(SECRET), admin_key=SecretStr(ADMIN_KEY), panel_rate=10_000,
            panel_timezone="Europe/Berlin", settle_seconds=3600,
        )  # fmt: skip
        self.db, wake = Database.open(settings.database_url), Wake()
        self._adapter = open_panel(settings)
        self.context = Context(db=self.db, settings=settings, panel=self._adapter, wake=wake.notify)
        await prepare(self.db, settings, now=utc_now() - timedelta(hours=1))  # the cut-over was an hour ago
        async with self.db.begin() as tx:
            self.key = await keys.create_key(tx, "whmcs", Role.PANEL, now=utc_now())
            published = await versions.publish(tx, POLICY, by="test", now=utc_now())
            await versions.activate(tx, published.version, by="test", now=utc_now())
        await learn_identity(self.context, self._adapter)
        self._worker = Worker(
            self.db, panel=self._adapter, handler=partial(handle, self.context), wake=wake,
            clock=self.context.clock, rules=send_rules(settings),
        )  # fmt: skip
        self._working = asyncio.create_task(self._worker.run())

    async def _close(self) -> None:
        self._worker.stop()
        await self._working
        await self._adapter.aclose()
        await self.db.close()

    def up(self) -> None:
        """Start the API at its address."""
        self._api = self.call(self._serve())

    async def _serve(self) -> tuple[uvicorn.Server, asyncio.Task[None]]:
        listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        app = create_app(self.context.settings, context=self.context, freeze=False)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=2))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            await asyncio.sleep(0.01)
        return server, task

    def down(self) -> None:
        """Stop the API: connections are refused."""
        if self._api is None:
            return
        server, task = self._api
        self._api = None
        server.should_exit = True
        self.call(asyncio.wait_for(task, PATIENCE))

    # --- inspection -------------------------------------------------------------------------------------------------

    def get(self, path: str) -> Any:
        """Read from the API as admin."""
        headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
        answer = httpx.get(self.url + path, headers=headers, **LOCAL, timeout=10)
        return answer.json() if answer.status_code == 200 else None

    def post(self, path: str, **body: Any) -> Any:
        """Act as a person by the API."""
        headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
        answer = httpx.post(self.url + path, headers=headers, json=body, **LOCAL, timeout=10)
        assert answer.is_success, answer.text
        return answer.json()

    def order(self, order_id: int) -> dict[str, Any]:
        """Return an order from the API; empty if it is unknown."""
        return self.get(f"/v1/orders/{order_id}") or {}

    def fee_invoice(self, order_id: int) -> int:
        """Wait until the order's fee has an invoice, and return its id."""
        found: int = until(lambda: (self.order(order_id).get("fee") or {}).get("invoice_id"), "the fee is invoiced")
        return found

    def stored(self, kind: str, order_id: int | None = None) -> list[dict[str, Any]]:
        """Return the bodies of stored webhooks of one type, oldest first."""
        return self.call(self._stored(kind, order_id))

    async def _stored(self, kind: str, order_id: int | None) -> list[dict[str, Any]]:
        query = sa.select(events.c.body).where(events.c.type == kind, events.c.source == "webhook")
        if order_id is not None:
            query = query.where(events.c.order_id == order_id)
        async with self.db.read() as connection:
            found = await connection.execute(query.order_by(events.c.id))
            return [json.loads(row.body) for row in found]

    def unhandled(self) -> int:
        """Return the number of events that wait to be handled."""
        return self.call(self._unhandled())

    async def _unhandled(self) -> int:
        query = sa.select(sa.func.count()).where(events.c.state == "received", events.c.due_at <= datetime.now(UTC))
        async with self.db.read() as connection:
            return int(await connection.scalar(query) or 0)

    # --- the people around the panel --------------------------------------------------------------------------------

    def shop(self, *, autosetup: str = "payment") -> tuple[int, int]:
        """Add a customer of some years and a product with a margin."""
        product = self.panel.add_product("Starter", autosetup=autosetup, pricing={"USD": {"monthly": "10.00"}})  # type: ignore[arg-type]
        client = self.panel.add_client("Rita", "Regular", created_at="2019-05-01T00:00:00+00:00", currency="USD")
        return client.id, product.id

    def place(self, *, notes: str = "", pay: bool = True, autosetup: str = "accept") -> Any:
        """Place an order by the cart: it exists in the panel, but was not reported to Doorman."""
        client, product = self.shop(autosetup=autosetup)
        return self.call(self.panel.place_order(client, [product], notes=notes, pay=pay))

    def slow_panel(self, seconds: float) -> None:
        """Delay each panel call by this long, and drop the cached catalogue, so that it is read again."""
        self.panel.faults.latency = seconds
        self.context.catalogue = CatalogueCache()

    def pay(self, invoice_id: int) -> None:
        """The customer pays."""
        self.call(self.panel.pay_invoice(invoice_id))
