"""Alerts for staff: one row per occurrence, sent in groups."""

from __future__ import annotations

import sqlalchemy as sa

from app.core.records import AlertKind
from app.tables.columns import BigId, UtcDateTime, metadata, state

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("name", sa.String(160), nullable=False, unique=True),  # the occurrence: hold:17:<since>, call:<uuid> …
    state("kind", AlertKind, nullable=False),
    sa.Column("order_id", BigId),
    sa.Column("text", sa.Text, nullable=False),  # one sentence for staff, without customers' text
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("rung_at", UtcDateTime),
    sa.Column("call_id", sa.Uuid),  # the panel call that sent it
    sa.Index(
        "ix_alerts_waiting",
        "created_at",
        sqlite_where=sa.text("rung_at IS NULL"),
        postgresql_where=sa.text("rung_at IS NULL"),
    ),
    sa.Index("ix_alerts_kind", "kind", "created_at"),
)
