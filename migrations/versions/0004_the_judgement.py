"""History and its cases, backtests, questions to customers, candidate policies, addresses to compare."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.tables.columns import BigId, Json, UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "address_blocks",
        sa.Column("block", sa.String(length=64), nullable=False),
        sa.Column("customer_id", BigId, autoincrement=False, nullable=False),
        sa.Column("street", sa.Text(), nullable=False),
        sa.Column("first_seen_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("block", "customer_id", name=op.f("pk_address_blocks")),
    )
    with op.batch_alter_table("address_blocks", schema=None) as batch_op:
        batch_op.create_index("ix_address_blocks_customer", ["customer_id"], unique=False)
        batch_op.create_index("ix_address_blocks_seen", ["block", "first_seen_at"], unique=False)

    op.create_table(
        "backtests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("policy_hash", sa.String(length=64), nullable=False),
        sa.Column("active_version", sa.Integer(), nullable=False),
        sa.Column("engine_version", sa.String(length=24), nullable=False),
        sa.Column("options", Json, nullable=False),
        sa.Column("report", Json, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("alive_at", UtcDateTime(), nullable=False),
        sa.Column("by", sa.String(length=120), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backtests")),
    )
    with op.batch_alter_table("backtests", schema=None) as batch_op:
        batch_op.create_index("ix_backtests_created", ["created_at"], unique=False)

    op.create_table(
        "cases",
        sa.Column("order_id", BigId, autoincrement=False, nullable=False),
        sa.Column("customer_id", BigId, nullable=True),
        sa.Column(
            "source",
            sa.Enum("imported", "live", name="source", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("placed_at", UtcDateTime(), nullable=False),
        sa.Column("judged_at", UtcDateTime(), nullable=False),
        sa.Column("facts", sa.LargeBinary(), nullable=False),
        sa.Column("terms_digest", sa.String(length=16), nullable=False),
        sa.Column(
            "label",
            sa.Enum(
                "good",
                "fraud",
                "cancelled_unpaid",
                "refunded",
                "disputed",
                "open",
                name="label",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("labelled_at", UtcDateTime(), nullable=True),
        sa.Column("staff_minutes", sa.Integer(), nullable=True),
        sa.Column("reviewed", sa.String(length=24), nullable=True),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_cases")),
    )
    with op.batch_alter_table("cases", schema=None) as batch_op:
        batch_op.create_index("ix_cases_customer", ["customer_id", "placed_at"], unique=False)
        batch_op.create_index("ix_cases_placed", ["placed_at", "order_id"], unique=False)

    op.create_table(
        "imports",
        sa.Column("resource", sa.String(length=24), nullable=False),
        sa.Column("cursor", Json, nullable=False),
        sa.Column("rows", BigId, server_default="0", nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("resource", name=op.f("pk_imports")),
    )
    op.create_table(
        "outside_answers",
        sa.Column("order_id", BigId, autoincrement=False, nullable=False),
        sa.Column("provider", sa.String(length=24), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("degraded", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(length=80), nullable=True),
        sa.Column("answer", Json, nullable=True),
        sa.PrimaryKeyConstraint("order_id", "provider", name=op.f("pk_outside_answers")),
    )
    with op.batch_alter_table("outside_answers", schema=None) as batch_op:
        batch_op.create_index("ix_outside_answers_asked", ["asked_at"], unique=False)

    op.create_table(
        "panel_rows",
        sa.Column("resource", sa.String(length=24), nullable=False),
        sa.Column("row_id", BigId, autoincrement=False, nullable=False),
        sa.Column("customer_id", BigId, nullable=True),
        sa.Column("order_id", BigId, nullable=True),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("resource", "row_id", name=op.f("pk_panel_rows")),
    )
    with op.batch_alter_table("panel_rows", schema=None) as batch_op:
        batch_op.create_index("ix_panel_rows_customer", ["customer_id", "resource"], unique=False)

    op.create_table(
        "questions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", BigId, nullable=False),
        sa.Column("customer_id", BigId, nullable=True),
        sa.Column("rule", sa.String(length=80), nullable=True),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("ticket_id", BigId, nullable=True),
        sa.Column("asked_by", sa.String(length=120), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("reminded_at", UtcDateTime(), nullable=True),
        sa.Column("answered_at", UtcDateTime(), nullable=True),
        sa.Column("outcome", sa.String(length=24), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_questions")),
    )
    with op.batch_alter_table("questions", schema=None) as batch_op:
        batch_op.create_index("ix_questions_order", ["order_id", "asked_at"], unique=False)
        batch_op.create_index("ix_questions_rule", ["rule", "asked_at"], unique=False)
        batch_op.create_index("ix_questions_ticket", ["ticket_id"], unique=False)

    op.create_table(
        "backtest_decisions",
        sa.Column("backtest_id", sa.Uuid(), nullable=False),
        sa.Column("part", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("decisions", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["backtest_id"],
            ["backtests.id"],
            name=op.f("fk_backtest_decisions_backtest_id_backtests"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("backtest_id", "part", name=op.f("pk_backtest_decisions")),
    )
    op.create_table(
        "policy_candidates",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("set_by", sa.String(length=120), nullable=False),
        sa.Column("set_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["version"], ["policies.version"], name=op.f("fk_policy_candidates_version_policies")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_candidates")),
    )
    with op.batch_alter_table("decisions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("candidate", Json, nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("decisions", schema=None) as batch_op:
        batch_op.drop_column("candidate")

    op.drop_table("policy_candidates")
    op.drop_table("backtest_decisions")
    with op.batch_alter_table("questions", schema=None) as batch_op:
        batch_op.drop_index("ix_questions_ticket")
        batch_op.drop_index("ix_questions_rule")
        batch_op.drop_index("ix_questions_order")

    op.drop_table("questions")
    with op.batch_alter_table("panel_rows", schema=None) as batch_op:
        batch_op.drop_index("ix_panel_rows_customer")

    op.drop_table("panel_rows")
    op.drop_table("imports")
    with op.batch_alter_table("outside_answers", schema=None) as batch_op:
        batch_op.drop_index("ix_outside_answers_asked")

    op.drop_table("outside_answers")
    with op.batch_alter_table("cases", schema=None) as batch_op:
        batch_op.drop_index("ix_cases_placed")
        batch_op.drop_index("ix_cases_customer")

    op.drop_table("cases")
    with op.batch_alter_table("backtests", schema=None) as batch_op:
        batch_op.drop_index("ix_backtests_created")

    op.drop_table("backtests")
    with op.batch_alter_table("address_blocks", schema=None) as batch_op:
        batch_op.drop_index("ix_address_blocks_seen")
        batch_op.drop_index("ix_address_blocks_customer")

    op.drop_table("address_blocks")
