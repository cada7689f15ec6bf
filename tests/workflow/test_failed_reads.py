"""A temporarily failed read decides nothing: the event waits, and decisions with all facts stay."""

from __future__ import annotations

import random
from typing import Any

import pytest
import sqlalchemy as sa

from app.db import Database
from app.messaging import inbox
from app.sandbox.faults import FaultKind
from app.tables.outbox import panel_calls
from tests.stories.house import POLICY, House, open_house

WISH = "Please install Debian 7 by hand with our old panel, as we agreed on the phone."
#: Every read in gathering an order that a customer placed and that has a fee.
READS = (
    "GetOrders", "GetClientsDetails", "GetClients", "GetClientsProducts", "GetInvoice", "GetProducts", "GetTickets",
    "GetPayMethods",
)  # fmt: skip
FOREVER = 10_000


def shop(house: House) -> tuple[int, int]:
    product = house.panel.add_product("Starter", autosetup="payment", pricing={"USD": {"monthly": "10.00"}})
    client = house.panel.add_client("Rita", "Regular", email="r@example.com", created_at="2019-05-01", currency="USD")
    return client.id, product.id


async def look_again(house: House, order_id: int) -> None:
    """Let the order be read again, as many events cause."""
    async with house.db.begin() as tx:
        await inbox.add_internal(tx, type="order.read_back", data={"order_id": order_id}, now=house.clock.now)
    await house.settle()


async def calls(house: House, action: str) -> list[Any]:
    query = sa.select(panel_calls).where(panel_calls.c.action == action, panel_calls.c.state != "cancelled")
    async with house.db.read() as connection:
        return list((await connection.execute(query)).all())


def fail(house: House, action: str, *, times: int = FOREVER, kind: FaultKind = "error_500_before") -> None:
    house.panel.faults.clear()
    house.panel.faults.add(kind, action=action, times=times)


def forget(house: House) -> None:
    """Clear all caches of panel data, as after a restart."""
    house.context.catalogue.products = ()
    for reads in (house.context.customers, house.context.services, house.context.tickets, house.context.pay_methods):
        reads.read.clear()


@pytest.mark.parametrize("read", READS)
async def test_a_regular_s_paid_order_waits_for_a_read_that_fails_and_is_accepted(house: House, read: str) -> None:
    client, product = shop(house)
    await house.panel.open_ticket(client, "Hello", "Just wanted to say thank you.")  # else no ticket is listed
    await house.settle(seconds=60)
    forget(house)
    fail(house, read)
    placed = await house.panel.place_order(client, [product], pay=True)
    await house.wait(60)
    assert await calls(house, "accept_order") == []
    answer = await house.api.get(f"/v1/orders/{placed.id}")
    assert answer.status_code == 404 or answer.json()["decision"] is None
    house.panel.faults.clear()
    await house.wait(200)
    order = await house.order(placed.id)
    assert (order["state"], order["decision"]["outcome"]) == ("released", "approve")
    assert await calls(house, "add_client_note") == []


async def test_the_gate_is_shut_for_an_order_whose_reads_fail_though_nobody_told_us_of_it_yet(house: House) -> None:
    """The panel asks during the checkout, before its hook reports the order."""
    client, product = shop(house)
    fail(house, "GetClientsDetails")
    placed = await house.panel.place_order(client, [product], pay=True)
    built = [one.status for one in house.panel.state.services.values() if one.order_id == placed.id]
    assert built == ["Pending"]
    house.panel.faults.clear()
    await house.wait(300)
    assert (await house.order(placed.id))["provisioning"] == "done"


@pytest.mark.parametrize("read", READS)
async def test_a_fee_stays_as_it_was_asked_for_whatever_read_fails_and_for_however_long(
    house: House, read: str
) -> None:
    client, product = shop(house)
    placed = await house.panel.place_order(client, [product], notes=WISH, pay=True)
    await house.wait(60)
    before = await house.order(placed.id)
    assert (before["hold"]["kind"], before["fee"]["state"]) == ("fee", "unpaid")
    forget(house)
    for minutes in (1, 20):
        fail(house, read)
        await look_again(house, placed.id)
        await house.wait(minutes * 60)
        house.panel.faults.clear()
        await house.wait(1_000)
    after = await house.order(placed.id)
    assert after["fee"] == before["fee"]
    assert after["decision"] == before["decision"]
    for action, count in {"create_invoice": 1, "cancel_invoice": 0, "add_client_note": 1, "open_ticket": 1}.items():
        assert len(await calls(house, action)) == count, action


