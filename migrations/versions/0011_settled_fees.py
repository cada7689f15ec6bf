"""Fees are found by when they were settled."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_fees_settled", "fees", ["settled_at"])


def downgrade() -> None:
    op.drop_index("ix_fees_settled", "fees")
