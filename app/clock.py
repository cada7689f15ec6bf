"""The current time. The core never reads the clock; it gets the time as a parameter."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the current UTC time; the only clock outside the core."""
    return datetime.now(UTC)
