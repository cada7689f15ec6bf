"""What the last look at an order has seen: older events tell nothing new, and equal data is not judged again.

Also the number of requests to the panel, by action and cause.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("read_event_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite")))
    op.add_column("orders", sa.Column("read_digest", sa.String(64)))
    op.create_table(
        "panel_requests",
        sa.Column("action", sa.String(40), nullable=False),
        sa.Column("cause", sa.String(40), nullable=False),
        sa.Column("calls", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("action", "cause"),
    )


def downgrade() -> None:
    op.drop_table("panel_requests")
    op.drop_column("orders", "read_digest")
    op.drop_column("orders", "read_event_id")
