"""The outbox: every call that changes something in the panel, kept until its outcome is known."""

from __future__ import annotations

import sqlalchemy as sa

from app.core.records import CallClass, CallState
from app.tables.columns import BigId, Json, UtcDateTime, metadata, state

_LIVE = "state IN ('pending', 'sending', 'unknown') OR (call_class = 'findable' AND state = 'done')"
_WIRE = "state IN ('sending', 'unknown')"

panel_calls = sa.Table(
    "panel_calls",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("seq", BigId, nullable=False),  # enqueueing order within one order or customer: time in microseconds
    sa.Column("key", sa.String(120), nullable=False),  # the thing wanted: order:<id>:accept, fee:<uuid>:create …
    sa.Column("action", sa.String(40), nullable=False),
    state("call_class", CallClass, nullable=False),
    sa.Column("money", sa.Boolean, nullable=False),
    sa.Column("lifecycle", sa.Boolean, nullable=False),
    sa.Column("order_id", BigId),
    sa.Column("customer_id", BigId),
    sa.Column("reference", sa.String(80)),  # doorman:<kind>:<uuid>
    sa.Column("params", Json, nullable=False),
    sa.Column("cause", sa.String(64), nullable=False),  # decision:<n>, credit:<uuid>, event:<id>
    state("state", CallState, nullable=False),
    sa.Column("uncertain", sa.Boolean, nullable=False, server_default=sa.false()),
    # cancelled while in flight: it ends once it is known not to have been applied
    sa.Column("unwanted", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("due_at", UtcDateTime, nullable=False),
    sa.Column("owner", sa.Uuid),
    sa.Column("claimed_at", UtcDateTime),
    sa.Column("sent_at", UtcDateTime),  # when `sending` was last committed
    sa.Column("applies_until", UtcDateTime),  # an earlier attempt may still take effect until then
    sa.Column("waits_for", sa.String(8)),  # of WaitsFor
    sa.Column("last_error", sa.Text),
    sa.Column("result", Json),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("settled_at", UtcDateTime),
    sa.Index(
        "uq_panel_calls_key_live", "key", unique=True, sqlite_where=sa.text(_LIVE), postgresql_where=sa.text(_LIVE)
    ),
    sa.Index(
        "uq_panel_calls_money_wire",
        "customer_id",
        unique=True,
        sqlite_where=sa.text(f"money AND {_WIRE}"),
        postgresql_where=sa.text(f"money AND {_WIRE}"),
    ),
    sa.Index(
        "uq_panel_calls_lifecycle_wire",
        "order_id",
        unique=True,
        sqlite_where=sa.text(f"lifecycle AND {_WIRE}"),
        postgresql_where=sa.text(f"lifecycle AND {_WIRE}"),
    ),
    sa.Index(
        "ix_panel_calls_due",
        "due_at",
        sqlite_where=sa.text("state IN ('pending', 'unknown')"),
        postgresql_where=sa.text("state IN ('pending', 'unknown')"),
    ),
    sa.Index("ix_panel_calls_order", "order_id", "seq"),
    sa.Index("ix_panel_calls_customer", "customer_id", "seq"),
    sa.Index("ix_panel_calls_state", "state", "seq"),
    sa.Index(
        "ix_panel_calls_credits",
        "created_at",
        sqlite_where=sa.text("action = 'add_credit'"),
        postgresql_where=sa.text("action = 'add_credit'"),
    ),
)

#: How often the panel was called, reads included.
panel_requests = sa.Table(
    "panel_requests",
    metadata,
    sa.Column("action", sa.String(40), primary_key=True),
    sa.Column("cause", sa.String(40), primary_key=True),
    sa.Column("calls", BigId, nullable=False),
)
