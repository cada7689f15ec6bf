"""Which amounts are large here: counted from first orders that were accepted, live and imported."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from app.db import Database
from app.policies.large_orders import LargeOrders
from app.tables.customers import first_orders
from app.tables.history import cases
from app.upkeep import large_orders as counting
from tests.history.cases.test_build import build, facts_of
from tests.history.past import Past
from tests.stories.house import POLICY, House, open_house
from tests.stories.test_orders import shop


async def firsts(house: House, amounts: list[int], *, days_ago: int = 70, first: int = 1, **ended: Any) -> None:
    """Add customers with a first order each."""
    at = house.clock() - timedelta(days=days_ago)
    one = {"source": "imported", "placed_at": at, "judged_at": at, "facts": b"", "terms_digest": "", "label": "good"}
    numbered = list(enumerate(amounts, first))
    async with house.db.begin() as tx:
        await tx.execute(cases.insert(), [one | ended | {"order_id": n, "customer_id": n} for n, _ in numbered])
        rows = [
            {"customer_id": n, "order_id": n, "currency": "USD", "amount_minor": a, "placed_at": at}
            for n, a in numbered
        ]
        await tx.execute(first_orders.insert(), rows)


async def test_only_first_orders_that_ended_well_count(db: Database) -> None:
    async with open_house(db, policy=POLICY) as house:
        await firsts(house, [500, 1500, 9900])
        await firsts(house, [90_000] * 9, first=10, label="fraud")
        await firsts(house, [90_000] * 9, first=30, days_ago=1)  # nobody knows yet how they end
        await firsts(house, [90_000] * 9, first=50, days_ago=500)
        await counting.round(house.context)
        async with house.db.read() as connection:
            known = (await LargeOrders().get(connection))["USD"]
        assert (known.orders, known.rank(1500), known.rank(9901)) == (3, 33, 100)


async def test_a_customers_first_order_is_remembered_and_a_regulars_is_not(db: Database) -> None:
    async with open_house(db, policy=POLICY) as house:
        _regular, product = shop(house)
        new = house.panel.add_client("New", "Comer", email="new@example.com").id
        placed = [await house.panel.place_order(new, [product], pay=True) for _ in range(2)]
        await house.settle(seconds=30)
        async with house.db.read() as connection:
            rows = (await connection.execute(sa.select(first_orders))).all()
        assert [(row.customer_id, row.order_id, row.amount_minor) for row in rows] == [(new, placed[0].id, 1000)]


async def test_past_orders_are_compared_with_what_was_old_enough_then(db: Database) -> None:
    past = Past()
    for number in range(1, 31):
        past.customer(number, signed_up=number)
        past.order(number, number, number, paid=number)
    past.customer(99, signed_up=149)
    past.order(99, 99, 150)
    past.order(100, 99, 151)
    await build(db, past)
    facts = await facts_of(db)
    assert facts[1].order.first_orders == 0
    assert (facts[99].order.first_orders, facts[99].order.first_order_rank) == (30, 0)
    assert facts[100].order.first_order_rank is None  # not their first
    async with db.read() as connection:
        kept = set((await connection.execute(sa.select(first_orders.c.order_id))).scalars())
    assert kept == {*range(1, 31), 99}
