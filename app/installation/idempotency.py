"""``Idempotency-Key``: a repeated request gets the same answer and has no second effect.

Key, effect and answer are one transaction: all of them are stored or none, whatever crashes in between.
A refusal (a problem) rolls back the effect and is not kept; a repeat is evaluated again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import Database
from app.errors import KeyReused, RequestRunning
from app.tables.access import idempotency_keys

#: How long an answer is kept for a repeat.
KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedRequest:
    """A request: the id of its API key, what it asks for, and its Idempotency-Key."""

    actor: str
    route: str
    key: str
    body_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer: a status and a JSON body."""

    status: int
    body: str


Effect = Callable[[AsyncConnection], Awaitable[Answer]]


class Repeats:
    """Runs the effects of this process, each key one at a time."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._running: set[tuple[str, str, str]] = set()

    async def run(self, request: KeyedRequest | None, effect: Effect, *, now: datetime) -> Answer:
        """Run the effect in a transaction and return its answer, or the stored answer of the first request.

        Without a key the effect just runs. Raises RequestRunning, KeyReused, and the effect's exceptions.
        """
        if request is None:
            async with self._db.begin() as tx:
                return await effect(tx)
        name = (request.actor, request.route, request.key)
        if name in self._running:
            raise RequestRunning("wait for its answer, then retry with the same key")
        self._running.add(name)
        try:
            async with self._db.begin() as tx:
                return await _once(tx, request, effect, now)
        finally:
            self._running.discard(name)


async def _once(tx: AsyncConnection, request: KeyedRequest, effect: Effect, now: datetime) -> Answer:
    if not await _alone(tx, request):
        raise RequestRunning("another process is running it: wait until it has finished, then retry with the same key")
    kept = (await tx.execute(sa.select(idempotency_keys).where(_named(request)))).first()
    if kept is not None:
        if kept.body_sha256 != request.body_sha256:
            raise KeyReused("use a new key for a different request")
        return Answer(status=kept.status, body=kept.answer)
    answer = await effect(tx)
    await tx.execute(
        idempotency_keys.insert().values(
            actor=request.actor,
            route=request.route,
            key=request.key,
            body_sha256=request.body_sha256,
            status=answer.status,
            answer=answer.body,
            created_at=now,
        )
    )
    return answer


def _named(request: KeyedRequest) -> sa.ColumnElement[bool]:
    columns: Any = idempotency_keys.c
    return sa.and_(columns.actor == request.actor, columns.route == request.route, columns.key == request.key)


async def _alone(tx: AsyncConnection, request: KeyedRequest) -> bool:
    """Lock the key until the transaction ends; False if it is taken. On SQLite the one API process does this itself."""
    if tx.dialect.name == "sqlite":
        return True
    name = "\n".join((request.actor, request.route, request.key)).encode()
    number = int.from_bytes(hashlib.sha256(name).digest()[:8], "big", signed=True)
    return bool(await tx.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(number))))


async def forget_old(tx: AsyncConnection, *, now: datetime) -> int:
    """Delete answers older than the retention time; return how many."""
    gone = await tx.execute(idempotency_keys.delete().where(idempotency_keys.c.created_at < now - KEPT))
    return int(gone.rowcount)
