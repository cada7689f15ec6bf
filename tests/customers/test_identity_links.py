"""Stories of customers who share something: detected with the next order, stored as hashes, without alerts."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from app.sandbox.models import PayMethod
from app.tables.alerts import alerts
from tests.gathering.test_enrichment import facts_of
from tests.stories.house import House
from tests.stories.test_orders import shop

MAIN = {"address1": "5 Main Street", "city": "Springfield", "postcode": "62701", "country": "US"}


def card(number: int) -> list[PayMethod]:
    return [PayMethod(id=number, last_four="4242", expires="02/28", token=f"cus_{number}|pm_{number}")]


def newcomer(house: House, name: str, **fields: Any) -> int:
    return house.panel.add_client("Otto", "Other", email=f"{name}@example.com", **fields).id


async def neighbours_of(house: House, order_id: int) -> dict[str, tuple[int, int]]:
    found = (await facts_of(house, order_id))[-1]["customer"]["neighbours"]
    return {each["kind"]: (each["customers"], each["bad_customers"]) for each in found}


async def test_a_fraudster_comes_back_with_another_mail_address(house: House) -> None:
    _client, product = shop(house)
    first = newcomer(house, "first", pay_methods=card(1), **MAIN)
    placed = await house.panel.place_order(first, [product], pay=True)
    await house.settle(seconds=30)
    await house.panel.staff_fraud(placed.id)
    await house.settle(seconds=30)
    second = newcomer(house, "second", pay_methods=card(2), **MAIN | {"address1": "Main St. 5", "address2": "Apt 2"})
    again = await house.panel.place_order(second, [product], pay=True)
    await house.settle(seconds=30)
    assert await neighbours_of(house, again.id) == {"similar_address": (1, 1), "payment": (1, 1)}


async def test_a_merged_customer_keeps_what_was_shared(house: House) -> None:
    _client, product = shop(house)
    first = newcomer(house, "first", pay_methods=card(1), **MAIN)
    await house.panel.place_order(first, [product], pay=True)
    await house.settle(seconds=30)
    into = newcomer(house, "into")
    await house.panel.merge_clients(first, into)
    await house.settle(seconds=30)
    third = newcomer(house, "third", pay_methods=card(3), **MAIN | {"address1": "Main St. 5"})
    placed = await house.panel.place_order(third, [product], pay=True)
    await house.settle(seconds=30)
    assert await neighbours_of(house, placed.id) == {"similar_address": (1, 0), "payment": (1, 0)}


async def test_without_the_right_to_see_pay_methods_they_are_missing_and_asked_for_once(house: House) -> None:
    house.panel.behaviours.role_lacks.add("GetPayMethods")
    client, product = shop(house)
    for _ in range(3):
        placed = await house.panel.place_order(client, [product], pay=True)
        await house.settle(seconds=30)
        assert (await house.order(placed.id))["state"] == "released"
        assert "neighbours.payment" in (await facts_of(house, placed.id))[-1]["missing"]
    assert house.panel.counts["GetPayMethods"] <= 1
    async with house.db.read() as connection:
        assert (await connection.execute(sa.select(alerts))).all() == []


async def test_pay_methods_are_read_once_for_the_looks_of_some_minutes(house: House) -> None:
    _client, product = shop(house)
    client = newcomer(house, "first", pay_methods=card(1), **MAIN)
    placed = await house.panel.place_order(client, [product])
    await house.settle(seconds=90)
    await house.panel.pay_invoice(placed.invoice_id)
    await house.settle(seconds=30)
    assert (await house.order(placed.id))["state"] == "released"
    assert house.panel.counts["GetPayMethods"] == 1
