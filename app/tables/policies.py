"""Policies: versioned, immutable once published; one is active."""

from __future__ import annotations

import sqlalchemy as sa

from app.tables.plain_columns import UtcDateTime, metadata

policies = sa.Table(
    "policies",
    metadata,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("hash", sa.String(64), nullable=False, unique=True),
    sa.Column("document", sa.Text, nullable=False),
    sa.Column("published_by", sa.String(120), nullable=False),
    sa.Column("published_at", UtcDateTime, nullable=False),
)

#: Which version was activated when and by whom; the latest row is the active policy.
policy_activations = sa.Table(
    "policy_activations",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("version", sa.Integer, sa.ForeignKey("policies.version"), nullable=False),
    sa.Column("activated_by", sa.String(120), nullable=False),
    sa.Column("activated_at", UtcDateTime, nullable=False),
)

#: Which version runs in shadow next to the active one; the latest row counts, null means none.
policy_candidates = sa.Table(
    "policy_candidates",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("version", sa.Integer, sa.ForeignKey("policies.version")),
    sa.Column("set_by", sa.String(120), nullable=False),
    sa.Column("set_at", UtcDateTime, nullable=False),
)
