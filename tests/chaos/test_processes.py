"""Real processes, killed by signal, on a PostgreSQL cluster that crashes, by seed.

Workers are killed by SIGKILL at random moments, when one of their calls reaches the panel, when it is applied but not
yet answered, and while they wait for a lock that the test holds (that is, between two statements of any transaction).
The API is killed, and the database is stopped without a checkpoint. DOORMAN_TEST_CHAOS_SEED replays one seed,
DOORMAN_TEST_CHAOS_KILLS=n sets the number of kills.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import httpx
import pytest
import sqlalchemy as sa

from app.installation import schema
from app.sandbox.context import BusinessError
from app.tables.inbox import events
from app.tables.outbox import panel_calls
from tests.chaos.cluster import Cluster, own_cluster
from tests.chaos.invariants import wrong
from tests.chaos.site import Site, kill, open_site, until
from tests.chaos.turnpike import WireCall
from tests.stories.test_orders import SUSPECT, WISH

ONE = os.environ.get("DOORMAN_TEST_CHAOS_SEED")
MANY = int(os.environ.get("DOORMAN_TEST_CHAOS_KILLS", "1"))
SEEDS = [int(ONE)] if ONE else range(1, 1 + MANY)
STEPS = 16
REPLICAS = 2
_TABLES = ("events", "orders", "decisions", "fees", "panel_calls", "timeline", "customers", "workers")
_FAULTS = ("error_500_before", "error_500_after", "reset_before", "reset_after", "garbage_after", "http_429", "late")


class Mayhem:
    """One seed's story."""

    def __init__(self, site: Site, cluster: Cluster | None, seed: int) -> None:
        """Without a cluster, Doorman uses a SQLite file and one worker."""
        self.site = site
        self.cluster = cluster
        self.rng = random.Random(seed)
        self.told: list[str] = []
        self.doomed: tuple[str, bool] | None = None
        """The action whose next call kills its worker, and whether the call is applied first."""
        site.road.before, site.road.after = self._before, self._after

    async def _before(self, call: WireCall) -> None:
        await self._execute(call, applied=False)

    async def _after(self, call: WireCall) -> None:
        await self._execute(call, applied=True)

    async def _execute(self, call: WireCall, *, applied: bool) -> None:
        worker = self.site.named(call.caller)
        if self.doomed == (call.action, applied) and worker is not None:
            self.doomed = None
            self.say(f"{call.caller} is killed at its {call.action}, {'after' if applied else 'before'} it is applied")
            kill(worker)
            self.site.hire()

    def say(self, what: str) -> None:
        self.told.append(what)

    def living(self) -> list[int]:
        return [number for number, worker in enumerate(self.site.workers) if worker.poll() is None]

    # --- what happens

    async def order(self) -> None:
        site, rng = self.site, self.rng
        notes, pay = rng.choice(("", "", WISH, WISH, SUSPECT)), rng.random() < 0.6
        order = await site.panel.place_order(
            rng.choice(site.clients), [rng.choice(site.products)], notes=notes, pay=pay
        )
        self.say(f"order {order.id}, {notes[:12]!r}, paid {pay}")

    async def pay(self) -> None:
        open_ = [row for row in self.site.panel.state.invoices.values() if row.status == "Unpaid"]
        if open_:
            invoice = self.rng.choice(open_)
            self.say(f"pay invoice {invoice.id}")
            await self.site.panel.pay_invoice(invoice.id)

    async def decide(self) -> None:
        orders = list(self.site.panel.state.orders)
        with suppress(httpx.TransportError):  # the API may be dead
            if orders:
                order_id, action = self.rng.choice(orders), self.rng.choice(("approve", "cancel", "waive-fee", "hold"))
                body = {"reason": "other"} if action == "cancel" else {}
                answer = await self.site.api.post(f"/v1/orders/{order_id}/{action}", json=body)
                self.say(f"{action} order {order_id}: {answer.status_code}")

    async def credit(self) -> None:
        client = self.rng.choice(self.site.clients)
        body = {"amount": f"{self.rng.randint(1, 900) / 100:.2f}", "reason": "sorry"}
        with suppress(httpx.TransportError):
            answer = await self.site.api.post(f"/v1/customers/{client}/credits", json=body)
            self.say(f"credit {body['amount']} to {client}: {answer.status_code}")

    async def fault(self) -> None:
        kind = self.rng.choice(_FAULTS)
        action = self.rng.choice(("AcceptOrder", "CreateInvoice", "AddCredit", "CancelOrder", "OpenTicket", "*"))
        seconds = self.rng.uniform(0.2, 2.5) if kind == "late" else 0.0
        self.say(f"fault: {kind} at {action}")
        self.site.panel.faults.add(kind, action=action, times=self.rng.choice((1, 1, 2)), seconds=seconds)  # type: ignore[arg-type]

    async def doom(self) -> None:
        actions = ("AcceptOrder", "CreateInvoice", "AddCredit", "OpenTicket", "GetOrders", "GetInvoices")
        self.doomed = self.rng.choice(actions), self.rng.random() < 0.5

    async def kill(self) -> None:
        if living := self.living():
            number = self.rng.choice(living)
            self.say(f"worker-{number} is killed")
            kill(self.site.workers[number])
            self.site.hire()

    async def kill_in_transaction(self) -> None:
        """Hold a lock until a worker waits for it during its work, and kill the worker there."""
        with suppress(OSError, asyncpg.PostgresError, TimeoutError, sqlite3.OperationalError):
            async with asyncio.timeout(6), self._lock():
                await asyncio.sleep(0.5)
                await self.kill()

    @asynccontextmanager
    async def _lock(self) -> AsyncIterator[None]:
        """Hold one table, or all of a SQLite file."""
        if self.cluster is None:
            with closing(sqlite3.connect(self.site.db.url.database or "", isolation_level=None, timeout=3)) as file:
                file.execute("BEGIN IMMEDIATE")
                self.say("the worker waits for the file")
                yield
                file.execute("ROLLBACK")
            return
        table = self.rng.choice(_TABLES)
        connection = await asyncpg.connect(self.cluster.url + "/doorman", timeout=5)
        try:
            async with connection.transaction():
                await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
                self.say(f"workers wait for the table {table}")
                yield
        finally:
            connection.terminate()

    async def kill_api(self) -> None:
        assert self.site.serving is not None
        self.say("the API is killed")
        children = Path(f"/proc/{self.site.serving.pid}/task/{self.site.serving.pid}/children").read_text().split()
        for child in children:
            os.kill(int(child), signal.SIGKILL)

    async def crash_database(self) -> None:
        if self.cluster is None:
            return
        self.say("the database crashes")
        await asyncio.to_thread(self.cluster.crash)
        await asyncio.sleep(self.rng.uniform(0, 1.5))
        await asyncio.to_thread(self.cluster.start)

    async def wait(self) -> None:
        await asyncio.sleep(self.rng.uniform(0, 1.5))

    # --- the end

    async def at_rest(self) -> bool:
        site = self.site
        await site.panel.run_cron()
        await site.panel.settled()
        waits = sa.select(events.c.id).where(events.c.state == "received", events.c.due_at < datetime.now(UTC))
        calls = sa.select(panel_calls.c.id).where(panel_calls.c.state.in_(["pending", "sending", "unknown"]))
        with suppress(sa.exc.SQLAlchemyError, OSError):
            return not site.panel.outbox.pending and not await site.rows(waits) and not await site.rows(calls)
        return False

    async def all_well(self) -> bool:
        with suppress(AssertionError, httpx.TransportError):  # the API has not recovered yet
            return await self.at_rest() and not wrong(await self.site.snapshot())
        return False


