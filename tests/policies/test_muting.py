"""Risk signals that fire on too many live orders are muted, by the rules of the policy in force."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from app.db import Database
from app.tables.customers import order_sightings, signal_firings
from tests.billing.test_limits import place
from tests.stories.house import POLICY, House, open_house
from tests.stories.test_orders import SUSPECT
from tests.workflow.test_modes import switch

MUTING = "[muting]\nmin_orders = 20\n"


async def a_past(house: House, *, orders: int, firing: int) -> None:
    """Add this many orders of yesterday, some of which contain a term of the acceptable use list."""
    at = house.clock() - timedelta(days=1)
    seen = [{"order_id": number, "customer_id": number, "placed_at": at} for number in range(1, orders + 1)]
    fired = [{"code": "acceptable_use", "order_id": number, "placed_at": at} for number in range(1, firing + 1)]
    async with house.db.begin() as tx:
        await tx.execute(order_sightings.insert(), seen)
        await tx.execute(signal_firings.insert(), fired)


async def judged(house: House) -> tuple[str, int]:
    """Return the outcome of an order with such a term, and the term's points."""
    order: dict[str, Any] = await house.order(await place(house, SUSPECT))
    (signal,) = [one for one in order["signals"] if one["code"] == "acceptable_use"]
    return order["decision"]["outcome"], signal["points"]


async def test_muted_signals_are_counted_anew_as_soon_as_the_rules_change(db: Database) -> None:
    async with open_house(db, policy=POLICY) as house:
        await a_past(house, orders=40, firing=30)
        assert await judged(house) == ("hold_for_review", 60)  # too few orders to judge
        await switch(house, MUTING)
        assert await judged(house) == ("approve", 0)
        await switch(house, "[muting]\nmin_orders = 20\nshare_percent = 90\n")
        assert await judged(house) == ("hold_for_review", 60)


async def test_what_was_counted_ahead_is_not_counted_by_a_look(db: Database) -> None:
    async with open_house(db, policy=POLICY + MUTING) as house:
        await a_past(house, orders=40, firing=30)
        await house.context.muted.refresh(db, now=house.clock())
        async with db.begin() as tx:
            await tx.execute(signal_firings.delete())
        assert await judged(house) == ("approve", 0)


async def test_a_signal_that_is_muted_still_counts_as_fired(db: Database) -> None:
    """Otherwise it would be unmuted after a while, and muted again."""
    async with open_house(db, policy=POLICY + MUTING) as house:
        await a_past(house, orders=20, firing=6)
        for _ in range(4):
            house.context.muted.read_at -= 3600
            assert await judged(house) == ("approve", 0)
