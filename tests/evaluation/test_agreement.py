"""`GET /v1/reports/agreement`: people's decisions compared with the policy's."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.db import Database
from tests.stories.house import POLICY, House, open_house
from tests.stories.test_orders import WISH, shop


@pytest.fixture
async def house(db: Database) -> AsyncIterator[House]:
    async with open_house(db, policy=POLICY) as opened:
        yield opened


async def report(house: House) -> dict[str, object]:
    answer = await house.api.get("/v1/reports/agreement")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_an_empty_house_has_nothing_to_compare(house: House) -> None:
    assert await report(house) == {"orders": 0, "since": None, "outcomes": {}, "agreed_share": None, "signals": []}


async def test_people_overrule_and_agree(house: House) -> None:
    client, product = shop(house, autosetup="accept")
    for _ in range(4):
        await house.panel.place_order(client, [product], notes=WISH)
    plain = await house.panel.place_order(client, [product], pay=True)
    await house.settle(seconds=120)
    held = [row["order_id"] for row in (await house.api.get("/v1/orders?state=held")).json()["items"]]
    assert len(held) == 4
    assert (await house.act(held[3], "cancel", reason="duplicate")).status_code == 200
    assert (await house.act(held[0], "waive-fee")).status_code == 200
    assert (await house.act(held[1], "reject")).status_code == 200
    await house.settle(seconds=5)
    found = await report(house)
    assert found["orders"] == 2  # the third waits for a person, the plain one needed none, a duplicate is not a verdict
    assert found["outcomes"] == {"hold_for_fee": {"approve": 1, "reject": 1}}
    assert found["agreed_share"] == 0.5
    signals = {row["code"]: row for row in found["signals"]}  # type: ignore[attr-defined]
    requested = next(row for code, row in signals.items() if code.startswith("request_"))
    assert (requested["approved"], requested["rejected"], requested["approved_share"]) == (1, 1, 0.5)
    assert plain.id not in held
