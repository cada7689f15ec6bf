"""Shadow mode computes everything and calls nothing; the gate answers according to the contract."""

from __future__ import annotations

from app.db import Database
from tests.stories.house import POLICY, House, open_house
from tests.stories.test_orders import WISH, shop


async def test_shadow_decides_and_calls_nothing(db: Database) -> None:
    async with open_house(db, policy=POLICY, mode="shadow") as house:
        client, product = shop(house)
        placed = await house.panel.place_order(client, [product], notes=WISH, pay=True)
        await house.wait(100)
        order = await house.order(placed.id)
        assert order["decision"]["outcome"] == "hold_for_fee"
        assert order["decision"]["mode"] == "shadow"
        assert (order["hold"], order["fee"], order["actions"]) == (None, None, [])
        assert house.panel.writes == []
        answer = await house.act(placed.id, "approve")
        assert answer.status_code == 409
        assert answer.json()["type"] == "urn:doorman:problem:shadow-mode"
        gate = (await house.api.get(f"/v1/orders/{placed.id}/gate")).json()
        assert gate == {"provision": True, "reason": "shadow"}
        await house.panel.staff_accept(placed.id)
        await house.wait(30)
        assert (await house.order(placed.id))["state"] == "released"


async def test_gate_of_an_unknown_order_passes(house: House) -> None:
    gate = (await house.api.get("/v1/orders/424242/gate")).json()
    assert gate == {"provision": True, "reason": "not_ours"}
    assert (await house.api.get("/v1/orders/424242")).status_code == 404


async def test_gate_decides_at_once(house: House) -> None:
    client, product = shop(house, autosetup="accept")
    placed = await house.panel.place_order(client, [product])
    await house.settle()
    gate = (await house.api.get(f"/v1/orders/{placed.id}/gate")).json()
    assert gate == {"provision": True, "reason": "approved"}
    assert (await house.order(placed.id))["state"] == "awaiting_payment"


async def test_gate_when_the_panel_is_away(house: House) -> None:
    client, product = shop(house, autosetup="accept")
    placed = await house.panel.place_order(client, [product])
    house.panel.faults.add("http_429", times=10_000)
    known = (await house.api.get(f"/v1/orders/{placed.id}/gate")).json()
    assert known["provision"] is False
    assert known["reason"] == "undecided"
    unknown = (await house.api.get("/v1/orders/999999/gate")).json()
    assert unknown == {"provision": True, "reason": "not_ours"}


async def test_a_reply_lost_after_create_invoice_makes_no_second_one(house: House) -> None:
    client, product = shop(house)
    house.panel.faults.add("reset_after", action="CreateInvoice", times=1)
    placed = await house.panel.place_order(client, [product], notes=WISH, pay=True)
    await house.wait(600)
    order = await house.order(placed.id)
    assert order["fee"]["state"] == "unpaid"
    mine = [i for i in house.panel.state.invoices.values() if i.client_id == client and "doorman:fee" in str(i)]
    assert len(mine) == 1


async def test_an_answer_of_500_after_accept_is_found_to_be_done(house: House) -> None:
    client, product = shop(house, autosetup="accept")
    house.panel.faults.add("error_500_after", action="AcceptOrder", times=1)
    placed = await house.panel.place_order(client, [product], pay=True)
    await house.wait(60)
    order = await house.order(placed.id)
    assert (order["state"], order["provisioning"]) == ("released", "done")
    assert house.effects("AcceptOrder") <= 1


async def test_panel_down_for_an_hour_loses_nothing(house: House) -> None:
    client, product = shop(house)
    house.panel.faults.add("error_500_before", times=10_000)
    placed = await house.panel.place_order(client, [product], pay=True)
    await house.wait(3600)
    house.panel.faults.clear()
    await house.wait(4 * 3600)
    order = await house.order(placed.id)
    assert order["state"] == "released"
    assert house.effects("AcceptOrder") == 1


async def test_credit_is_granted_exactly_once(house: House) -> None:
    client, product = shop(house)
    await house.panel.place_order(client, [product], pay=True)
    await house.settle(seconds=30)
    house.panel.faults.add("reset_after", action="AddCredit", times=1)
    body = {"amount": "25.00", "reason": "for the outage"}
    first = await house.api.post(f"/v1/customers/{client}/credits", json=body)
    assert first.status_code == 202, first.text
    again = await house.api.post(f"/v1/customers/{client}/credits", json=body)
    assert again.status_code == 409
    await house.wait(400)
    credits = (await house.api.get(f"/v1/customers/{client}/credits")).json()["items"]
    assert [credit["state"] for credit in credits] == ["done"]
    assert len(house.panel.state.credits_of[client]) == 1
