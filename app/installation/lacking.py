"""What an installation that runs still lacks to do anything: said in `/readyz` and at start."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.config import Settings
from app.tables.access import api_keys

NO_PANEL: Final = (
    "No panel is set (DOORMAN_PANEL_URL, DOORMAN_PANEL_IDENTIFIER, DOORMAN_PANEL_SECRET): events are stored and wait."
)
NO_WEBHOOKS: Final = "No webhook secret is set (DOORMAN_WEBHOOK_SECRET): the panel's webhooks are answered with 404."
NO_KEY: Final = "There is no API key, so nobody can log in: `doorman keys create NAME --role ops` makes one."


async def notices(connection: AsyncConnection, settings: Settings) -> tuple[str, ...]:
    """Return a sentence for each thing that is missing, with what to do; empty if nothing is."""
    keyless = settings.admin_key is None and not await _any_key(connection)
    found = (
        (not settings.panel_configured, NO_PANEL),
        (not settings.webhook_secrets, NO_WEBHOOKS),
        (keyless, NO_KEY),
    )
    return tuple(text for missing, text in found if missing)


async def _any_key(connection: AsyncConnection) -> bool:
    live = sa.select(api_keys.c.id).where(api_keys.c.revoked_at.is_(None)).limit(1)
    return await connection.scalar(live) is not None
