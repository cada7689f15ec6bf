"""When what became of an order may count as its end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

MATURE_DAYS: Final = 60


def is_mature(placed_at: datetime, now: datetime) -> bool:
    """Return whether an order is old enough."""
    return now - placed_at >= timedelta(days=MATURE_DAYS)
