"""Reading many things at once and writing them in batches, for the import."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Final, TypeVar

from app.services import history_rows
from app.services.context import Context
from app.services.history_rows import BATCH, Progress, Record, Resource

#: Calls under way at once where there is one for each customer; the panel's connections are as many.
TOGETHER: Final = 32
#: A batch waits no longer (in seconds), so that a stop loses little.
PATIENCE_SECONDS: Final = 1.0

_T = TypeVar("_T")


class Batches:
    """Records of one resource, written a thousand at a time or each second, with the cursor behind them."""

    def __init__(self, context: Context, resource: Resource) -> None:
        self._context = context
        self._resource = resource
        self._records: list[Record] = []
        self._state: Progress | None = None
        self._since = time.monotonic()

    async def __aenter__(self) -> Batches:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            await self._write()

    async def add(self, records: Iterable[Record], state: Progress | None = None) -> None:
        """Take records, and how far the import is when they are stored."""
        self._records += records
        self._state = state or self._state
        if len(self._records) >= BATCH or time.monotonic() - self._since >= PATIENCE_SECONDS:
            await self._write()

    async def _write(self) -> None:
        records, state = self._records, self._state
        self._since = time.monotonic()
        if not records and state is None:
            return
        async with self._context.db.begin() as tx:
            await history_rows.put(tx, records)
            if state is not None:
                await history_rows.set_progress(tx, self._resource, state, now=self._context.clock())
        self._records, self._state = [], None


async def one_by_one(ids: Sequence[int], read: Callable[[int], Awaitable[_T]]) -> AsyncGenerator[_T]:
    """Yield what `read` returns for each id, in the order in which the answers come, `TOGETHER` at a time."""
    waiting: Iterator[int] = iter(ids)
    answers: asyncio.Queue[_T | Exception] = asyncio.Queue(maxsize=4 * TOGETHER)

    async def work() -> None:
        try:
            for one in waiting:
                await answers.put(await read(one))
        except Exception as error:  # noqa: BLE001 - raised below, by whoever waits for the answers
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
