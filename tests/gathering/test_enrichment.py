"""Stories with external services: asked once per order, within the time limit, and never blocking a decision."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
import respx
import sqlalchemy as sa

from app.db import Database
from app.enrichment.asking import Enrichment, open_enrichment
from app.enrichment.fraudrecord import URL as FRAUDRECORD
from app.enrichment.minfraud import URL as MINFRAUD
from app.gathering import enrichment
from app.gathering.panel import gather_order
from app.tables.orders import decisions, outside_answers
from tests.enrichment.samples import HOME, countries, networks
from tests.enrichment.test_asking import Hangs
from tests.stories.house import POLICY, House, open_house, settings_for
from tests.stories.test_orders import shop

SCORE = {"id": "5bc5d6c2-b2c8-40af-87f4-6d61af86b6ae", "risk_score": 7.5, "warnings": []}
REPORT = "<report>14-3-6.7-abd2ce90ea864c03</report>"


@pytest.fixture
async def well_informed(db: Database, tmp_path: Path) -> AsyncIterator[House]:
    """Open a house with all three enabled."""
    files = f"{countries(tmp_path / 'country.mmdb')},{networks(tmp_path / 'asn.mmdb')}"
    given = {"minfraud_account": 7, "minfraud_key": "abc", "fraudrecord_key": "def", "geoip_file": files}
    async with open_house(db, policy=POLICY, **given) as house:
        opened = open_enrichment(settings_for("sqlite:///none.db", **given))
        assert opened is not None
        house.context.enrichment = opened
        yield house
        await opened.aclose()


async def facts_of(house: House, order_id: int) -> list[dict[str, Any]]:
    """Return the facts of each judged decision, oldest first."""
    query = sa.select(decisions.c.facts).where(decisions.c.order_id == order_id, decisions.c.facts.is_not(None))
    async with house.db.read() as connection:
        return [dict(row.facts) for row in await connection.execute(query.order_by(decisions.c.id))]


async def answers_of(house: House, order_id: int) -> dict[str, Any]:
    query = sa.select(outside_answers).where(outside_answers.c.order_id == order_id)
    async with house.db.read() as connection:
        return {row.provider: row for row in await connection.execute(query)}


@respx.mock
async def test_all_three_are_asked_once_and_their_answers_are_facts(well_informed: House) -> None:
    house = well_informed
    minfraud, fraudrecord = respx.post(MINFRAUD).respond(json=SCORE), respx.post(FRAUDRECORD).respond(text=REPORT)
    client, product = shop(house)
    placed = await house.panel.place_order(client, [product], ip=HOME)
    await house.wait(200)  # unpaid and unchecked: it is read several times before it is decided
    await house.panel.pay_invoice(placed.invoice_id)
    await house.settle(seconds=30)
    assert (minfraud.call_count, fraudrecord.call_count) == (1, 1)
    [first, *later] = await facts_of(house, placed.id)
    for facts in (first, *later):
        assert facts["order"]["outside"] == [
            {
                "provider": "fraudrecord",
                "degraded": False,
                "score": 31.27,
                "reports": 3,
                "page": "abd2ce90ea864c03",
                "marks": [],
            },
            {
                "provider": "minfraud",
                "degraded": False,
                "score": 7.5,
                "reports": None,
                "page": None,
                "marks": [],
            },
        ]
        assert facts["customer"]["ip_country"] == "GB"
        assert facts["order"]["ip_asn"] == 64500
        assert not [name for name in facts["missing"] if name.startswith("outside")]
    assert json.loads(minfraud.calls.last.request.content)["device"] == {"ip_address": HOME}
    assert {row.tries for row in (await answers_of(house, placed.id)).values()} == {1}


@respx.mock
async def test_the_ip_of_staff_is_told_to_nobody(well_informed: House) -> None:
    house = well_informed
    minfraud, fraudrecord = respx.post(MINFRAUD).respond(json=SCORE), respx.post(FRAUDRECORD).respond(text=REPORT)
    client, product = shop(house)
    for by in ("staff", "staff_as_customer"):
        placed = await house.panel.place_order(client, [product], ip=HOME, by=by)  # type: ignore[arg-type]
        await house.settle(seconds=30)
        [facts, *_] = await facts_of(house, placed.id)
        assert facts["customer"]["ip_country"] is None
        assert facts["order"]["ip_asn"] is None
        assert facts["order"]["outside"][1]["marks"] == ["without_ip"]
        assert "device" not in json.loads(minfraud.calls.last.request.content)
        assert "ip" not in dict(parse_qsl(fraudrecord.calls.last.request.content.decode()))


async def test_services_that_hang_leave_a_mark_and_the_order_is_decided(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enrichment, "SECONDS", 0.2)
    sources = [Hangs("minfraud"), Hangs("fraudrecord")]
    house.context.enrichment = Enrichment({source.name: source for source in sources})
    client, product = shop(house)
    placed = await house.panel.place_order(client, [product], pay=True)
    await house.settle(seconds=30)
    order = await house.order(placed.id)
    assert (order["state"], order["decision"]["outcome"]) == ("released", "approve")
    [facts, *_] = await facts_of(house, placed.id)
    assert [(one["provider"], one["degraded"], one["score"]) for one in facts["order"]["outside"]] == [
        ("fraudrecord", True, None), ("minfraud", True, None),
    ]  # fmt: skip
    assert {"outside.fraudrecord", "outside.minfraud"} <= set(facts["missing"])
    assert all(source.ended.is_set() for source in sources)
    rows = await answers_of(house, placed.id)
    assert {(row.degraded, row.reason) for row in rows.values()} == {(True, "no answer in time")}


async def test_the_gate_answers_in_its_time_whatever_hangs(house: House) -> None:
    house.context.enrichment = Enrichment({"minfraud": Hangs("minfraud")})
    client, product = shop(house, autosetup="order")
    placed = await house.panel.place_order(client, [product])
    for _ in range(20):  # a busy machine may not decide within the gate's own time
        gate = (await house.api.get(f"/v1/orders/{placed.id}/gate")).json()
        if gate["reason"] != "undecided":
            break
    assert gate == {"provision": True, "reason": "approved"}


@respx.mock
async def test_a_service_that_was_away_is_asked_again_and_its_answer_is_judged(well_informed: House) -> None:
    house = well_informed
    respx.post(FRAUDRECORD).respond(text=REPORT)
    minfraud = respx.post(MINFRAUD).mock(side_effect=[httpx.Response(503), httpx.Response(200, json=SCORE)])
    client, product = shop(house)
    placed = await house.panel.place_order(client, [product], notes="Please install Ubuntu 8.04 on it.", ip=HOME)
    await house.wait(200)
    await house.panel.pay_invoice(placed.invoice_id)
    await house.settle(seconds=30)
    assert minfraud.call_count == 2
    row = (await answers_of(house, placed.id))["minfraud"]
    assert (row.tries, row.degraded, row.reason, row.answer["score"]) == (2, False, None, 7.5)
    assert "outside.minfraud" not in (await facts_of(house, placed.id))[-1]["missing"]


def slowly(status: int = 200, **answer: Any) -> Callable[[httpx.Request], Awaitable[httpx.Response]]:
    """Answer slowly."""

    async def respond(_request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.3)
        return httpx.Response(status, **answer)

    return respond


@respx.mock
async def test_two_who_look_at_once_pay_once_and_both_see_the_answer(well_informed: House) -> None:
    house = well_informed
    minfraud = respx.post(MINFRAUD).mock(side_effect=slowly(json=SCORE))
    fraudrecord = respx.post(FRAUDRECORD).mock(side_effect=slowly(text=REPORT))
    client, product = shop(house)
    async with house.turn:  # nobody else reads it
        placed = await house.panel.place_order(client, [product], ip=HOME)
        looks = [gather_order(house.context, placed.id, now=house.clock()) for _ in range(4)]
        looked = await asyncio.gather(*looks)
    assert [[(one.degraded, one.score) for one in look.enrichment] for look in looked] == [
        [(False, 31.27), (False, 7.5)]
    ] * 4
    assert (minfraud.call_count, fraudrecord.call_count) == (1, 1)
    assert {row.tries for row in (await answers_of(house, placed.id)).values()} == {1}


@respx.mock
async def test_who_waits_for_another_that_fails_says_so(well_informed: House) -> None:
    house = well_informed
    respx.post(FRAUDRECORD).respond(text=REPORT)
    minfraud = respx.post(MINFRAUD).mock(side_effect=slowly(503))
    client, product = shop(house)
    async with house.turn:
        placed = await house.panel.place_order(client, [product], ip=HOME)
        looks = [gather_order(house.context, placed.id, now=house.clock()) for _ in range(2)]
        looked = await asyncio.gather(*looks)
    assert [[one.degraded for one in look.enrichment] for look in looked] == [[False, True]] * 2
    assert minfraud.call_count == 1


@respx.mock
async def test_a_question_that_a_crash_cut_off_is_asked_again_a_little_later(
    well_informed: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = well_informed
    monkeypatch.setattr(enrichment, "SECONDS", 2)
    respx.post(FRAUDRECORD).respond(text=REPORT)
    came = asyncio.Event()

    async def hang(_request: httpx.Request) -> httpx.Response:
        came.set()
        await asyncio.sleep(60)
        return httpx.Response(200, json=SCORE)

    minfraud = respx.post(MINFRAUD).mock(side_effect=hang)
    client, product = shop(house)
    async with house.turn:
        placed = await house.panel.place_order(client, [product], ip=HOME)
        look = asyncio.create_task(gather_order(house.context, placed.id, now=house.clock()))
        await came.wait()
        look.cancel()
        await asyncio.gather(look, return_exceptions=True)
        minfraud.mock(side_effect=None, return_value=httpx.Response(200, json=SCORE))
        soon = await gather_order(house.context, placed.id, now=house.clock())
        house.clock.forward(seconds=6)
        later = await gather_order(house.context, placed.id, now=house.clock())
    assert [one.degraded for one in soon.enrichment] == [True, True]  # it may be in progress: not repeated
    assert [one.degraded for one in later.enrichment] == [False, False]
    assert (await answers_of(house, placed.id))["minfraud"].tries == 2


@respx.mock
async def test_a_service_that_stays_away_is_not_asked_for_ever(well_informed: House) -> None:
    house = well_informed
    respx.post(FRAUDRECORD).respond(text=REPORT)
    minfraud = respx.post(MINFRAUD).respond(status_code=402, json={"code": "INSUFFICIENT_FUNDS", "error": "no money"})
    client, product = shop(house)
    placed = await house.panel.place_order(client, [product], ip=HOME)
    await house.settle()
    for _ in range(enrichment.MOST_TRIES + 2):
        looked = await gather_order(house.context, placed.id, now=house.clock())
    assert minfraud.call_count == enrichment.MOST_TRIES
    assert [report.degraded for report in looked.enrichment] == [False, True]
    row = (await answers_of(house, placed.id))["minfraud"]
    assert (row.tries, row.degraded, row.reason) == (enrichment.MOST_TRIES, True, "HTTP 402: INSUFFICIENT_FUNDS")


@respx.mock(assert_all_called=False)
async def test_an_order_that_is_not_pending_any_more_is_not_paid_for(well_informed: House) -> None:
    house = well_informed
    minfraud, fraudrecord = respx.post(MINFRAUD).respond(json=SCORE), respx.post(FRAUDRECORD).respond(text=REPORT)
    client, product = shop(house)
    services, house.context.enrichment = house.context.enrichment, None  # enabled later
    placed = await house.panel.place_order(client, [product], pay=True, ip=HOME)
    await house.settle(seconds=30)
    assert (await house.order(placed.id))["panel_status"] == "Active"
    house.context.enrichment = services
    assert (await gather_order(house.context, placed.id, now=house.clock())).enrichment == ()
    assert (minfraud.call_count, fraudrecord.call_count) == (0, 0)


@respx.mock(assert_all_called=False)
async def test_an_urgent_look_without_time_left_asks_nobody_and_says_so(
    well_informed: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = well_informed
    minfraud = respx.post(MINFRAUD).respond(json=SCORE)
    client, product = shop(house)
    async with house.turn:  # the running worker would ask: it has no time limit
        placed = await house.panel.place_order(client, [product], ip=HOME)
        monkeypatch.setattr(enrichment, "URGENT_SECONDS", 0.0)
        looked = await gather_order(house.context, placed.id, now=house.clock(), urgent=True)
        assert [report.degraded for report in looked.enrichment] == [True, True]
        assert minfraud.call_count == 0
        assert await answers_of(house, placed.id) == {}
