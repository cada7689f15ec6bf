"""Stories in which the panel changes without us: staff win, automation is a breach, hooks run early and twice."""

from __future__ import annotations

import pytest

from app.db import Database
from app.messaging import inbox
from app.sandbox import Behaviours
from tests.stories.house import POLICY, House, open_house
from tests.stories.test_orders import WISH, shop


async def held_order(house: House, *, pay: bool = True) -> int:
    client, product = shop(house)
    placed = await house.panel.place_order(client, [product], notes=WISH, pay=pay)
    await house.wait(100)
    assert (await house.order(placed.id))["state"] == "held"
    return int(placed.id)


async def test_staff_who_accept_a_held_order_win(house: House) -> None:
    order_id = await held_order(house)
    await house.panel.staff_accept(order_id, admin_id=7)
    await house.wait(30)
    order = await house.order(order_id)
    assert order["state"] == "released"
    assert order["decision"]["by"] == "panel:staff:7"
    assert order["fee"]["state"] == "cancelled"
    assert house.effects("AcceptOrder") == 0


async def test_cron_accepting_a_held_order_is_a_breach(db: Database) -> None:
    async with open_house(db, policy=POLICY, behaviours=Behaviours(gate_installed=False)) as house:
        order_id = await held_order(house, pay=False)
        await house.panel.cron_accept(order_id)
        await house.wait(30)
        order = await house.order(order_id)
        assert order["state"] == "held"
        assert "accepted_by_automation" in order["flags"]
        row = (await house.api.get("/v1/queue")).json()["items"][0]
        assert (row["order_id"], row["why"]) == (order_id, "breach")


async def test_staff_who_cancel_in_the_panel_end_it_and_the_fee(house: House) -> None:
    order_id = await held_order(house, pay=False)
    fee = (await house.order(order_id))["fee"]
    await house.panel.staff_cancel(order_id, admin_id=3)
    await house.wait(30)
    order = await house.order(order_id)
    assert order["state"] == "cancelled"
    assert order["decision"]["by"] == "panel:staff:3"
    assert house.panel.state.invoices[fee["invoice_id"]].status == "Cancelled"
    assert house.effects("CancelOrder") == 0


async def test_deleted_order_is_closed(house: House) -> None:
    order_id = await held_order(house, pay=False)
    await house.panel.staff_cancel(order_id)
    await house.panel.staff_delete(order_id)
    await house.wait(30)
    assert (await house.order(order_id))["state"] == "closed"


async def test_provisioned_by_hand_counts_as_the_decision_of_that_person(house: House) -> None:
    order_id = await held_order(house)
    await house.panel.staff_provision(order_id, admin_id=5)
    await house.wait(30)
    order = await house.order(order_id)
    assert order["decision"]["by"] == "panel:staff:5"
    assert order["state"] == "released"
    assert "hold_breached" not in order["flags"]


async def test_a_hold_that_did_not_hold_is_flagged(db: Database) -> None:
    async with open_house(db, policy=POLICY, behaviours=Behaviours(gate_installed=False)) as house:
        client, product = shop(house)
        placed = await house.panel.place_order(client, [product], notes=WISH, pay=True)
        await house.wait(30)
        order = await house.order(placed.id)
        assert order["state"] == "held"
        assert "hold_breached" in order["flags"]


@pytest.mark.parametrize(
    "behaviours",
    [
        Behaviours(hook_repeats=3),
        Behaviours(numbers="text", empty_list="list", single_item="object", noise="notice"),
        Behaviours(numbers="int", empty_list="missing", noise="bom", encode_entities=False),
        Behaviours(orders_newest_first=False, post_promptly=True, admin_orders_raise_checkout_hook=False),
        Behaviours(on_order_setup_before_hook=False, accept_activates_unbuilt=False, api_tickets_raise_hooks=False),
        Behaviours(issued_invoices="frozen", create_invoice_reports_paid=True, hook_repeats=2),
    ],
    ids=["three-hooks", "text-and-noise", "ints-and-bom", "old-first", "hooks-late", "frozen-invoices"],
)
async def test_the_main_story_ends_the_same_whatever_the_panel_is_like(db: Database, behaviours: Behaviours) -> None:
    async with open_house(db, policy=POLICY, behaviours=behaviours) as house:
        client, product = shop(house)
        placed = await house.panel.place_order(client, [product], notes=WISH, pay=True)
        await house.settle(seconds=30)
        fee = (await house.order(placed.id))["fee"]
        await house.panel.pay_invoice(fee["invoice_id"])
        await house.settle(seconds=60)
        order = await house.order(placed.id)
        assert (order["state"], order["panel_status"], order["provisioning"]) == ("released", "Active", "done")
        effects = {name: house.effects(name) for name in ("AcceptOrder", "CreateInvoice", "OpenTicket")}
        assert effects == {"AcceptOrder": 1, "CreateInvoice": 1, "OpenTicket": 1}


async def test_refused_accept_goes_to_a_person_and_can_be_sent_again(house: House) -> None:
    client, product = shop(house, autosetup="accept")
    house.panel.break_module(product, "Server is full")
    placed = await house.panel.place_order(client, [product], pay=True)
    await house.settle(seconds=30)
    order = await house.order(placed.id)
    if order["state"] == "held":  # the panel's answer decides whether it can be retried
        assert order["hold"]["kind"] == "review"
    assert order["provisioning"] != "done"
    assert house.panel.state.orders[placed.id].status in {"Pending", "Active"}


async def test_thousands_of_stale_pending_orders_cause_no_write(db: Database) -> None:
    """Real panels have thousands of old orders that are Pending although long active; events about them arrive."""
    async with open_house(db, policy=POLICY) as house:
        client, product = shop(house, autosetup="accept")
        clients = [
            client,
            *(house.panel.add_client(email=f"old{n}@example.com", currency="USD").id for n in range(499)),
        ]
        old = [
            house.panel.add_past_order(clients[n % 500], product, months_ago=3 + n % 60, status="Pending").id
            for n in range(2_000)
        ]
        async with db.begin() as tx:
            for n, order_id in enumerate(old[::50]):
                kind = ("order.read_back", "order.created", "order.paid", "order.fraud_checked")[n % 4]
                await inbox.add_internal(tx, type=kind, data={"order_id": order_id}, now=house.clock())
        await house.wait(300)
        order = await house.order(old[0])
        assert (order["state"], order["hold"], order["fee"]) == ("received", None, None)
        listed = (await house.api.get("/v1/orders?limit=100")).json()["items"]
        assert len(listed) == len(old[::50])
        assert house.panel.writes == []


async def test_orders_from_before_the_cut_over_are_left_alone(house: House) -> None:
    client, product = shop(house)
    old = house.panel.add_past_order(client, product, months_ago=2, status="Pending")
    async with house.db.begin() as tx:
        await inbox.add_internal(tx, type="order.read_back", data={"order_id": old.id}, now=house.clock())
    await house.wait(100)
    order = await house.order(old.id)
    assert (order["decision"]["mode"], order["fee"], order["state"]) == ("shadow", None, "received")
    assert house.panel.writes == []
    gate = (await house.api.get(f"/v1/orders/{old.id}/gate")).json()
    assert gate == {"provision": True, "reason": "before_cutover"}
