"""Indexes for queries that scanned a table: an order's firings, a call's credit, the orders of the last 90 days,
customers with a pinned segment.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_PINNED = sa.text("pinned_segment IS NOT NULL")


def upgrade() -> None:
    op.create_index("ix_order_sightings_placed", "order_sightings", ["placed_at"])
    op.create_index("ix_signal_firings_order", "signal_firings", ["order_id"])
    op.create_index("ix_credits_call", "credits", ["panel_call_id"])
    op.create_index(
        "ix_customers_pinned", "customers", ["pinned_segment", "customer_id"],
        sqlite_where=_PINNED, postgresql_where=_PINNED,
    )  # fmt: skip


def downgrade() -> None:
    op.drop_index("ix_customers_pinned", table_name="customers")
    op.drop_index("ix_credits_call", table_name="credits")
    op.drop_index("ix_signal_firings_order", table_name="signal_firings")
    op.drop_index("ix_order_sightings_placed", table_name="order_sightings")
