"""Idempotency-Key: a repeated request has the same answer and no second effect, whatever happens in between."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from app.errors import RequestRunning
from app.installation import keys
from app.installation.idempotency import KEPT, Answer, KeyedRequest, Repeats, forget_old
from app.tables.access import Role, idempotency_keys
from app.tables.customers import credits as credits_table
from tests.api.api_support import CUSTOMER, NOW, ORDER, add_customer, add_order, check_problem
from tests.api.conftest import Api, Start

pytestmark = pytest.mark.both_databases("the first of two at once is known by a lock or an index")

CREDITS = f"/v1/customers/{CUSTOMER}/credits"
BODY: dict[str, Any] = {"amount": "25.00", "reason": "Outage"}


async def post(api: Api, key: str, body: Any = None, role: Role = Role.OPS, path: str = CREDITS) -> httpx.Response:
    """Request a credit with a key."""
    return await api.ask("POST", path, role, json=BODY if body is None else body, headers={"Idempotency-Key": key})


async def count(api: Api) -> int:
    """Return how many credits were granted."""
    async with api.db.read() as connection:
        return int(await connection.scalar(sa.select(sa.func.count()).select_from(credits_table)) or 0)


@pytest.fixture
async def known(api: Api) -> Api:
    """An application with one customer."""
    await add_customer(api.db)
    return api


async def test_the_same_request_again_gets_the_same_answer(known: Api) -> None:
    first, second = await post(known, "k-1"), await post(known, "k-1")
    assert first.status_code == second.status_code == 202
    assert first.content == second.content
    assert await count(known) == 1


async def test_another_body_under_the_key_is_422(known: Api) -> None:
    await post(known, "k-1")
    check_problem(await post(known, "k-1", {"amount": "26.00", "reason": "Outage"}), 422, "key-reused")
    assert await count(known) == 1


async def test_the_scope_is_caller_and_address(known: Api) -> None:
    await add_customer(known.db, CUSTOMER + 1)
    await post(known, "k-1")
    assert (await post(known, "k-1", path=f"/v1/customers/{CUSTOMER + 1}/credits")).status_code == 202
    check_problem(await post(known, "k-1", role=Role.ADMIN), 409, "looks-duplicate")  # another caller: a new request


async def test_a_new_key_of_an_old_name_gets_no_kept_answer(known: Api) -> None:
    assert (await post(known, "k-1")).status_code == 202
    async with known.db.begin() as tx:
        await keys.revoke_key(tx, f"{Role.OPS}-key", now=NOW)
        new = await keys.create_key(tx, f"{Role.OPS}-key", Role.OPS, now=NOW)
    headers = {"Authorization": f"Bearer {new}", "Idempotency-Key": "k-1"}

    answer = await known.client.post(CREDITS, json=BODY, headers=headers)

    check_problem(answer, 409, "looks-duplicate")  # it is handled as a new request


async def test_a_new_admin_key_of_the_settings_gets_no_kept_answer(start: Start) -> None:
    async def ask(api: Api, admin: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {admin}", "Idempotency-Key": "k-1"}
        return await api.client.post(CREDITS, json=BODY, headers=headers)

    async with start(admin_key="a" * 32) as api:
        await add_customer(api.db)
        assert (await ask(api, "a" * 32)).status_code == 202
        assert (await ask(api, "a" * 32)).status_code == 202
    async with start(admin_key="b" * 32, keys=False) as api:
        check_problem(await ask(api, "b" * 32), 409, "looks-duplicate")


async def test_a_refusal_is_not_kept(known: Api) -> None:
    check_problem(await post(known, "k-1", {"amount": "0.00", "reason": "Outage"}), 422, "invalid")
    assert (await post(known, "k-1")).status_code == 202


async def test_an_order_approved_twice_under_one_key_is_approved_once(api: Api) -> None:
    await add_order(api.db)
    path = f"/v1/orders/{ORDER}/approve"
    first, second = await post(api, "k-1", {}, path=path), await post(api, "k-1", {}, path=path)
    assert first.status_code == second.status_code == 200
    assert first.content == second.content
    check_problem(await post(api, "k-2", {}, path=path), 409, "wrong-state")


async def test_many_at_once_have_one_effect(known: Api) -> None:
    answers = await asyncio.gather(*(post(known, "k-1") for _ in range(12)))
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({answer.content for answer in answers if answer.status_code == 202}) == 1
    for answer in answers:
        if answer.status_code == 409:
            check_problem(answer, 409, "request-running")
    assert await count(known) == 1


async def test_another_process_does_not_carry_it_out_meanwhile(known: Api) -> None:
    request = KeyedRequest(actor="a", route="POST /x", key="k", body_sha256="0" * 64)
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow(_tx: object) -> Answer:
        entered.set()
        await leave.wait()
        return Answer(status=200, body="1")

    here = Repeats(known.db)
    there = here if known.db.is_sqlite else Repeats(known.db)  # a SQLite file has one API process
    first = asyncio.create_task(here.run(request, slow, now=NOW))
    await entered.wait()
    with pytest.raises(RequestRunning):
        await there.run(request, slow, now=NOW)
    leave.set()
    assert await first == await there.run(request, slow, now=NOW)


async def test_an_effect_that_fails_leaves_nothing_behind(known: Api) -> None:
    request = KeyedRequest(actor="a", route="POST /x", key="k", body_sha256="0" * 64)
    repeats = Repeats(known.db)

    async def fails(tx: Any) -> Answer:
        await tx.execute(sa.text("DELETE FROM customers"))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await repeats.run(request, fails, now=NOW)

    async def works(_tx: object) -> Answer:
        return Answer(status=200, body="1")

    assert (await repeats.run(request, works, now=NOW)).body == "1"
    assert (await known.ask("GET", f"/v1/customers/{CUSTOMER}")).status_code == 200


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "ü", "\x7f"])
async def test_keys_that_can_not_be_are_422(known: Api, key: str) -> None:
    answer = await known.ask("POST", CREDITS, json=BODY, headers={"Idempotency-Key": key.encode("latin-1")})
    check_problem(answer, 422, "invalid")


async def test_old_answers_are_forgotten(known: Api) -> None:
    await post(known, "k-1")
    async with known.db.begin() as tx:
        assert await forget_old(tx, now=NOW + KEPT) == 0
        assert await forget_old(tx, now=NOW + 2 * KEPT) == 1
        assert (await tx.execute(sa.select(idempotency_keys))).first() is None
