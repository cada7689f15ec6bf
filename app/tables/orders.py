"""Orders as we know them, their decisions (append-only), fees, timeline and tickets."""

from __future__ import annotations

from enum import StrEnum

import sqlalchemy as sa

from app.core.facts import OrderKind, PaymentState, PlacedBy
from app.core.states import FeeState, HoldKind, OrderState, Provisioning
from app.tables.columns import BigId, Json, UtcDateTime, metadata, state


class FeeForm(StrEnum):
    """How a fee is charged."""

    INVOICE = "invoice"
    QUOTE = "quote"


#: The condition of a partial index: SQLite uses the index only if a query repeats it literally.
UNBUILT = "provisioning IN ('failed', 'partial')"

orders = sa.Table(
    "orders",
    metadata,
    sa.Column("order_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("version", sa.Integer, nullable=False, server_default="0"),  # optimistic lock of decisions
    sa.Column("customer_id", BigId),
    sa.Column("order_number", sa.String(40), nullable=False, server_default=""),
    state("kind", OrderKind, nullable=False),
    state("state", OrderState, nullable=False),
    sa.Column("panel_status", sa.String(40), nullable=False, server_default=""),
    state("provisioning", Provisioning, nullable=False),
    state("placed_by", PlacedBy, nullable=False),
    sa.Column("staff_id", BigId),
    sa.Column("placed_at", UtcDateTime),
    sa.Column("first_heard_at", UtcDateTime, nullable=False),
    sa.Column("last_read_at", UtcDateTime),
    sa.Column("read_digest", sa.String(64)),  # of what the panel showed when everything was read for a judgement
    sa.Column("read_event_id", BigId),  # the newest event of all when it was last read: older ones tell nothing new
    sa.Column("amount_minor", BigId),
    sa.Column("currency", sa.String(3)),
    sa.Column("invoice_id", BigId),
    state("payment_state", PaymentState, nullable=False),
    sa.Column("settled", sa.Boolean, nullable=False, server_default=sa.false()),  # needs no payment to provision
    sa.Column("paid_at", UtcDateTime),
    sa.Column("paid_minor", BigId, nullable=False, server_default="0"),
    sa.Column("refund_due_minor", BigId, nullable=False, server_default="0"),  # what staff still have to refund
    sa.Column("refunded_minor", BigId, nullable=False, server_default="0"),  # what staff recorded as refunded
    sa.Column("fraud", sa.Boolean, nullable=False, server_default=sa.false()),  # ended as fraud, and counted as fraud
    sa.Column("items", Json, nullable=False),
    sa.Column("flags", Json, nullable=False),
    sa.Column("breached", sa.Boolean, nullable=False, server_default=sa.false()),  # by state and flags
    sa.Column("decision_id", BigId),
    sa.Column("outcome", sa.String(24)),  # of the latest decision
    sa.Column("touched_by_person", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("agreement", sa.String(24), nullable=False, server_default="none"),
    sa.Column("accept_mode", sa.String(24)),
    sa.Column("fee_wanted", Json),  # the fee that the order is held for: amount_minor, currency, minutes, work
    state("hold_kind", HoldKind),
    sa.Column("hold_since", UtcDateTime),
    sa.Column("hold_due_at", UtcDateTime),
    sa.Column("hold_expires_at", UtcDateTime),
    sa.Column("decided_inputs", sa.String(64)),  # digest of the latest judgement's inputs
    sa.Column("decided_without", Json),  # names of the reads that failed for the latest judgement
    sa.Column("unread_since", UtcDateTime),  # reads have failed since then; it is decided again once they succeed
    sa.Column("settle_at", UtcDateTime),  # when to decide an unpaid order without fraud check
    # this order's contribution to its customer's aggregates
    sa.Column("counted", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("counted_manual", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("counted_minutes", sa.Integer, nullable=False, server_default="0"),
    sa.Column("effortless", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("ix_orders_state", "state", "order_id"),
    sa.Index("ix_orders_outcome", "outcome", "order_id"),
    sa.Index("ix_orders_customer", "customer_id", "order_id"),
    sa.Index("ix_orders_invoice", "invoice_id"),
    sa.Index("ix_orders_number", "order_number"),
    sa.Index("ix_orders_placed", "placed_at", "order_id"),
    sa.Index(
        "ix_orders_queue",
        "hold_due_at",
        sqlite_where=sa.text("hold_kind IS NOT NULL"),
        postgresql_where=sa.text("hold_kind IS NOT NULL"),
    ),
    sa.Index(
        "ix_orders_refund",
        "order_id",
        sqlite_where=sa.text("refund_due_minor > 0"),
        postgresql_where=sa.text("refund_due_minor > 0"),
    ),
    sa.Index(
        "ix_orders_breached", "order_id", sqlite_where=sa.text("breached = 1"), postgresql_where=sa.text("breached")
    ),
    sa.Index(
        "ix_orders_undecided",
        "state",
        "settle_at",
        sqlite_where=sa.text("decision_id IS NULL"),
        postgresql_where=sa.text("decision_id IS NULL"),
    ),
    sa.Index("ix_orders_unbuilt", "order_id", sqlite_where=sa.text(UNBUILT), postgresql_where=sa.text(UNBUILT)),
)

#: Customers' texts and personal data of an order; erasable without changing a decision.
order_texts = sa.Table(
    "order_texts",
    metadata,
    sa.Column("order_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("customer_id", BigId),
    sa.Column("request_text", sa.Text, nullable=False),
    sa.Column("ip", sa.String(45)),
)

decisions = sa.Table(
    "decisions",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("order_id", BigId, nullable=False),
    sa.Column("outcome", sa.String(24), nullable=False),
    sa.Column("reasons", Json, nullable=False),
    sa.Column("by", sa.String(120), nullable=False),
    sa.Column("mode", sa.String(16), nullable=False),
    sa.Column("policy_version", sa.Integer),
    sa.Column("engine_version", sa.String(24), nullable=False),
    sa.Column("judgement", Json),  # scores, labour, signals, fee; null for a person's decision
    sa.Column("facts", Json),
    sa.Column("intended_calls", Json, nullable=False),  # in shadow: the calls that would have been made
    sa.Column("candidate", Json),  # what a candidate policy would have decided
    sa.Column("supersedes", BigId),
    sa.Column("note", sa.Text),  # by the staff member who decided; never shown to a customer
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Index("ix_decisions_order", "order_id", "id"),
    sa.Index("ix_decisions_at", "at"),
)

#: Answers of external services about an order. Each request is billed, so answers are kept and never requested again.
outside_answers = sa.Table(
    "outside_answers",
    metadata,
    sa.Column("order_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("provider", sa.String(24), primary_key=True),
    sa.Column("asked_at", UtcDateTime, nullable=False),  # last
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("degraded", sa.Boolean, nullable=False),
    sa.Column("reason", sa.String(80)),  # why the answer is unusable
    sa.Column("answer", Json),  # score, reports, marks; null while degraded
    sa.Index("ix_outside_answers_asked", "asked_at"),
)

fees = sa.Table(
    "fees",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("order_id", BigId, nullable=False),
    sa.Column("customer_id", BigId, nullable=False),
    sa.Column("amount_minor", BigId, nullable=False),  # net
    sa.Column("total_minor", BigId),  # with tax, as the panel computed it
    sa.Column("paid_minor", BigId, nullable=False, server_default="0"),
    sa.Column("currency", sa.String(3), nullable=False),
    state("form", FeeForm, nullable=False),
    state("state", FeeState, nullable=False),
    sa.Column("wanted_state", sa.String(24)),  # waived or cancelled, while its invoice is still being cancelled
    sa.Column("minutes", sa.Integer),
    sa.Column("work", sa.Text, nullable=False, server_default=""),  # its purpose, in words for the customer
    sa.Column("invoice_id", BigId),
    sa.Column("quote_id", BigId),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    sa.Column("settled_at", UtcDateTime),
    sa.Index(
        "uq_fees_open",
        "order_id",
        unique=True,
        sqlite_where=sa.text("state IN ('pending', 'offered', 'unpaid', 'partly_paid', 'payment_pending')"),
        postgresql_where=sa.text("state IN ('pending', 'offered', 'unpaid', 'partly_paid', 'payment_pending')"),
    ),
    sa.Index("ix_fees_order", "order_id", "created_at"),
    sa.Index("ix_fees_invoice", "invoice_id"),
    sa.Index("ix_fees_customer", "customer_id"),
    sa.Index("ix_fees_state", "state", "created_at"),
    sa.Index("ix_fees_created", "created_at"),
    sa.Index("ix_fees_settled", "settled_at"),
)


timeline = sa.Table(
    "timeline",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("order_id", BigId, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("by", sa.String(120), nullable=False),
    sa.Column("code", sa.String(24)),  # of TimelineCode, for lines that the program itself looks for
    sa.Index("ix_timeline_order", "order_id", "id"),
)

tickets = sa.Table(
    "tickets",
    metadata,
    sa.Column("ticket_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("number", sa.String(40), nullable=False, server_default=""),  # as the panel shows it to customers
    sa.Column("customer_id", BigId),  # null for guests
    sa.Column("guest_email_hash", sa.String(64)),
    sa.Column("opened_by", sa.String(16), nullable=False),
    sa.Column("opened_at", UtcDateTime, nullable=False),
    sa.Column("state", sa.String(40), nullable=False),
    sa.Column("topic", sa.String(32), nullable=False),
    sa.Column("confidence", sa.Float, nullable=False),
    sa.Column("order_intent", sa.String(24), nullable=False),
    sa.Column("order_intent_confidence", sa.Float),  # null if the ticket was sorted before there was a model
    sa.Column("runner_up", sa.String(32)),
    sa.Column("runner_up_confidence", sa.Float),
    sa.Column("model", sa.String(40), nullable=False, server_default=""),  # which one read it; empty as above
    sa.Column("minutes", sa.Integer, nullable=False),
    sa.Column("self_service", sa.Boolean, nullable=False),
    sa.Column("evidence", Json, nullable=False),
    sa.Column("ours", sa.Boolean, nullable=False, server_default=sa.false()),  # we opened it, or our hold caused it
    sa.Column("corrected_by", sa.String(120)),
    sa.Column("reply_seen", BigId),  # panel id of the customer's newest reply that was handled
    sa.Index("ix_tickets_customer", "customer_id", "opened_at"),
    sa.Index("ix_tickets_guest", "guest_email_hash"),
    sa.Index("ix_tickets_number", "number"),
    sa.Index("ix_tickets_opened", "opened_at", "ticket_id"),
    sa.Index("ix_tickets_state", "state", "opened_at"),
)

ticket_texts = sa.Table(
    "ticket_texts",
    metadata,
    sa.Column("ticket_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("customer_id", BigId),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
)

#: Which ticket requested which order; only proposed until both certainly belong to the same customer.
ticket_orders = sa.Table(
    "ticket_orders",
    metadata,
    sa.Column("ticket_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("order_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String(16), nullable=False),  # asked, proposed, hold (our own message)
    sa.Index("ix_ticket_orders_order", "order_id"),
)

#: Questions of staff to a customer before deciding, and the outcome; good ones become fields of the order form.
questions = sa.Table(
    "questions",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("order_id", BigId, nullable=False),
    sa.Column("customer_id", BigId),
    sa.Column("rule", sa.String(80)),  # the policy's vetting rule that prepared it; null: written by staff
    sa.Column("question", sa.Text, nullable=False),
    sa.Column("ticket_id", BigId),  # once the panel has created it
    sa.Column("asked_by", sa.String(120), nullable=False),
    sa.Column("asked_at", UtcDateTime, nullable=False),
    sa.Column("reminded_at", UtcDateTime),
    sa.Column("answered_at", UtcDateTime),
    sa.Column("outcome", sa.String(24)),  # of the order, once staff decided after the question
    sa.Index("ix_questions_order", "order_id", "asked_at"),
    sa.Index("ix_questions_ticket", "ticket_id"),
    sa.Index("ix_questions_rule", "rule", "asked_at"),
)
