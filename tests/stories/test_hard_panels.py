"""Panels that limit us, and customers with very much: nothing is lost, and the calls stay few."""

from __future__ import annotations

import sqlalchemy as sa

from app.tables.inbox import events
from tests.stories.house import House
from tests.stories.test_orders import shop

SERVICES = 3_000


async def test_a_panel_that_asks_us_to_slow_down_is_waited_for_and_nothing_is_lost(house: House) -> None:
    client, product = shop(house)
    for action in ("GetOrders", "GetInvoice", "AcceptOrder"):
        house.panel.faults.add("http_429", action=action, times=1)
    placed = await house.panel.place_order(client, [product], pay=True)
    await house.wait(60)
    order = await house.order(placed.id)
    assert (order["state"], order["provisioning"]) == ("released", "done")
    (call,) = [call for call in order["panel_calls"] if call["action"] == "accept_order"]
    assert (call["attempts"], house.effects("AcceptOrder")) == (1, 1)
    async with house.db.read() as connection:
        assert await connection.scalar(sa.select(sa.func.max(events.c.attempts))) == 1


async def test_a_customer_with_three_thousand_services_is_a_customer_like_others(house: House) -> None:
    client, product = shop(house)
    for number in range(SERVICES):
        house.panel.add_past_order(client, product, months_ago=1 + number % 60, status="Active")
    house.panel.counts.clear()
    placed = await house.panel.place_order(client, [product], pay=True)
    await house.settle(seconds=30)
    assert (await house.order(placed.id))["state"] == "released"
    assert sum(house.panel.counts.values()) <= 15
    house.panel.counts.clear()
    many = await house.panel.place_order(client, [product] * 5, pay=True)
    await house.settle(seconds=30)
    assert (await house.order(many.id))["state"] == "released"
    assert sum(house.panel.counts.values()) <= 50
