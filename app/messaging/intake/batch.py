"""What the intake and its writers hand each other."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from app.core.webhooks import ParsedEvent

#: The result of an event that nobody handles.
UNKNOWN_TYPE = "unknown-type"


class Arrival(NamedTuple):
    """A verified webhook on its way into the inbox."""

    webhook_id: str
    body: bytes
    event: ParsedEvent
    received_at: datetime


class DatabaseDown(Exception):
    """The database could not be written to at all, whatever the rows are."""


class BatchWriter(Protocol):
    """Commits a batch of arrivals with distinct ids, wholly or not at all."""

    async def write(self, batch: Sequence[Arrival]) -> Collection[str]:
        """Return the webhook ids that are new; the others were there already.

        Raises DatabaseDown, or anything else where one of the rows is at fault. Either way nothing is stored, or
        the writer can't know; writing the same again is harmless.
        """

    async def aclose(self) -> None:
        """Let go of the connection."""
