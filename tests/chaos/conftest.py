"""Databases by the dozen: each run of a story gets a fresh one."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from app.db import Database
from tests.conftest import create_postgres_database, drop_postgres_database

Fresh = Callable[[], AbstractAsyncContextManager[Database]]


@pytest.fixture
def fresh(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Fresh:
    """Give a new, migrated, empty database of the kind each time it is entered."""
    template = request.getfixturevalue(f"{database_kind}_template")

    @asynccontextmanager
    async def enter() -> AsyncIterator[Database]:
        if database_kind == "sqlite":
            file = tmp_path / f"{uuid.uuid4().hex}.db"
            shutil.copyfile(template, file)
            url, name = f"sqlite:///{file}", ""
        else:
            url, name = await create_postgres_database(template)
        db = Database.open(url)
        try:
            yield db
        finally:
            await db.close()
            if name:
                await drop_postgres_database(name)

    return enter
