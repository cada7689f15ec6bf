"""The interface between the intake and its writers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from app.core.webhooks import ParsedEvent

#: The result of an event of an unknown type.
UNKNOWN_TYPE = "unknown-type"


class Arrival(NamedTuple):
    """A verified webhook to be stored in the inbox."""

    webhook_id: str
    body: bytes
    event: ParsedEvent
    received_at: datetime


class DatabaseDown(Exception):
    """The database could not be written to, regardless of the rows."""


class BatchWriter(Protocol):
    """Commits a batch of arrivals with distinct ids, completely or not at all."""

    async def write(self, batch: Sequence[Arrival]) -> Collection[str]:
        """Return the webhook ids that are new; the others were already stored.

        Raises DatabaseDown, or any other exception if one of the rows is at fault. Either way nothing is stored, or
        the writer can't know; writing the same batch again is harmless.
        """

    async def aclose(self) -> None:
        """Close the connection."""
