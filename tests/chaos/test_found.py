"""Regressions found by seeds: each of these stories once failed."""

from __future__ import annotations

import asyncio

from app.db import Database
from app.sandbox import Behaviours
from tests.stories.house import POLICY, open_house
from tests.stories.test_orders import shop


async def test_who_cancels_is_not_mistaken_for_who_accepted_just_before(db: Database) -> None:
    """The event of our own accept is handled after staff have cancelled the order."""
    async with open_house(db, policy=POLICY) as house:
        client, product = shop(house, autosetup="accept")
        placed = await house.panel.place_order(client, [product], pay=True)
        await house.settle()
        assert house.effects("AcceptOrder") == 1
        await house.panel.staff_cancel(placed.id, admin_id=7)
        await house.wait(30)
        order = await house.order(placed.id)
        assert (order["state"], order["decision"]["by"]) == ("cancelled", "panel:staff:7")


async def test_what_the_panel_builds_on_payment_is_not_built_by_our_accept_beside_it(db: Database) -> None:
    """The gate decides during the payment: the accept waits until the panel has finished."""
    async with open_house(db, policy=POLICY) as house:
        client, product = shop(house)
        house.panel.configure(module_seconds=0.3)
        placed = await house.panel.place_order(client, [product, product], pay=True)
        await house.wait(30)
        order = await house.order(placed.id)
        assert (order["state"], order["provisioning"]) == ("released", "done")
        assert house.effects("AcceptOrder") == 1
        assert [service.creates for service in house.panel.state.services.values()] == [1, 1]


async def test_news_that_was_stored_late_does_not_tell_that_the_panel_has_finished(db: Database) -> None:
    """A busy database stores the checkout's event after the gate's question, which arrived later."""
    async with open_house(db, policy=POLICY) as house:
        client, product = shop(house)
        house.panel.configure(module_seconds=0.5, post_promptly=False)
        checkout = asyncio.create_task(house.panel.place_order(client, [product], pay=True))
        async with asyncio.timeout(10):
            while not house.panel.gate.log:
                await asyncio.sleep(0.01)
        [created] = [event for event in house.panel.pending_events() if event.type == "order.created"]
        house.clock.forward(seconds=-1)
        assert await house.panel.outbox.post(created)
        house.clock.forward(seconds=1)
        await house.work()
        assert not checkout.done()
        await checkout
        house.panel.configure(post_promptly=True)
        await house.wait(30)
        assert [service.creates for service in house.panel.state.services.values()] == [1]
        await house.wait(600)
        assert house.effects("AcceptOrder") == 1


async def test_the_accept_goes_out_though_the_panel_never_tells_that_it_is_through(db: Database) -> None:
    behaviours = Behaviours(hook_repeats_by_type={"order.created": 0, "order.paid": 0, "invoice.paid": 0})
    async with open_house(db, policy=POLICY, behaviours=behaviours) as house:
        client, product = shop(house)
        placed = await house.panel.place_order(client, [product], pay=True)
        await house.wait(600)
        assert (await house.order(placed.id))["state"] == "released"
        assert house.effects("AcceptOrder") == 1
