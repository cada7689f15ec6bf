"""Evidence ages: since when a customer is known as bad. Sign-ups to the minute, first orders, alerts of muted signals.

The previous version writes no time of evidence: it counts in full until there is more about this customer.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.tables.columns import BigId, UtcDateTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_KINDS = (
    "new_hold", "review_due", "breach", "dead_call", "refund_due", "damage_limit", "provisioning_failed",
    "event_failed",
)  # fmt: skip


def upgrade() -> None:
    op.add_column("customers", sa.Column("bad_at", UtcDateTime()))
    op.add_column("customers", sa.Column("signed_up_exact", sa.Boolean(), server_default=sa.false(), nullable=False))
    # the nearest that is known of when evidence was found is the latest order that was fraud or disputed
    op.execute(
        "UPDATE customers SET bad_at = COALESCE("
        "(SELECT MAX(placed_at) FROM orders WHERE orders.customer_id = customers.customer_id"
        " AND (orders.fraud OR orders.payment_state = 'disputed')), first_heard_at) WHERE bad"
    )
    op.create_table(
        "first_orders",
        sa.Column("customer_id", BigId, autoincrement=False, nullable=False),
        sa.Column("order_id", BigId, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("amount_minor", BigId, nullable=False),
        sa.Column("placed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_first_orders")),
    )
    op.create_index("ix_first_orders_placed", "first_orders", ["placed_at"])
    op.drop_index("ix_order_sightings_placed", table_name="order_sightings")  # muting counted all orders before
    _alert_kinds((*_KINDS, "signal_muted"))


def _alert_kinds(kinds: tuple[str, ...]) -> None:
    """Set the kinds that the CHECK allows; SQLite recreates the table for that."""
    words = ", ".join(f"'{kind}'" for kind in kinds)
    with op.batch_alter_table("alerts", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_alerts_kind"), type_="check")
        batch_op.create_check_constraint(op.f("ck_alerts_kind"), sa.text(f"kind IN ({words})"))


def downgrade() -> None:
    op.execute(sa.text("DELETE FROM alerts WHERE kind = 'signal_muted'"))
    _alert_kinds(_KINDS)
    op.create_index("ix_order_sightings_placed", "order_sightings", ["placed_at"])
    op.drop_index("ix_first_orders_placed", table_name="first_orders")
    op.drop_table("first_orders")
    op.drop_column("customers", "signed_up_exact")
    op.drop_column("customers", "bad_at")
