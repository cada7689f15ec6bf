"""Stories with a file of anonymisers: its result is a fact of the order, whatever happens to the file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.core.consequences.timers import READ_BACK
from app.core.judgement.decide import decide
from app.core.judgement.stored import load_facts, load_judgement
from app.db import Database
from app.enrichment import geoip
from app.enrichment.asking import Enrichment
from app.enrichment.geoip import GeoFiles
from app.gathering.panel import gather_order
from app.messaging import inbox
from app.policies import versions
from app.tables.orders import decisions, orders
from tests.enrichment.samples import FAR, HOME, anonymisers, countries
from tests.enrichment.test_geoip import damaged
from tests.gathering.test_enrichment import facts_of
from tests.stories.house import POLICY, House, open_house
from tests.stories.test_orders import WISH, shop

VEILED = {
    "provider": "geoip", "degraded": False, "score": None, "reports": None, "page": None,
    "marks": ["anonymous_ip", "vpn"],
}  # fmt: skip


@pytest.fixture
async def watchful(db: Database, tmp_path: Path) -> AsyncIterator[House]:
    """Open a house with a file of countries and one of anonymisers."""
    paths = [countries(tmp_path / "country.mmdb"), anonymisers(tmp_path / "anonymous.mmdb")]
    async with open_house(db, policy=POLICY) as house:
        house.context.enrichment = Enrichment({}, GeoFiles.open(paths, clock=lambda: house.clock().timestamp()))
        yield house


async def placed(house: House, **given: Any) -> int:
    client, product = shop(house)
    order = await house.panel.place_order(client, [product], **{"ip": HOME, "pay": True, **given})
    await house.settle(seconds=30)
    return int(order.id)


async def signals_of(house: House, order_id: int) -> dict[str, dict[str, Any]]:
    return {signal["code"]: signal for signal in (await house.order(order_id))["signals"]}


async def decided_on(house: House) -> str | None:
    """Return the digest of the order's facts: when it changes, the order is decided again."""
    async with house.db.read() as connection:
        digest: str | None = (await connection.execute(sa.select(orders.c.decided_inputs))).scalar_one()
    return digest


async def test_a_vpn_is_evidence_and_stops_nobody(watchful: House) -> None:
    order_id = await placed(watchful)
    order = await watchful.order(order_id)
    assert (order["state"], order["decision"]["outcome"]) == ("released", "approve")
    signal = (await signals_of(watchful, order_id))["anonymous_ip"]
    assert (signal["points"], signal["evidence"]) == (20, {"marked_by": "geoip", "kinds": "vpn"})
    assert [facts["order"]["outside"] for facts in await facts_of(watchful, order_id)] == [[VEILED]]


async def test_an_address_that_is_no_anonymisers_was_looked_up_too(watchful: House) -> None:
    order_id = await placed(watchful, ip=FAR)
    assert "anonymous_ip" not in await signals_of(watchful, order_id)
    (facts,) = await facts_of(watchful, order_id)
    assert facts["order"]["outside"] == [VEILED | {"marks": []}]


@pytest.mark.parametrize("by", ["staff", "staff_as_customer"])
async def test_the_vpn_of_staff_is_nobodys_business(watchful: House, by: str) -> None:
    order_id = await placed(watchful, by=by)
    assert "anonymous_ip" not in await signals_of(watchful, order_id)
    assert (await facts_of(watchful, order_id))[0]["order"]["outside"] == []


async def test_it_is_judged_again_without_the_file(watchful: House, tmp_path: Path) -> None:
    order_id = await placed(watchful)
    for path in tmp_path.glob("*.mmdb"):
        path.unlink()
    watchful.context.enrichment = None
    async with watchful.db.read() as connection:
        row = (await connection.execute(sa.select(decisions).where(decisions.c.order_id == order_id))).one()
        policy = await versions.get(connection, row.policy_version)
    assert decide(load_facts(row.facts), policy, now=row.at) == load_judgement(row.judgement)


async def test_another_file_is_no_news_of_an_order(watchful: House, tmp_path: Path) -> None:
    order_id = await placed(watchful, notes=WISH)
    before = await decided_on(watchful)
    countries(tmp_path / "new.mmdb").replace(tmp_path / "anonymous.mmdb")
    watchful.clock.forward(seconds=60)
    async with watchful.db.begin() as tx:
        await inbox.add_internal(tx, type=READ_BACK, data={"order_id": order_id}, now=watchful.clock())
    await watchful.settle()
    looked = await gather_order(watchful.context, order_id, now=watchful.clock())
    assert looked.ip_place.marks is None  # the new file is in use, and has no entry
    assert await decided_on(watchful) == before


@pytest.mark.parametrize("damage", ["gone", "half a download"])
async def test_a_file_that_vanishes_leaves_the_last_good_one(watchful: House, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "anonymous.mmdb"
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(damage.encode())
    watchful.clock.forward(seconds=60)
    order_id = await placed(watchful)
    assert (await facts_of(watchful, order_id))[0]["order"]["outside"] == [VEILED]


async def test_what_a_damaged_file_keeps_back_is_missing_and_the_order_is_decided(
    watchful: House, tmp_path: Path
) -> None:
    path = damaged(anonymisers(tmp_path / "damaged.mmdb"))
    watchful.context.enrichment = Enrichment({}, GeoFiles.open([path]))
    order_id = await placed(watchful)
    (facts,) = await facts_of(watchful, order_id)
    assert facts["order"]["outside"] == [VEILED | {"degraded": True, "marks": []}]
    assert f"outside.{geoip.NAME}" in facts["missing"]
    assert (await watchful.order(order_id))["state"] == "released"
