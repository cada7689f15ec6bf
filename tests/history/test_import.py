"""`doorman import` against the sandbox: everything once, never again, resumed after a stop, continued with new rows."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from rich.console import Console

from app.cli.history import run_import, summary
from app.config import Settings
from app.context import Context
from app.db import Database
from app.history import imported as history_rows
from app.history import writing as history_writing
from app.history.cases.build import Built
from app.history.cases.rows import absent_resources
from app.history.imported import Resource
from app.history.panel_import import Imported, import_history
from app.panels.base import PanelUnavailable
from app.panels.brakes.limiter import RateLimiter
from app.panels.records import CustomerStats
from app.panels.whmcs import walking
from app.panels.whmcs.client import WhmcsClient, default_timeout
from app.panels.whmcs.history import WhmcsHistory
from app.panels.whmcs.lines import HttpxLine
from app.panels.whmcs.panel import WhmcsPanel
from app.sandbox import Behaviours, SandboxPanel
from app.sandbox.control import IDENTIFIER, SECRET
from app.sandbox.models import PayMethod
from app.sandbox.server import create_app, serving
from app.tables.history import Label, imports, panel_rows

pytestmark = pytest.mark.both_databases("many rows at a time, with types of each database")

ROOT = Path(__file__).parents[2]
ORDERS = 260
NOW = datetime(2026, 8, 14, 12, 0, tzinfo=UTC)


class Stopped(Exception):
    """The import is killed here."""


@dataclass
class Wire(httpx.AsyncBaseTransport):
    """The sandbox behind the adapter: counts calls, can die at one of them, and can answer the first ones unusually."""

    sandbox: SandboxPanel
    dies_at: int = 0
    odd: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.inner = httpx.ASGITransport(create_app(self.sandbox))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(dict(httpx.QueryParams(request.content.decode()))["action"])
        if len(self.calls) == self.dies_at:
            raise Stopped
        if self.calls[-1] in self.odd:
            self.odd.remove(self.calls[-1])
            return httpx.Response(200, json={"result": "success"})
        return await self.inner.handle_async_request(request)


@dataclass
class Town:
    """A panel with a past, and a database to import it into."""

    db: Database
    sandbox: SandboxPanel
    clock: list[datetime]
    wire: Wire

    async def imported(self, *, since: datetime | None = None, dies_at: int = 0) -> Imported:
        self.wire = Wire(self.sandbox, dies_at)
        client = WhmcsClient(
            "http://127.0.0.1:9", identifier=SecretStr(IDENTIFIER), secret=SecretStr(SECRET),
            timeout=default_timeout(), limiter=RateLimiter(100_000, slots=8), lines=[HttpxLine(self.wire)],
        )  # fmt: skip
        panel = WhmcsPanel(client, zone=ZoneInfo("Europe/Berlin"), now=lambda: self.clock[0])
        context = Context(db=self.db, settings=settings_for(self.db), panel=panel, clock=lambda: self.clock[0])
        try:
            return await import_history(context, panel.history(), since=since, heard=lambda *_: None)
        finally:
            await panel.aclose()

    async def kept(self) -> dict[tuple[str, int], bytes]:
        async with self.db.read() as connection:
            rows = await connection.execute(sa.select(panel_rows.c.resource, panel_rows.c.row_id, panel_rows.c.data))
        return {(row.resource, row.row_id): bytes(row.data) for row in rows}

    async def records(self, resource: Resource) -> list[Any]:
        return [record async for record in history_rows.stored(self.db, resource)]

    async def forget(self) -> None:
        async with self.db.begin() as tx:
            await tx.execute(sa.delete(panel_rows))
            await tx.execute(sa.delete(imports))


def settings_for(db: Database, **more: Any) -> Settings:
    return Settings(
        database_url=db.url.render_as_string(hide_password=False),
        panel_identifier=SecretStr(IDENTIFIER), panel_secret=SecretStr(SECRET),
        **{"panel_url": "http://127.0.0.1:9", **more},
    )  # fmt: skip


def make_town(db: Database, *, orders: int = ORDERS, **behaviours: Any) -> Town:
    clock = [NOW]
    sandbox = SandboxPanel(behaviours=Behaviours(**behaviours), now=lambda: clock[0])
    sandbox.add_history(orders=orders, years=1.5)
    return Town(db, sandbox, clock, Wire(sandbox))


@pytest.fixture
async def town(db: Database) -> AsyncIterator[Town]:
    made = make_town(db)
    yield made
    await made.sandbox.close()


async def test_everything_the_panel_has_is_kept_and_no_secret(town: Town) -> None:
    done = await town.imported()
    state, kept = town.sandbox.state, await town.kept()
    wanted: dict[Resource, set[int]] = {
        Resource.CUSTOMERS: set(state.clients),
        Resource.ORDERS: set(state.orders),
        Resource.SERVICES: set(state.services),
        Resource.INVOICES: set(state.invoices),
        Resource.TICKETS: set(state.tickets),
        Resource.CREDITS: {credit.id for rows in state.credits_of.values() for credit in rows},
    }
    for resource, ids in wanted.items():
        assert {row_id for name, row_id in kept if name == resource.value} == ids
    assert done.read[Resource.ORDERS] == ORDERS
    everything = b"".join(kept.values())
    assert not any(service.password.encode() in everything for service in state.services.values())


async def test_records_come_back_as_the_panel_has_them(town: Town) -> None:
    await town.imported()
    state = town.sandbox.state
    for record in await town.records(Resource.CUSTOMERS):
        client = state.clients[record.customer.customer_id]
        assert record.signed_up_on == client.created_at.astimezone(town.sandbox.ctx.zone).date()
        assert (record.customer.currency, record.customer.country) == (client.currency, client.country)
        assert record.customer.stats == CustomerStats()
    pounds = 0
    for order in await town.records(Resource.ORDERS):
        past = state.orders[order.order_id]
        assert order.placed_at == past.placed_at.replace(microsecond=0)
        assert (order.status, order.amount.amount_minor) == (past.status, int(past.amount * 100))
        assert order.amount.currency == past.currency
        pounds += past.currency == "GBP"  # for which the panel writes only the sign
    assert pounds
    for service in await town.records(Resource.SERVICES):
        assert dict(service.custom_fields) == state.services[service.service_id].custom_fields
    refunded = [row for row in await town.records(Resource.INVOICES) if row.status == "Refunded"]
    assert refunded
    assert all(row.refunded_at is not None for row in refunded)


async def test_messages_are_read_of_tickets_that_may_have_asked_for_an_order_and_of_no_other(town: Town) -> None:
    done = await town.imported()
    read = {ticket.ticket_id for ticket in await town.records(Resource.TICKETS) if ticket.replies}
    orders = town.sandbox.state.orders.values()
    entered = [(order.client_id, order.placed_at) for order in orders if order.admin_requestor_id]
    may_have = {
        ticket.id
        for ticket in town.sandbox.state.tickets.values()
        if any(
            ticket.client_id == client and timedelta() <= placed - ticket.opened_at <= timedelta(days=14)
            for client, placed in entered
        )
    }
    assert read == may_have
    assert read
    assert town.wire.calls.count("GetTicket") == len(read)
    assert done.read[Resource.TICKETS] == len(town.sandbox.state.tickets)  # messages are not tickets


async def test_a_call_for_one_customer_only_where_no_list_has_the_fact(town: Town) -> None:
    await town.imported()
    credited = {client for client, rows in town.sandbox.state.credits_of.items() if rows}
    assert town.wire.calls.count("GetClientsDetails") == len(town.sandbox.state.clients)
    assert town.wire.calls.count("GetCredits") == len(credited)
    ordered = {order.client_id for order in town.sandbox.state.orders.values()}
    assert town.wire.calls.count("GetPayMethods") == len(ordered)
    assert len(town.wire.calls) - len(credited) - len(ordered) - len(town.sandbox.state.clients) < 80


async def test_twice_is_once(town: Town) -> None:
    await town.imported()
    before = await town.kept()
    again = await town.imported()
    assert await town.kept() == before
    assert town.wire.calls.count("GetClientsDetails") == 0
    assert not again.first


async def test_killed_at_any_call_it_goes_on_to_the_same_end(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "PAGE", 4)
    town = make_town(db, orders=14)
    await town.imported()
    whole, calls = await town.kept(), len(town.wire.calls)
    assert calls > 20
    for dies_at in range(1, calls + 1):
        await town.forget()
        with pytest.raises(Stopped):
            await town.imported(dies_at=dies_at)
        await town.imported()
        assert await town.kept() == whole


async def test_a_page_and_its_place_are_one_transaction(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages stored before the stop are not read again."""
    monkeypatch.setattr(walking, "PAGE", 10)
    monkeypatch.setattr(history_writing, "BATCH", 1)
    await town.imported()
    last = len(town.wire.calls) - 1 - town.wire.calls[::-1].index("GetOrders")
    await town.forget()
    with pytest.raises(Stopped):
        await town.imported(dies_at=last)
    known = len(await town.records(Resource.ORDERS))
    assert known > ORDERS / 2
    await town.imported()
    assert town.wire.calls.count("GetOrders") <= (ORDERS - known) / 9 + 10
    assert town.wire.calls.count("GetClientsDetails") == 0


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_batch_that_waits_to_be_written_is_kept_though_the_import_is_stopped(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    await town.imported()
    first, second = (await town.records(Resource.ORDERS))[:2]
    await town.forget()
    monkeypatch.setattr(history_writing, "BATCH", 1)
    context = Context(db=town.db, settings=settings_for(town.db), clock=lambda: NOW)
    handed_over = asyncio.Event()

    async def some() -> None:
        async with history_writing.Batches(context, Resource.ORDERS) as batches:
            await batches.add([first])
            handed_over.set()
            await batches.add([second])  # waits until the first is written

    async with town.db.begin():  # nobody else can write
        importing = asyncio.create_task(some())
        await handed_over.wait()
        importing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await importing
    assert await town.records(Resource.ORDERS) == [first]


@pytest.mark.parametrize("newest_first", [True, False])
async def test_a_later_import_brings_what_is_new_or_changed(db: Database, newest_first: bool) -> None:
    town = make_town(db, orders_newest_first=newest_first)
    state = town.sandbox.state
    pending = [order for order in state.orders.values() if order.status == "Active"][:2]
    for order in pending:
        order.status = "Pending"
    await town.imported()
    town.clock[0] += timedelta(days=200)  # nothing is recent any more, some are still open
    await town.sandbox.staff_cancel(pending[0].id)
    await town.sandbox.staff_cancel(pending[1].id)
    await town.sandbox.staff_delete(pending[1].id)
    charged_back = next(row for row in state.invoices.values() if row.status == "Paid")
    charged_back.status = "Collections"
    open_ones = {order.id for order in pending}
    found_out = next(order for order in state.orders.values() if order.status == "Active" and order.id not in open_ones)
    found_out.status = "Fraud"
    client = next(client for client in state.clients.values() if client.id != pending[0].client_id)
    client.email = "moved@example.net"
    product = next(iter(state.products))
    new = await town.sandbox.place_order(client.id, [product])
    ticket = await town.sandbox.open_ticket(client.id, "Hello", "Where is it?")
    await town.imported()
    orders = {order.order_id: order for order in await town.records(Resource.ORDERS)}
    assert new.id in orders
    assert orders[pending[0].id].status == "Cancelled"
    assert orders[pending[1].id].status == "Deleted"
    assert orders[found_out.id].status == "Fraud"
    invoices = {invoice.invoice_id: invoice for invoice in await town.records(Resource.INVOICES)}
    assert invoices[charged_back.id].status == "Collections"
    assert new.invoice_id in invoices
    assert set(new.service_ids) <= {service.service_id for service in await town.records(Resource.SERVICES)}
    assert ticket.id in {one.ticket_id for one in await town.records(Resource.TICKETS)}
    emails = {one.customer.customer_id: one.customer.email for one in await town.records(Resource.CUSTOMERS)}
    assert emails[client.id] == "moved@example.net"
    assert town.wire.calls.count("GetClientsDetails") == 1
    await town.sandbox.close()


async def test_since_leaves_out_what_was_placed_before_and_stays_the_bound(town: Town) -> None:
    since = NOW - timedelta(days=90)
    await town.imported(since=since)
    state = town.sandbox.state
    young = {order.id: order for order in state.orders.values() if order.placed_at.replace(microsecond=0) >= since}
    assert 0 < len(young) < ORDERS
    assert {order.order_id for order in await town.records(Resource.ORDERS)} == set(young)
    theirs = {order.client_id for order in young.values()}
    assert {one.customer.customer_id for one in await town.records(Resource.CUSTOMERS)} == theirs
    older = {row.id for row in state.invoices.values() if row.client_id in theirs}
    assert {row.invoice_id for row in await town.records(Resource.INVOICES)} == older
    before = await town.kept()
    await town.imported()
    assert await town.kept() == before
    await town.imported(since=since - timedelta(days=200))
    assert len(await town.records(Resource.ORDERS)) > len(young)


async def test_orders_placed_while_it_runs_hide_none(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "PAGE", 10)
    before = set(town.sandbox.state.orders)
    client, product = next(iter(town.sandbox.state.clients)), next(iter(town.sandbox.state.products))

    async def customers_order() -> None:
        while True:
            await town.sandbox.place_order(client, [product])
            await asyncio.sleep(0)

    ordering = asyncio.create_task(customers_order())
    wire = Wire(town.sandbox)
    whmcs = WhmcsClient(
        "http://127.0.0.1:9", identifier=SecretStr(IDENTIFIER), secret=SecretStr(SECRET),
        timeout=default_timeout(), limiter=RateLimiter(100_000, slots=8), lines=[HttpxLine(wire)],
    )  # fmt: skip
    panel = WhmcsPanel(whmcs)
    found: set[int] = set()
    async with aclosing(panel.history().orders()) as stretches:
        async for stretch in stretches:
            found |= {order.order_id for order in stretch.rows}
            if len(wire.calls) > 20:
                ordering.cancel()
    await asyncio.gather(ordering, return_exceptions=True)
    await panel.aclose()
    assert before <= found


async def test_a_success_without_what_was_asked_for_is_no_empty_list(db: Database) -> None:
    town = make_town(db, orders=14)
    town.sandbox.add_credit(next(iter(town.sandbox.state.clients)), "5.00")
    await town.imported()
    whole = await town.kept()
    await town.forget()
    actions = {"GetClients", "GetClientsDetails", "GetOrders", "GetClientsProducts", "GetInvoices", "GetTickets"}
    wire = Wire(town.sandbox, odd=actions | {"GetCredits"})
    client = WhmcsClient(
        "http://127.0.0.1:9", identifier=SecretStr(IDENTIFIER), secret=SecretStr(SECRET),
        timeout=default_timeout(), limiter=RateLimiter(100_000, slots=8), lines=[HttpxLine(wire)],
    )  # fmt: skip
    waited: list[float] = []

    async def zone() -> ZoneInfo:
        return ZoneInfo("Europe/Berlin")

    async def currency(customer_id: int) -> str:
        return town.sandbox.state.clients[customer_id].currency

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    reader = WhmcsHistory(client, zone=zone, currency=currency, sleep=sleep)
    context = Context(db=db, settings=settings_for(db), clock=lambda: NOW)
    await import_history(context, reader, since=None, heard=lambda *_: None)
    assert wire.odd == set()
    assert len(waited) == len(actions | {"GetCredits"})
    assert await town.kept() == whole
    await client.aclose()
    await town.sandbox.close()


async def test_pay_methods_are_read_where_our_role_allows_it(town: Town) -> None:
    client = next(order.client_id for order in town.sandbox.state.orders.values())
    card = PayMethod(id=1, last_four="4242", expires="02/28", token="cus_1|pm_1")
    town.sandbox.state.clients[client].pay_methods.append(card)
    town.sandbox.configure(role_lacks={"GetPayMethods"})
    await town.imported()
    assert await town.records(Resource.PAY_METHODS) == []
    assert "pay_methods" in await absent_resources(town.db)
    town.sandbox.configure(role_lacks=set())
    await town.imported()
    (kept,) = await town.records(Resource.PAY_METHODS)
    assert (kept.customer_id, [one.last_four for one in kept.methods]) == (client, ["4242"])
    assert "pm_1" not in str(kept)
    assert "pay_methods" not in await absent_resources(town.db)


async def test_an_action_that_our_role_lacks_is_named_in_the_panels_words(town: Town) -> None:
    town.sandbox.configure(role_lacks={"GetTickets"})
    with pytest.raises(PanelUnavailable, match='"gettickets" is not allowed'):
        await town.imported()
    town.sandbox.configure(role_lacks=set())
    await town.imported()
    assert len(await town.records(Resource.TICKETS)) == len(town.sandbox.state.tickets)


# --- the command ------------------------------------------------------------------------------------------------------


async def test_the_summary_says_what_was_read_and_what_to_type_next(town: Town) -> None:
    out = Console(file=io.StringIO(), width=200, highlight=False)
    async with serving(town.sandbox, cron=False) as url:
        assert await run_import(settings_for(town.db, panel_url=url), out, since=None, rate=0) == 0
    said = out.file.getvalue()  # type: ignore[attr-defined]
    assert f"{ORDERS:,} orders" in said
    assert "Next: doorman backtest --policy FILE" in said


def test_the_summary_names_what_is_left_out() -> None:
    kept = dict.fromkeys(Resource, 3)
    some = Built(
        orders=3,
        undated=2,
        labels=Counter({Label.OPEN: 1, Label.GOOD: 2}),
        absent=Counter({"catalogue": 3, "neighbours.payment": 3}),
        muted=Counter(shared_ip=7),
    )
    done = Imported(since=datetime(2026, 1, 1, tzinfo=UTC))
    said = summary(done, kept, seconds=1, built=some, zone_learned=False).plain
    assert "Orders placed before 2026-01-01 are left out, also from their customers' history." in said
    assert "Cases: 3 orders (2 active or ended, and paid, 1 open)." in said
    assert "2 more have no readable date" in said
    assert "The catalogue could not be read (API action GetProducts)" in said
    assert "  pay methods could not be read (API action GetPayMethods): shared_payment" in said
    assert "  only live orders have what it needs: minfraud, fraudrecord, anonymous_ip, hosting_network," in said
    assert "Muted on 7 orders, as it fired on too many that ended well: shared_ip." in said
    nothing = summary(Imported(), kept, seconds=1, built=Built(), zone_learned=False).plain
    assert nothing.endswith("Cases: 0 orders.")


async def test_the_rate_is_kept(db: Database) -> None:
    town = make_town(db, orders=40)
    out = Console(file=io.StringIO(), width=200, highlight=False)
    async with serving(town.sandbox, cron=False) as url:
        began = time.monotonic()
        await run_import(settings_for(db, panel_url=url), out, since=date(2026, 1, 1), rate=40)
        seconds = time.monotonic() - began
    assert town.sandbox.counts.total() / seconds <= 41


def _heed_ctrl_c() -> None:
    """Restore Ctrl-C: if the tests run in the background, their children ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


async def test_ctrl_c_ends_clean_and_says_how_to_go_on(db: Database) -> None:
    town = make_town(db)
    async with serving(town.sandbox, cron=False) as url:
        environment = {
            **os.environ, "PYTHONPATH": str(ROOT), "DOORMAN_DATABASE_URL": db.url.render_as_string(hide_password=False),
            "DOORMAN_PANEL_URL": url, "DOORMAN_PANEL_IDENTIFIER": IDENTIFIER, "DOORMAN_PANEL_SECRET": SECRET,
        }  # fmt: skip
        importing = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "app", "import", "--rate", "30", env=environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, preexec_fn=_heed_ctrl_c,
        )  # fmt: skip
        async with asyncio.timeout(60):
            while not await town.kept():
                await asyncio.sleep(0.05)
        importing.send_signal(signal.SIGINT)
        said, wrong = await importing.communicate()
    assert importing.returncode == 130, wrong
    assert "continue with: doorman import" in said.decode()
    assert b"Traceback" not in wrong
    known = len(await town.records(Resource.CUSTOMERS))
    await town.imported()
    assert town.wire.calls.count("GetClientsDetails") == len(town.sandbox.state.clients) - known
