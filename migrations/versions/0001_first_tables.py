"""The first tables: inbox, outbox, orders, customers, policies, access."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.tables.columns import BigId, Json, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "scores", "panel", "ops", "admin", name="role", native_enum=False, create_constraint=True, length=24
            ),
            nullable=False,
        ),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("sha256", name=op.f("uq_api_keys_sha256")),
    )
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.create_index(
            "uq_api_keys_name_live",
            ["name"],
            unique=True,
            sqlite_where=sa.text("revoked_at IS NULL"),
            postgresql_where=sa.text("revoked_at IS NULL"),
        )

    op.create_table(
        "credits",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", BigId, nullable=False),
        sa.Column("amount_minor", BigId, nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "pending", "done", "unknown", "dead", name="state", native_enum=False, create_constraint=True, length=24
            ),
            nullable=False,
        ),
        sa.Column("panel_call_id", sa.Uuid(), nullable=False),
        sa.Column("by", sa.String(length=120), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credits")),
    )
    with op.batch_alter_table("credits", schema=None) as batch_op:
        batch_op.create_index("ix_credits_customer", ["customer_id", "created_at"], unique=False)

    op.create_table(
        "customers",
        sa.Column("customer_id", BigId, autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), server_default="0", nullable=False),
        sa.Column("status", sa.String(length=24), server_default="", nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("signed_up_at", UtcDateTime(), nullable=True),
        sa.Column("first_heard_at", UtcDateTime(), nullable=False),
        sa.Column("merged_into", BigId, nullable=True),
        sa.Column("orders", sa.Integer(), server_default="0", nullable=False),
        sa.Column("manual_orders", sa.Integer(), server_default="0", nullable=False),
        sa.Column("effortless_orders", sa.Integer(), server_default="0", nullable=False),
        sa.Column("fraud_orders", sa.Integer(), server_default="0", nullable=False),
        sa.Column("chargebacks", sa.Integer(), server_default="0", nullable=False),
        sa.Column("tickets", sa.Integer(), server_default="0", nullable=False),
        sa.Column("labour_minutes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("bad", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("active_services", sa.Integer(), nullable=True),
        sa.Column("paid_invoices", sa.Integer(), nullable=True),
        sa.Column("overdue_invoices", sa.Integer(), nullable=True),
        sa.Column("revenue_minor", BigId, nullable=True),
        sa.Column("last_read_at", UtcDateTime(), nullable=True),
        sa.Column("pinned_segment", sa.String(length=24), nullable=True),
        sa.Column("white_glove", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_customers")),
    )
    op.create_table(
        "decisions",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("order_id", BigId, nullable=False),
        sa.Column("outcome", sa.String(length=24), nullable=False),
        sa.Column("reasons", Json, nullable=False),
        sa.Column("by", sa.String(length=120), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=True),
        sa.Column("engine_version", sa.String(length=24), nullable=False),
        sa.Column("judgement", Json, nullable=True),
        sa.Column("facts", Json, nullable=True),
        sa.Column("intended_calls", Json, nullable=False),
        sa.Column("supersedes", BigId, nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
    )
    with op.batch_alter_table("decisions", schema=None) as batch_op:
        batch_op.create_index("ix_decisions_order", ["order_id", "id"], unique=False)

    op.create_table(
        "events",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("webhook_id", sa.String(length=255), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column(
            "source",
            sa.Enum(
                "webhook", "internal", "reconcile", name="source", native_enum=False, create_constraint=True, length=24
            ),
            server_default="webhook",
            nullable=False,
        ),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("order_id", BigId, nullable=True),
        sa.Column("customer_id", BigId, nullable=True),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "received",
                "processed",
                "ignored",
                "failed",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("urgent", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("owner", sa.Uuid(), nullable=True),
        sa.Column("claimed_at", UtcDateTime(), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("result", sa.String(length=64), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sa.UniqueConstraint("webhook_id", name=op.f("uq_events_webhook_id")),
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.create_index(
            "ix_events_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("state = 'received'"),
            postgresql_where=sa.text("state = 'received'"),
        )
        batch_op.create_index("ix_events_order", ["order_id", "id"], unique=False)
        batch_op.create_index("ix_events_state", ["state", "id"], unique=False)
        batch_op.create_index(
            "ix_events_urgent",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("state = 'received' AND urgent"),
            postgresql_where=sa.text("state = 'received' AND urgent"),
        )

    op.create_table(
        "fees",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", BigId, nullable=False),
        sa.Column("customer_id", BigId, nullable=False),
        sa.Column("amount_minor", BigId, nullable=False),
        sa.Column("total_minor", BigId, nullable=True),
        sa.Column("paid_minor", BigId, server_default="0", nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column(
            "form",
            sa.Enum("invoice", "quote", name="form", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "offered",
                "unpaid",
                "partly_paid",
                "payment_pending",
                "paid",
                "waived",
                "cancelled",
                "refunded",
                "lost",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("wanted_state", sa.String(length=24), nullable=True),
        sa.Column("minutes", sa.Integer(), nullable=True),
        sa.Column("work", sa.Text(), server_default="", nullable=False),
        sa.Column("invoice_id", BigId, nullable=True),
        sa.Column("quote_id", BigId, nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fees")),
    )
    with op.batch_alter_table("fees", schema=None) as batch_op:
        batch_op.create_index("ix_fees_customer", ["customer_id"], unique=False)
        batch_op.create_index("ix_fees_invoice", ["invoice_id"], unique=False)
        batch_op.create_index("ix_fees_order", ["order_id", "created_at"], unique=False)
        batch_op.create_index("ix_fees_state", ["state", "created_at"], unique=False)
        batch_op.create_index(
            "uq_fees_open",
            ["order_id"],
            unique=True,
            sqlite_where=sa.text("state IN ('pending', 'offered', 'unpaid', 'partly_paid', 'payment_pending')"),
            postgresql_where=sa.text("state IN ('pending', 'offered', 'unpaid', 'partly_paid', 'payment_pending')"),
        )

    op.create_table(
        "idempotency_keys",
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("route", sa.String(length=200), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("body_sha256", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("actor", "route", "key", name=op.f("pk_idempotency_keys")),
    )
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.create_index("ix_idempotency_keys_created", ["created_at"], unique=False)

    op.create_table(
        "identities",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("customer_id", BigId, autoincrement=False, nullable=False),
        sa.Column("first_seen_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "hash", "customer_id", name=op.f("pk_identities")),
    )
    with op.batch_alter_table("identities", schema=None) as batch_op:
        batch_op.create_index("ix_identities_customer", ["customer_id"], unique=False)

    op.create_table(
        "installation",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", Json, nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_installation")),
    )
    op.create_table(
        "order_sightings",
        sa.Column("order_id", BigId, autoincrement=False, nullable=False),
        sa.Column("customer_id", BigId, nullable=False),
        sa.Column("ip_hash", sa.String(length=64), nullable=True),
        sa.Column("placed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_order_sightings")),
    )
    with op.batch_alter_table("order_sightings", schema=None) as batch_op:
        batch_op.create_index("ix_order_sightings_customer", ["customer_id", "placed_at"], unique=False)
        batch_op.create_index("ix_order_sightings_ip", ["ip_hash", "placed_at"], unique=False)

    op.create_table(
        "order_texts",
        sa.Column("order_id", BigId, autoincrement=False, nullable=False),
        sa.Column("customer_id", BigId, nullable=True),
        sa.Column("request_text", sa.Text(), nullable=False),
        sa.Column("ip", sa.String(length=45), nullable=True),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_order_texts")),
    )
    op.create_table(
        "orders",
        sa.Column("order_id", BigId, autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), server_default="0", nullable=False),
        sa.Column("customer_id", BigId, nullable=True),
        sa.Column("order_number", sa.String(length=40), server_default="", nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "new",
                "addon",
                "upgrade",
                "renewal",
                "domain",
                "mixed",
                name="kind",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "received",
                "awaiting_payment",
                "releasing",
                "released",
                "held",
                "rejecting",
                "rejected",
                "cancelled",
                "closed",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("panel_status", sa.String(length=40), server_default="", nullable=False),
        sa.Column(
            "provisioning",
            sa.Enum(
                "none",
                "partial",
                "done",
                "failed",
                name="provisioning",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column(
            "placed_by",
            sa.Enum(
                "customer",
                "staff",
                "staff_as_customer",
                "api",
                "unknown",
                name="placed_by",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("staff_id", BigId, nullable=True),
        sa.Column("placed_at", UtcDateTime(), nullable=True),
        sa.Column("first_heard_at", UtcDateTime(), nullable=False),
        sa.Column("last_read_at", UtcDateTime(), nullable=True),
        sa.Column("amount_minor", BigId, nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("invoice_id", BigId, nullable=True),
        sa.Column(
            "payment_state",
            sa.Enum(
                "none",
                "unpaid",
                "partly_paid",
                "pending",
                "paid",
                "refunded",
                "cancelled",
                "disputed",
                "unknown",
                name="payment_state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("settled", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("paid_at", UtcDateTime(), nullable=True),
        sa.Column("paid_minor", BigId, server_default="0", nullable=False),
        sa.Column("refund_due_minor", BigId, server_default="0", nullable=False),
        sa.Column("refunded_minor", BigId, server_default="0", nullable=False),
        sa.Column("fraud", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("items", Json, nullable=False),
        sa.Column("flags", Json, nullable=False),
        sa.Column("decision_id", BigId, nullable=True),
        sa.Column("outcome", sa.String(length=24), nullable=True),
        sa.Column("touched_by_person", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("agreement", sa.String(length=24), server_default="none", nullable=False),
        sa.Column("accept_mode", sa.String(length=24), nullable=True),
        sa.Column("fee_wanted", Json, nullable=True),
        sa.Column(
            "hold_kind",
            sa.Enum("fee", "review", "answer", name="hold_kind", native_enum=False, create_constraint=True, length=24),
            nullable=True,
        ),
        sa.Column("hold_since", UtcDateTime(), nullable=True),
        sa.Column("hold_due_at", UtcDateTime(), nullable=True),
        sa.Column("hold_expires_at", UtcDateTime(), nullable=True),
        sa.Column("decided_inputs", sa.String(length=64), nullable=True),
        sa.Column("settle_at", UtcDateTime(), nullable=True),
        sa.Column("counted", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("counted_manual", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("counted_minutes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("effortless", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_orders")),
    )
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.create_index("ix_orders_customer", ["customer_id", "order_id"], unique=False)
        batch_op.create_index("ix_orders_invoice", ["invoice_id"], unique=False)
        batch_op.create_index("ix_orders_outcome", ["outcome", "order_id"], unique=False)
        batch_op.create_index(
            "ix_orders_queue",
            ["hold_due_at"],
            unique=False,
            sqlite_where=sa.text("hold_kind IS NOT NULL"),
            postgresql_where=sa.text("hold_kind IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_orders_refund",
            ["order_id"],
            unique=False,
            sqlite_where=sa.text("refund_due_minor > 0"),
            postgresql_where=sa.text("refund_due_minor > 0"),
        )
        batch_op.create_index("ix_orders_state", ["state", "order_id"], unique=False)

    op.create_table(
        "panel_calls",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("seq", BigId, nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column(
            "call_class",
            sa.Enum(
                "findable",
                "guarded",
                "courtesy",
                name="call_class",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("money", sa.Boolean(), nullable=False),
        sa.Column("lifecycle", sa.Boolean(), nullable=False),
        sa.Column("order_id", BigId, nullable=True),
        sa.Column("customer_id", BigId, nullable=True),
        sa.Column("reference", sa.String(length=80), nullable=True),
        sa.Column("params", Json, nullable=False),
        sa.Column("cause", sa.String(length=64), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "sending",
                "done",
                "unknown",
                "dead",
                "cancelled",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("uncertain", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("owner", sa.Uuid(), nullable=True),
        sa.Column("claimed_at", UtcDateTime(), nullable=True),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.Column("applies_until", UtcDateTime(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("result", Json, nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_panel_calls")),
    )
    with op.batch_alter_table("panel_calls", schema=None) as batch_op:
        batch_op.create_index("ix_panel_calls_customer", ["customer_id", "seq"], unique=False)
        batch_op.create_index(
            "ix_panel_calls_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("state IN ('pending', 'unknown')"),
            postgresql_where=sa.text("state IN ('pending', 'unknown')"),
        )
        batch_op.create_index("ix_panel_calls_order", ["order_id", "seq"], unique=False)
        batch_op.create_index("ix_panel_calls_state", ["state", "seq"], unique=False)
        batch_op.create_index(
            "uq_panel_calls_key_live",
            ["key"],
            unique=True,
            sqlite_where=sa.text(
                "state IN ('pending', 'sending', 'unknown') OR (call_class = 'findable' AND state = 'done')"
            ),
            postgresql_where=sa.text(
                "state IN ('pending', 'sending', 'unknown') OR (call_class = 'findable' AND state = 'done')"
            ),
        )
        batch_op.create_index(
            "uq_panel_calls_lifecycle_wire",
            ["order_id"],
            unique=True,
            sqlite_where=sa.text("lifecycle AND state IN ('sending', 'unknown')"),
            postgresql_where=sa.text("lifecycle AND state IN ('sending', 'unknown')"),
        )
        batch_op.create_index(
            "uq_panel_calls_money_wire",
            ["customer_id"],
            unique=True,
            sqlite_where=sa.text("money AND state IN ('sending', 'unknown')"),
            postgresql_where=sa.text("money AND state IN ('sending', 'unknown')"),
        )

    op.create_table(
        "policies",
        sa.Column("version", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("published_by", sa.String(length=120), nullable=False),
        sa.Column("published_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_policies")),
        sa.UniqueConstraint("hash", name=op.f("uq_policies_hash")),
    )
    op.create_table(
        "signal_firings",
        sa.Column("code", sa.String(length=48), nullable=False),
        sa.Column("order_id", BigId, autoincrement=False, nullable=False),
        sa.Column("placed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("code", "order_id", name=op.f("pk_signal_firings")),
    )
    with op.batch_alter_table("signal_firings", schema=None) as batch_op:
        batch_op.create_index("ix_signal_firings_placed", ["placed_at", "code"], unique=False)

    op.create_table(
        "ticket_orders",
        sa.Column("ticket_id", BigId, autoincrement=False, nullable=False),
        sa.Column("order_id", BigId, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("ticket_id", "order_id", name=op.f("pk_ticket_orders")),
    )
    with op.batch_alter_table("ticket_orders", schema=None) as batch_op:
        batch_op.create_index("ix_ticket_orders_order", ["order_id"], unique=False)

    op.create_table(
        "ticket_texts",
        sa.Column("ticket_id", BigId, autoincrement=False, nullable=False),
        sa.Column("customer_id", BigId, nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("ticket_id", name=op.f("pk_ticket_texts")),
    )
    op.create_table(
        "tickets",
        sa.Column("ticket_id", BigId, autoincrement=False, nullable=False),
        sa.Column("customer_id", BigId, nullable=True),
        sa.Column("guest_email_hash", sa.String(length=64), nullable=True),
        sa.Column("opened_by", sa.String(length=16), nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("topic", sa.String(length=32), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("order_intent", sa.String(length=24), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("self_service", sa.Boolean(), nullable=False),
        sa.Column("evidence", Json, nullable=False),
        sa.Column("ours", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("corrected_by", sa.String(length=120), nullable=True),
        sa.PrimaryKeyConstraint("ticket_id", name=op.f("pk_tickets")),
    )
    with op.batch_alter_table("tickets", schema=None) as batch_op:
        batch_op.create_index("ix_tickets_customer", ["customer_id", "opened_at"], unique=False)
        batch_op.create_index("ix_tickets_guest", ["guest_email_hash"], unique=False)

    op.create_table(
        "timeline",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("order_id", BigId, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_timeline")),
    )
    with op.batch_alter_table("timeline", schema=None) as batch_op:
        batch_op.create_index("ix_timeline_order", ["order_id", "id"], unique=False)

    op.create_table(
        "workers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("heartbeat_at", UtcDateTime(), nullable=False),
        sa.Column("progress_at", UtcDateTime(), nullable=False),
        sa.Column("stopped_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
    )
    with op.batch_alter_table("workers", schema=None) as batch_op:
        batch_op.create_index("ix_workers_alive", ["heartbeat_at"], unique=False)

    op.create_table(
        "policy_activations",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("activated_by", sa.String(length=120), nullable=False),
        sa.Column("activated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["version"], ["policies.version"], name=op.f("fk_policy_activations_version_policies")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_activations")),
    )


def downgrade() -> None:
    op.drop_table("policy_activations")
    with op.batch_alter_table("workers", schema=None) as batch_op:
        batch_op.drop_index("ix_workers_alive")

    op.drop_table("workers")
    with op.batch_alter_table("timeline", schema=None) as batch_op:
        batch_op.drop_index("ix_timeline_order")

    op.drop_table("timeline")
    with op.batch_alter_table("tickets", schema=None) as batch_op:
        batch_op.drop_index("ix_tickets_guest")
        batch_op.drop_index("ix_tickets_customer")

    op.drop_table("tickets")
    op.drop_table("ticket_texts")
    with op.batch_alter_table("ticket_orders", schema=None) as batch_op:
        batch_op.drop_index("ix_ticket_orders_order")

    op.drop_table("ticket_orders")
    with op.batch_alter_table("signal_firings", schema=None) as batch_op:
        batch_op.drop_index("ix_signal_firings_placed")

    op.drop_table("signal_firings")
    op.drop_table("policies")
    with op.batch_alter_table("panel_calls", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_panel_calls_money_wire",
            sqlite_where=sa.text("money AND state IN ('sending', 'unknown')"),
            postgresql_where=sa.text("money AND state IN ('sending', 'unknown')"),
        )
        batch_op.drop_index(
            "uq_panel_calls_lifecycle_wire",
            sqlite_where=sa.text("lifecycle AND state IN ('sending', 'unknown')"),
            postgresql_where=sa.text("lifecycle AND state IN ('sending', 'unknown')"),
        )
        batch_op.drop_index(
            "uq_panel_calls_key_live",
            sqlite_where=sa.text(
                "state IN ('pending', 'sending', 'unknown') OR (call_class = 'findable' AND state = 'done')"
            ),
            postgresql_where=sa.text(
                "state IN ('pending', 'sending', 'unknown') OR (call_class = 'findable' AND state = 'done')"
            ),
        )
        batch_op.drop_index("ix_panel_calls_state")
        batch_op.drop_index("ix_panel_calls_order")
        batch_op.drop_index(
            "ix_panel_calls_due",
            sqlite_where=sa.text("state IN ('pending', 'unknown')"),
            postgresql_where=sa.text("state IN ('pending', 'unknown')"),
        )
        batch_op.drop_index("ix_panel_calls_customer")

    op.drop_table("panel_calls")
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_index("ix_orders_state")
        batch_op.drop_index(
            "ix_orders_refund",
            sqlite_where=sa.text("refund_due_minor > 0"),
            postgresql_where=sa.text("refund_due_minor > 0"),
        )
        batch_op.drop_index(
            "ix_orders_queue",
            sqlite_where=sa.text("hold_kind IS NOT NULL"),
            postgresql_where=sa.text("hold_kind IS NOT NULL"),
        )
        batch_op.drop_index("ix_orders_outcome")
        batch_op.drop_index("ix_orders_invoice")
        batch_op.drop_index("ix_orders_customer")

    op.drop_table("orders")
    op.drop_table("order_texts")
    with op.batch_alter_table("order_sightings", schema=None) as batch_op:
        batch_op.drop_index("ix_order_sightings_ip")
        batch_op.drop_index("ix_order_sightings_customer")

    op.drop_table("order_sightings")
    op.drop_table("installation")
    with op.batch_alter_table("identities", schema=None) as batch_op:
        batch_op.drop_index("ix_identities_customer")

    op.drop_table("identities")
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.drop_index("ix_idempotency_keys_created")

    op.drop_table("idempotency_keys")
    with op.batch_alter_table("fees", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_fees_open",
            sqlite_where=sa.text("state IN ('pending', 'offered', 'unpaid', 'partly_paid', 'payment_pending')"),
            postgresql_where=sa.text("state IN ('pending', 'offered', 'unpaid', 'partly_paid', 'payment_pending')"),
        )
        batch_op.drop_index("ix_fees_state")
        batch_op.drop_index("ix_fees_order")
        batch_op.drop_index("ix_fees_invoice")
        batch_op.drop_index("ix_fees_customer")

    op.drop_table("fees")
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_events_urgent",
            sqlite_where=sa.text("state = 'received' AND urgent"),
            postgresql_where=sa.text("state = 'received' AND urgent"),
        )
        batch_op.drop_index("ix_events_state")
        batch_op.drop_index("ix_events_order")
        batch_op.drop_index(
            "ix_events_due", sqlite_where=sa.text("state = 'received'"), postgresql_where=sa.text("state = 'received'")
        )

    op.drop_table("events")
    with op.batch_alter_table("decisions", schema=None) as batch_op:
        batch_op.drop_index("ix_decisions_order")

    op.drop_table("decisions")
    op.drop_table("customers")
    with op.batch_alter_table("credits", schema=None) as batch_op:
        batch_op.drop_index("ix_credits_customer")

    op.drop_table("credits")
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_api_keys_name_live",
            sqlite_where=sa.text("revoked_at IS NULL"),
            postgresql_where=sa.text("revoked_at IS NULL"),
        )

    op.drop_table("api_keys")
