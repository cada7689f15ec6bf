"""The gate for several orders at once: accepted requests, answers, and number of database queries."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app.core.records import Role
from app.tables.inbox import events
from tests.api.api_support import NOW, ORDER, add_order, check_problem, insert
from tests.api.conftest import Api
from tests.api.test_problems import HOSTILE_IDS

LATER = NOW + timedelta(days=1)


def asked(*order_ids: object) -> str:
    return "/v1/gate?order_ids=" + ",".join(map(str, order_ids))


async def ask(api: Api, *order_ids: int) -> dict[int, tuple[bool, str]]:
    return (await timed(api, *order_ids))[0]


async def timed(api: Api, *order_ids: int) -> tuple[dict[int, tuple[bool, str]], float]:
    """Ask, and return the time it took, excluding first-request work and the check against the document."""
    await api.client.get(asked(0), headers=api.headers(Role.PANEL))
    began = time.monotonic()
    answer = await api.client.get(asked(*order_ids), headers=api.headers(Role.PANEL))
    took = time.monotonic() - began
    assert api.checked(answer).status_code == 200, answer.text
    rows = answer.json()["orders"]
    assert [row["order_id"] for row in rows] == list(order_ids)
    return {row["order_id"]: (row["provision"], row["reason"]) for row in rows}, took


async def hear_of(api: Api, order_id: int) -> None:
    """Store a webhook about the order that is not handled yet."""
    await insert(
        api.db, events, webhook_id=f"test-{order_id}", type="order.created", source="webhook", body=b"{}",
        order_id=order_id, occurred_at=NOW, received_at=NOW, state="processed", due_at=NOW,
    )  # fmt: skip


async def test_each_order_gets_the_answer_that_it_gets_alone(api: Api) -> None:
    await add_order(api.db)
    await add_order(api.db, ORDER + 1, outcome="approve", state="released", placed_at=LATER)
    await add_order(api.db, ORDER + 2, outcome="hold_for_fee", placed_at=LATER)
    await add_order(api.db, ORDER + 3, outcome="reject", state="rejected", placed_at=LATER)
    await hear_of(api, ORDER + 4)
    numbers = [ORDER + 4, ORDER + 2, ORDER, ORDER + 5, ORDER + 3, ORDER + 1]
    found = await ask(api, *numbers)
    assert found == {
        ORDER: (False, "held_for_review"), ORDER + 1: (True, "approved"), ORDER + 2: (False, "held_for_fee"),
        ORDER + 3: (False, "rejected"), ORDER + 4: (False, "undecided"), ORDER + 5: (True, "not_ours"),
    }  # fmt: skip
    for number in numbers:
        alone = (await api.ask("GET", f"/v1/orders/{number}/gate", Role.PANEL)).json()
        assert (alone["provision"], alone["reason"]) == found[number]


async def test_the_parameter_may_be_repeated(api: Api) -> None:
    await add_order(api.db)
    answer = await api.ask("GET", f"/v1/gate?order_ids={ORDER}&order_ids={ORDER + 1},{ORDER + 2}", Role.PANEL)
    assert [row["order_id"] for row in answer.json()["orders"]] == [ORDER, ORDER + 1, ORDER + 2]


async def test_ids_that_can_not_be_are_422(api: Api) -> None:
    for hostile in HOSTILE_IDS:
        check_problem(await api.ask("GET", asked(hostile)), 422, "invalid")
        body = check_problem(await api.ask("GET", asked(7, hostile)), 422, "invalid")
        assert body["errors"][0]["path"].startswith("query.order_ids")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "required"),
        ("?order_ids=", "whole number"),
        ("?order_ids=1,,2", "whole number"),
        ("?order_ids=1, 2", "whole number"),
        ("?order_ids=1;2", "whole number"),
        ("?order_ids=[1,2]", "whole number"),
        ("?order_ids=1,2,1", "each order only once"),
        ("?order_ids=1&order_ids=1", "each order only once"),
        ("?order_ids=" + ",".join(map(str, range(1, 102))), "at most 100"),
        ("?order_ids=" + ",".join(map(str, range(1, 9_000))), "at most 100"),
        ("?" + "&".join(f"order_ids={number}" for number in range(1, 102)), "at most 100"),
    ],
)
async def test_bad_questions_are_refused_and_ask_the_worker_nothing(api: Api, query: str, words: str) -> None:
    body = check_problem(await api.ask("GET", f"/v1/gate{query}", Role.PANEL), 422, "invalid")
    assert words in body["errors"][0]["message"] or "equired" in body["errors"][0]["message"]
    async with api.db.read() as connection:
        assert await connection.scalar(sa.select(sa.func.count()).select_from(events)) == 0


async def test_a_hundred_undecided_orders_are_one_transaction_and_one_query_a_look(api: Api) -> None:
    numbers = [2**63 - 1 - number for number in range(100)]
    for number in numbers[:50]:
        await hear_of(api, number)
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        said.append(statement.split(maxsplit=1)[0])

    engines = {api.db.reader.sync_engine, api.db.writer.sync_engine}
    for engine in engines:
        sa.event.listen(engine, "before_cursor_execute", note)
    found, took = await timed(api, *numbers)
    for engine in engines:
        sa.event.remove(engine, "before_cursor_execute", note)
    assert list(found.values())[:50] == [(False, "undecided")] * 50
    assert set(list(found.values())[50:]) <= {(True, "not_ours"), (False, "undecided")}  # a busy machine: undecided
    assert 1.0 < took < 2.5
    assert said.count("INSERT") == 1
    assert said.count("SELECT") < 30
    async with api.db.read() as connection:
        query = sa.select(events.c.order_id).where(events.c.type == "gate.asked", events.c.urgent)
        assert list(await connection.scalars(query.order_by(events.c.id))) == numbers


async def test_what_is_known_does_not_wait(api: Api) -> None:
    for number in range(100):
        await add_order(api.db, ORDER + number)
    found, took = await timed(api, *range(ORDER, ORDER + 100))
    assert set(found.values()) == {(False, "held_for_review")}
    assert took < 1.0


async def test_in_shadow_all_pass(start: Any) -> None:
    async with start(mode="shadow") as api:
        await add_order(api.db)
        assert await ask(api, ORDER, ORDER + 1) == {ORDER: (True, "shadow"), ORDER + 1: (True, "shadow")}
