"""The application of the API's tests, on both databases, with a key of each role."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.api.application import create_app
from app.config import Settings
from app.context import Context
from app.core.records import Mode, Role
from app.db import Database
from tests.api.api_support import NOW, check_contract, make_keys, template_of
from tests.application import application
from tests.databases import Databases


@dataclass(frozen=True, kw_only=True)
class Api:
    """A running application and clients to it."""

    app: FastAPI
    db: Database
    keys: dict[Role, str]
    document: dict[str, Any] = field(repr=False)  # the OpenAPI document: asyncio makes a repr of what fixtures return
    client: httpx.AsyncClient  # without a key

    def headers(self, role: Role) -> dict[str, str]:
        """Return the headers of a caller with this role."""
        return {"Authorization": f"Bearer {self.keys[role]}"}

    async def ask(self, method: str, path: str, role: Role = Role.OPS, **more: Any) -> httpx.Response:
        """Send one request, and check its answer against the OpenAPI document."""
        headers = self.headers(role) | more.pop("headers", {})
        return self.checked(await self.client.request(method, path, headers=headers, **more))

    def checked(self, response: httpx.Response) -> httpx.Response:
        """Return the answer after checking it against the document, if the document has its address."""
        method, template = response.request.method, template_of(self.document, response.request.url.path)
        if template is not None and method.lower() in self.document["paths"][template]:
            check_contract(self.document, response, method, template)
        return response


@pytest.fixture
async def db(migrated_url: str, databases: Databases) -> AsyncIterator[Database]:
    """A database as processes that answer requests open it."""
    async with databases.open(migrated_url, answers_requests=True) as database:
        yield database


Start = Callable[..., AbstractAsyncContextManager[Api]]


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    """The OpenAPI document, generated once."""
    return create_app(Settings(database_url="sqlite://")).openapi()


@pytest.fixture
def start(db: Database, document: dict[str, Any]) -> Start:
    """Start an application on the test's database."""

    @asynccontextmanager
    async def run(mode: Mode = Mode.ENFORCE, *, keys: bool = True, **settings: Any) -> AsyncIterator[Api]:
        made = Settings(mode=mode, panel_url="https://billing.example.com", **settings)
        context = Context(db=db, settings=made, clock=lambda: NOW)
        app = application(context)
        made_keys = await make_keys(db) if keys else {}
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://doorman.test") as client,
        ):
            yield Api(app=app, db=db, keys=made_keys, document=document, client=client)

    return run


@pytest.fixture
async def api(start: Start) -> AsyncIterator[Api]:
    """The application in enforce mode."""
    async with start() as running:
        yield running
