"""What people search by: names, e-mail addresses, domains, and the numbers that customers quote.

Of customers from before, the worker reads the names in the panel bit by bit; of tickets from before, the number is
stored when they change.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_WORD = sa.String(80).with_variant(sa.String(80, collation="C"), "postgresql")
_UNNAMED = sa.text("named IS NULL")


def upgrade() -> None:
    op.create_table(
        "customer_names",
        sa.Column("customer_id", _ID, nullable=False, autoincrement=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.PrimaryKeyConstraint("customer_id"),
    )
    op.create_table(
        "search_words",
        sa.Column("word", _WORD, nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("row_id", _ID, nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("word", "kind", "row_id"),
    )
    op.create_index("ix_search_words_row", "search_words", ["kind", "row_id"])
    op.add_column("customers", sa.Column("named", sa.String(16)))
    op.create_index(
        "ix_customers_unnamed", "customers", ["customer_id"], sqlite_where=_UNNAMED, postgresql_where=_UNNAMED
    )
    op.create_index("ix_customers_status", "customers", ["status", "customer_id"])
    op.create_index("ix_customers_signed_up", "customers", ["signed_up_at", "customer_id"])
    op.add_column("tickets", sa.Column("number", sa.String(40), nullable=False, server_default=""))
    op.create_index("ix_tickets_number", "tickets", ["number"])
    op.create_index("ix_tickets_opened", "tickets", ["opened_at", "ticket_id"])
    op.create_index("ix_tickets_state", "tickets", ["state", "opened_at"])
    op.create_index("ix_orders_number", "orders", ["order_number"])
    op.create_index("ix_orders_placed", "orders", ["placed_at", "order_id"])


def downgrade() -> None:
    op.drop_index("ix_orders_placed", table_name="orders")
    op.drop_index("ix_orders_number", table_name="orders")
    op.drop_index("ix_tickets_state", table_name="tickets")
    op.drop_index("ix_tickets_opened", table_name="tickets")
    op.drop_index("ix_tickets_number", table_name="tickets")
    op.drop_column("tickets", "number")
    op.drop_index("ix_customers_signed_up", table_name="customers")
    op.drop_index("ix_customers_status", table_name="customers")
    op.drop_index("ix_customers_unnamed", table_name="customers")
    op.drop_column("customers", "named")
    op.drop_table("search_words")
    op.drop_table("customer_names")
