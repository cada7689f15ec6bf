"""Since when an event waits because of failed reads, and which reads were missing when an order was decided."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.tables.columns import Json, UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("events", sa.Column("reads_failed_at", UtcDateTime()))
    op.add_column("orders", sa.Column("decided_without", Json))
    op.add_column("orders", sa.Column("unread_since", UtcDateTime()))


def downgrade() -> None:
    op.drop_column("orders", "unread_since")
    op.drop_column("orders", "decided_without")
    op.drop_column("events", "reads_failed_at")
