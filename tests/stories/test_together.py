"""New accounts that order together, in whole orders: who is held, who is judged again, and what people do about it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app.customers import groups
from app.sandbox.models import Client, Order, PayMethod
from app.tables.customers import new_accounts
from app.tables.inbox import events
from tests.stories.house import House

pytestmark = pytest.mark.both_databases("locks, and orders found by what they share")

ADDRESS = "81.2.69.142"


class Shop:
    """A shop with one product, in which new accounts order."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.product = house.panel.add_product("Starter", autosetup="accept", pricing={"USD": {"monthly": "10.00"}}).id
        self.made = 0

    def account(self, *, days: float = 0, **fields: Any) -> Client:
        """Add an account; nothing about it is like another's."""
        self.made += 1
        name = "abcdefghijklmnopqrstuvwxyz"[self.made % 26] + "brx"[self.made // 26] + "ander"
        given = {
            "email": f"{name}@{name}.example",
            "phone": f"+49.1522{self.made:07d}",
            "last_ip": self.home(),
        } | fields
        return self.house.panel.add_client(
            name, "Newcomer", created_at=self.house.clock.now - timedelta(days=days), **given
        )

    def home(self) -> str:
        return f"93.184.{self.made}.7"

    async def order(self, *, pay: bool = True, account: Client | None = None, notes: str = "", **fields: Any) -> Order:
        client = account or self.account(**fields)
        placed = await self.house.panel.place_order(client.id, [self.product], pay=pay, ip=client.last_ip, notes=notes)
        await self.house.settle(seconds=30)
        if not pay:
            await self.house.wait(100)  # it is decided once it has settled
        return placed

    async def states(self, *placed: Order) -> list[str]:
        return [(await self.house.order(one.id))["state"] for one in placed]

    def causes(self) -> set[str]:
        """Return what caused the calls to the panel since this was last asked."""
        panel: Any = self.house.context.panel
        return {cause for _, cause in panel._client._requests.take()}


async def queue(house: House) -> list[dict[str, Any]]:
    answer = await house.api.get("/v1/queue")
    return list(answer.json()["items"])


async def the_group(house: House) -> dict[str, Any]:
    (row,) = (one for one in await queue(house) if one["why"] == "group")
    return row


async def act(house: House, group_id: int, action: str, **body: Any) -> dict[str, Any]:
    answer = await house.api.post(f"/v1/groups/{group_id}/{action}", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def said(order: dict[str, Any], words: str) -> int:
    return sum(words in line["what"] for line in order["timeline"])


async def test_the_third_of_a_burst_is_held_and_the_first_two_wait_in_the_queue_as_one(house: House) -> None:
    shop = Shop(house)
    burst = [await shop.order(last_ip=ADDRESS) for _ in range(3)]
    lone = await shop.order()
    assert await shop.states(*burst, lone) == ["released", "released", "held", "released"]

    row = await the_group(house)
    assert (row["order_id"], row["members"]) == (None, [one.id for one in burst])
    assert row["actions"] == ["hold", "reject", "approve"]
    assert f"{burst[0].id}, {burst[1].id}" in row["reasons"][0]["text"]
    held = await house.order(burst[2].id)
    assert held["decision"]["reasons"][0]["code"] == "risk_review"
    assert [one["points"] for one in held["signals"] if one["code"] == "new_accounts_together"] == [60]
    assert said(await house.order(burst[0].id), "accepted before its group of new accounts was known") == 1


async def test_one_action_turns_all_away_and_a_repeat_does_nothing_more(house: House) -> None:
    shop = Shop(house)
    burst = [await shop.order(last_ip=ADDRESS) for _ in range(4)]
    group_id = (await the_group(house))["group_id"]

    shown = await act(house, group_id, "reject", fraud=True, note="Stolen cards.")
    await house.settle(seconds=60)
    again = await act(house, group_id, "reject", fraud=True)
    await house.settle(seconds=60)

    assert shown["members_total"] == 4
    assert (again["action"], {one["state"] for one in again["members"]}) == ("reject", {"rejected"})
    assert await shop.states(*burst) == ["rejected"] * 4
    assert house.effects("FraudOrder") == 4
    for one in burst:
        order = await house.order(one.id)
        assert said(order, "reject with its group of new accounts: orders") == 1
        assert order["decision"]["by"] == "admin"
    assert [one for one in await queue(house) if one["why"] == "group"] == []


async def test_a_held_group_is_held_although_it_runs_and_can_be_approved_later(house: House) -> None:
    shop = Shop(house)
    burst = [await shop.order(last_ip=ADDRESS) for _ in range(3)]
    group_id = (await the_group(house))["group_id"]

    await act(house, group_id, "hold")
    await act(house, group_id, "hold")
    await house.wait(600)
    assert await shop.states(*burst) == ["held"] * 3
    first = await house.order(burst[0].id)
    assert (first["decision"]["outcome"], first["flags"]) == ("hold_for_review", [])
    assert said(first, "suspend or terminate its services in the panel") == 1

    await act(house, group_id, "approve")
    await house.settle(seconds=60)
    assert await shop.states(*burst) == ["released"] * 3
    assert house.effects("AcceptOrder") == 3


async def test_approving_a_group_gives_no_work_away_unseen(house: House) -> None:
    shop = Shop(house)
    burst = [await shop.order(last_ip=ADDRESS) for _ in range(2)]
    burst.append(await shop.order(last_ip=ADDRESS, notes="Please migrate my website from my old host to you."))
    assert await shop.states(*burst) == ["released", "released", "held"]

    group_id = (await the_group(house))["group_id"]
    for _ in range(2):
        await act(house, group_id, "approve")
    await house.settle(seconds=60)
    assert await shop.states(*burst) == ["released", "released", "held"]
    assert said(await house.order(burst[2].id), "nobody pays for its work") == 1
    await house.act(burst[2].id, "approve", work="free")
    await house.settle(seconds=60)
    assert await shop.states(burst[2]) == ["released"]


async def test_a_group_that_a_person_approved_counts_no_more(house: House) -> None:
    shop = Shop(house)
    for _ in range(3):
        await shop.order(last_ip=ADDRESS)
    await act(house, (await the_group(house))["group_id"], "approve")
    later = await shop.order(last_ip=ADDRESS)
    assert await shop.states(later) == ["released"]


async def test_members_that_wait_for_their_payment_are_judged_again_without_a_call_to_the_panel(house: House) -> None:
    shop = Shop(house)
    waiting = [await shop.order(pay=False, last_ip=ADDRESS) for _ in range(2)]
    assert await shop.states(*waiting) == ["awaiting_payment"] * 2
    shop.causes()
    third = await shop.order(pay=False, last_ip=ADDRESS)
    assert await shop.states(*waiting, third) == ["held"] * 3
    assert await count(house, "order.group_grew") == 1 + 2
    assert "order.created" in (causes := shop.causes())
    assert "order.group_grew" not in causes


async def test_a_group_grows_while_its_first_member_is_being_accepted(house: House) -> None:
    """The accept waits in the outbox: it is cancelled. Nothing was set up, so nothing has to be undone."""
    shop = Shop(house)
    await house.api.post("/v1/ops/pause")
    burst = [await shop.order(last_ip=ADDRESS) for _ in range(3)]
    await house.api.post("/v1/ops/resume")
    await house.settle(seconds=60)
    assert await shop.states(*burst) == ["held"] * 3
    assert house.effects("AcceptOrder") == 0


async def test_an_address_is_the_same_written_as_ipv6(house: House) -> None:
    shop = Shop(house)
    placed = [await shop.order(last_ip=one) for one in (ADDRESS, f"::ffff:{ADDRESS}", ADDRESS)]
    assert await shop.states(*placed) == ["released", "released", "held"]


async def test_a_card_is_the_same_under_two_gateways_and_any_name(house: House) -> None:
    shop = Shop(house)
    placed: list[Order] = []
    for gateway, brand in (("stripe", "Visa"), ("braintree", "VISA Credit"), ("stripe", "Visa")):
        token = f"tok_{gateway}_{len(placed)}23"
        card = PayMethod(id=1, last_four="4242", expires="12/29", brand=brand, gateway=gateway, token=token)
        placed.append(await shop.order(pay_methods=[card]))
    assert await shop.states(*placed) == ["released", "released", "held"]


KNOWN = ["[together]\nshared_networks = ['81.2.69.0/24']", "[allow]\nnetworks = ['81.2.69.142']"]


@pytest.mark.parametrize("policy", KNOWN)
async def test_a_university_that_the_provider_knows_is_no_burst(house: House, policy: str) -> None:
    shop = Shop(house)
    answer = await house.api.post("/v1/policies", json={"document": policy})
    await house.api.post(f"/v1/policies/{answer.json()['version']}/activate")
    placed = [await shop.order(last_ip=ADDRESS) for _ in range(5)]
    assert await shop.states(*placed) == ["released"] * 5
    assert await count(house, "order.group_grew") == 0


async def test_a_crowd_behind_one_address_causes_no_storm(house: House) -> None:
    shop = Shop(house)
    for _ in range(8):
        await shop.order(pay=False, last_ip=ADDRESS)
    first = await count(house, "order.group_grew")
    await shop.order(pay=False, last_ip=ADDRESS)
    assert first <= 1 + 2 + 3 + 4 + 5
    assert await count(house, "order.group_grew") == first
    async with house.db.read() as connection:
        assert len(await groups.members(connection, 1)) == 9


async def test_regulars_with_a_paid_past_are_in_no_group(house: House) -> None:
    shop = Shop(house)
    regulars = [shop.account(days=400, last_ip=ADDRESS) for _ in range(3)]
    placed = [await shop.order(account=one) for one in regulars]
    assert await shop.states(*placed) == ["released"] * 3
    async with house.db.read() as connection:
        assert (await connection.scalar(sa.select(sa.func.count()).select_from(new_accounts))) == 0


async def test_a_group_that_nobody_knows(house: House) -> None:
    assert (await house.api.get("/v1/groups/77")).status_code == 404
    assert (await house.api.post("/v1/groups/77/hold", json={})).status_code == 404


async def count(house: House, kind: str) -> int:
    async with house.db.read() as connection:
        query = sa.select(sa.func.count()).select_from(events).where(events.c.type == kind)
        return int(await connection.scalar(query) or 0)
