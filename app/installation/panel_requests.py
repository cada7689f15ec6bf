"""The number of requests to the panel by action and cause, which the processes that make them add up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import Database, insert_into, note_failure
from app.panels.requests import RequestCounts, Requests
from app.tables.outbox import panel_requests

_STORE_SECONDS: Final = 60.0


@asynccontextmanager
async def storing(db: Database, counts: RequestCounts) -> AsyncIterator[None]:
    """Store the counts once a minute meanwhile, and at the end."""
    keeping = asyncio.create_task(_keep_storing(db, counts))
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await store(db, counts)


async def _keep_storing(db: Database, counts: RequestCounts) -> None:
    while True:
        await asyncio.sleep(_STORE_SECONDS)
        await store(db, counts)


async def store(db: Database, counts: RequestCounts) -> None:
    """Add the counts to those in the database; if that fails, they are kept for the next time."""
    taken = counts.take()
    if not taken:
        return
    try:
        await _add(db, taken)
    except BaseException as error:  # a cancelled one, too
        counts.put_back(taken)
        if not isinstance(error, Exception):
            raise
        note_failure(db, "panel_requests.not_stored", error)


async def _add(db: Database, counted: Requests) -> None:
    async with db.begin() as tx:
        for (action, cause), calls in sorted(counted.items()):  # every process locks in the same order
            adding = insert_into(tx, panel_requests).values(action=action, cause=cause, calls=calls)
            added = {"calls": panel_requests.c.calls + adding.excluded.calls}
            await tx.execute(adding.on_conflict_do_update(index_elements=["action", "cause"], set_=added))


async def load(connection: AsyncConnection) -> dict[tuple[str, str], int]:
    """Return the requests of all processes so far, by action and cause."""
    rows = await connection.execute(sa.select(panel_requests))
    return {(row.action, row.cause): row.calls for row in rows}
