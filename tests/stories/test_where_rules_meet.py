"""Stories from a second review: interactions of limits, notifications, comparing, sweeping and provisioning."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app.core.records import AlertKind, Mode
from app.db import Database
from app.messaging import inbox
from app.tables.alerts import alerts
from app.tables.inbox import events
from app.upkeep import notifications, rounds, sweeps
from app.upkeep.reconcile import comparing
from tests.billing.test_limits import SHARE, gate, wave
from tests.billing.test_limits import place as place_one
from tests.stories.deaf import compare, fed, held, open_deaf
from tests.stories.house import POLICY, House, open_house
from tests.stories.test_orders import WISH, shop
from tests.workflow.test_provisioning import client_of, queued, silently
from tests.workflow.test_provisioning import product as make_product


def said(order: dict[str, Any]) -> str:
    return "\n".join(entry["what"] for entry in order["timeline"])


# --- comparing and the panel's own building -----------------------------------------------------------------------


async def test_an_order_that_comparing_finds_is_no_word_of_the_panel_that_it_has_built(db: Database) -> None:
    """The checkout is still running: it asked the gate, and its hook runs only at the end."""
    async with open_deaf(db) as house:
        client, product = shop(house, autosetup="accept")
        order = await house.panel.place_order(client, [product], pay=True)
        async with house.turn:  # the worker is busy elsewhere
            assert (await house.api.get(f"/v1/orders/{order.id}/gate")).json()["provision"] is True
            await comparing.round(house.context)
            assert await fed(house) == 1
        await house.settle(seconds=30)
        assert (await house.order(order.id))["state"] == "releasing"
        assert house.effects("AcceptOrder") == 0
        await house.wait(300)
        assert (await house.order(order.id))["state"] == "released"
        assert house.effects("AcceptOrder") == 1


# --- orders that the panel does not list for a while --------------------------------------------------------------


async def test_an_order_that_is_not_listed_for_a_moment_stays_as_it_is(db: Database) -> None:
    async with open_deaf(db) as house:
        order_id = await held(house)
        row = house.panel.state.orders.pop(order_id)
        await comparing.round(house.context)
        await house.settle(seconds=5)
        house.panel.state.orders[order_id] = row
        await house.wait(120)
        order = await house.order(order_id)
        assert (order["state"], order["flags"], order["fee"]["state"]) == ("held", [], "unpaid")


async def test_a_panel_that_suddenly_lists_hardly_any_order_closes_none(db: Database) -> None:
    async with open_deaf(db) as house:
        ids = [await held(house) for _ in range(12)]
        rows = {one: house.panel.state.orders.pop(one) for one in ids[1:]}
        for _ in range(2):
            await compare(house)
        assert {(await house.order(one))["state"] for one in ids} == {"held"}
        async with house.db.read() as connection:
            query = sa.select(alerts.c.text).where(alerts.c.kind == AlertKind.DAMAGE_LIMIT)
            (text,) = (await connection.execute(query)).scalars()
        assert "11 of 12" in text
        house.panel.state.orders.update(rows)
        await compare(house)
        assert [(await house.order(one))["fee"]["state"] for one in ids] == ["unpaid"] * 12


@pytest.mark.parametrize(
    ("status", "state"),
    [("Pending", "held"), ("Active", "released"), ("Cancelled", "cancelled"), ("Fraud", "rejected")],
)
async def test_an_order_that_is_listed_again_is_not_closed_any_more(db: Database, status: str, state: str) -> None:
    async with open_deaf(db) as house:
        order_id = await held(house)
        row = house.panel.state.orders.pop(order_id)
        await compare(house)
        assert (await house.order(order_id))["state"] == "closed"
        house.panel.state.orders[order_id] = row
        row.status = status
        await compare(house)
        order = await house.order(order_id)
        assert (order["state"], order["flags"]) == (state, [])
        assert "lists it again" in said(order)
        before = await fed(house)
        await compare(house)
        assert await fed(house) == before


async def test_another_order_under_the_number_of_one_that_is_gone_passes_no_gate_by_its_verdict(db: Database) -> None:
    """The panel was restored from a backup, so that it assigns the same order ids again."""
    async with open_deaf(db) as house:
        client, product = shop(house, autosetup="accept")
        gone = await house.panel.place_order(client, [product], pay=True)
        await compare(house)
        assert (await house.order(gone.id))["state"] == "released"
        row = house.panel.state.orders.pop(gone.id)
        await compare(house)
        assert (await house.order(gone.id))["state"] == "closed"
        house.panel.state.orders[gone.id] = row
        row.status = "Pending"
        assert (await gate(house, gone.id))[0] is False
        await house.settle(seconds=5)
        order = await house.order(gone.id)
        assert (order["state"], order["decision"]["reasons"][0]["code"]) == ("held", "listed_again")
        assert [entry["order_id"] for entry in (await house.api.get("/v1/queue")).json()["items"]] == [gone.id]


async def test_an_old_order_whose_date_cannot_be_read_is_left_alone(db: Database) -> None:
    async with open_house(db, policy=POLICY) as house:
        client, product = shop(house, autosetup="accept")
        old = house.panel.add_past_order(client, product, months_ago=20, status="Pending")
        house.panel.state.orders[old.id].placed_at = "0000-00-00 00:00:00"  # type: ignore[assignment]  # as imports have
        await comparing.round(house.context)
        async with house.db.begin() as tx:
            data = {"order_id": old.id}
            await inbox.add_internal(tx, type="order.fraud_checked", data=data, now=house.clock())
        await house.wait(400)
        order = await house.order(old.id)
        assert (order["placed_at"], order["decision"]["mode"], house.panel.writes) == (None, "shadow", [])
        assert await gate(house, old.id) == (True, "before_cutover")


# --- provisioning: who clears the flag ----------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["Active", "Cancelled"])
async def test_a_failed_build_that_staff_dealt_with_unheard_leaves_the_queue(house: House, status: str) -> None:
    silently(house)
    order = await house.panel.place_order(client_of(house), [make_product(house, broken=True)], pay=True)
    await house.wait(1000)
    assert await queued(house) == [(order.id, "dead_call")]
    house.panel.state.services[order.service_ids[0]].status = status  # manual; no hook reports it
    house.panel.state.queue.clear()
    house.panel.state.queue_of.clear()
    for _ in range(3):
        await house.wait(1800)
        await sweeps.round(house.context)
        await house.settle(seconds=1)
    assert await queued(house) == []
    assert (await house.order(order.id))["flags"] == []


async def test_a_failed_build_that_nobody_dealt_with_stays_and_is_told_once(house: House) -> None:
    silently(house)
    order = await house.panel.place_order(client_of(house), [make_product(house, broken=True)], pay=True)
    await house.wait(1000)
    for _ in range(4):
        await house.wait(1800)
        await sweeps.round(house.context)
        await sweeps.round(house.context)
        await house.settle(seconds=1)
    assert await queued(house) == [(order.id, "dead_call")]
    assert said(await house.order(order.id)).count("not built") == 1
    assert house.effects("AcceptOrder") == 1
    async with house.db.read() as connection:
        looks = await connection.scalar(sa.select(sa.func.count()).where(events.c.webhook_id.contains("sweep:unbuilt")))
    assert looks == 2


# --- notifications ------------------------------------------------------------------------------------------------


async def test_a_storm_of_one_kind_does_not_hide_another(house: House) -> None:
    now = house.clock()
    row = {"kind": AlertKind.NEW_HOLD, "text": "Held.", "created_at": now - timedelta(minutes=1)}
    async with house.db.begin() as tx:
        for start in range(0, 12_000, 1_000):
            await tx.execute(alerts.insert(), [{**row, "name": f"hold:{n}"} for n in range(start, start + 1_000)])
        await tx.execute(alerts.insert().values(kind=AlertKind.BREACH, text="Breach.", name="breach:1", created_at=now))
    await notifications.round(house.context)
    await house.settle()
    titles = [one.title for one in house.panel.state.notifications]
    assert "Doorman: 1 BREACH of a hold" in titles
    assert len(titles) == 2


# --- rounds -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("behind", [1, 60, 250])
async def test_hosts_whose_clocks_differ_take_turns(db: Database, house: House, behind: int) -> None:
    every, now = timedelta(seconds=300), house.clock()
    assert await rounds.take_turn(db, "story", every=every, now=now)
    taken = 0
    for second in range(5, 900, 5):
        real = now + timedelta(seconds=second)
        for at in (real, real - timedelta(seconds=behind)):
            taken += await rounds.take_turn(db, "story", every=every, now=at)
    assert taken in {2, 3}


async def test_after_the_clock_jumped_back_rounds_go_on(db: Database, house: House) -> None:
    every, now = timedelta(seconds=300), house.clock()
    assert await rounds.take_turn(db, "story", every=every, now=now)
    assert await rounds.take_turn(db, "story", every=every, now=now - timedelta(days=1))
    assert not await rounds.take_turn(db, "story", every=every, now=now - timedelta(days=1))


# --- back to shadow -----------------------------------------------------------------------------------------------


async def test_a_hold_that_runs_out_in_shadow_calls_nothing(house: House) -> None:
    client, product = shop(house)
    order = await house.panel.place_order(client, [product], notes=WISH)
    await house.wait(200)
    assert (await house.order(order.id))["fee"]["state"] == "unpaid"
    house.context.settings = house.context.settings.model_copy(update={"mode": Mode.SHADOW})
    writes = len(house.panel.writes)
    await house.wait(8 * 86400)
    await sweeps.round(house.context)
    await house.settle()
    assert len(house.panel.writes) == writes


def switch(house: House, mode: Mode) -> None:
    """Continue in another mode, as after a restart."""
    house.context.settings = house.context.settings.model_copy(update={"mode": mode})


async def look(house: House, order_id: int) -> None:
    async with house.db.begin() as tx:
        await inbox.add_internal(tx, type="order.read_back", data={"order_id": order_id}, now=house.clock())
    await house.settle(seconds=5)


@pytest.mark.parametrize("paid_in", [Mode.SHADOW, Mode.ENFORCE])
async def test_an_approved_order_goes_on_after_a_while_in_shadow(house: House, paid_in: Mode) -> None:
    client, product = shop(house, autosetup="accept")
    order = await house.panel.place_order(client, [product])
    await house.wait(200)
    switch(house, Mode.SHADOW)
    await look(house, order.id)
    if paid_in is Mode.SHADOW:
        await house.panel.pay_invoice(order.invoice_id)
        await house.wait(60)
        assert house.effects("AcceptOrder") == 0
    switch(house, Mode.ENFORCE)
    if paid_in is Mode.ENFORCE:
        await house.panel.pay_invoice(order.invoice_id)
    else:
        await look(house, order.id)
    await house.wait(400)
    assert ((await house.order(order.id))["state"], house.effects("AcceptOrder")) == ("released", 1)


async def test_a_hold_goes_on_after_a_while_in_shadow(house: House) -> None:
    client, product = shop(house)
    order = await house.panel.place_order(client, [product], notes=WISH)
    await house.wait(200)
    switch(house, Mode.SHADOW)
    await look(house, order.id)
    await house.wait(8 * 86400)
    switch(house, Mode.ENFORCE)
    await look(house, order.id)
    assert (await house.order(order.id))["hold"]["kind"] == "fee"
    await sweeps.round(house.context)
    await house.wait(60)
    seen = await house.order(order.id)
    assert (seen["state"], seen["hold"]["kind"], seen["fee"]["state"]) == ("held", "review", "cancelled")


async def test_what_was_decided_in_shadow_is_not_acted_on_later(db: Database) -> None:
    async with open_house(db, policy=POLICY) as house:
        switch(house, Mode.SHADOW)
        client, product = shop(house, autosetup="accept")
        order = await house.panel.place_order(client, [product], pay=True)
        await house.wait(200)
        switch(house, Mode.ENFORCE)
        await look(house, order.id)
        await house.wait(400)
        assert ((await house.order(order.id))["state"], house.effects("AcceptOrder")) == ("received", 0)


# --- damage limits ------------------------------------------------------------------------------------------------


async def test_a_person_who_holds_what_was_left_to_the_panel_and_runs_rings_no_breach(db: Database) -> None:
    async with open_house(db, policy=SHARE) as house:
        left = await wave(house)
        for service in house.panel.state.services.values():
            if service.order_id == left:
                service.status = "Active"  # provisioned by the panel, as nothing stopped it
        async with house.db.begin() as tx:
            await inbox.add_internal(tx, type="order.read_back", data={"order_id": left}, now=house.clock())
        await house.settle(seconds=5)
        assert (await house.order(left))["provisioning"] == "done"
        assert (await house.act(left, "hold")).status_code == 200
        await house.wait(120)
        order = await house.order(left)
        assert (order["state"], order["flags"]) == ("held", [])


async def test_what_was_left_to_the_panel_is_compared_without_end_or_noise(db: Database) -> None:
    async with open_house(db, policy=SHARE) as house:
        left = await wave(house)
        await comparing.round(house.context)
        await house.settle(seconds=60)
        before, writes = await fed(house), len(house.panel.writes)
        for _ in range(3):
            await compare(house)
            await sweeps.round(house.context)
            await house.wait(600)
        assert await fed(house) == before
        assert len(house.panel.writes) == writes
        assert (await house.order(left))["state"] == "received"
        assert await gate(house, left) == (True, "shadow")
        assert (await house.act(left, "approve", work="free")).status_code == 200
        await house.settle(seconds=30)
        assert (await house.order(left))["state"] == "released"


async def test_left_unpaid_then_paid_then_taken_over_by_a_person(db: Database) -> None:
    async with open_house(db, policy=SHARE) as house:
        await wave(house)
        left = await place_one(house, WISH, pay=False)
        await house.wait(100)
        assert await gate(house, left) == (True, "shadow")
        await house.panel.pay_invoice((await house.order(left))["payment"]["invoice_id"])
        await house.settle(seconds=30)
        await compare(house)
        await sweeps.round(house.context)
        await house.settle(seconds=30)
        order = await house.order(left)
        assert (order["state"], order["fee"], order["payment"]["state"]) == ("received", None, "paid")
        assert (await house.act(left, "charge-fee")).status_code == 200
        await house.settle(seconds=30)
        order = await house.order(left)
        assert (order["state"], order["fee"]["state"]) == ("held", "unpaid")
        await house.panel.pay_invoice(order["fee"]["invoice_id"])
        await house.settle(seconds=30)
        assert (await house.order(left))["state"] == "released"


async def test_an_order_that_is_deleted_right_after_its_accept_is_read_back_and_closed(db: Database) -> None:
    async with open_deaf(db) as house:
        client, product = shop(house, autosetup="accept")
        placed = await house.panel.place_order(client, [product], pay=True)
        await compare(house, wait=1)
        assert (await house.order(placed.id))["state"] == "released"
        del house.panel.state.orders[placed.id]
        await house.wait(900)
        assert (await house.order(placed.id))["state"] == "closed"
