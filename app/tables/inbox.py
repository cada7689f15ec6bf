"""The inbox: received events (stored first, handled later) and internal events that we set ourselves."""

from __future__ import annotations

from enum import StrEnum

import sqlalchemy as sa

from app.tables.columns import BigId, Json, UtcDateTime, metadata, state


class EventState(StrEnum):
    """``received → processed | ignored | failed``; between attempts an event stays ``received``."""

    RECEIVED = "received"
    PROCESSED = "processed"
    IGNORED = "ignored"
    FAILED = "failed"


class EventSource(StrEnum):
    """The origin of an event."""

    WEBHOOK = "webhook"
    INTERNAL = "internal"  # timers, settled panel calls, the gate
    RECONCILE = "reconcile"


class WaitsFor(StrEnum):
    """What makes a waiting event or call due before its time."""

    PANEL = "panel"  # the panel can be reached again
    CALL = "call"  # a call about the same order that is being sent has ended


#: The condition of a partial index: SQLite uses the index only if a query repeats it literally.
WAITING = "state = 'received'"

events = sa.Table(
    "events",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("webhook_id", sa.String(255), nullable=False, unique=True),
    sa.Column("type", sa.String(64), nullable=False),
    state("source", EventSource, nullable=False, server_default="webhook"),
    sa.Column("body", sa.LargeBinary, nullable=False),  # raw bytes of the webhook, so that any body can be stored
    sa.Column("order_id", BigId),
    sa.Column("customer_id", BigId),
    sa.Column("occurred_at", UtcDateTime, nullable=False),
    sa.Column("received_at", UtcDateTime, nullable=False),
    state("state", EventState, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("deaths", sa.Integer, nullable=False, server_default="0"),  # consecutive worker crashes while handling it
    sa.Column("due_at", UtcDateTime, nullable=False),
    sa.Column("waits_for", sa.String(8)),  # of WaitsFor
    sa.Column("reads_failed_at", UtcDateTime),  # since when it has waited because panel reads fail
    sa.Column("urgent", sa.Boolean, nullable=False, server_default=sa.false()),  # the gate is waiting for it
    sa.Column("owner", sa.Uuid),
    sa.Column("claimed_at", UtcDateTime),
    sa.Column("finished_at", UtcDateTime),
    sa.Column("result", sa.String(64)),  # kebab-case slug: why ignored or failed, or the result
    sa.Column("last_error", sa.Text),
    sa.Index(
        "ix_events_waiting",
        "urgent",
        "due_at",
        sqlite_where=sa.text(WAITING),
        postgresql_where=sa.text(WAITING),
    ),
    sa.Index("ix_events_order", "order_id", "id"),
    sa.Index("ix_events_state", "state", "id"),
)

workers = sa.Table(
    "workers",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("host", sa.String(255), nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("heartbeat_at", UtcDateTime, nullable=False),
    sa.Column("progress_at", UtcDateTime, nullable=False),  # last turn of the main loop; reveals a frozen loop
    sa.Column("panel", sa.String(16), nullable=False, server_default="closed"),  # its circuit breaker
    sa.Column("stopped_at", UtcDateTime),
    sa.Index("ix_workers_alive", "heartbeat_at"),
)

#: When the panel may be called next: one row that all processes share (generic cell rate algorithm).
panel_turns = sa.Table(
    "panel_turns",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("free_at_us", BigId, nullable=False),  # microseconds since the epoch, by the database's clock
)

#: Small facts about this installation: enforce_since, paused, panel time zone …
installation = sa.Table(
    "installation",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", Json, nullable=False),
    sa.Column("changed_at", UtcDateTime, nullable=False),
)
