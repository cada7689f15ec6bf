"""Separate columns for unwanted calls and dead workers, shared rate limiting of the panel, alerts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.tables.columns import BigId, Json, UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=160), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "new_hold",
                "review_due",
                "breach",
                "dead_call",
                "refund_due",
                "damage_limit",
                "provisioning_failed",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("order_id", BigId, nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("rung_at", UtcDateTime(), nullable=True),
        sa.Column("call_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
        sa.UniqueConstraint("name", name=op.f("uq_alerts_name")),
    )
    with op.batch_alter_table("alerts", schema=None) as batch_op:
        batch_op.create_index("ix_alerts_kind", ["kind", "created_at"], unique=False)
        batch_op.create_index(
            "ix_alerts_waiting",
            ["created_at"],
            unique=False,
            sqlite_where=sa.text("rung_at IS NULL"),
            postgresql_where=sa.text("rung_at IS NULL"),
        )

    op.create_table(
        "panel_turns",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("free_at_us", BigId, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_panel_turns")),
    )
    with op.batch_alter_table("credits", schema=None) as batch_op:
        batch_op.create_index("ix_credits_created", ["created_at"], unique=False)

    with op.batch_alter_table("decisions", schema=None) as batch_op:
        batch_op.create_index("ix_decisions_at", ["at"], unique=False)

    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.add_column(sa.Column("deaths", sa.Integer(), server_default="0", nullable=False))

    with op.batch_alter_table("fees", schema=None) as batch_op:
        batch_op.create_index("ix_fees_created", ["created_at"], unique=False)

    with op.batch_alter_table("panel_calls", schema=None) as batch_op:
        batch_op.add_column(sa.Column("unwanted", sa.Boolean(), server_default=sa.false(), nullable=False))

    _mark_unwanted_calls()
    with op.batch_alter_table("workers", schema=None) as batch_op:
        batch_op.add_column(sa.Column("panel", sa.String(length=16), server_default="closed", nullable=False))


def _mark_unwanted_calls() -> None:
    """Move the marks: so far a call that was cancelled while being sent was marked in its otherwise unused result."""
    calls = sa.table("panel_calls", sa.column("state"), sa.column("result", Json), sa.column("unwanted", sa.Boolean()))
    marked = sa.and_(calls.c.state.in_(["sending", "unknown", "cancelled"]), calls.c.result.is_not(None))
    op.execute(sa.update(calls).where(marked).values(unwanted=True, result=sa.null()))


def downgrade() -> None:
    with op.batch_alter_table("workers", schema=None) as batch_op:
        batch_op.drop_column("panel")

    with op.batch_alter_table("panel_calls", schema=None) as batch_op:
        batch_op.drop_column("unwanted")

    with op.batch_alter_table("fees", schema=None) as batch_op:
        batch_op.drop_index("ix_fees_created")

    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.drop_column("deaths")

    with op.batch_alter_table("decisions", schema=None) as batch_op:
        batch_op.drop_index("ix_decisions_at")

    with op.batch_alter_table("credits", schema=None) as batch_op:
        batch_op.drop_index("ix_credits_created")

    op.drop_table("panel_turns")
    with op.batch_alter_table("alerts", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_alerts_waiting", sqlite_where=sa.text("rung_at IS NULL"), postgresql_where=sa.text("rung_at IS NULL")
        )
        batch_op.drop_index("ix_alerts_kind")

    op.drop_table("alerts")
