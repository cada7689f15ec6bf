"""Stored answers belong to an API key by its id: a new key with an old name must not receive them.

Answers stored under a name are copied, not moved: the previous version, which may still serve, keeps finding them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_COPY = """
INSERT INTO idempotency_keys (actor, route, key, body_sha256, status, answer, created_at)
SELECT {key_id}, kept.route, kept.key, kept.body_sha256, kept.status, kept.answer, kept.created_at
FROM idempotency_keys AS kept
JOIN api_keys ON api_keys.name = kept.actor AND api_keys.created_at <= kept.created_at
    AND (api_keys.revoked_at IS NULL OR api_keys.revoked_at >= kept.created_at)
WHERE true
ON CONFLICT DO NOTHING
"""
_IDS = {"sqlite": "api_keys.id", "postgresql": "replace(CAST(api_keys.id AS text), '-', '')"}


def upgrade() -> None:
    op.execute(sa.text(_COPY.format(key_id=_IDS[op.get_bind().dialect.name])))


def downgrade() -> None:
    """Leave answers stored by id: the previous version does not find them, and they expire after a week."""
