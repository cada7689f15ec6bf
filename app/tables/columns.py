"""Column types that mean the same on SQLite and PostgreSQL: plain ones, and JSON, which loads PostgreSQL's."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from app.tables.plain_columns import BigId, UtcDateTime, metadata, state

__all__ = ["BigId", "Json", "UtcDateTime", "metadata", "state"]

#: JSON is for payloads and snapshots only, never for data that queries filter by.
Json = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
