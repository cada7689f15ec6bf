"""The source of panel turns: `DOORMAN_PANEL_RATE` calls a second over all processes together.

Both sources use the generic cell rate algorithm: all turns before one moment, *free at*, are taken; a lease advances
it. On PostgreSQL that moment is a database row, by the database's clock, so the replicas share one rate. On SQLite only
the single worker process calls the panel, and the intake needs the file's write lock, so it counts in memory. A command
run next to it (`import`, `reconcile`) has its own rate there, so the panel may see twice the rate while it runs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import sqlalchemy as sa
import structlog

from app.db import Database, insert_new
from app.tables.inbox import panel_turns

log = structlog.get_logger(__name__)

#: After a pause this much of the rate may be caught up (at least one turn), so that a late timer loses no calls.
SLACK_SECONDS: Final = 0.05
#: A process leases no further ahead than this, so that urgent calls don't wait for other processes' turns.
LEASE_SECONDS: Final = 0.1
#: A lease further ahead than this means that the database's clock was set back.
_CLOCK_MOVED_SECONDS: Final = 60.0
_DATABASE_AWAY_SECONDS: Final = 1.0
_ROW: Final = 1
_MICRO: Final = 1_000_000


def _leasing() -> Any:
    """Return the statement that advances the row, and returns how far it is ahead of the database's clock then."""
    now = sa.cast(sa.extract("epoch", sa.func.clock_timestamp()) * _MICRO, sa.BigInteger)
    moved, slack, advance = (sa.bindparam(name, type_=sa.BigInteger) for name in ("moved", "slack", "advance"))
    free_at = panel_turns.c.free_at_us
    start = sa.case((free_at > now + moved, now), else_=sa.func.greatest(free_at, now - slack))
    advanced = sa.update(panel_turns).where(panel_turns.c.id == _ROW).values(free_at_us=start + advance)
    return advanced.returning((free_at - now).label("ahead"))


_LEASE: Final = _leasing()


class Turns(Protocol):
    """A source of turns. Turns are `1 / rate` seconds apart, over all callers."""

    async def lease(self, wanted: int) -> list[float]:
        """Return one to `wanted` times of our monotonic clock, in order; from each of them one call may be made."""
        ...


def slack(rate: float) -> float:
    """Return how many seconds of the past may be caught up at this rate."""
    return max(1.0, rate * SLACK_SECONDS) / rate - 1 / rate


class LocalTurns:
    """Turns of one process."""

    def __init__(self, rate: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._apart = 1 / rate
        self._slack = slack(rate)
        self._clock = clock
        self._free_at = float("-inf")

    async def lease(self, wanted: int) -> list[float]:  # noqa: ARG002
        """See `Turns`; returns one at a time, as another call costs nothing."""
        start = max(self._free_at, self._clock() - self._slack)
        self._free_at = start + self._apart
        return [start]


class SharedTurns:
    """Turns of all processes that share a PostgreSQL database. While it is down, callers wait."""

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
        """See `Turns`; returns at most what `LEASE_SECONDS` allows, so that no process hoards turns."""
        count = max(1, min(wanted, self._most))
        while True:
            try:
                ahead_us = await self._take(count)
            except Exception as error:  # noqa: BLE001 - after any error, callers must not wait for ever
                log.warning("panel.rate_limit_unavailable", error=type(error).__name__)
                await self._sleep(_DATABASE_AWAY_SECONDS)
                continue
            first = self._clock() + ahead_us / _MICRO
            return [first + number * self._apart_us / _MICRO for number in range(count)]

    async def _take(self, count: int) -> int:
        """Advance the row by `count` turns; return how many microseconds ahead of now the first of them is."""
        given = {
            "moved": self._moved_us, "slack": self._slack_us, "advance": count * self._apart_us
        }  # fmt: skip
        async with self._db.writer.connect() as plain:
            # each statement commits on its own, as a process frozen in a transaction would block the shared row
            connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
            end = await connection.scalar(_LEASE, given)
            if end is None:
                await connection.execute(insert_new(connection, panel_turns).values(id=_ROW, free_at_us=0))
                end = await connection.scalar(_LEASE, given)
        return int(end) - count * self._apart_us
