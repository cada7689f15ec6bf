"""Edge cases of the API: refusals before the body is read, methods, slashes, and headers of every answer."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.core.records import Role
from tests.api.api_support import check_problem
from tests.api.conftest import Api

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)  # independent of the database


class _Unread:
    """A body that records if it was read."""

    def __init__(self) -> None:
        self.read = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.read = True
        yield b"{not json" + b"x" * 2_000_000


@pytest.mark.parametrize("path", ["/v1/policies", "/v1/backtests", "/v1/orders/0/approve", "/v1/tickets/classify"])
async def test_a_role_that_may_not_is_refused_before_the_body_is_read(api: Api, path: str) -> None:
    body = _Unread()
    headers = {**api.headers(Role.SCORES), "content-type": "application/json", "Idempotency-Key": "not one \x7f"}

    answer = await api.client.post(path, content=body, headers=headers)

    check_problem(answer, 403, "forbidden")
    assert not body.read


async def test_who_is_unknown_is_refused_before_the_body_is_read(api: Api) -> None:
    body = _Unread()
    check_problem(await api.client.post("/v1/policies", content=body), 401, "unauthenticated")
    assert not body.read


@pytest.mark.parametrize("method", ["PUT", "OPTIONS", "HEAD", "TRACE"])
async def test_another_method_is_told_all_that_the_address_knows(api: Api, method: str) -> None:
    for template, declared in api.document["paths"].items():
        if template == "/webhooks":  # has its own answer, and is off here
            continue
        path = template.replace("{", "").replace("}", "")
        answer = await api.client.request(method, path, headers=api.headers(Role.ADMIN))
        known = {one.upper() for one in declared}
        assert answer.status_code == 405, path
        assert set(answer.headers["allow"].split(", ")) == known, path


async def test_a_fixed_address_is_no_ones_id(api: Api) -> None:
    for method, path, known in (
        ("GET", "/v1/policies/candidate", "DELETE"), ("GET", "/v1/policies/check", "POST"),
        ("PATCH", "/v1/tickets/classify", "POST"), ("PATCH", "/v1/customers/scores", "POST"),
    ):  # fmt: skip
        answer = await api.client.request(method, path, headers=api.headers(Role.ADMIN))
        check_problem(answer, 405, "method-not-allowed")
        assert answer.headers["allow"] == known


async def test_the_methods_of_several_routes_at_one_address_are_told_together(api: Api) -> None:
    answer = await api.client.put("/v1/policies", headers=api.headers(Role.ADMIN))
    assert answer.headers["allow"] == "GET, POST"
    answer = await api.client.post("/v1/customers/1", headers=api.headers(Role.ADMIN))
    assert answer.headers["allow"] == "GET, PATCH"
    answer = await api.client.post("/docs/assets/swagger-ui.css")
    assert answer.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", ["/v1/orders/", "/v1/queue/", "/healthz/", "/docs/assets", "/docs/", "/webhooks/"])
async def test_an_address_with_another_slash_is_none(api: Api, path: str) -> None:
    check_problem(await api.client.get(path, headers=api.headers(Role.ADMIN)), 404, "not-found")


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v1/queue", 200), ("/v1/orders/1", 404), ("/v1/orders/0", 422), ("/v1/nothing", 404), ("/v1/policies", 403)],
)
async def test_no_answer_of_the_api_is_kept_or_guessed_at(api: Api, path: str, status: int) -> None:
    method = "POST" if status == 403 else "GET"
    answer = await api.client.request(method, path, headers=api.headers(Role.OPS))

    assert answer.status_code == status
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (await api.client.get(path)).headers["cache-control"] == "no-store"
