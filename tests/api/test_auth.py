"""Keys and roles: closed by default, and open to exactly what the contract says."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from app.api.auth import GuardedRoute, KeyCache
from app.core.records import Role
from app.installation import keys
from app.installation.keys import Caller
from tests.api.api_support import CUSTOMER, NOW, ORDER, TICKET, add_world, check_problem
from tests.api.conftest import Api, Start

#: The only addresses that answer without a key.
PUBLIC = {
    "/healthz", "/readyz", "/metrics", "/docs", "/docs/assets", "/docs/handbook/{name}", "/openapi.json", "/webhooks",
}  # fmt: skip
SCORES = {("GET", "/v1/customers/{customer_id}/score"), ("POST", "/v1/customers/scores")}
PANEL = {
    ("GET", "/v1/orders/{order_id}"), ("GET", "/v1/orders/{order_id}/gate"), ("GET", "/v1/gate"), ("GET", "/v1/queue"),
}  # fmt: skip
ADMIN = {
    ("POST", "/v1/policies"), ("POST", "/v1/policies/{version}/activate"), ("POST", "/v1/policies/rollback"),
    ("POST", "/v1/policies/{version}/candidate"), ("DELETE", "/v1/policies/candidate"), ("POST", "/v1/backtests"),
}  # fmt: skip
BODIES: dict[str, Any] = {
    "/v1/customers/scores": {"customer_ids": [CUSTOMER]},
    "/v1/customers/{customer_id}": {"white_glove": True},
    "/v1/customers/{customer_id}/credits": {"amount": "1.00", "reason": "Thanks"},
    "/v1/tickets/classify": {"subject": "Order", "message": "please"},
    "/v1/tickets/{ticket_id}": {"minutes": 5},
    "/v1/policies": {"document": ""},
    "/v1/backtests": {"document": ""},
    "/v1/policies/check": {"document": ""},
}
QUERIES = {"/v1/search": "?q=ada", "/v1/gate": f"?order_ids={ORDER}"}
FIXED = {"order_id": ORDER, "customer_id": CUSTOMER, "ticket_id": TICKET, "version": 1}


def operations(api: Api) -> list[tuple[str, str]]:
    """Return every operation that needs a key, by method and template."""
    paths = api.document["paths"]
    return [
        (method.upper(), template)
        for template, operations in paths.items()
        for method in operations
        if template not in PUBLIC
    ]


def test_every_route_is_behind_a_key_or_listed(api: Api) -> None:
    for found in iter_route_contexts(api.app.routes):
        route = getattr(found, "route", None) or found.original_route
        path = getattr(found, "path", None) or getattr(route, "path", "")
        if path in PUBLIC:
            continue
        assert isinstance(route, APIRoute), path
        assert isinstance(route, GuardedRoute), path


async def test_without_a_key_everything_is_401(api: Api) -> None:
    for method, template in operations(api):
        path = template.format(**FIXED, call_id="0" * 32, event_id=1, backtest_id="0" * 32, group_id=1)
        for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic YTpi"}):
            response = api.checked(await api.client.request(method, path, headers=headers, json=BODIES.get(template)))
            check_problem(response, 401, "unauthenticated")
            assert response.headers["www-authenticate"] == "Bearer"


async def test_who_is_unknown_is_refused_before_the_body_is_read(api: Api) -> None:
    response = await api.client.post("/v1/policies", content=b"{not json", headers={"content-type": "application/json"})
    check_problem(response, 401, "unauthenticated")


def allowed(role: Role, operation: tuple[str, str]) -> bool:
    """True if the API contract grants the operation to the role."""
    match role:
        case Role.SCORES:
            return operation in SCORES
        case Role.PANEL:
            return operation in PANEL
        case Role.OPS:
            return operation not in ADMIN
        case Role.ADMIN:
            return True


@pytest.mark.parametrize("role", list(Role))
async def test_roles_open_what_the_contract_says_and_nothing_else(api: Api, role: Role) -> None:
    made = await add_world(api.db)
    for operation in operations(api):
        method, template = operation
        path = template.format(**FIXED, **made) + QUERIES.get(template, "")
        response = await api.ask(method, path, role, json=BODIES.get(template))
        if allowed(role, operation):
            assert response.status_code in {200, 201, 202, 409}, f"{operation}: {response.text}"
        else:
            check_problem(response, 403, "forbidden")


async def test_public_addresses_answer_without_a_key(api: Api) -> None:
    pages = ("/docs", "/docs/assets/swagger-ui-bundle.js", "/docs/handbook/index")
    for path in ("/healthz", "/metrics", *pages, "/openapi.json"):
        assert (await api.client.get(path)).status_code == 200, path


async def test_the_bootstrap_key_is_an_admin(start: Start) -> None:
    async with start(admin_key="b" * 32) as api:
        answer = await api.client.get("/v1/policies", headers={"Authorization": f"Bearer {'b' * 32}"})
        assert answer.status_code == 200
        too_close = await api.client.get("/v1/policies", headers={"Authorization": f"Bearer {'b' * 31}"})
        check_problem(too_close, 401, "unauthenticated")


async def test_a_revoked_key_is_refused_promptly(api: Api) -> None:
    seconds = [0.0]
    api.app.state.keys = KeyCache(lambda: seconds[0])
    assert (await api.ask("GET", "/v1/queue")).status_code == 200
    async with api.db.begin() as tx:
        await keys.revoke_key(tx, "ops-key", now=NOW)
    seconds[0] = 5.0
    check_problem(await api.ask("GET", "/v1/queue"), 401, "unauthenticated")


def test_the_cache_forgets_and_stays_small() -> None:
    cache = KeyCache(lambda: 0.0)
    for number in range(3000):
        cache.keep(str(number), Caller(name="a", role=Role.OPS, key_id="a"))
    assert cache.get("0") is None
    assert cache.get("2999") is not None


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "bearer\t", "Bearer \xff\xfe", "Bearer " + "x" * 5000, "Token abc"]
)
async def test_odd_headers_are_401(api: Api, header: str) -> None:
    response: httpx.Response = await api.client.get("/v1/queue", headers={b"Authorization": header.encode("latin-1")})
    check_problem(response, 401, "unauthenticated")