async def test_after_the_limit_it_is_decided_without_them_and_anew_when_they_are_there(house: House) -> None:
    client, product = shop(house)
    fail(house, "GetClientsDetails")
    placed = await house.panel.place_order(client, [product], pay=True)
    await house.wait(9 * 60)
    answer = await house.api.get(f"/v1/orders/{placed.id}")
    assert answer.status_code == 404 or answer.json()["decision"] is None
    await house.wait(3 * 60)
    order = await house.order(placed.id)
    assert order["state"] == "held"
    assert order["decision"]["reasons"][0]["code"] == "facts_missing"
    await house.wait(3 * 3600)
    assert (await house.order(placed.id))["state"] == "held"
    house.panel.faults.clear()
    await house.wait(3600)
    order = await house.order(placed.id)
    assert (order["state"], order["decision"]["outcome"]) == ("released", "approve")
    assert len(await calls(house, "add_client_note")) == 1


async def test_what_a_person_decided_meanwhile_stays(house: House) -> None:
    client, product = shop(house)
    fail(house, "GetClientsDetails")
    placed = await house.panel.place_order(client, [product], pay=True)
    await house.wait(12 * 60)
    assert (await house.act(placed.id, "reject")).status_code == 200
    house.panel.faults.clear()
    await house.wait(3600)
    assert (await house.order(placed.id))["state"] == "rejected"


@pytest.mark.parametrize("seed", range(4))
async def test_reads_that_fail_at_random_end_in_one_decision_one_invoice_one_note(house: House, seed: int) -> None:
    """One read in four fails, in alternating good and bad minutes."""
    chance = random.Random(seed)
    client, product = shop(house)
    plain = await house.panel.place_order(client, [product], pay=True)
    wished = await house.panel.place_order(client, [product], notes=WISH, pay=True)
    for _ in range(12):
        house.panel.faults.clear()
        for read in READS:
            house.panel.faults.add("error_500_before", action=read, times=chance.choice((0, 0, 0, 1, 2)))
        forget(house)
        await look_again(house, chance.choice((plain.id, wished.id)))
        await house.wait(chance.choice((1, 7, 40, 200)))
    house.panel.faults.clear()
    await house.wait(2 * 3600)
    assert (await house.order(plain.id))["state"] == "released"
    held = await house.order(wished.id)
    assert (held["hold"]["kind"], held["fee"]["state"]) == ("fee", "unpaid")
    for action, count in {"create_invoice": 1, "cancel_invoice": 0, "add_client_note": 1, "open_ticket": 1}.items():
        assert len(await calls(house, action)) == count, action


async def test_the_same_fee_wanted_again_keeps_an_invoice_whose_cancelling_was_not_sent_yet(house: House) -> None:
    client, product = shop(house)
    placed = await house.panel.place_order(client, [product], notes=WISH, pay=True)
    await house.wait(60)
    before = await house.order(placed.id)
    assert (await house.api.post("/v1/ops/pause", json={})).status_code == 200
    assert (await house.act(placed.id, "hold")).json()["fee"]["invoice_id"] == before["fee"]["invoice_id"]
    assert (await house.act(placed.id, "charge-fee", amount=before["fee"]["amount"])).status_code == 200
    await house.api.post("/v1/ops/resume", json={})
    await house.wait(60)
    after = await house.order(placed.id)
    assert after["fee"] == before["fee"]
    assert after["hold"]["kind"] == "fee"
    assert [len(await calls(house, action)) for action in ("create_invoice", "cancel_invoice")] == [1, 0]


