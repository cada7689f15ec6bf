"""The panel's clock: WHMCS writes date-times without a zone."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone, tzinfo
from typing import Final

REFRESH_AFTER: Final = timedelta(hours=1)
RETRY_AFTER: Final = timedelta(minutes=1)
_QUARTER: Final = 900.0
_WIDEST: Final = timedelta(hours=14)


class PanelClock:
    """The configured zone, or the offset of the panel's clock from ours, rounded to 15 minutes and refreshed hourly.

    A learned offset is today's, so times on the other side of a daylight-saving change are an hour off. If that
    matters, set `DOORMAN_PANEL_TIMEZONE`.
    """

    def __init__(self, zone: tzinfo | None = None) -> None:
        self._fixed = zone is not None
        self._zone = zone
        self._ask_again: datetime | None = None

    @property
    def zone(self) -> tzinfo | None:
        """The panel's zone; None while it is unknown."""
        return self._zone

    def stale(self, *, now: datetime) -> bool:
        """True if the panel's clock should be read again."""
        return not self._fixed and (self._ask_again is None or now >= self._ask_again)

    def learn(self, local: datetime | None, *, now: datetime) -> None:
        """Learn the offset from the panel's time, read at `now`; None (no time in the answer) keeps the old offset."""
        if self._fixed:
            return
        self._ask_again = now + (REFRESH_AFTER if local is not None else RETRY_AFTER)
        if local is None:
            return
        offset = local.utcoffset()
        if offset is None:
            seconds = (local - now.replace(tzinfo=None)).total_seconds()
            offset = timedelta(seconds=round(seconds / _QUARTER) * _QUARTER)
        if abs(offset) <= _WIDEST:
            self._zone = timezone(offset)
