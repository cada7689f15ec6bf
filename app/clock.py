"""What time it is, for whoever may ask: the core never does, it is told."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The one clock of the shell; the core gets its time as a parameter."""
    return datetime.now(UTC)
