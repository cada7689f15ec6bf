"""`serve` says at its start what is still missing."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import pytest

from app.config import Settings
from app.core.records import Role
from app.db import Database
from app.installation import keys, lacking
from app.processes.serve import get_ready
from tests.stories.house import Clock, settings_for

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)  # independent of the database

Logs = list[MutableMapping[str, Any]]


def _said(logs: Logs) -> list[str]:
    return [line["notice"] for line in logs if line["event"] == "serve.not_set_up"]


async def test_what_is_missing_is_logged_at_start(db: Database, logs: Logs) -> None:
    settings = Settings(database_url=db.url.render_as_string(hide_password=False))
    await get_ready(settings)
    assert _said(logs) == [lacking.NO_PANEL, lacking.NO_WEBHOOKS, lacking.NO_KEY]
    async with db.begin() as tx:
        await keys.create_key(tx, "ada", Role.OPS, now=Clock()())
    logs.clear()
    await get_ready(settings)
    assert _said(logs) == [lacking.NO_PANEL, lacking.NO_WEBHOOKS]


async def test_nothing_is_said_when_nothing_is_missing(db: Database, logs: Logs) -> None:
    await get_ready(settings_for(db.url.render_as_string(hide_password=False)))
    assert _said(logs) == []
