"""A query parameter that a route does not know is refused: ignored, it would return rows of other customers."""

from __future__ import annotations

import pytest

from app.core.records import Role
from tests.api.api_support import ORDER, add_order, check_problem
from tests.api.conftest import Api
from tests.api.test_openapi import operations

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)  # independent of the database

#: A misspelt or foreign parameter, and what is said about it.
REFUSED = [
    ("orders?custmer_id=7", "unknown parameter; did you mean customer_id?"),
    ("orders?STATE=held", "unknown parameter; did you mean state?"),
    ("orders?mail=a@example.com", "unknown parameter; did you mean email?"),
    ("fees?zzz=1", "unknown parameter; known here are cursor, customer_id, limit, state"),
    ("signals?state=held", "unknown parameter; there are none here"),
    ("customers?segmnt=new&limit=5", "unknown parameter; did you mean segment?"),
    (f"orders/{ORDER}?state=held", "unknown parameter; there are none here"),
]


@pytest.mark.parametrize(("address", "said"), REFUSED)
async def test_an_unknown_parameter_is_refused_with_the_nearest_known_name(api: Api, address: str, said: str) -> None:
    await add_order(api.db)
    name = address.split("?")[1].split("=", maxsplit=1)[0]

    body = check_problem(await api.ask("GET", f"/v1/{address}"), 422, "invalid")

    assert body["errors"] == [{"path": f"query.{name}", "message": said}]


async def test_every_route_refuses_what_it_does_not_know(api: Api) -> None:
    """Also those that take no parameters at all, and those that change something."""
    asked = 0
    for method, template, _ in operations(api.document):
        if not template.startswith("/v1/"):
            continue
        path = template.replace("{", "").replace("}", "")
        answer = await api.client.request(method, f"{path}?sort=asc", headers=api.headers(Role.ADMIN))
        body = check_problem(answer, 422, "invalid")
        assert [one["path"] for one in body["errors"]] == ["query.sort"], template
        asked += 1
    assert asked > 50


async def test_a_parameter_given_twice_is_refused_because_only_one_would_count(api: Api) -> None:
    body = check_problem(await api.ask("GET", "/v1/orders?state=held&state=released"), 422, "invalid")
    assert body["errors"] == [{"path": "query.state", "message": "given more than once"}]


async def test_a_list_may_be_given_one_by_one(api: Api) -> None:
    answer = await api.ask("GET", "/v1/gate?order_ids=1&order_ids=2", Role.PANEL)
    assert [one["order_id"] for one in answer.json()["orders"]] == [1, 2]


async def test_a_role_that_may_not_is_told_that_first(api: Api) -> None:
    check_problem(await api.ask("GET", "/v1/orders?nonsense=1", Role.SCORES), 403, "forbidden")


@pytest.mark.parametrize(
    "query", ["%00=1", "%F0%9F%98%80=1", "a" * 4_000 + "=1", "&".join(f"x{n}=1" for n in range(500))]
)
async def test_a_hostile_name_is_refused_in_a_short_answer(api: Api, query: str) -> None:
    answer = await api.ask("GET", f"/v1/orders?{query}")
    check_problem(answer, 422, "invalid")
    assert len(answer.content) < 8_000
