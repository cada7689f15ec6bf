"""Stories in which webhooks are lost: our state must still converge with the panel's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
import sqlalchemy as sa

from app.db import Database
from app.installation import facts as installation
from app.messaging import inbox
from app.panels.base import PanelUnavailable
from app.sandbox import orders as panel_orders
from app.sandbox.context import API
from app.tables.orders import orders
from app.upkeep.reconcile import comparing as reconcile
from app.upkeep.reconcile import new as reconcile_new
from app.upkeep.reconcile import orders as reconcile_orders
from app.upkeep.reconcile.differences import What, comparable
from tests.stories.deaf import DEAF, compare, fed, held, open_deaf, placed
from tests.stories.house import POLICY, House, open_house
from tests.stories.test_orders import shop


@pytest.fixture
async def deaf(db: Database) -> AsyncIterator[House]:
    async with open_deaf(db) as house:
        yield house


def said(order: dict[str, Any]) -> str:
    return "\n".join(entry["what"] for entry in order["timeline"])


# --- unknown orders -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("by", "who"), [("customer", "customer"), ("staff", "staff"), ("api", "unknown")])
async def test_an_order_without_a_webhook_is_found_and_judged(deaf: House, by: Any, who: str) -> None:
    order = await placed(deaf, by=by, pay=True)
    seen = await deaf.order(order.id)
    assert seen["placed_by"] == who
    assert seen["decision"] is not None
    if by != "staff":
        assert (seen["state"], seen["panel_status"]) == ("released", "Active")
        assert deaf.effects("AcceptOrder") == 1


async def test_twice_is_once(deaf: House) -> None:
    client, product = shop(deaf)
    order = await deaf.panel.place_order(client, [product], pay=True)
    await reconcile.round(deaf.context)
    await reconcile.round(deaf.context)
    assert await fed(deaf) == 1
    await deaf.wait(60)
    await reconcile.round(deaf.context)
    assert await fed(deaf) == 1
    assert (await deaf.order(order.id))["state"] == "released"


async def test_rounds_of_two_replicas_at_the_same_time_feed_once(deaf: House) -> None:
    client, product = shop(deaf)
    for _ in range(30):
        await deaf.panel.place_order(client, [product])
    await asyncio.gather(*(reconcile.round(deaf.context) for _ in range(3)))
    assert await fed(deaf) == 30


async def test_an_order_that_a_webhook_told_of_is_not_fed(house: House) -> None:
    await reconcile.round(house.context)
    client, product = shop(house)
    await house.panel.place_order(client, [product], pay=True)
    await reconcile.round(house.context)
    await house.wait(60)
    for _ in range(2):
        await compare(house)
    assert await fed(house, kind="order.created") == 0


async def test_a_thousand_orders_after_an_outage_all_come_in(deaf: House) -> None:
    client, product = shop(deaf)
    placed_now = [deaf.panel.add_past_order(client, product, months_ago=0) for _ in range(1_150)]
    await reconcile.round(deaf.context)
    assert await fed(deaf) == reconcile_new.AT_ONCE
    await reconcile.round(deaf.context)
    assert await fed(deaf) == len(placed_now)
    async with deaf.turn:  # the running worker asks for each order, too
        before = deaf.panel.counts["GetOrders"]
        await reconcile_new.read_new(deaf.context, comparable(deaf.context))
        assert deaf.panel.counts["GetOrders"] - before == 1


@pytest.mark.parametrize("newest_first", [True, False])
async def test_the_past_is_left_alone(db: Database, newest_first: bool) -> None:
    behaviours = replace(DEAF, orders_newest_first=newest_first)
    async with open_house(db, policy=POLICY, behaviours=behaviours) as house:
        client, product = shop(house)
        for n in range(2_000):
            house.panel.add_past_order(client, product, months_ago=1 + n % 30, status="Pending")
        await reconcile.round(house.context)
        assert await fed(house) == 0
        fresh = await house.panel.place_order(client, [product], pay=True)
        await compare(house)
        assert await fed(house) == 1
        assert (await house.order(fresh.id))["state"] == "released"
        assert {call.params.get("orderid") for call in house.panel.writes if call.action == "AcceptOrder"} == {
            str(fresh.id)
        }


async def test_orders_placed_between_the_cut_over_and_the_first_round_count(db: Database) -> None:
    async with open_house(db, policy=POLICY, behaviours=replace(DEAF)) as house:
        client, product = shop(house)
        house.panel.add_past_order(client, product, months_ago=2, status="Pending")
        house.clock.forward(hours=5)
        order = await house.panel.place_order(client, [product], pay=True)
        await compare(house)
        assert await fed(house) == 1
        assert (await house.order(order.id))["state"] == "released"


async def test_an_old_order_that_is_fed_all_the_same_is_not_acted_on(deaf: House) -> None:
    client, product = shop(deaf)
    old = deaf.panel.add_past_order(client, product, months_ago=2, status="Pending")
    await compare(deaf)
    assert await fed(deaf) == 1  # its id is new, its date is not
    order = await deaf.order(old.id)
    assert (order["state"], order["decision"]["mode"]) == ("received", "shadow")
    assert deaf.panel.writes == []


async def test_in_shadow_new_orders_are_fed_and_nothing_acts(db: Database) -> None:
    async with open_house(db, policy=POLICY, behaviours=replace(DEAF), mode="shadow") as house:
        await reconcile.round(house.context)
        house.clock.forward(seconds=1)
        order = await placed(house, pay=True)
        assert (await house.order(order.id))["decision"]["outcome"] == "approve"
        await house.panel.staff_accept(order.id)
        await compare(house)
        assert (await house.order(order.id))["state"] == "released"
        assert house.panel.writes == []


async def test_paused_goes_on_reading(deaf: House) -> None:
    async with deaf.db.begin() as tx:
        await installation.put(tx, installation.PAUSED, True, now=deaf.clock())
    order = await placed(deaf, pay=True, autosetup="accept")
    assert (await deaf.order(order.id))["state"] == "releasing"
    assert deaf.effects("AcceptOrder") == 0


class Crash(Exception):
    pass


@dataclass(frozen=True, slots=True)
class BreakingDatabase(Database):
    """A database whose writer dies before the first write."""

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Any]:
        raise Crash
        yield


async def test_a_crash_between_reading_and_writing_loses_nothing(deaf: House) -> None:
    held_id = await held(deaf)
    client, product = shop(deaf)
    order = await deaf.panel.place_order(client, [product], pay=True)
    await deaf.panel.staff_cancel(held_id, admin_id=3)
    dying = replace(deaf.context, db=BreakingDatabase(deaf.db.url, deaf.db.reader, deaf.db.writer))
    with pytest.raises(Crash):
        await reconcile.round(dying)
    await compare(deaf)
    assert (await deaf.order(order.id))["state"] == "released"
    assert (await deaf.order(held_id))["state"] == "cancelled"


async def test_a_panel_that_is_down_leaves_everything_for_the_next_round(deaf: House) -> None:
    client, product = shop(deaf)
    order = await deaf.panel.place_order(client, [product], pay=True)
    deaf.panel.faults.add("reset_before", action="GetOrders", times=10)
    with pytest.raises(PanelUnavailable):
        await reconcile.round(deaf.context)
    assert await fed(deaf) == 0
    deaf.panel.faults.clear()
    await compare(deaf)
    assert (await deaf.order(order.id))["state"] == "released"


# --- orders that we hold or expect --------------------------------------------------------------------------------


async def test_staff_who_accept_without_a_webhook_win(deaf: House) -> None:
    order_id = await held(deaf)
    await deaf.panel.staff_accept(order_id, admin_id=2)
    await compare(deaf)
    order = await deaf.order(order_id)
    assert (order["state"], order["decision"]["by"]) == ("released", "panel:staff:2")
    assert order["fee"]["state"] == "cancelled"
    assert "accepted_by_automation" not in order["flags"]
    assert deaf.effects("AcceptOrder") == 0


async def test_cron_that_accepts_a_held_order_without_a_webhook_is_a_breach(deaf: House) -> None:
    order_id = await held(deaf)
    await deaf.panel.cron_accept(order_id)
    await compare(deaf)
    order = await deaf.order(order_id)
    assert (order["state"], order["hold"]["kind"]) == ("held", "review")
    assert "accepted_by_automation" in order["flags"]
    assert "BREACH" in said(order)


async def test_an_accept_by_an_admin_who_is_a_robot_is_a_breach(db: Database) -> None:
    policy = POLICY + "[staff]\nautomation_admin_ids = [2]\n"
    async with open_house(db, policy=policy, behaviours=replace(DEAF)) as house:
        order_id = await held(house)
        await house.panel.staff_accept(order_id, admin_id=2)
        await compare(house)
        assert "accepted_by_automation" in (await house.order(order_id))["flags"]


async def test_an_accept_through_the_api_without_a_webhook_is_a_breach(deaf: House) -> None:
    order_id = await held(deaf)
    await panel_orders.accept(deaf.panel.ctx, order_id, API)
    await compare(deaf)
    order = await deaf.order(order_id)
    assert (order["state"], order["hold"]["kind"]) == ("held", "review")
    assert "accepted_by_automation" in order["flags"]


async def test_an_accept_that_nobody_can_be_named_for_goes_to_a_person(deaf: House) -> None:
    order_id = await held(deaf)
    deaf.panel.state.orders[order_id].status = "Active"  # a script that writes into the panel's tables
    await compare(deaf)
    order = await deaf.order(order_id)
    assert (order["state"], order["hold"]["kind"]) == ("held", "review")
    assert "accepted_by_automation" not in order["flags"]
    assert "it is not known by whom" in said(order)


async def test_a_hook_that_comes_later_names_the_person(deaf: House) -> None:
    order_id = await held(deaf)
    deaf.panel.state.orders[order_id].status = "Active"
    await compare(deaf)
    assert (await deaf.order(order_id))["state"] == "held"
    data = {"order_id": order_id, "to": "accepted", "actor": {"kind": "staff", "admin_id": 7}}
    async with deaf.db.begin() as tx:
        await inbox.add_internal(tx, type="order.status_changed", data=data, now=deaf.clock())
    await deaf.wait(30)
    order = await deaf.order(order_id)
    assert (order["state"], order["decision"]["by"]) == ("released", "panel:staff:7")


async def test_without_permission_for_the_activity_log_a_person_looks(deaf: House) -> None:
    order_id = await held(deaf)
    deaf.panel.faults.add("http_403_permission", action="GetActivityLog", times=5)
    await deaf.panel.staff_accept(order_id, admin_id=2)
    await compare(deaf)
    order = await deaf.order(order_id)
    assert (order["state"], order["hold"]["kind"]) == ("held", "review")
    assert "accepted_by_automation" not in order["flags"]


async def test_staff_who_cancel_without_a_webhook_win(deaf: House) -> None:
    order_id = await held(deaf)
    fee = (await deaf.order(order_id))["fee"]
    await deaf.panel.staff_cancel(order_id, admin_id=1)
    await compare(deaf)
    order = await deaf.order(order_id)
    assert (order["state"], order["decision"]["by"]) == ("cancelled", "panel:staff:1")
    assert deaf.panel.state.invoices[fee["invoice_id"]].status == "Cancelled"


async def test_an_order_deleted_without_a_webhook_is_closed(deaf: House) -> None:
    order_id = await held(deaf)
    await deaf.panel.staff_cancel(order_id)
    await deaf.panel.staff_delete(order_id)
    await compare(deaf)
    order = await deaf.order(order_id)
    assert (order["state"], order["flags"]) == ("closed", ["unknown_to_panel"])
    await reconcile.round(deaf.context)
    assert await fed(deaf) == 2


async def test_items_edited_without_a_webhook_are_judged_again(deaf: House) -> None:
    order = await placed(deaf)
    assert (await deaf.order(order.id))["decision"]["outcome"] == "approve"
    service = next(one for one in deaf.panel.state.services.values() if one.order_id == order.id)
    service.first_amount *= 3
    async with deaf.db.read() as connection:
        version = await connection.scalar(sa.select(orders.c.version).where(orders.c.order_id == order.id))
    await compare(deaf)
    seen = await deaf.order(order.id)
    assert seen["items"][0]["amount"] == "30.00"
    async with deaf.db.read() as connection:
        assert await connection.scalar(sa.select(orders.c.version).where(orders.c.order_id == order.id)) > version


async def test_an_order_paid_without_a_webhook_is_released(deaf: House) -> None:
    order = await placed(deaf, autosetup="accept")
    assert (await deaf.order(order.id))["state"] == "awaiting_payment"
    await deaf.panel.pay_invoice(order.invoice_id)
    await compare(deaf)
    assert (await deaf.order(order.id))["state"] == "released"
    assert deaf.effects("AcceptOrder") == 1


async def test_a_fee_paid_without_a_webhook_releases_the_order(deaf: House) -> None:
    order_id = await held(deaf, pay=True)
    fee = (await deaf.order(order_id))["fee"]
    await deaf.panel.pay_invoice(fee["invoice_id"])
    await compare(deaf)
    order = await deaf.order(order_id)
    assert (order["state"], order["fee"]["state"]) == ("released", "paid")


async def test_staff_who_take_a_released_order_back_without_a_webhook_are_followed(deaf: House) -> None:
    order = await placed(deaf, pay=True, autosetup="accept")
    assert (await deaf.order(order.id))["state"] == "released"
    deaf.clock.forward(hours=1)
    await deaf.panel.staff_set_pending(order.id)
    await compare(deaf)
    assert (await deaf.order(order.id))["hold"]["kind"] == "review"


async def test_our_own_accept_is_no_difference(deaf: House) -> None:
    order = await placed(deaf, pay=True, autosetup="accept")
    before = await fed(deaf)
    for _ in range(3):
        await compare(deaf)
    assert await fed(deaf) == before
    assert (await deaf.order(order.id))["flags"] == []


async def test_an_accept_whose_answer_was_lost_is_recognised_as_ours(deaf: House) -> None:
    client, product = shop(deaf, autosetup="accept")
    deaf.panel.faults.add("reset_after", action="AcceptOrder", times=1)
    order = await deaf.panel.place_order(client, [product], pay=True)
    await reconcile.round(deaf.context)
    await deaf.settle(seconds=1)
    await compare(deaf, wait=400)
    seen = await deaf.order(order.id)
    assert (seen["state"], seen["decision"]["by"]) == ("released", "policy")
    assert deaf.effects("AcceptOrder") == 1


async def test_each_difference_names_what_differs_and_nothing_differs_after(deaf: House) -> None:
    one, two, three = [await held(deaf) for _ in range(3)]
    fee = (await deaf.order(three))["fee"]
    await deaf.panel.staff_accept(one)
    await deaf.panel.staff_cancel(two)
    await deaf.panel.staff_delete(two)
    await deaf.panel.pay_invoice(fee["invoice_id"])
    assert await differences(deaf) == {(one, What.STATUS), (two, What.DELETED), (three, What.FEE)}
    await compare(deaf)
    assert await differences(deaf) == set()


async def differences(house: House) -> set[tuple[int | None, What]]:
    async with house.db.read() as connection:
        rows = await reconcile_orders.next_orders(connection, after=0, limit=500, now=house.clock())
    page = await reconcile.compare_page(house.context, comparable(house.context), rows)
    return {(one.order_id, one.what) for one in page.differences}
