"""Several workers on one PostgreSQL database: killed, frozen and resumed, or working concurrently on one order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import Database
from app.tables.inbox import events
from app.tables.inbox import workers as workers_table
from app.tables.orders import decisions
from app.tables.outbox import panel_calls
from tests.chaos.invariants import wrong
from tests.chaos.site import Site, kill, open_site, until
from tests.chaos.town import Crew
from tests.chaos.turnpike import WireCall
from tests.chaos.wire import Wire
from tests.stories.house import POLICY, House, open_house
from tests.stories.test_orders import shop

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.both_databases("several workers"),
    pytest.mark.slow("workers are processes, and one that is gone is missed after seconds"),
]

postgres = pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)
sqlite = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


class Bar:
    """Stops calls (action and order) that arrive while it is down, until it is lifted."""

    def __init__(self, *stopped: tuple[str, int]) -> None:
        self._stopped = stopped
        self.waiting: list[str] = []
        self.down = True
        self._lifted = asyncio.Event()

    async def __call__(self, call: WireCall) -> None:
        if self.down and (call.action, call.order_id) in self._stopped:
            self.waiting.append(call.action)
            await self._lifted.wait()

    def lift(self) -> None:
        """Let waiting and later calls pass."""
        self.down = False
        self._lifted.set()


@pytest.fixture
async def site(migrated_url: str, tmp_path: Path) -> AsyncIterator[Site]:
    async with open_site(tmp_path, migrated_url) as opened:
        yield opened


async def busy(site: Site) -> tuple[int, int, Bar]:
    """Start a worker and make it busy: an accept that is being sent, and an event in the middle of its reads.

    Return the orders of the accept and of the event, and the bar at which both wait.
    """
    await site.at_work(site.hire())
    rita, otto, _ = site.clients
    first = await site.panel.place_order(rita, site.products[:1])
    bar = Bar(("AcceptOrder", first.id), ("GetOrders", first.id + 1))
    site.road.before = bar
    await site.panel.pay_invoice(first.invoice_id)
    await until(waiting_at(bar, "AcceptOrder"), "the accept is on the wire")
    second = await site.panel.place_order(otto, site.products[:1], pay=True)
    assert second.id == first.id + 1
    await until(waiting_at(bar, "GetOrders"), "the second order is being read")
    return first.id, second.id, bar


def waiting_at(bar: Bar, action: str) -> Callable[[], Awaitable[bool]]:
    async def waits() -> bool:
        return action in bar.waiting

    return waits


def released(site: Site, *order_ids: int) -> Callable[[], Awaitable[bool]]:
    async def all_released() -> bool:
        return {await site.state_of(order_id) for order_id in order_ids} == {"released"}

    return all_released


async def at_rest(site: Site) -> bool:
    """True if no received event is due, and no call is in progress."""
    waits = await site.rows(sa.select(events.c.id).where(events.c.state == "received", events.c.due_at < sa.func.now()))
    calls = await site.rows(
        sa.select(panel_calls.c.id).where(panel_calls.c.state.in_(["pending", "sending", "unknown"]))
    )
    return not waits and not calls


async def check_end(site: Site) -> None:
    await until(lambda: at_rest(site), "everything is at rest")
    assert wrong(await site.snapshot()) == []


@postgres
async def test_what_a_worker_killed_for_good_had_in_hand_is_done_by_another(site: Site) -> None:
    first, second, bar = await busy(site)
    await site.at_work(site.hire())
    kill(site.workers[0])
    bar.down = False  # calls of others pass; the dead worker's own accept never arrives
    new = await site.panel.place_order(site.clients[2], site.products[:1], pay=True)
    await until(released(site, new.id), "new orders pass meanwhile", within=15)
    await until(released(site, first, second), "what it left is done", within=60)
    assert site.panel.effects["AcceptOrder"] == 3
    assert [service.creates for service in site.panel.state.services.values()] == [1, 1, 1]
    await check_end(site)


@postgres
async def test_a_frozen_worker_that_thaws_later_does_no_harm(site: Site) -> None:
    first, second, bar = await busy(site)
    frozen = site.workers[0]
    mine = sa.select(workers_table.c.id, workers_table.c.stopped_at).where(workers_table.c.pid == frozen.pid)
    before = {row.id for row in await site.rows(mine)}
    frozen.send_signal(signal.SIGSTOP)
    bar.lift()  # its accept is applied, and nobody reads the answer
    await site.at_work(site.hire())
    await until(released(site, first, second), "the other takes over", within=60)
    assert site.panel.effects["AcceptOrder"] == 2
    frozen.send_signal(signal.SIGCONT)

    async def reborn() -> bool:
        return any(row.id not in before and row.stopped_at is None for row in await site.rows(mine))

    await until(reborn, "the thawed worker goes on under a new id")
    third = await site.panel.place_order(site.clients[2], site.products[:1], pay=True)
    await until(released(site, third.id), "both go on working")
    await check_end(site)
    assert site.panel.effects["AcceptOrder"] == 3
    assert [service.creates for service in site.panel.state.services.values()] == [1, 1, 1]
    log = site.log_of(frozen)
    assert frozen.poll() is None
    assert "worker.declared_dead" in log
    assert "event.claim_lost" in log
    assert "panel_call.claim_lost" in log


# --- concurrent in one process, where the moment can be chosen ----------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class BarredDatabase(Database):
    """The first units of work begin only when as many as the barrier wants are about to begin."""

    barrier: asyncio.Barrier
    met: list[int]

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        if len(self.met) < self.barrier.parties:
            async with asyncio.timeout(30):
                self.met.append(await self.barrier.wait())
        async with super().begin() as connection:
            yield connection


class Nobody:
    """The worker of a house in which others do the work."""

    async def run_once(self) -> bool:
        return False


@asynccontextmanager
async def crews_of(house: House, count: int) -> AsyncIterator[tuple[list[Crew], Wire]]:
    """Return this many workers, each with its own connections, and no others."""
    house.worker = Nobody()  # type: ignore[assignment]
    wire = Wire(house.panel, clock=house.clock, seed=1, settle=timedelta(seconds=150))
    crews = [Crew(house, wire, seed) for seed in range(count)]
    try:
        yield crews, wire
    finally:
        for crew in crews:
            await crew.close()


@postgres
async def test_two_workers_decide_on_two_events_of_one_order_at_the_same_moment(db: Database) -> None:
    async with open_house(db, policy=POLICY) as house, crews_of(house, 2) as (crews, wire):
        client, product = shop(house, autosetup="accept")
        house.panel.configure(post_promptly=False)
        placed = await house.panel.place_order(client, [product], pay=True)
        for event in house.panel.pending_events():
            if event.data.get("order_id") == placed.id:
                assert await house.panel.outbox.post(event)
        barrier, met = asyncio.Barrier(2), list[int]()
        for crew in crews:
            crew.handlers_database = lambda own: BarredDatabase(
                own.url, own.reader, own.writer, barrier=barrier, met=met
            )
        first = asyncio.create_task(crews[0].run_once())
        async with asyncio.timeout(10):
            while barrier.n_waiting == 0:
                await asyncio.sleep(0.01)
        assert all(await asyncio.gather(first, crews[1].run_once()))
        assert sorted(met) == [0, 1], "both had gathered before either could commit"
        for _ in range(40):
            house.clock.forward(seconds=1)
            await asyncio.gather(*(crew.run_once() for crew in crews))
        order = await house.order(placed.id)
        assert (order["state"], house.effects("AcceptOrder")) == ("released", 1)
        assert [line["what"] for line in order["timeline"]].count("accepted") == 1
        async with db.read() as connection:
            assert await connection.scalar(sa.select(sa.func.count()).select_from(decisions)) == 1
        assert wire.overlaps == []


@postgres
async def test_money_calls_of_one_customer_go_one_at_a_time_through_four_workers(db: Database) -> None:
    async with open_house(db, policy=POLICY) as house, crews_of(house, 4) as (crews, wire):
        client, product = shop(house)
        await house.panel.place_order(client, [product])
        await crews[0].run_once()
        amounts = [f"{number}.{number:02}" for number in range(1, 17)]
        for amount in amounts:
            answer = await house.api.post(f"/v1/customers/{client}/credits", json={"amount": amount, "reason": amount})
            assert answer.status_code == 202, answer.text
        house.panel.faults.latency = 0.01
        for _ in range(60):
            house.clock.forward(seconds=1)
            await asyncio.gather(*(crew.run_once() for crew in crews))
        assert wire.overlaps == []
        assert house.effects("AddCredit") == len(amounts)
        assert house.panel.state.clients[client].credit == sum(map(Decimal, amounts))
        calls = (await house.api.get("/v1/panel-calls?state=done&limit=100")).json()["items"]
        credited = [call for call in calls if call["action"] == "add_credit"]
        assert [call["attempts"] for call in credited] == [1] * len(amounts)


# --- an event that kills its worker -------------------------------------------------------------------------------


@sqlite
async def test_an_event_that_kills_its_worker_again_and_again_fails_and_blocks_nobody(site: Site) -> None:
    """Each read of this order kills the worker; it is restarted each time."""
    deadly = await site.panel.place_order(site.clients[0], site.products[:1])
    deaths = []

    async def execute(call: WireCall) -> None:
        worker = site.named(call.caller)
        if call.action == "GetOrders" and call.order_id == deadly.id and worker is not None:
            deaths.append(worker.pid)
            kill(worker)

    site.road.before = execute
    other = await site.panel.place_order(site.clients[1], site.products[:1], pay=True)

    async def failed() -> bool:
        if not site.workers or site.workers[-1].poll() is not None:
            site.hire()
        found = (await site.read("/v1/events?state=failed"))["items"]
        return [(row["order_id"], row["result"]) for row in found] == [(deadly.id, "kills-its-worker")]

    await until(failed, "the event is shown as failed")
    assert len(deaths) == 5
    await until(released(site, other.id), "the other order is released", within=15)
    assert site.panel.effects["AcceptOrder"] == 1
