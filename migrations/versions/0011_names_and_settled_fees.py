"""The customer's name beside an order's texts, for the queue; fees are found by when they were settled.

Names come with the next full reading of each order.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("order_texts", sa.Column("customer_name", sa.String(120)))
    op.create_index("ix_fees_settled", "fees", ["settled_at"])


def downgrade() -> None:
    op.drop_index("ix_fees_settled", "fees")
    op.drop_column("order_texts", "customer_name")
