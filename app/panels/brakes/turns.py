"""Where turns at the panel come from: `DOORMAN_PANEL_RATE` calls a second from all processes together.

Both sources run the generic cell rate algorithm: one moment, *free at*, before which no turn is left; a lease moves it
on. On PostgreSQL that moment is a row of the database by the database's clock, so the replicas share one rate. On
SQLite only the one worker process calls the panel, and the file's write lock belongs to the intake: it counts by
itself. A command run beside it (`import`, `reconcile`) has a rate of its own there, so the panel may see twice the rate
while it runs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import sqlalchemy as sa
import structlog

from app.db import Database, insert_new
from app.tables.inbox import panel_turns

log = structlog.get_logger(__name__)

#: After a pause so much of the rate may be made up for (at least one turn), so a late timer loses no calls.
SLACK_SECONDS: Final = 0.05
#: A process leases no further ahead, so that urgent calls wait for no others' turns.
LEASE_SECONDS: Final = 0.1
#: Nobody leases that far ahead: the database's clock was set back.
_CLOCK_MOVED_SECONDS: Final = 60.0
_DATABASE_AWAY_SECONDS: Final = 1.0
_ROW: Final = 1
_MICRO: Final = 1_000_000


class Turns(Protocol):
    """A source of turns. Two turns are `1 / rate` seconds apart, whoever takes them."""

    async def lease(self, wanted: int) -> list[float]:
        """Return one to `wanted` moments of our monotonic clock, in order; from each of them one call may be made."""
        ...


def slack(rate: float) -> float:
    """Return how many seconds of the past may be made up for at this rate."""
    return max(1.0, rate * SLACK_SECONDS) / rate - 1 / rate


class LocalTurns:
    """Turns of one process."""

    def __init__(self, rate: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._apart = 1 / rate
        self._slack = slack(rate)
        self._clock = clock
        self._free_at = float("-inf")

    async def lease(self, wanted: int) -> list[float]:  # noqa: ARG002
        """See `Turns`; one at a time, as asking again costs nothing."""
        start = max(self._free_at, self._clock() - self._slack)
        self._free_at = start + self._apart
        return [start]


class SharedTurns:
    """Turns of all processes that share a PostgreSQL database. While it is away, callers wait."""

    def __init__(
        self,
        db: Database,
        rate: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._db = db
        self._apart_us = max(1, round(_MICRO / rate))
        self._slack_us = round(slack(rate) * _MICRO)
        self._most = max(1, int(rate * LEASE_SECONDS))
        self._moved_us = round(_CLOCK_MOVED_SECONDS * _MICRO) + 100 * self._apart_us
        self._clock = clock
        self._sleep = sleep

    async def lease(self, wanted: int) -> list[float]:
        """See `Turns`; at most what `LEASE_SECONDS` allow, so that nobody hoards."""
        count = max(1, min(wanted, self._most))
        while True:
            try:
                ahead_us = await self._take(count)
            except Exception as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever
                log.warning("panel.no_turns", error=type(error).__name__)
                await self._sleep(_DATABASE_AWAY_SECONDS)
                continue
            first = self._clock() + ahead_us / _MICRO
            return [first + number * self._apart_us / _MICRO for number in range(count)]

    async def _take(self, count: int) -> int:
        """Move the row on by `count` turns; return how many microseconds ahead of now the first of them is."""
        now = sa.cast(sa.extract("epoch", sa.func.clock_timestamp()) * _MICRO, sa.BigInteger)
        free_at = panel_turns.c.free_at_us
        start = sa.case(
            (free_at > now + self._moved_us, now),
            else_=sa.func.greatest(free_at, now - self._slack_us),
        )
        lease = (
            sa.update(panel_turns)
            .where(panel_turns.c.id == _ROW)
            .values(free_at_us=start + count * self._apart_us)
            .returning((free_at - now).label("ahead"))
        )
        async with self._db.writer.connect() as plain:
            # each statement commits by itself: a process that is frozen in between would hold everybody's row
            connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
            end = await connection.scalar(lease)
            if end is None:
                await connection.execute(insert_new(connection, panel_turns).values(id=_ROW, free_at_us=0))
                end = await connection.scalar(lease)
        return int(end) - count * self._apart_us
