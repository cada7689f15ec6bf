"""Damage limits: what the policy limits, and when a limit is reached.

A feature that suddenly holds, bills, rejects or credits far more than the policy allows within an hour or a day stops
acting, and staff are notified. The verdict is stored as judged and can be replayed; only the action is limited, and the
decision's reasons say so. Decisions by staff are never limited. Workers that decide at the same moment may each exceed
a limit by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final


class Limit(StrEnum):
    """The limited actions."""

    HELD_SHARE = "held_share"
    FEES = "fees"
    REJECTS = "rejects"
    CREDITS = "credits"


class LimitWindow(StrEnum):
    """The period of a limit."""

    HOUR = "hour"
    DAY = "day"


LENGTHS: Final = {LimitWindow.HOUR: timedelta(hours=1), LimitWindow.DAY: timedelta(days=1)}
_WORDS: Final = {
    Limit.HELD_SHARE: "{at_most} % of the orders decided within {window} were held",
    Limit.FEES: "{at_most} fees were requested within {window}",
    Limit.REJECTS: "{at_most} orders were rejected by the policy within {window}",
    Limit.CREDITS: "{at_most} credits were granted within {window}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A limit that is reached; `until` is when it lifts at the earliest, None if that depends on later orders."""

    limit: Limit
    window: LimitWindow
    at_most: int
    until: datetime | None

    def to_text(self) -> str:
        """Return a sentence about it for staff."""
        window = {LimitWindow.HOUR: "an hour", LimitWindow.DAY: "a day"}[self.window]
        said = _WORDS[self.limit].format(at_most=self.at_most, window=window)
        ends = f"; it lifts at {self.until:%Y-%m-%d %H:%M} UTC" if self.until is not None else ""
        return f"{said}: the policy's limit limits.{self.window}.{self.limit} is reached{ends}."

    def alert_name(self, now: datetime) -> str:
        """Return the name of its alert: one for each limit and window."""
        return f"limit:{self.limit}:{self.window}:{int(now.timestamp() // LENGTHS[self.window].total_seconds())}"