async def test_the_same_fee_wanted_again_keeps_an_invoice_that_is_being_created(house: House) -> None:
    client, product = shop(house)
    house.panel.faults.add("kept", action="CreateInvoice")
    placed = await house.panel.place_order(client, [product], notes=WISH, pay=True)
    await house.settle(seconds=10)
    order = await house.order(placed.id)
    assert [call.state for call in await calls(house, "create_invoice")] == ["unknown"]
    assert (await house.act(placed.id, "hold")).status_code == 200
    amount = order["fee"]["amount"]
    assert (await house.act(placed.id, "charge-fee", amount=amount)).status_code == 200
    await house.panel.apply_kept()
    await house.wait(600)
    after = await house.order(placed.id)
    assert (after["fee"]["state"], after["fee"]["amount"], after["hold"]["kind"]) == ("unpaid", amount, "fee")
    assert [len(await calls(house, action)) for action in ("create_invoice", "cancel_invoice")] == [1, 0]
    assert house.effects("CreateInvoice") == 1


class Emptied:
    """The panel, except that some of its answers are empty for a while."""

    def __init__(self, panel: Any) -> None:
        self._panel = panel
        self.empty: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        read = getattr(self._panel, name)
        nothing: Any = () if name in {"services", "catalogue", "tickets", "pay_methods"} else None

        async def answer(*args: Any, **options: Any) -> Any:
            return nothing if name in self.empty else await read(*args, **options)

        return answer if callable(read) else read


@pytest.mark.parametrize("read", ["customer", "services", "catalogue", "invoice"])
async def test_an_answer_that_is_empty_for_a_moment_is_asked_for_again(house: House, read: str) -> None:
    client, product = shop(house)
    wished = await house.panel.place_order(client, [product], notes=WISH, pay=True)
    await house.wait(60)
    before = await house.order(wished.id)
    panel = Emptied(house.context.panel)
    house.context.panel = panel  # type: ignore[assignment]
    forget(house)
    panel.empty = {read}
    plain = await house.panel.place_order(client, [product], pay=True)
    await look_again(house, wished.id)
    await house.wait(20)
    panel.empty = set()
    await house.wait(600)
    assert (await house.order(plain.id))["state"] == "released"
    after = await house.order(wished.id)
    assert (after["fee"], after["decision"]) == (before["fee"], before["decision"])
    assert len(await calls(house, "create_invoice")) == 1


async def test_a_customer_who_is_really_gone_is_a_person_s_to_look_at(house: House) -> None:
    client, product = shop(house)
    panel = Emptied(house.context.panel)
    house.context.panel = panel  # type: ignore[assignment]
    panel.empty = {"customer"}
    placed = await house.panel.place_order(client, [product], pay=True)
    await house.wait(300)
    order = await house.order(placed.id)
    assert order["decision"]["reasons"][0]["code"] == "facts_missing"


async def test_a_right_that_our_role_lacks_holds_nothing_up(house: House) -> None:
    client, product = shop(house)
    fail(house, "GetTickets", kind="http_403_permission")
    placed = await house.panel.place_order(client, [product], pay=True)
    await house.wait(60)
    assert (await house.order(placed.id))["state"] == "released"


async def test_delays_of_zero_do_not_ask_the_panel_without_a_pause(db: Database) -> None:
    async with open_house(db, policy=POLICY, retry_delays=(0.0,)) as house:
        client, product = shop(house)
        fail(house, "GetClientsDetails")
        await house.panel.place_order(client, [product], pay=True)
        await house.wait(5)  # comes to rest each second
        house.panel.faults.clear()
        await house.wait(200)
        assert len(await calls(house, "accept_order")) == 1


async def test_a_provider_may_choose_not_to_wait(house: House) -> None:
    client, product = shop(house)
    document = "[facts]\nwait_minutes = 0\n[messages]\ndepartment_id = 1\n"
    published = (await house.api.post("/v1/policies", json={"document": document})).json()
    await house.api.post(f"/v1/policies/{published['version']}/activate", json={})
    fail(house, "GetClientsDetails")
    placed = await house.panel.place_order(client, [product], pay=True)
    await house.wait(30)
    assert (await house.order(placed.id))["decision"]["reasons"][0]["code"] == "facts_missing"
