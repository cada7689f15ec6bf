"""The intake: stores webhooks in the inbox by group commit.

Requests that wait at the same time are committed together, and each is answered after its commit. So one database
transaction serves dozens of requests.

While the database can't be written to, each request is refused in time, whatever the writer is doing. An event refused
before its turn is not written; an event refused during a commit may still be stored, and its repeat is then reported as
a duplicate.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta

import structlog

from app.db import Database
from app.messaging.intake.batch import Arrival, BatchWriter, DatabaseDown

MAX_WAITING = 4096
MAX_BATCH = 256
#: The time limit of one attempt at a locked or remote database.
PATIENCE = timedelta(seconds=0.9)
#: An event is stored or refused within this time; the sender sees that within 1.5 s and disconnects after 2 s.
ANSWER = timedelta(seconds=1.1)

#: How often requests that are past their time are looked for; one timer for all costs a request next to nothing.
_LOOK_SECONDS = 0.05

#: True if the event is a repeat.
_Answer = asyncio.Future[bool]

log = structlog.get_logger()


class IntakeUnavailable(Exception):
    """The event may not be stored; the sender should repeat it."""


class Intake:
    """Stores webhooks durably, many in one commit."""

    def __init__(
        self,
        database: Database,
        *,
        wake: Callable[[], None],
        max_waiting: int = MAX_WAITING,
        patience: timedelta = PATIENCE,
        answer: timedelta = ANSWER,
    ) -> None:
        self._writer = _writer(database, patience)
        self._outage = database.outage
        self._answer_seconds = answer.total_seconds()
        self._wake = wake
        self._max_waiting = max_waiting
        self._waiting: deque[tuple[Arrival, _Answer]] = deque()
        self._asked: deque[tuple[float, _Answer]] = deque()  # the time by which each is answered, oldest first
        self._looks = False
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    def start(self) -> None:
        """Start writing; call it in the event loop that will call `record`."""
        self._task = asyncio.create_task(self._run(), name="intake")

    async def aclose(self) -> None:
        """Accept nothing more, write what is waiting, and close the connection."""
        self._closing = True
        self._arrived.set()
        if self._task is not None:
            await self._task
        await self._writer.aclose()

    async def record(self, arrival: Arrival) -> bool:
        """Store the event and return, once it is on disk, whether it is a repeat.

        Raises IntakeUnavailable, within the time limit. Cancelling the caller is safe; the event may still be stored.
        """
        if self._task is None or self._closing or len(self._waiting) >= self._max_waiting:
            raise IntakeUnavailable
        loop = asyncio.get_running_loop()
        answer: _Answer = loop.create_future()
        self._waiting.append((arrival, answer))
        self._asked.append((loop.time() + self._answer_seconds, answer))
        if not self._looks:
            self._looks = True
            loop.call_later(_LOOK_SECONDS, self._refuse_late, loop)
        self._arrived.set()
        return await answer

    def _refuse_late(self, loop: asyncio.AbstractEventLoop) -> None:
        """Refuse the requests that are past their time, and look again while others wait."""
        while self._asked and (self._asked[0][1].done() or self._asked[0][0] <= loop.time()):
            _, answer = self._asked.popleft()
            if not answer.done():
                answer.set_exception(IntakeUnavailable())
        self._looks = bool(self._asked)
        if self._looks:
            loop.call_later(_LOOK_SECONDS, self._refuse_late, loop)

    async def _run(self) -> None:
        while self._waiting or not self._closing:
            self._arrived.clear()
            if not self._waiting:
                await self._arrived.wait()
                continue
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_BATCH))]
            if still_asked := [(arrival, answer) for arrival, answer in batch if not answer.done()]:
                await self._settle(still_asked)

    async def _settle(self, batch: Sequence[tuple[Arrival, _Answer]]) -> None:
        distinct: dict[str, Arrival] = {}
        for arrival, _ in batch:
            distinct.setdefault(arrival.webhook_id, arrival)
        new, failed = await self._write(list(distinct.values()))
        for arrival, answer in batch:
            webhook_id = arrival.webhook_id
            if answer.done():  # the caller has gone
                continue
            if webhook_id in failed:
                answer.set_exception(IntakeUnavailable())
            else:
                answer.set_result(webhook_id not in new or distinct[webhook_id] is not arrival)
        if any(distinct[webhook_id].event.known for webhook_id in new):
            self._wake_worker()

    async def _write(self, arrivals: list[Arrival]) -> tuple[Collection[str], Collection[str]]:
        """Return the ids that are new and those that failed."""
        try:
            return await self._writer.write(arrivals), ()
        except DatabaseDown as error:
            self._outage.note("intake", error)
            return (), {arrival.webhook_id for arrival in arrivals}
        except Exception as error:  # noqa: BLE001  (after any error the next batch must go on)
            log.warning("intake.batch_split", events=len(arrivals), reason=type(error).__name__)
        return await self._write_singly(arrivals)

    async def _write_singly(self, arrivals: list[Arrival]) -> tuple[Collection[str], Collection[str]]:
        new: set[str] = set()
        failed = {arrival.webhook_id for arrival in arrivals}
        for arrival in arrivals:
            try:
                new.update(await self._writer.write([arrival]))
            except DatabaseDown as error:
                self._outage.note("intake", error)
                break
            except Exception as error:  # noqa: BLE001  (its text may quote the row)
                log.error("intake.event_failed", event_id=arrival.webhook_id, reason=type(error).__name__)
            else:
                failed.discard(arrival.webhook_id)
        return new, failed

    def _wake_worker(self) -> None:
        try:
            self._wake()
        except Exception as error:  # noqa: BLE001  (the worker also polls)
            log.error("intake.wake_failed", reason=type(error).__name__)


def _writer(database: Database, patience: timedelta) -> BatchWriter:
    if database.is_sqlite:
        from app.messaging.intake.sqlite import SqliteWriter

        return SqliteWriter(database.url.database or ":memory:", patience=patience)
    from app.messaging.intake.postgres import PostgresWriter  # asyncpg is an extra

    return PostgresWriter(database.writer, patience=patience)
