"""Concurrent reading and batched writing, for the import."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Final, TypeVar

from app.context import Context
from app.history import imported
from app.history.imported import BATCH, Progress, Record, Resource

#: Concurrent calls when there is one for each customer; the panel client has as many connections.
TOGETHER: Final = 32
#: The longest that a batch waits, in seconds, so that little is lost at a stop.
PATIENCE_SECONDS: Final = 1.0

_T = TypeVar("_T")


class Batches:
    """Records of one resource, written a thousand at a time or each second, with the cursor after them.

    One batch is written while the next is read.
    """

    def __init__(self, context: Context, resource: Resource) -> None:
        self._context = context
        self._resource = resource
        self._records: list[Record] = []
        self._state: Progress | None = None
        self._since = time.monotonic()
        self._writing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Batches:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            await self._write_on()
            await self._written()
        elif self._writing is not None:  # records already handed over are written despite later errors
            await asyncio.gather(self._writing, return_exceptions=True)

    async def add(self, records: Iterable[Record], state: Progress | None = None) -> None:
        """Add records, and the progress of the import once they are stored. Raises the error of an earlier write."""
        self._records += records
        self._state = state or self._state
        if len(self._records) >= BATCH or time.monotonic() - self._since >= PATIENCE_SECONDS:
            await self._write_on()

    async def _write_on(self) -> None:
        """Start writing the collected records once the previous batch is written."""
        self._since = time.monotonic()
        if not self._records and self._state is None:
            return
        await self._written()
        self._writing = asyncio.create_task(self._write(self._records, self._state))
        self._records, self._state = [], None

    async def _written(self) -> None:
        if self._writing is not None:
            await asyncio.shield(self._writing)  # if cancelled here, `__aexit__` waits for it
            self._writing = None

    async def _write(self, records: list[Record], state: Progress | None) -> None:
        async with self._context.db.begin() as tx:
            await imported.put(tx, records)
            if state is not None:
                await imported.set_progress(tx, self._resource, state, now=self._context.clock())


async def one_by_one(ids: Sequence[int], read: Callable[[int], Awaitable[_T]]) -> AsyncGenerator[_T]:
    """Yield what `read` returns for each id, in the order of the answers, `TOGETHER` at a time."""
    waiting: Iterator[int] = iter(ids)
    answers: asyncio.Queue[_T | Exception] = asyncio.Queue(maxsize=4 * TOGETHER)

    async def work() -> None:
        try:
            for one in waiting:
                await answers.put(await read(one))
        except Exception as error:  # noqa: BLE001 - raised below, where the answers are awaited
            await answers.put(error)

    workers = [asyncio.create_task(work()) for _ in range(min(TOGETHER, len(ids)))]
    try:
        for _ in ids:
            answer = await answers.get()
            if isinstance(answer, Exception):
                raise answer
            yield answer
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
