"""The cut-over: since when Doorman acts, and on which orders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.core.records import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class CutOver:
    """Decides whether an order is acted on: the mode, the cut-over time, and the highest order number before it."""

    mode: Mode
    since: datetime | None
    floor: int | None = None

    def acts_on(self, order_id: int, *, placed_at: datetime | None, first_heard_at: datetime) -> bool:
        """Return whether an order is acted on now; without a readable date, its number decides."""
        if self.mode is Mode.SHADOW or self.since is None:
            return False
        if placed_at is None and self.floor is not None and order_id <= self.floor:
            return False
        return (placed_at or first_heard_at) >= self.since
