"""Customers, their identities and the credits granted to them."""

from __future__ import annotations

from enum import StrEnum

import sqlalchemy as sa

from app.tables.columns import BigId, UtcDateTime, metadata, state


class CreditState(StrEnum):
    """The state of a credit."""

    PENDING = "pending"
    DONE = "done"
    UNKNOWN = "unknown"
    DEAD = "dead"


customers = sa.Table(
    "customers",
    metadata,
    sa.Column("customer_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("version", sa.Integer, nullable=False, server_default="0"),
    sa.Column("status", sa.String(24), nullable=False, server_default=""),
    sa.Column("currency", sa.String(3)),
    # if `signed_up_exact`, the moment of the sign-up; else its day in the panel's own zone, as midnight in UTC
    sa.Column("signed_up_at", UtcDateTime),
    sa.Column("signed_up_exact", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("first_heard_at", UtcDateTime, nullable=False),
    sa.Column("merged_into", BigId),
    # aggregates, updated by the code that writes their source
    sa.Column("orders", sa.Integer, nullable=False, server_default="0"),
    sa.Column("manual_orders", sa.Integer, nullable=False, server_default="0"),
    sa.Column("effortless_orders", sa.Integer, nullable=False, server_default="0"),
    sa.Column("fraud_orders", sa.Integer, nullable=False, server_default="0"),
    sa.Column("chargebacks", sa.Integer, nullable=False, server_default="0"),
    sa.Column("tickets", sa.Integer, nullable=False, server_default="0"),
    sa.Column("labour_minutes", sa.Integer, nullable=False, server_default="0"),
    sa.Column(
        "bad", sa.Boolean, nullable=False, server_default=sa.false()
    ),  # fraud or chargeback: counts against customers with shared identities
    # since when the latest fraud or chargeback is known; null for one that an earlier version recorded
    sa.Column("bad_at", UtcDateTime),
    # last values read from the panel
    sa.Column("active_services", sa.Integer),
    sa.Column("paid_invoices", sa.Integer),
    sa.Column("overdue_invoices", sa.Integer),
    sa.Column("revenue_minor", BigId),
    sa.Column("last_read_at", UtcDateTime),
    sa.Column("named", sa.String(16)),  # digest of the name and e-mail stored for searching; null: not stored yet
    # the customer's standing
    sa.Column("pinned_segment", sa.String(24)),
    sa.Column("white_glove", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("ix_customers_status", "status", "customer_id"),
    sa.Index("ix_customers_signed_up", "signed_up_at", "customer_id"),
    sa.Index(
        "ix_customers_unnamed",
        "customer_id",
        sqlite_where=sa.text("named IS NULL"),
        postgresql_where=sa.text("named IS NULL"),
    ),
    sa.Index(
        "ix_customers_pinned",
        "pinned_segment",
        "customer_id",
        sqlite_where=sa.text("pinned_segment IS NOT NULL"),
        postgresql_where=sa.text("pinned_segment IS NOT NULL"),
    ),
)

#: Finds other customers with the same identity before a given time, by index without a scan.
identities = sa.Table(
    "identities",
    metadata,
    sa.Column("kind", sa.String(16), primary_key=True),  # ip, phone, address, email, payment
    sa.Column("hash", sa.String(64), primary_key=True),  # of the canonical value
    sa.Column("customer_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("first_seen_at", UtcDateTime, nullable=False),
    sa.Index("ix_identities_customer", "customer_id"),
)

#: Addresses for fuzzy comparison, limited to those with the same country and postcode. Erasable.
address_blocks = sa.Table(
    "address_blocks",
    metadata,
    sa.Column("block", sa.String(64), primary_key=True),  # hash of country and postcode
    sa.Column("customer_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("street", sa.Text, nullable=False),  # normalised street and city
    sa.Column("first_seen_at", UtcDateTime, nullable=False),
    sa.Index("ix_address_blocks_customer", "customer_id"),
    sa.Index("ix_address_blocks_seen", "block", "first_seen_at"),
)

#: Each customer's first order, to know which amounts are large here.
first_orders = sa.Table(
    "first_orders",
    metadata,
    sa.Column("customer_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("order_id", BigId, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("amount_minor", BigId, nullable=False),
    sa.Column("placed_at", UtcDateTime, nullable=False),
    sa.Index("ix_first_orders_placed", "placed_at"),
)

#: Orders by customer and by IP, for velocity.
order_sightings = sa.Table(
    "order_sightings",
    metadata,
    sa.Column("order_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("customer_id", BigId, nullable=False),
    sa.Column("ip_hash", sa.String(64)),
    sa.Column("placed_at", UtcDateTime, nullable=False),
    sa.Index("ix_order_sightings_customer", "customer_id", "placed_at"),
    sa.Index("ix_order_sightings_ip", "ip_hash", "placed_at"),
)

#: Orders of new accounts without a paid past, by each thing that several of one maker have in common. Hashed, erasable.
new_accounts = sa.Table(
    "new_accounts",
    metadata,
    sa.Column("kind", sa.String(16), primary_key=True),  # app.core.judgement.together.Shares
    sa.Column("hash", sa.String(64), primary_key=True),  # of the canonical value
    sa.Column("order_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("customer_id", BigId, nullable=False),
    sa.Column("placed_at", UtcDateTime, nullable=False),
    sa.Column("signed_up_at", UtcDateTime, nullable=False),
    sa.Column("firm", sa.String(64)),  # hash of a domain of their own, the same for colleagues
    sa.Index("ix_new_accounts_placed", "kind", "hash", "placed_at"),
    sa.Index("ix_new_accounts_order", "order_id"),
    sa.Index("ix_new_accounts_customer", "customer_id"),
)

#: Groups of new accounts that ordered together, of three accounts or more; people act on a group as a whole.
groups = sa.Table(
    "account_groups",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("grown_at", UtcDateTime, nullable=False),
    sa.Column("action", sa.String(24)),  # what a person did with all members: hold, reject, approve
    sa.Column("acted_by", sa.String(120)),
    sa.Column("acted_at", UtcDateTime),
)

#: An order belongs to one group.
group_members = sa.Table(
    "group_members",
    metadata,
    sa.Column("order_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("group_id", BigId, sa.ForeignKey("account_groups.id"), nullable=False),
    sa.Index("ix_group_members_group", "group_id", "order_id"),
)

#: Which risk signals fired on which order, to find signals that fire too often to be meaningful.
signal_firings = sa.Table(
    "signal_firings",
    metadata,
    sa.Column("code", sa.String(48), primary_key=True),
    sa.Column("order_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("placed_at", UtcDateTime, nullable=False),
    sa.Index("ix_signal_firings_placed", "placed_at", "code"),
    sa.Index("ix_signal_firings_order", "order_id"),
)

credits = sa.Table(
    "credits",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("customer_id", BigId, nullable=False),
    sa.Column("amount_minor", BigId, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    state("state", CreditState, nullable=False),
    sa.Column("panel_call_id", sa.Uuid, nullable=False),
    sa.Column("by", sa.String(120), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Index("ix_credits_customer", "customer_id", "created_at"),
    sa.Index("ix_credits_created", "created_at"),
    sa.Index("ix_credits_call", "panel_call_id"),
)
