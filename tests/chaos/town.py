"""A whole Doorman with its panel in one process, in which workers die and panel calls fail.

The story house (tests/stories/house.py) with three changes: workers can die, the connection to the panel is
unreliable, and the clock jumps. Every choice depends on the seed.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from app.context import Context
from app.db import Database
from app.messaging.sending import SendRules
from app.messaging.wake import Wake
from app.messaging.worker import Worker, WorkerLimits
from app.panels.base import PanelUnavailable
from app.panels.brakes.limiter import RateLimiter
from app.panels.whmcs.client import WhmcsClient, default_timeout
from app.panels.whmcs.lines import HttpxLine
from app.panels.whmcs.panel import WhmcsPanel
from app.sandbox import Behaviours
from app.tables.inbox import events
from app.upkeep import notifications, sweeps
from app.upkeep.reconcile import comparing
from app.workflow.events import handle
from tests.chaos.lives import Executioner, Killed, Life, MortalTransport, Reaper, mortal_database
from tests.chaos.snapshot import Snapshot, look
from tests.chaos.wire import Wire
from tests.stories.house import House, open_house, settings_for

POLICY = "[messages]\ndepartment_id = 1\n"
#: Enough missed heartbeats for a worker to be declared dead (WorkerLimits.dead_after, twice).
_LOOKS = 24


class Crew:
    """The workers of a town, one at a time: when one dies, the next starts and takes over its work."""

    def __init__(self, house: House, wire: Wire, seed: int) -> None:
        self._house = house
        self._wire = wire
        self._events = random.Random(seed).choice((1, 4, 16))
        self._stack = AsyncExitStack()
        self._seconds = 0.0
        self.life = Life()
        self.reaper: Reaper | Executioner | None = None
        self.worker: Worker | None = None
        self.context: Context | None = None
        self.deaths: list[str] = []
        self.rests = False
        """True if background work is limited to what the gate waits for; otherwise the worker runs all the time."""
        self.handlers_database: Callable[[Database], Database] = lambda db: db
        """Makes the database for event handlers from the worker's own."""

    async def hire(self) -> None:
        """Start another worker with its own connections."""
        house = self._house
        settings = house.context.settings
        self.life = Life(self.reaper)
        db = await self._stack.enter_async_context(
            mortal_database(house.db.url.render_as_string(hide_password=False), self.life)
        )
        wire = MortalTransport(self.life, self._wire)
        assert settings.panel_identifier is not None
        assert settings.panel_secret is not None
        client = WhmcsClient(
            "http://127.0.0.1:9", identifier=settings.panel_identifier, secret=settings.panel_secret,
            timeout=default_timeout(None), limiter=RateLimiter(settings.panel_rate), lines=[HttpxLine(wire)],
        )  # fmt: skip
        panel = WhmcsPanel(client, zone=settings.zone)
        self._stack.push_async_callback(panel.aclose)
        wake = Wake()
        context = self.context = Context(
            db=self.handlers_database(db), settings=settings, panel=panel, clock=house.clock, wake=wake.notify,
            own_admin_id=9,
        )  # fmt: skip
        self.worker = Worker(
            db, panel=panel, handler=partial(handle, context), wake=wake, clock=house.clock,
            monotonic=lambda: self._seconds, alone=db.is_sqlite, limits=WorkerLimits(events=self._events),
            rules=SendRules(settle=timedelta(seconds=settings.panel_settle_seconds), delays=settings.retry_delays),
        )  # fmt: skip

    async def run_once(self) -> bool:
        """Let the worker do what is due; if it dies, let the next one detect that."""
        if self.rests and not await self._gate_waits():
            return False
        found = await self._mortal(self._turn())
        return await self._bury() or found

    async def come_round(self) -> None:
        """Let the worker's process sweep, notify, and compare with the panel, as it does every few minutes."""
        for do in (sweeps.round, notifications.round, comparing.round):
            if self.context is not None:
                with suppress(PanelUnavailable):
                    await self._mortal(do(self.context))
            await self._bury()

    async def _bury(self) -> bool:
        """Replace a worker that died, repeatedly if needed; return whether one died."""
        died = False
        while self.life.over:
            died = True
            self.deaths.append(self.life.where)
            await self.hire()
            for _ in range(1 if self._house.db.is_sqlite else _LOOKS):
                self._seconds += 1.0
                self._house.clock.forward(seconds=1)
                await self._mortal(self._turn())
        return died

    async def _mortal(self, work: Awaitable[Any]) -> bool:
        try:
            return bool(await work)
        except Killed:
            return True
        except Exception:
            if self.life.over:  # whatever it was, the death caused it
                return True
            raise

    async def _gate_waits(self) -> bool:
        urgent = sa.select(events.c.id).where(events.c.state == "received", events.c.urgent)
        async with self._house.db.read() as connection:
            return (await connection.execute(urgent.limit(1))).first() is not None

    async def _turn(self) -> bool:
        if self.worker is None:
            await self.hire()
        assert self.worker is not None
        await self._wire.apply_late()
        return False if self.life.over else await self.worker.run_once()

    async def close(self) -> None:
        self.life.over = True
        await self._stack.aclose()


