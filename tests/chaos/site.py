"""A site with real processes: `doorman serve --no-worker`, any number of `doorman worker`, the sandbox on a socket."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from app.db import Database
from app.sandbox import SandboxPanel
from app.tables.inbox import workers as workers_table
from tests.chaos.cluster import free_port
from tests.chaos.snapshot import Snapshot, look
from tests.chaos.turnpike import Turnpike, serving
from tests.stories.house import ADMIN_KEY, SECRET

ROOT = Path(__file__).parents[2]
PATIENCE = 90.0


@dataclass(slots=True)
class Site:
    """The processes of a story, and access to them."""

    folder: Path
    panel: SandboxPanel
    road: Turnpike
    db: Database
    api: httpx.AsyncClient
    environment: dict[str, str]
    base: str
    panel_url: str
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    serving: subprocess.Popen[bytes] | None = None
    clients: list[int] = field(default_factory=list)
    products: list[int] = field(default_factory=list)

    def start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start `doorman …`; its log goes to `name`.log, its panel calls go to a path with its name."""
        environment = {**self.environment, "DOORMAN_PANEL_URL": f"{self.panel_url}/{name}"}
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "app", *arguments], cwd=self.folder, env=environment, stdout=log, stderr=log
            )

    async def start_api(self) -> None:
        port = self.base.rsplit(":", 1)[1]
        self.serving = self.start("api", "serve", "--no-worker", "--port", port)
        await until(self.ready, "the API is ready")

    async def ready(self) -> bool:
        try:
            return (await self.api.get("/healthz")).status_code == 200
        except httpx.TransportError:
            return False

    def named(self, caller: str) -> subprocess.Popen[bytes] | None:
        """Return the worker whose calls have this name in the path."""
        number = caller.removeprefix("worker-")
        return self.workers[int(number)] if number.isdigit() else None

    def hire(self) -> subprocess.Popen[bytes]:
        """Start another worker; `at_work` waits until it works."""
        worker = self.start(f"worker-{len(self.workers)}", "worker")
        self.workers.append(worker)
        return worker

    async def at_work(self, worker: subprocess.Popen[bytes]) -> None:
        """Wait until a worker has registered itself."""

        async def entered() -> bool:
            assert worker.poll() is None, f"the worker ended by itself with {worker.returncode}"
            return bool(await self.rows(sa.select(workers_table.c.id).where(workers_table.c.pid == worker.pid)))

        await until(entered, "the worker is at work")

    async def rows(self, query: sa.Select[Any]) -> list[Any]:
        """Read Doorman's database."""
        async with self.db.read() as connection:
            return list(await connection.execute(query))

    async def read(self, path: str) -> dict[str, Any]:
        answer = await self.api.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return dict(answer.json())

    async def state_of(self, order_id: int) -> str | None:
        """Return the state of an order from the API."""
        answer = await self.api.get(f"/v1/orders/{order_id}")
        return str(answer.json()["state"]) if answer.status_code == 200 else None

    async def snapshot(self) -> Snapshot:
        accepted = {event.id: event.type for event in self.panel.outbox.log if event.delivered_at is not None}
        return await look(
            self.panel, self.db, self.read, at=datetime.now(UTC), accepted=accepted, overlaps=self.road.overlaps
        )

    def log_of(self, worker: subprocess.Popen[bytes]) -> str:
        return (self.folder / f"worker-{self.workers.index(worker)}.log").read_text(errors="replace")


async def until(condition: Callable[[], Awaitable[Any]], what: str, *, within: float = PATIENCE) -> float:
    """Wait for a condition and return the seconds that it took; fail if it does not become true in time."""
    began = time.monotonic()
    while not await condition():
        if time.monotonic() - began > within:
            pytest.fail(f"did not happen within {within:.0f} s: {what}")
        await asyncio.sleep(0.05)
    return time.monotonic() - began


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill it with SIGKILL, even if it is stopped."""
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
        process.wait()


@asynccontextmanager
async def open_site(folder: Path, database_url: str, **settings: str) -> AsyncIterator[Site]:
    """Open a site on a migrated database: the API runs, the test starts workers. `settings` have no prefix."""
    panel = SandboxPanel(panel_key=ADMIN_KEY, webhook_secret=SECRET)
    road = Turnpike(panel)
    base = f"http://127.0.0.1:{free_port()}"
    panel.link.url = base
    async with (
        serving(road) as panel_url,
        httpx.AsyncClient(
            base_url=base, headers={"Authorization": f"Bearer {ADMIN_KEY}"}, trust_env=False, timeout=20
        ) as api,
    ):
        site = Site(
            folder, panel, road, Database.open(database_url), api, _environment(database_url, settings), base, panel_url
        )
        _people(site)
        try:
            await site.start_api()
            yield site
        finally:
            for process in (*site.workers, *([site.serving] if site.serving else [])):
                kill(process)
            await site.db.close()
            await panel.close()


def _environment(database_url: str, settings: dict[str, str]) -> dict[str, str]:
    values = {
        "database_url": database_url,
        "mode": "enforce",
        "panel_identifier": "sandbox-identifier",
        "panel_secret": "sandbox-secret",
        "panel_rate": "1000",
        "panel_settle_seconds": "3",
        "panel_timezone": "Europe/Berlin",
        "settle_seconds": "1",
        "retry_delays": "0.2,0.5,1,1,2,2,3,3,3,3,3,3,5,5,5,5,5,5,5,5",
        "reconcile_seconds": "86400",
        "webhook_secret": SECRET,
        "admin_key": ADMIN_KEY,
        "log_format": "json",
    }
    environment = {f"DOORMAN_{name.upper()}": value for name, value in {**values, **settings}.items()}
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment}


def _people(site: Site) -> None:
    for name in ("Rita", "Otto", "Vera"):
        client = site.panel.add_client(
            name, "Regular", email=f"{name.lower()}@example.com", created_at="2019-05-01", currency="USD"
        )
        site.clients.append(client.id)
    for autosetup in ("accept", "payment"):
        product = site.panel.add_product(
            f"Plan {autosetup}",
            autosetup=autosetup,
            pricing={"USD": {"monthly": "10.00"}},
        )
        site.products.append(product.id)
