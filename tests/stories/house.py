"""The whole system in one process for stories: sandbox panel, API, intake and worker, with a manual clock.

They communicate in the real wire formats: signed webhooks, the gate, and ``includes/api.php``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import sqlalchemy as sa
from pydantic import SecretStr

from app.config import Settings
from app.context import Context
from app.db import Database
from app.messaging.wake import Wake
from app.messaging.worker import Worker
from app.panels.brakes.limiter import RateLimiter
from app.panels.whmcs.client import WhmcsClient, default_timeout
from app.panels.whmcs.lines import HttpxLine
from app.panels.whmcs.panel import WhmcsPanel
from app.processes.worker import learn_identity, send_rules
from app.sandbox import Behaviours, SandboxPanel
from app.sandbox.server import create_app as create_sandbox
from app.tables.inbox import events
from app.tables.outbox import panel_calls
from app.upkeep.startup import prepare
from app.workflow.events import handle
from tests.application import application

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ADMIN_KEY = "admin-key-of-the-story-0123456789abcdef"
_LOOK_AGAIN = 0.1  # seconds; new work wakes the worker, but work that is due because the clock was moved does not


class Clock:
    """A clock that moves only manually."""

    def __init__(self, now: datetime | None = None) -> None:
        self.now = now or datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass(slots=True)
class House:
    """The environment of a story."""

    clock: Clock
    panel: SandboxPanel
    db: Database
    worker: Worker
    context: Context
    api: httpx.AsyncClient
    wake: Wake
    turn: asyncio.Lock
    closing: asyncio.Event

    async def settle(self, **forward: float) -> None:
        """Do everything that is due, then move the clock and do what became due."""
        await self._drain()
        if forward:
            self.clock.forward(**forward)
            await self._drain()

    async def _drain(self) -> None:
        for _ in range(200):
            await self.panel.delivered()
            if not await self.work():
                await self.panel.settled()
                await self.panel.delivered()
                if not await self.work():
                    return
        raise AssertionError("the house does not come to rest")

    async def work(self) -> bool:
        """Let the worker do what is due; return whether there was anything."""
        async with self.turn:
            return await self.worker.run_once()

    async def keep_working(self) -> None:
        """Run the worker in the background: the gate waits for it during a checkout."""
        while not self.closing.is_set():
            if not await self.work():
                await self.wake.wait(_LOOK_AGAIN)

    async def wait(self, seconds: float) -> None:
        """Let this much time pass, from one due item to the next, so that timers fire in order."""
        end = self.clock.now + timedelta(seconds=seconds)
        await self._drain()
        while (due := await self._next_due()) is not None and due <= end:
            self.clock.now = max(self.clock.now, due)
            await self._drain()
        self.clock.now = end
        await self._drain()

    async def _next_due(self) -> datetime | None:
        """Return when the next event or call is due, after now."""
        times = (
            sa.select(sa.func.min(events.c.due_at)).where(
                events.c.state == "received", events.c.due_at > self.clock.now
            ),
            sa.select(sa.func.min(panel_calls.c.due_at)).where(
                panel_calls.c.state.in_(["pending", "unknown"]), panel_calls.c.due_at > self.clock.now
            ),
        )
        async with self.db.read() as connection:
            found = [(await connection.execute(query)).scalar_one() for query in times]
        return min((at for at in found if at is not None), default=None)

    async def order(self, order_id: int) -> dict[str, Any]:
        answer = await self.api.get(f"/v1/orders/{order_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def act(self, order_id: int, action: str, **body: Any) -> httpx.Response:
        return await self.api.post(f"/v1/orders/{order_id}/{action}", json=body)

    def effects(self, action: str) -> int:
        return self.panel.effects[action]


class Unpaused(RateLimiter):
    """A rate limit that takes no pause when the panel asks for one: stories have a clock of their own."""

    def pause(self, seconds: float) -> None:
        """Take none."""


def settings_for(database_url: str, **overrides: Any) -> Settings:
    values: dict[str, Any] = {
        "database_url": database_url,
        "mode": "enforce",
        "panel_url": "http://127.0.0.1:9",
        "panel_identifier": SecretStr("sandbox-identifier"),
        "panel_secret": SecretStr("sandbox-secret"),
        "webhook_secret": SecretStr(SECRET),
        "admin_key": SecretStr(ADMIN_KEY),
        "panel_rate": 10_000,
        "panel_timezone": "Europe/Berlin",
    }
    return Settings(**values | overrides)


@asynccontextmanager
async def open_house(
    db: Database,
    *,
    behaviours: Behaviours | None = None,
    policy: str = "",
    now: datetime | None = None,
    **overrides: Any,
) -> AsyncIterator[House]:
    """Open the house on a database. `policy` is a TOML document that overrides the defaults.

    Its clock begins at `now`, by default at the real time.
    """
    settings = settings_for(db.url.render_as_string(hide_password=False), **overrides)
    clock, wake = Clock(now), Wake()
    app = application(Context(db=db, settings=settings, clock=clock, wake=wake.notify))
    sandbox = SandboxPanel(
        doorman_url="http://doorman", webhook_secret=SECRET, panel_key=ADMIN_KEY, transport=httpx.ASGITransport(app),
        behaviours=behaviours or Behaviours(), now=clock, signing_clock=clock,
    )  # fmt: skip
    sandbox.link.patience_seconds = 20  # stories are not about a busy machine
    panel = _adapter(settings, sandbox)
    context = Context(db=db, settings=settings, panel=panel, clock=clock, wake=wake.notify)
    await prepare(db, settings, now=clock())
    if policy:
        await _publish(db, policy, clock())
    await learn_identity(context, panel)
    worker = Worker(
        db, panel=panel, handler=partial(handle, context), wake=wake, clock=clock,
        rules=send_rules(settings),
    )  # fmt: skip
    headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://doorman", headers=headers) as api,
    ):
        house = House(clock, sandbox, db, worker, context, api, wake, asyncio.Lock(), asyncio.Event())
        beside = asyncio.create_task(house.keep_working())
        try:
            yield house
        finally:
            house.closing.set()  # work in progress is finished, so that nothing is left half done
            wake.notify()
            await asyncio.wait({beside}, timeout=10)
            beside.cancel()
            await asyncio.gather(beside, return_exceptions=True)
            await sandbox.close()
            await panel.aclose()


def _adapter(settings: Settings, sandbox: SandboxPanel) -> WhmcsPanel:
    """Return the real adapter, connected to the sandbox's application over the real wire format."""
    wire = httpx.ASGITransport(create_sandbox(sandbox))
    if settings.panel_identifier is None or settings.panel_secret is None:
        raise AssertionError("stories need panel settings")
    client = WhmcsClient(
        "http://127.0.0.1:9", identifier=settings.panel_identifier, secret=settings.panel_secret, access_key=None,
        timeout=default_timeout(settings.panel_timeout), limiter=Unpaused(settings.panel_rate),
        lines=[HttpxLine(wire)],
    )  # fmt: skip
    return WhmcsPanel(client, zone=settings.zone, now=sandbox.ctx.now)


async def _publish(db: Database, document: str, now: datetime) -> None:
    from app.policies import versions

    async with db.begin() as tx:
        published = await versions.publish(tx, document, by="story", now=now)
        await versions.activate(tx, published.version, by="story", now=now)


#: Customers are informed by ticket, so that they can answer.
POLICY = "[messages]\ndepartment_id = 1\n"
