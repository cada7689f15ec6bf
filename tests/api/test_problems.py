"""Every error is a problem document, and no request causes a 5xx."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa

from app.api.middleware import MAX_BODY
from app.core.records import Role
from app.db import Database
from app.errors import Problem
from app.tables.inbox import installation
from tests.api.api_support import CUSTOMER, ORDER, add_customer, add_order, add_world, check_problem
from tests.api.conftest import Api, Start
from tests.documents import HANDBOOK

APPROVE = f"/v1/orders/{ORDER}/approve"
JSON = {"content-type": "application/json"}
HOSTILE_IDS = [
    "0", "-1", "+1", "01", "1.0", "1e3", "1_0", " 1", "%00", "abc", "%F0%9F%98%80", "%D9%A3", "9223372036854775808",
    "9" * 5000, "null", "true", "1%00", "%ED%A0%80", "0x10",
]  # fmt: skip
HOSTILE_CURSORS = [
    "x", "%00", "W10", "bnVsbA", "WzFd" * 30, "WzkyMjMzNzIwMzY4NTQ3NzU4MDhd", "W3RydWVd", "WyJhIl0", "%F0%9F%98%80",
    "WyIyMDI2LTAxLTAxVDAwOjAwOjAwIiwieCJd", "W1tbW1tbXV1dXV1d", "A" * 390, "B" * 5000,
]  # fmt: skip


async def test_unknown_addresses_and_methods(api: Api) -> None:
    check_problem(await api.client.get("/nothing/here"), 404, "not-found")
    answer = await api.ask("DELETE", "/v1/queue")
    check_problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"]


@pytest.mark.parametrize(
    "template",
    [
        "GET /v1/orders/{}", "GET /v1/orders/{}/gate", "GET /v1/orders/{}/explanation", "GET /v1/customers/{}",
        "GET /v1/customers/{}/score", "GET /v1/customers/{}/credits", "GET /v1/tickets/{}", "GET /v1/policies/{}",
        "POST /v1/orders/{}/approve", "POST /v1/events/{}/replay", "POST /v1/panel-calls/{}/retry",
        "GET /v1/orders?customer_id={}", "GET /v1/fees?customer_id={}",
    ],
)  # fmt: skip
async def test_ids_that_can_not_be_are_422(api: Api, template: str) -> None:
    method, path = template.split()
    for hostile in HOSTILE_IDS:
        check_problem(await api.ask(method, path.format(hostile)), 422, "invalid")


async def test_the_largest_id_is_merely_unknown(api: Api) -> None:
    largest = 2**63 - 1
    check_problem(await api.ask("GET", f"/v1/orders/{largest}"), 404, "not-found")
    assert (await api.ask("GET", f"/v1/orders?customer_id={largest}")).json() == {"items": [], "next_cursor": None}
    check_problem(await api.ask("POST", f"/v1/orders/{largest}/approve"), 404, "not-found")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/orders", "/v1/queue", "/v1/fees", "/v1/fees?state=paid", "/v1/fees?customer_id=1", "/v1/customers",
        f"/v1/customers/{CUSTOMER}/credits", "/v1/policies", "/v1/panel-calls", "/v1/events",
    ],
)  # fmt: skip
async def test_cursors_that_we_did_not_make_are_422(api: Api, path: str) -> None:
    await add_customer(api.db)
    for hostile in HOSTILE_CURSORS:
        answer = await api.ask("GET", f"{path}{'&' if '?' in path else '?'}cursor={hostile}")
        body = check_problem(answer, 422, "invalid")
        assert body["errors"][0]["path"] == "query.cursor"


async def test_limits_out_of_bounds_are_422(api: Api) -> None:
    for limit in ("0", "101", "-1", "x", "1e2", "99999999999999999999"):
        body = check_problem(await api.ask("GET", f"/v1/orders?limit={limit}"), 422, "invalid")
        assert body["errors"][0]["path"] == "query.limit"


DEEP = b"[" * 100_000 + b"]" * 100_000
DEEP_OBJECT = b'{"note":' * 20_000 + b"1" + b"}" * 20_000


BAD_BODIES = [
        b"{", b"not json", b"\xff\xfe", b'"text"', b"[]", b"12", b"true", DEEP, DEEP_OBJECT, b"[" * 900 + b"]" * 900,
        b'{"note": 5}', b'{"note": "a\\u0000b"}', b'{"note": "\\ud800"}', b'{"note": "' + b"x" * 1001 + b'"}',
        b'{"unknown": 1}', b'{"\\ud800": 1}', b'{"note": NaN}', b'{"note": ' + b"9" * 5000 + b"}", b"\x00",
        b'{"minutes": 5}', b'{"note": {"note": {}}}',
]  # fmt: skip


async def test_bodies_that_can_not_be_are_422(api: Api) -> None:
    await add_order(api.db)
    for body in BAD_BODIES:
        answer = await api.ask("POST", APPROVE, content=body, headers=JSON)
        found = check_problem(answer, 422, "invalid")
        assert found["errors"]
        assert set(found["errors"][0]) == {"path", "message"}
        assert len(answer.content) < 8_000


async def test_a_body_without_its_content_type_is_422_and_none_at_all_is_fine(api: Api) -> None:
    await add_order(api.db)
    check_problem(await api.ask("POST", APPROVE, content=b'{"note": "x"}'), 422, "invalid")
    assert (await api.ask("POST", APPROVE)).status_code == 200


async def test_errors_name_the_field(api: Api) -> None:
    await add_customer(api.db)
    answer = await api.ask("POST", f"/v1/customers/{CUSTOMER}/credits", json={"amount": "1,50", "force": "yes"})
    paths = {one["path"] for one in check_problem(answer, 422, "invalid")["errors"]}
    assert paths == {"amount", "reason", "force"}


async def test_bodies_over_one_mebibyte_are_413_however_they_come(api: Api) -> None:
    large = b'{"document": "' + b"#" * MAX_BODY + b'"}'

    async def streamed() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 65_536):
            yield large[start : start + 65_536]

    for path in ("/v1/policies", APPROVE):
        for content in (large, streamed()):
            answer = await api.ask("POST", path, Role.ADMIN, content=content, headers=JSON)
            check_problem(answer, 413, "too-large")


async def test_a_declared_length_is_believed_when_it_is_too_much(api: Api) -> None:
    headers = JSON | {"content-length": "99999999999999999999"}
    check_problem(await api.ask("POST", APPROVE, content=b"{}", headers=headers), 413, "too-large")


async def test_filters_that_are_no_state_are_422(api: Api) -> None:
    for query in ("state=%00", "state=HELD", "outcome=no", "state=held&state=%F0%9F%98%80", "outcome="):
        check_problem(await api.ask("GET", f"/v1/orders?{query}"), 422, "invalid")


async def test_a_database_that_is_away_is_503(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await add_world(api.db)
    assert (await api.ask("GET", "/v1/queue")).status_code == 200  # the key is known from now on
    for error in (
        sa.exc.OperationalError("SELECT", {}, Exception("gone")),
        sa.exc.InterfaceError("SELECT", {}, Exception("closed")),
        sa.exc.TimeoutError("no connection free"),
        ConnectionRefusedError("refused"),
    ):
        monkeypatch.setattr(Database, "read", _failing(error))
        answer = await api.ask("GET", "/v1/queue")
        check_problem(answer, 503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0


async def test_two_who_write_the_same_at_one_moment_are_told(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    error = sa.exc.IntegrityError("INSERT", {}, Exception("unique"))
    monkeypatch.setattr(Database, "begin", _failing(error))
    check_problem(await api.ask("POST", "/v1/ops/pause"), 409, "wrong-state")


async def test_what_nobody_expected_is_a_problem_without_details(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (RuntimeError("secret text"), sa.exc.ProgrammingError("SELECT secret", {}, Exception("secret"))):
        monkeypatch.setattr(Database, "begin", _failing(error))
        answer = await api.client.post("/v1/ops/pause", headers=api.headers(Role.OPS))
        body = check_problem(answer, 500, "internal")
        assert "secret" not in answer.text
        assert body["error_id"] in body["detail"]


def _failing(error: Exception) -> Any:
    class Failing:
        async def __aenter__(self) -> None:
            raise error

        async def __aexit__(self, *_: object) -> None:
            return None

    return lambda _self: Failing()


async def test_texts_are_stored_as_they_come(start: Start) -> None:
    async with start() as api:
        await add_order(api.db)
        note = "naïve 😀 <b>&amp;</b> \u202e\ntab\t"
        answer = await api.ask("POST", APPROVE, json={"note": note})
        assert f"note: {note}" in [line["what"] for line in answer.json()["timeline"]]
        async with api.db.read() as connection:
            assert (await connection.execute(sa.select(installation.c.name))).all()


def test_the_handbook_lists_every_problem_with_its_status() -> None:
    kinds = {kind.slug: kind.status for kind in _kinds(Problem) if kind.status != 405}
    listed = re.findall(
        r"^\| `([a-z-]+)` \| (\d{3}) \|", (HANDBOOK / "api.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {slug: int(status) for slug, status in listed} == kinds | {"internal": 500}


def _kinds(kind: type[Problem]) -> list[type[Problem]]:
    found = kind.__subclasses__()
    return [*found, *(one for sub in found for one in _kinds(sub))]
