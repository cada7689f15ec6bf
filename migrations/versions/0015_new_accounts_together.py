"""New accounts that order together: what their orders share, and groups that people act on as a whole."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.tables.columns import BigId, UtcDateTime

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "new_accounts",
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("order_id", BigId, autoincrement=False, nullable=False),
        sa.Column("customer_id", BigId, nullable=False),
        sa.Column("placed_at", UtcDateTime(), nullable=False),
        sa.Column("signed_up_at", UtcDateTime(), nullable=False),
        sa.Column("firm", sa.String(64)),
        sa.PrimaryKeyConstraint("kind", "hash", "order_id", name="pk_new_accounts"),
    )
    op.create_index("ix_new_accounts_placed", "new_accounts", ["kind", "hash", "placed_at"])
    op.create_index("ix_new_accounts_order", "new_accounts", ["order_id"])
    op.create_index("ix_new_accounts_customer", "new_accounts", ["customer_id"])
    op.create_table(
        "account_groups",
        sa.Column("id", BigId, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("grown_at", UtcDateTime(), nullable=False),
        sa.Column("action", sa.String(24)),
        sa.Column("acted_by", sa.String(120)),
        sa.Column("acted_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("id", name="pk_account_groups"),
    )
    op.create_table(
        "group_members",
        sa.Column("order_id", BigId, autoincrement=False, nullable=False),
        sa.Column("group_id", BigId, nullable=False),
        sa.PrimaryKeyConstraint("order_id", name="pk_group_members"),
        sa.ForeignKeyConstraint(["group_id"], ["account_groups.id"], name="fk_group_members_group_id_account_groups"),
    )
    op.create_index("ix_group_members_group", "group_members", ["group_id", "order_id"])


def downgrade() -> None:
    op.drop_table("group_members")
    op.drop_table("account_groups")
    op.drop_table("new_accounts")
