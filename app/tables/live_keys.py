"""The index of the keys that are not revoked, apart from their table: its condition loads both dialects."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from app.tables.access import api_keys

_LIVE: Final = sa.text("revoked_at IS NULL")

sa.Index("uq_api_keys_name_live", api_keys.c.name, unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE)
