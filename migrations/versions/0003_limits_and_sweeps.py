"""Indexes for breaches, undecided and unprovisioned orders, and credits; notifications about failed events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.tables.columns import Json

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_KINDS = (
    "new_hold",
    "review_due",
    "breach",
    "dead_call",
    "refund_due",
    "damage_limit",
    "provisioning_failed",
)
_EVENT_FAILED = "event_failed"


def upgrade() -> None:
    _alert_kinds((*_KINDS, _EVENT_FAILED))
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.add_column(sa.Column("breached", sa.Boolean(), server_default=sa.false(), nullable=False))

    _mark_breaches()
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.create_index(
            "ix_orders_breached",
            ["order_id"],
            unique=False,
            sqlite_where=sa.text("breached = 1"),
            postgresql_where=sa.text("breached"),
        )
        batch_op.create_index(
            "ix_orders_undecided",
            ["state", "settle_at"],
            unique=False,
            sqlite_where=sa.text("decision_id IS NULL"),
            postgresql_where=sa.text("decision_id IS NULL"),
        )
        batch_op.create_index(
            "ix_orders_unbuilt",
            ["order_id"],
            unique=False,
            sqlite_where=sa.text("provisioning IN ('failed', 'partial')"),
            postgresql_where=sa.text("provisioning IN ('failed', 'partial')"),
        )

    with op.batch_alter_table("panel_calls", schema=None) as batch_op:
        batch_op.create_index(
            "ix_panel_calls_credits",
            ["created_at"],
            unique=False,
            sqlite_where=sa.text("action = 'add_credit'"),
            postgresql_where=sa.text("action = 'add_credit'"),
        )


def _mark_breaches() -> None:
    orders = sa.table("orders", sa.column("state"), sa.column("flags", Json), sa.column("breached", sa.Boolean()))
    flags = sa.cast(orders.c.flags, sa.Text)
    breached = sa.or_(flags.like('%"hold_breached"%'), flags.like('%"accepted_by_automation"%'))
    watched = orders.c.state.in_(["held", "rejecting", "rejected"])
    op.execute(sa.update(orders).where(watched, breached).values(breached=True))


def _alert_kinds(kinds: tuple[str, ...]) -> None:
    """Set the kinds that the CHECK allows; SQLite recreates the table for that."""
    words = ", ".join(f"'{kind}'" for kind in kinds)
    with op.batch_alter_table("alerts", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_alerts_kind"), type_="check")
        batch_op.create_check_constraint(op.f("ck_alerts_kind"), sa.text(f"kind IN ({words})"))


def downgrade() -> None:
    with op.batch_alter_table("panel_calls", schema=None) as batch_op:
        batch_op.drop_index("ix_panel_calls_credits")

    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_index("ix_orders_unbuilt")
        batch_op.drop_index("ix_orders_undecided")
        batch_op.drop_index("ix_orders_breached")

    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_column("breached")

    op.execute(sa.text("DELETE FROM alerts WHERE kind = 'event_failed'"))
    _alert_kinds(_KINDS)
