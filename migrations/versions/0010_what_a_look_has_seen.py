"""Which events were stored before an order was last read in the panel: those tell nothing new about it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("read_event_id", sa.BigInteger))


def downgrade() -> None:
    op.drop_column("orders", "read_event_id")