@dataclass(slots=True)
class Town:
    """The environment of a chaos story."""

    house: House
    crew: Crew
    wire: Wire
    rng: random.Random
    clients: list[int] = field(default_factory=list)
    products: list[int] = field(default_factory=list)
    accepted: dict[str, str] = field(default_factory=dict)
    """Ids of webhooks that were answered 2xx, with their types."""
    told: list[str] = field(default_factory=list)
    """The events so far, for the report of a failure."""

    def say(self, what: str) -> None:
        self.told.append(f"{self.house.clock.now:%d %H:%M:%S} {what}")

    async def read(self, path: str) -> dict[str, Any]:
        """Read from Doorman's API."""
        answer = await self.house.api.get(path)
        assert answer.status_code == 200, f"{path}: {answer.text}"
        return dict(answer.json())

    async def calm(self) -> None:
        """Turn faults off, and finish everything that is in progress or due within two days."""
        house = self.house
        self.wire.storm = 0.0
        house.panel.faults.clear()
        self.crew.reaper = self.crew.life.reaper = None
        self.crew.life.dies_at = 0
        self.crew.rests = False
        await self.wire.apply_late(everything=True)
        house.panel.configure(post_promptly=True)
        await house.panel.run_cron()
        await house.wait(2 * 86_400)
        await house.panel.run_cron()
        for _ in range(2):
            await self.come_round()
            await house.wait(600)

    async def come_round(self) -> None:
        """Run the worker's periodic tasks, besides events and calls."""
        async with self.house.turn:
            await self.crew.come_round()


@asynccontextmanager
async def open_town(
    db: Database, seed: int, *, behaviours: Behaviours | None = None, **overrides: Any
) -> AsyncIterator[Town]:
    """Open a town on an empty database, with three customers and three products."""
    async with open_house(db, policy=POLICY, behaviours=behaviours, **overrides) as house:
        settle = timedelta(seconds=settings_for("sqlite://", **overrides).panel_settle_seconds)
        wire = Wire(house.panel, clock=house.clock, seed=seed, settle=settle)
        crew = Crew(house, wire, seed)
        house.worker = crew  # type: ignore[assignment]
        house.clock.forward(days=3)  # the clock may jump back, but not before the cut-over
        town = Town(house, crew, wire, random.Random(seed))
        for name in ("Rita", "Otto", "Vera"):
            client = house.panel.add_client(
                name, "Regular", email=f"{name.lower()}@example.com", created_at="2019-05-01", currency="USD"
            )
            town.clients.append(client.id)
        for autosetup in ("accept", "payment", "order"):
            product = house.panel.add_product(
                f"Plan {autosetup}",
                autosetup=autosetup,
                pricing={"USD": {"monthly": "10.00"}},
            )
            town.products.append(product.id)
        try:
            yield town
        finally:
            async with house.turn:
                await crew.close()


async def take_snapshot(town: Town) -> Snapshot:
    """Take a snapshot of both sides."""
    house = town.house
    accepted = {event.id: event.type for event in house.panel.outbox.log if event.delivered_at is not None}
    return await look(
        house.panel, house.db, town.read, at=house.clock.now,
        accepted={**accepted, **town.accepted}, overlaps=town.wire.overlaps,
    )  # fmt: skip


async def dump(town: Town, order_id: int) -> str:
    """Return everything known about one order, for debugging."""
    answer = await town.house.api.get(f"/v1/orders/{order_id}")
    if answer.status_code != 200:
        return f"order {order_id}: {answer.text}"
    order = answer.json()
    lines = [f"{line['at'][8:19]} {line['by']}: {line['what']}" for line in order["timeline"]]
    calls = [
        f"{call['action']} {call['state']} x{call['attempts']} {call['last_error']}" for call in order["panel_calls"]
    ]
    async with town.house.db.read() as connection:
        rows = await connection.execute(sa.select(events).where(events.c.order_id == order_id).order_by(events.c.id))
        told = [
            f"{row.id} {row.type} {row.source} {row.state} {row.result} at {row.received_at:%d %H:%M:%S} "
            f"finished {row.finished_at and row.finished_at.strftime('%d %H:%M:%S')} {row.last_error or ''}"
            for row in rows
        ]
    head = f"order {order_id}: {order['state']} {order['panel_status']} {order['flags']} {order['decision']}"
    return "\n  ".join([head, *lines, *calls, *told])
