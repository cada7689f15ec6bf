"""The intake's writer on PostgreSQL: one connection, one statement for a batch."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.deadline import within
from app.messaging.intake.batch import UNKNOWN_TYPE, Arrival, BatchWriter, DatabaseDown

#: One statement is one transaction, so the rows are on disk when it returns.
_INSERT = """
INSERT INTO events (webhook_id, type, body, order_id, customer_id, occurred_at, received_at, due_at, state, finished_at, result)
SELECT webhook_id, type, body, order_id, customer_id, occurred_at, received_at, received_at, state, finished_at, result
FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[], $5::bigint[],
            $6::timestamptz[], $7::timestamptz[], $8::text[], $9::timestamptz[], $10::text[])
  AS batch (webhook_id, type, body, order_id, customer_id, occurred_at, received_at, state, finished_at, result)
ON CONFLICT (webhook_id) DO NOTHING
RETURNING webhook_id
"""  # noqa: E501
#: Errors of a row, or of a transaction that can be retried.
_ROW_FAULTS = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.TransactionRollbackError)
_GOODBYE_SECONDS = 0.2
_DOWN = (asyncpg.PostgresError, asyncpg.InterfaceError, sa.exc.SQLAlchemyError, OSError, TimeoutError)


class PostgresWriter(BatchWriter):
    """Keeps its own connection and bypasses SQLAlchemy, whose transaction costs more than the rows."""

    def __init__(self, engine: AsyncEngine, *, patience: timedelta) -> None:
        self._engine = engine
        self._patience = patience.total_seconds()
        self._connection: AsyncConnection | None = None

    async def write(self, batch: Sequence[Arrival]) -> Collection[str]:
        """Commit the batch; see `BatchWriter`. A connection dropped while idle is replaced silently."""
        until = time.monotonic() + self._patience
        try:
            return await self._try(batch, until)
        except DatabaseDown:
            if time.monotonic() > until - self._patience / 2:
                raise  # a dropped connection would have failed sooner
            return await self._try(batch, until)

    async def aclose(self) -> None:
        """Discard the connection, as its statement timeout must not apply to other users of the pool."""
        await self._disconnect()

    async def _try(self, batch: Sequence[Arrival], until: float) -> Collection[str]:
        # sorted, because two replicas that insert the same ids in different order would deadlock
        arrivals = sorted(batch, key=lambda arrival: arrival.webhook_id)
        try:
            async with asyncio.timeout(until - time.monotonic()):
                connection = await self._connected()
                rows = await connection.fetch(_INSERT, *_columns(arrivals))
        except _ROW_FAULTS:
            raise
        except _DOWN as error:
            await self._disconnect()
            raise DatabaseDown(f"{type(error).__name__}: {error}") from error
        return {row["webhook_id"] for row in rows}

    async def _connected(self) -> Any:
        if self._connection is None:
            self._connection = await self._engine.connect()
            driver: Any = (await self._connection.get_raw_connection()).driver_connection
            await driver.execute(f"SET statement_timeout = {int(self._patience * 900)}")  # the server times out first
        return (await self._connection.get_raw_connection()).driver_connection

    async def _disconnect(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with suppress(TimeoutError):  # an unresponsive server doesn't close connections either
                await within(_GOODBYE_SECONDS, _let_go(connection))


async def _let_go(connection: AsyncConnection) -> None:
    await connection.invalidate()
    await connection.close()


def _columns(arrivals: Sequence[Arrival]) -> tuple[list[Any], ...]:
    return (
        [arrival.webhook_id for arrival in arrivals],
        [arrival.event.type for arrival in arrivals],
        [arrival.body for arrival in arrivals],
        [arrival.event.order_id for arrival in arrivals],
        [arrival.event.customer_id for arrival in arrivals],
        [arrival.event.occurred_at for arrival in arrivals],
        [arrival.received_at for arrival in arrivals],
        ["received" if arrival.event.known else "ignored" for arrival in arrivals],
        [None if arrival.event.known else arrival.received_at for arrival in arrivals],
        [None if arrival.event.known else UNKNOWN_TYPE for arrival in arrivals],
    )
