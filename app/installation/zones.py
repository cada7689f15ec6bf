"""The panel's time zone: set by the operator, or learned from its clock."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone, tzinfo

from sqlalchemy.ext.asyncio import AsyncConnection

from app.config import Settings
from app.installation import facts as installation

OFFSET = "panel_utc_offset_minutes"


async def panel_zone(connection: AsyncConnection, settings: Settings) -> tzinfo:
    """Return the zone that dates in the panel are written in; UTC until it is known."""
    if settings.zone is not None:
        return settings.zone
    minutes = await installation.get(connection, OFFSET)
    return timezone(timedelta(minutes=minutes)) if isinstance(minutes, int) else UTC
