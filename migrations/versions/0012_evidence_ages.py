"""Evidence ages: since when a customer is known as bad.

The previous version writes no time: such evidence counts in full until the next of this customer.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.tables.columns import UtcDateTime

revision = "0012"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("customers", sa.Column("bad_at", UtcDateTime()))
    # the latest order that was fraud or disputed is the nearest that is known of when it was found
    op.execute(
        "UPDATE customers SET bad_at = COALESCE("
        "(SELECT MAX(placed_at) FROM orders WHERE orders.customer_id = customers.customer_id"
        " AND (orders.fraud OR orders.payment_state = 'disputed')), first_heard_at) WHERE bad"
    )


def downgrade() -> None:
    op.drop_column("customers", "bad_at")
