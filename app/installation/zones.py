"""The panel's time zone: set by the operator, or learned from its clock."""

from __future__ import annotations

from datetime import tzinfo

from sqlalchemy.ext.asyncio import AsyncConnection

from app.config import Settings
from app.installation import facts as installation


async def panel_zone(connection: AsyncConnection, settings: Settings) -> tzinfo:
    """Return the zone that dates in the panel are written in; UTC until it is known."""
    if settings.zone is not None:
        return settings.zone
    return installation.zone_of(await installation.get(connection, installation.OFFSET))