def acts(mayhem: Mayhem) -> dict[Callable[[], Awaitable[None]], int]:
    return {
        mayhem.order: 4, mayhem.pay: 3, mayhem.decide: 2, mayhem.credit: 2, mayhem.fault: 4, mayhem.doom: 4,
        mayhem.kill: 2, mayhem.kill_in_transaction: 3, mayhem.kill_api: 1, mayhem.crash_database: 2, mayhem.wait: 3,
    }  # fmt: skip


@asynccontextmanager
async def own_database(kind: str, folder: Path, template: Path) -> AsyncIterator[tuple[str, Cluster | None]]:
    """Yield a migrated database on a private cluster."""
    if kind == "sqlite":
        shutil.copyfile(template, folder / "doorman.db")
        yield f"sqlite:///{folder / 'doorman.db'}", None
        return
    with own_cluster() as cluster:
        connection = await asyncpg.connect(cluster.url + "/postgres")
        await connection.execute("CREATE DATABASE doorman")
        await connection.close()
        await asyncio.to_thread(schema.migrate, cluster.url + "/doorman")
        yield cluster.url + "/doorman", cluster


@pytest.mark.slow("processes are killed and started again, sixteen times")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", SEEDS)
async def test_nothing_is_lost_and_nothing_twice_whoever_is_killed(
    tmp_path: Path, sqlite_template: Path, database_kind: str, seed: int
) -> None:
    async with (
        own_database(database_kind, tmp_path, sqlite_template) as (url, cluster),
        open_site(tmp_path, url) as site,
    ):
        for _ in range(REPLICAS if cluster else 1):
            site.hire()
        await site.at_work(site.workers[-1])
        mayhem = Mayhem(site, cluster, seed)
        try:
            await story(mayhem)
        except BaseException:
            again = f"seed {seed} on {database_kind} (again: make chaos SEED={seed})"
            sys.stdout.write("\n".join([again, *mayhem.told, ""]))
            raise
        if ONE:
            sys.stdout.write("\n".join([*mayhem.told, ""]))


async def story(mayhem: Mayhem) -> None:
    """Play the story, let everything settle, then check the invariants."""
    steps, weights = zip(*acts(mayhem).items(), strict=True)
    await mayhem.order()
    for step in mayhem.rng.choices(steps, weights, k=STEPS):
        with suppress(BusinessError):
            await step()
    mayhem.say("calm")
    mayhem.doomed = None
    mayhem.site.panel.faults.clear()
    if not mayhem.living():
        mayhem.site.hire()
    await until(mayhem.site.ready, "the API is back")
    try:
        await until(mayhem.all_well, "everything is well", within=120)
    except BaseException:
        mayhem.told += wrong(await mayhem.site.snapshot())
        raise
