"""The provider's history: imported rows, each order's case as of its own time, and its outcome."""

from __future__ import annotations

from enum import StrEnum

import sqlalchemy as sa

from app.tables.columns import BigId, Json, UtcDateTime, metadata, state


class Label(StrEnum):
    """The outcome of an order."""

    GOOD = "good"  # active (or ended normally) and paid
    FRAUD = "fraud"
    CANCELLED_UNPAID = "cancelled_unpaid"
    REFUNDED = "refunded"
    DISPUTED = "disputed"  # collections or chargeback
    OPEN = "open"  # not known yet


class CaseSource(StrEnum):
    """The origin of a case."""

    IMPORTED = "imported"
    LIVE = "live"  # decided live by us; its facts are never replaced by imported ones


#: The import's progress, one row per resource.
imports = sa.Table(
    "imports",
    metadata,
    sa.Column("resource", sa.String(24), primary_key=True),  # customers, orders, invoices, services, credits, tickets
    sa.Column("cursor", Json, nullable=False),
    sa.Column("rows", BigId, nullable=False, server_default="0"),
    sa.Column("finished_at", UtcDateTime),  # of the last complete pass
    sa.Column("changed_at", UtcDateTime, nullable=False),
)

#: Rows as the panel listed them, kept to build cases and for texts that a new policy may examine. Personal data:
#: erasable, never copied into facts.
panel_rows = sa.Table(
    "panel_rows",
    metadata,
    sa.Column("resource", sa.String(24), primary_key=True),
    sa.Column("row_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("customer_id", BigId),
    sa.Column("order_id", BigId),
    sa.Column("data", sa.LargeBinary, nullable=False),  # msgspec JSON of the panel record
    sa.Index("ix_panel_rows_customer", "customer_id", "resource"),
)

#: One past order, ready to be judged by any policy without the panel.
cases = sa.Table(
    "cases",
    metadata,
    sa.Column("order_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("customer_id", BigId),
    state("source", CaseSource, nullable=False),
    sa.Column("placed_at", UtcDateTime, nullable=False),
    sa.Column("judged_at", UtcDateTime, nullable=False),  # the `now` of its judgement
    sa.Column("facts", sa.LargeBinary, nullable=False),  # app.orders.facts_codec
    sa.Column("terms_digest", sa.String(16), nullable=False),  # of the policy's terms and lists behind the findings
    state("label", Label, nullable=False),
    sa.Column("labelled_at", UtcDateTime),  # when this label was first read
    sa.Column("staff_minutes", sa.Integer),  # actual, where known
    sa.Column("reviewed", sa.String(24)),  # the outcome that staff decided, if they did
    sa.Index("ix_cases_placed", "placed_at", "order_id"),
    sa.Index("ix_cases_customer", "customer_id", "placed_at"),
)

backtests = sa.Table(
    "backtests",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("policy_hash", sa.String(64), nullable=False),
    sa.Column("active_version", sa.Integer, nullable=False),
    sa.Column("engine_version", sa.String(24), nullable=False),
    sa.Column("options", Json, nullable=False),
    sa.Column("report", Json),  # null while it runs, and when it failed
    sa.Column("error", sa.Text),  # why it failed
    sa.Column("alive_at", UtcDateTime, nullable=False),  # last heartbeat of the process that runs it
    sa.Column("by", sa.String(120), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
    sa.Index("ix_backtests_created", "created_at"),
)

#: The decisions behind a backtest report, about a thousand per row, so that every number can be recomputed.
backtest_decisions = sa.Table(
    "backtest_decisions",
    metadata,
    sa.Column("backtest_id", sa.Uuid, sa.ForeignKey("backtests.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("decisions", sa.LargeBinary, nullable=False),
)
