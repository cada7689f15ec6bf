"""When a customer signed up: in the panel's zone, and to the minute where that can matter and our role may ask."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.core.facts import PlacedBy
from app.core.judgement.first_orders import FirstOrders
from app.core.money import Money
from app.core.policy.document import Policy
from app.db import Database
from app.gathering.sign_up import SignUp, minutes_matter
from app.installation import facts as installation
from app.panels.records import PanelOrder
from app.policies import large_orders
from app.sandbox.behaviours import Behaviours
from tests.gathering.test_enrichment import facts_of
from tests.stories.house import POLICY, House, open_house

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 8, 14, 12, 0, tzinfo=UTC)


def an_order(amount: str) -> PanelOrder:
    return PanelOrder(
        order_id=1, order_number="1", customer_id=7, placed_by=PlacedBy.CUSTOMER, staff_id=None, placed_at=NOON,
        amount=Money.from_text(amount, "USD"), currency="USD", payment_method="", promo_code="", invoice_id=None,
        status="Pending", ip=None, notes="", fraud_check=None, lines=(),
    )  # fmt: skip


def product(house: House, price: str) -> int:
    return house.panel.add_product("VPS", autosetup="payment", pricing={"USD": {"monthly": price}}).id


async def ordered(house: House, price: str, *, minutes_ago: int) -> dict[str, Any]:
    """Return the facts about the customer of a paid order, and what its judgement said."""
    since = house.clock() - timedelta(minutes=minutes_ago)
    client = house.panel.add_client("New", "Comer", email="new@example.com", created_at=since)
    placed = await house.panel.place_order(client.id, [product(house, price)], pay=True)
    await house.settle(seconds=30)
    signals = {one["code"]: one["detail"] for one in (await house.order(placed.id))["signals"]}
    return {"signals": signals, **(await facts_of(house, placed.id))[-1]["customer"]}


def test_a_day_begins_in_the_panels_zone() -> None:
    found = SignUp.on(date(2026, 8, 14), BERLIN)
    assert (found.at, found.exact) == (datetime(2026, 8, 13, 22, tzinfo=UTC), False)
    assert found.stored == datetime(2026, 8, 14, tzinfo=UTC)
    exact = SignUp(day=date(2026, 8, 14), at=NOON, exact=True)
    assert exact.stored == NOON


@pytest.mark.parametrize(
    ("amount", "days", "rank_of", "matters"),
    [
        ("300.00", 0, None, True),
        ("299.99", 0, None, False),
        ("300.00", 7, None, True),  # less than seven days, if it was opened late that day
        ("300.00", 8, None, False),
        ("60.00", 0, 100, True),  # above the 95th percentile of the first orders here
        ("60.00", 0, 99, False),  # of too few
        ("50.00", 0, 100, False),
    ],
)
def test_the_minute_matters_only_for_large_orders_of_young_accounts(
    amount: str, days: int, rank_of: int | None, matters: bool
) -> None:
    found = SignUp.on(NOON.date() - timedelta(days=days), UTC)
    large = {} if rank_of is None else {"USD": FirstOrders(orders=rank_of, percentiles=(5000,) * 101)}
    assert minutes_matter(an_order(amount), found, Policy(), large) is matters


async def test_a_large_order_of_a_new_account_is_told_to_the_minute_and_asked_for_once(db: Database) -> None:
    async with open_house(db, policy=POLICY, now=NOON) as house:
        told = await ordered(house, "400.00", minutes_ago=17)
        assert told["signed_up_exact"] is True
        assert told["signals"]["new_account_large_order"].startswith("The account was 17 minutes old and ordered for")
        assert house.panel.counts["GetUsers"] == 1


async def test_a_plain_order_of_a_new_account_asks_for_no_more_than_the_day(db: Database) -> None:
    async with open_house(db, policy=POLICY, now=NOON) as house:
        told = await ordered(house, "15.00", minutes_ago=17)
        assert (told["signed_up_exact"], house.panel.counts["GetUsers"]) == (False, 0)
        assert told["signed_up_at"] == "2026-08-13T22:00:00Z"  # the panel is in Berlin


async def test_without_the_right_to_ask_the_day_is_enough_and_nothing_is_missing(db: Database) -> None:
    async with open_house(db, policy=POLICY, now=NOON, behaviours=Behaviours(role_lacks={"GetUsers"})) as house:
        told = await ordered(house, "400.00", minutes_ago=17)
        assert told["signed_up_exact"] is False
        assert "opened on the same day" in told["signals"]["new_account_large_order"]
        assert house.panel.counts["GetUsers"] <= 1


async def test_an_order_larger_than_nearly_all_first_orders_here_is_large(db: Database) -> None:
    async with open_house(db, policy=POLICY, now=NOON) as house:
        stored = {"USD": {"orders": 120, "percentiles": [500] * 50 + [1500] * 51}}
        async with house.db.begin() as tx:
            await installation.put(tx, large_orders.COUNTED, stored, now=NOON)
        told = await ordered(house, "60.00", minutes_ago=200)
        assert told["signals"]["new_account_large_order"] == (
            "The account was 3 hours old and ordered for 60.00 USD; "
            "that is more than any of your 120 first orders of the last year."
        )
