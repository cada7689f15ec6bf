"""Risk signals that fire on too many orders that ended well are muted, and no attack can mute what it sets off."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app.core.policy.sections.judging import Muting
from app.db import Database
from app.policies import muting
from app.tables.alerts import alerts
from app.tables.customers import signal_firings
from app.tables.history import cases
from app.tables.orders import orders
from app.upkeep import muting as counting
from tests.billing.test_limits import place
from tests.stories.house import POLICY, House, open_house
from tests.stories.test_orders import SUSPECT
from tests.workflow.test_modes import switch

MUTING = "[muting]\nmin_orders = 20\n"


async def a_past(
    house: House, *, orders_of: int, firing: int, days_ago: int = 70, first: int = 1, **ended: Any
) -> None:
    """Add this many orders, some of which contain a term of the acceptable use list; `ended`: columns of `cases`."""
    at = house.clock() - timedelta(days=days_ago)
    one = {"source": "imported", "placed_at": at, "judged_at": at, "facts": b"", "terms_digest": "", "label": "good"}
    numbers = range(first, first + orders_of)
    known = [one | ended | {"order_id": number, "customer_id": number} for number in numbers]
    fired = [{"code": "acceptable_use", "order_id": number, "placed_at": at} for number in numbers[:firing]]
    async with house.db.begin() as tx:
        await tx.execute(cases.insert(), known)
        if fired:
            await tx.execute(signal_firings.insert(), fired)


async def judged(house: House) -> tuple[str, int]:
    """Return the outcome of an order with such a term, and the term's points."""
    order: dict[str, Any] = await house.order(await place(house, SUSPECT))
    (signal,) = [one for one in order["signals"] if one["code"] == "acceptable_use"]
    return order["decision"]["outcome"], signal["points"]


async def test_muted_signals_are_counted_anew_as_soon_as_the_rules_change(db: Database) -> None:
    async with open_house(db, policy=POLICY) as house:
        await a_past(house, orders_of=40, firing=30)
        assert await judged(house) == ("hold_for_review", 60)  # too few orders to judge
        await switch(house, MUTING)
        assert await judged(house) == ("approve", 0)
        await switch(house, "[muting]\nmin_orders = 20\nshare_percent = 90\n")
        assert await judged(house) == ("hold_for_review", 60)


async def test_what_the_worker_counted_is_not_counted_by_a_judgement(db: Database) -> None:
    async with open_house(db, policy=POLICY + MUTING) as house:
        await a_past(house, orders_of=40, firing=30)
        await counting.round(house.context)
        async with db.begin() as tx:
            await tx.execute(signal_firings.delete())
        assert await judged(house) == ("approve", 0)


async def test_a_signal_that_is_muted_still_counts_as_fired(db: Database) -> None:
    """Otherwise it would be unmuted after a while, and muted again."""
    async with open_house(db, policy=POLICY + MUTING) as house:
        await a_past(house, orders_of=20, firing=6)
        for _ in range(4):
            house.context.muted.read_at -= 3600
            assert await judged(house) == ("approve", 0)


@pytest.mark.parametrize(
    ("ended", "days_ago", "counted"),
    [
        ({}, 60, 30),
        ({}, 59, 0),  # too young: how it ends is not known
        ({}, 151, 0),  # it ended well too long ago
        ({"label": "open"}, 70, 0),  # held, or nobody knows
        ({"label": "fraud"}, 70, 0),
        ({"label": "disputed"}, 70, 0),
        ({"label": "refunded"}, 70, 0),
        ({"label": "cancelled_unpaid"}, 70, 0),
        ({"label": "open", "reviewed": "approve"}, 1, 30),
        ({"label": "open", "reviewed": "reject"}, 1, 0),
        ({"label": "open", "reviewed": "hold_for_review"}, 70, 0),
        ({"label": "fraud", "reviewed": "approve"}, 1, 0),  # the person was wrong
        ({"reviewed": "approve"}, 100, 0),  # it counted when it was approved
    ],
)
async def test_only_orders_that_ended_well_count(
    db: Database, ended: dict[str, Any], days_ago: int, counted: int
) -> None:
    async with open_house(db, policy=POLICY + MUTING) as house:
        await a_past(house, orders_of=30, firing=10, days_ago=days_ago, **ended)
        async with house.db.read() as connection:
            found = await muting.count(connection, Muting(), now=house.clock())
        assert (found.orders, found.fired) == (counted, {"acceptable_use": 10} if counted else {})


async def test_an_order_that_was_accepted_live_and_turns_out_bad_counts_no_more(db: Database) -> None:
    async with open_house(db, policy=POLICY) as house:
        placed = await place(house, "")
        async with house.db.begin() as tx:
            await tx.execute(cases.update().values(placed_at=house.clock() - timedelta(days=61)))

        async def counted() -> int:
            async with house.db.read() as connection:
                return (await muting.count(connection, Muting(), now=house.clock())).orders

        assert await counted() == 1
        for changes in ({"payment_state": "disputed"}, {"payment_state": "paid", "fraud": True}):
            async with house.db.begin() as tx:
                await tx.execute(orders.update().where(orders.c.order_id == placed).values(**changes))
            assert await counted() == 0


async def test_an_attack_mutes_nothing_however_large_it_is(db: Database) -> None:
    async with open_house(db, policy=POLICY + MUTING) as house:
        await a_past(house, orders_of=40, firing=2)
        await a_past(house, orders_of=400, firing=400, days_ago=1, first=1_000, label="open")
        await a_past(house, orders_of=400, firing=400, days_ago=70, first=2_000, label="fraud")
        assert await judged(house) == ("hold_for_review", 60)


async def test_staff_are_told_once_and_see_it_among_the_signals(db: Database) -> None:
    async with open_house(db, policy=POLICY + MUTING) as house:
        await a_past(house, orders_of=40, firing=30)
        for _ in range(2):
            await counting.round(house.context)
        async with house.db.read() as connection:
            (text,) = (await connection.execute(sa.select(alerts.c.text))).scalars()
        assert text.startswith(
            "The risk signal acceptable_use is muted: it fired on 30 of the 40 orders that ended well"
        )
        answered = (await house.api.get("/v1/signals")).json()
        shown = {one["code"]: one for one in answered["signals"]}
        assert answered["ended_well"] == 40
        assert (shown["acceptable_use"]["muted"], shown["acceptable_use"]["fired"]) == (True, 30)
        assert (shown["shared_ip"]["muted"], shown["shared_ip"]["fired"]) == (False, 0)
        assert await judged(house) == ("approve", 0)
