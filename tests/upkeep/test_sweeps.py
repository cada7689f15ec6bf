"""Nothing is stuck because its timer or event was lost: it is moved on, held for a person, or shown."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app.core.consequences import clocks
from app.core.records import AlertKind
from app.db import Database
from app.tables.alerts import alerts
from app.tables.inbox import events
from app.tables.orders import fees, orders
from app.upkeep import sweeps
from app.workflow import waiting
from app.workflow.waiting import Waiting
from tests.stories.house import House, open_house
from tests.stories.test_orders import SUSPECT, WISH, shop

pytestmark = pytest.mark.both_databases("what workers left behind is found by times and claims")

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


async def lose_events(house: House, *types: str) -> int:
    """Delete waiting events, as if they had never existed."""
    waiting_ones = sa.and_(events.c.state == "received", events.c.type.in_(types) if types else sa.true())
    async with house.db.begin() as tx:
        return int((await tx.execute(events.delete().where(waiting_ones))).rowcount)


async def sweep(house: House) -> None:
    await sweeps.round(house.context)
    await house.settle()


async def change(house: House, table: sa.Table, **values: Any) -> None:
    async with house.db.begin() as tx:
        await tx.execute(table.update().values(**values))


async def break_events(house: House, *types: str) -> None:
    """Mark waiting events of these types as failed, as if the handler were broken."""
    async with house.db.begin() as tx:
        failing = sa.and_(events.c.state == "received", events.c.type.in_(types))
        await tx.execute(
            events.update().where(failing).values(state="failed", result="broken", finished_at=house.clock())
        )


async def oldest(house: House, kind: Waiting) -> datetime | None:
    async with house.db.read() as connection:
        return (await waiting.oldest(connection, now=house.clock()))[kind]


async def swept(house: House) -> int:
    async with house.db.read() as connection:
        query = sa.select(sa.func.count()).where(events.c.webhook_id.contains("sweep:"))
        return int(await connection.scalar(query) or 0)


# --- orders that wait for us --------------------------------------------------------------------------------------


async def undecided(house: House) -> int:
    """Place an order that was read and has lost the timer that would have decided it."""
    client, product = shop(house)
    placed = await house.panel.place_order(client, [product])
    await house.settle()
    assert await lose_events(house, "order.settle") == 1
    return int(placed.id)


async def test_an_order_whose_settle_clock_is_lost_is_decided(house: House) -> None:
    order_id = await undecided(house)
    await house.wait(90 + 4 * MINUTE)
    await sweep(house)
    assert (await house.order(order_id))["state"] == "received"  # its own timer is not due yet
    assert await oldest(house, Waiting.UNDECIDED) is not None
    await house.wait(MINUTE)
    await sweep(house)
    assert (await house.order(order_id))["state"] == "awaiting_payment"
    assert await oldest(house, Waiting.UNDECIDED) is None
    await sweep(house)
    assert await swept(house) == 1


async def test_an_order_that_cannot_be_decided_is_held_for_a_person(house: House) -> None:
    order_id = await undecided(house)
    await house.wait(90 + 5 * MINUTE)
    async with house.turn:  # the worker does not run
        await sweeps.round(house.context)
        await sweeps.round(house.context)
        assert await swept(house) == 1
        await break_events(house, "order.settle")
    await sweep(house)
    order = await house.order(order_id)
    assert (order["state"], order["hold"]["kind"], order["decision"]["by"]) == ("held", "review", "clock")
    assert order["decision"]["reasons"][0]["code"] == "never_decided"
    assert [row["order_id"] for row in (await house.api.get("/v1/queue")).json()["items"]] == [order_id]


async def test_in_shadow_nothing_is_held(db: Database) -> None:
    async with open_house(db, mode="shadow") as house:
        order_id = await undecided(house)
        await house.wait(90 + 5 * MINUTE)
        async with house.turn:
            await sweeps.round(house.context)
            await break_events(house, "order.settle")
        await sweep(house)
        order = await house.order(order_id)
        assert (order["state"], order["hold"], order["decision"]) == ("received", None, None)


async def on_the_way(house: House, action: str) -> int:
    """Place an order whose accept or cancellation is done, but not reported."""
    client, product = shop(house, autosetup="accept")
    placed = await house.panel.place_order(client, [product], notes=SUSPECT if action == "cancel" else "")
    await house.wait(100)
    async with house.turn:
        if action == "cancel":
            await house.act(placed.id, "cancel")
        else:
            await house.panel.pay_invoice(placed.invoice_id)
        await step_until(house, "CancelOrder" if action == "cancel" else "AcceptOrder")
        await house.panel.delivered()
        await lose_events(house)
    return int(placed.id)


@pytest.mark.parametrize(
    ("action", "before", "after"), [("accept", "releasing", "released"), ("cancel", "rejecting", "cancelled")]
)
async def test_an_order_whose_call_is_done_unheard_moves_on(house: House, action: str, before: str, after: str) -> None:
    order_id = await on_the_way(house, action)
    house.clock.forward(minutes=4)
    await sweep(house)
    assert (await house.order(order_id))["state"] == before
    assert await oldest(house, Waiting(before)) is not None
    house.clock.forward(minutes=2)
    await sweep(house)
    assert (await house.order(order_id))["state"] == after
    assert await swept(house) == 1
    assert await oldest(house, Waiting(before)) is None


@pytest.mark.parametrize("state", ["releasing", "rejecting"])
async def test_an_order_on_its_way_without_any_call_goes_to_a_person(house: House, state: str) -> None:
    client, product = shop(house, autosetup="accept")
    placed = await house.panel.place_order(client, [product])
    await house.wait(10 * MINUTE)
    await change(house, orders, state=state)
    await sweep(house)
    await sweep(house)
    order = await house.order(placed.id)
    assert (order["state"], order["hold"]["kind"]) == ("held", "review")
    assert order["decision"]["reasons"][0]["code"] == "stuck"


async def test_a_call_under_way_is_left_alone(house: House) -> None:
    house.panel.faults.add("http_429", action="AcceptOrder", times=10_000)
    client, product = shop(house, autosetup="accept")
    placed = await house.panel.place_order(client, [product], pay=True)
    await house.wait(7 * MINUTE)
    for _ in range(3):
        await sweep(house)
    assert (await house.order(placed.id))["state"] == "releasing"
    assert await swept(house) == 0


async def test_a_paid_order_that_was_not_released_is(house: House) -> None:
    client, product = shop(house, autosetup="accept")
    placed = await house.panel.place_order(client, [product])
    await house.wait(10 * MINUTE)
    async with house.turn:
        await house.panel.pay_invoice(placed.invoice_id)
        await house.panel.delivered()
        assert await lose_events(house)
        await change(house, orders, settled=True)
    await house.settle()
    assert (await house.order(placed.id))["state"] == "awaiting_payment"
    await sweep(house)
    assert (await house.order(placed.id))["state"] == "released"
    assert await swept(house) == 1


# --- holds and fees -----------------------------------------------------------------------------------------------


async def test_a_fee_hold_whose_clock_is_lost_goes_to_review(house: House) -> None:
    client, product = shop(house)
    placed = await house.panel.place_order(client, [product], notes=WISH)
    await house.wait(100)
    assert await lose_events(house, "order.hold_due") == 1
    await house.wait(7 * DAY)
    assert (await house.order(placed.id))["hold"]["kind"] == "fee"
    await house.wait(5 * MINUTE)
    assert await oldest(house, Waiting.FEE_DUE) is not None
    await sweep(house)
    order = await house.order(placed.id)
    assert (order["hold"]["kind"], order["fee"]["state"]) == ("review", "cancelled")
    assert await oldest(house, Waiting.FEE_DUE) is None


async def test_an_overdue_review_is_told_though_its_clock_is_lost(house: House) -> None:
    client, product = shop(house)
    await house.panel.place_order(client, [product], notes=SUSPECT, pay=True)
    await house.settle(seconds=5)
    for reminder in range(1, clocks.REMINDERS + 2):
        await lose_events(house, "order.hold_due")
        await house.wait(DAY)
        for _ in range(3):
            await sweep(house)
        async with house.db.read() as connection:
            told = await connection.scalar(sa.select(sa.func.count()).where(alerts.c.kind == AlertKind.REVIEW_DUE))
        assert told == min(reminder, clocks.REMINDERS)


async def test_the_clock_of_a_hold_that_is_there_is_left_to_it(house: House) -> None:
    client, product = shop(house)
    await house.panel.place_order(client, [product], notes=SUSPECT, pay=True)
    await house.settle(seconds=5)
    await house.wait(5 * HOUR)
    await sweep(house)
    assert await swept(house) == 0


async def test_an_open_fee_of_an_order_that_is_not_held_is_read_back_once_a_day(house: House) -> None:
    client, product = shop(house)
    placed = await house.panel.place_order(client, [product], notes=WISH)
    await house.wait(100)
    await house.act(placed.id, "approve")
    await house.wait(60)
    await change(house, fees, state="unpaid", wanted_state=None)
    await house.wait(8 * DAY)
    for _ in range(3):
        await sweep(house)
    assert await swept(house) == 1
    assert (await house.order(placed.id))["fee"]["state"] == "cancelled"  # as its invoice is


# --- calls whose end was not reported -----------------------------------------------------------------------------


async def step_until(house: House, action: str) -> None:
    """Work until the panel has applied it, and lose the event about it; only while the background worker is stopped."""
    assert not house.effects(action)
    while not house.effects(action):
        await house.panel.delivered()
        assert await house.worker.run_once()
    assert await lose_events(house, "panel_call.settled")


async def test_a_fee_whose_invoice_is_out_unheard_is_offered(house: House) -> None:
    client, product = shop(house, autosetup="accept")
    async with house.turn:
        placed = await house.panel.place_order(client, [product], notes=WISH, pay=True)
        await step_until(house, "CreateInvoice")
    await house.wait(4 * MINUTE)
    await sweep(house)
    assert (await house.order(placed.id))["fee"]["state"] == "pending"
    await house.wait(2 * MINUTE)
    for _ in range(2):
        await sweep(house)
    assert (await house.order(placed.id))["fee"]["state"] == "unpaid"
    assert (await swept(house), house.effects("CreateInvoice"), house.effects("OpenTicket")) == (1, 1, 1)


async def test_a_fee_whose_invoice_is_cancelled_unheard_is_done_with(house: House) -> None:
    client, product = shop(house)
    placed = await house.panel.place_order(client, [product], notes=WISH)
    await house.wait(100)
    async with house.turn:
        await house.act(placed.id, "waive-fee")
        await step_until(house, "UpdateInvoice")
        await lose_events(house, "order.read_back", "invoice.cancelled")
    async with house.db.read() as connection:
        assert await connection.scalar(sa.select(fees.c.state)) == "unpaid"
    await house.wait(6 * MINUTE)
    await sweep(house)
    assert (await house.order(placed.id))["fee"]["state"] == "waived"


async def test_a_credit_that_is_done_unheard_is_done(house: House) -> None:
    client, product = shop(house)
    await house.panel.place_order(client, [product], pay=True)
    await house.settle(seconds=30)
    async with house.turn:
        await house.api.post(f"/v1/customers/{client}/credits", json={"amount": "5.00", "reason": "Outage"})
        await step_until(house, "AddCredit")

    async def state() -> str:
        (credit,) = (await house.api.get(f"/v1/customers/{client}/credits")).json()["items"]
        return str(credit["state"])

    await house.wait(4 * MINUTE)
    await sweep(house)
    assert await state() != "done"
    await house.wait(2 * MINUTE)
    await sweep(house)
    assert (await state(), house.effects("AddCredit")) == ("done", 1)


# --- bounds -------------------------------------------------------------------------------------------------------


async def test_a_round_sweeps_so_many_of_a_kind_and_the_next_goes_on(house: House) -> None:
    now, many = house.clock(), sweeps.AT_MOST + 20
    rows = [
        {
            "order_id": number, "kind": "new", "state": "received", "provisioning": "none", "placed_by": "customer",
            "first_heard_at": now, "payment_state": "unknown", "items": [], "flags": [],
            "settle_at": now - timedelta(hours=1) + timedelta(seconds=number),
        }
        for number in range(1, many + 1)
    ]  # fmt: skip
    async with house.db.begin() as tx:
        await tx.execute(orders.insert(), rows)
    async with house.turn:
        await sweeps.round(house.context)
        assert await swept(house) == sweeps.AT_MOST
        await sweeps.round(house.context)
        assert await swept(house) == many
        await lose_events(house)
