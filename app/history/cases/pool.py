"""Building cases on all cores: helper processes with their own connections, next to the main process."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Final

from app.core.policy.document import Policy
from app.db import Database
from app.history.cases.pages import PagePart, PageWork, take_span
from app.history.cases.rows import Span, read_sightings
from app.history.cases.shared import Shared
from app.installation.children import belong_to_parent, collect_rarely, ignore_sigint

#: Spans queued for each process: one being worked on and one waiting, so that it never waits for us.
_AHEAD: Final = 2
_ENDED: Final = "a process that built cases ended too early; run the import again"


def address_of(db: Database) -> str:
    """Return the URL of the database, with its password, for a process that opens its own connection."""
    return db.url.render_as_string(hide_password=False)


class Helpers:
    """Processes that build cases with us. They take a second to start: create them before there is work."""

    def __init__(self, count: int) -> None:
        context = multiprocessing.get_context("spawn")  # a forked process would share our connections
        self._line, self._held = context.Pipe(duplex=False)  # they end when we close it
        self._pools = [
            ProcessPoolExecutor(1, mp_context=context, initializer=_start, initargs=(self._line,)) for _ in range(count)
        ]  # fmt: skip
        with ignore_sigint():
            for pool in self._pools:
                pool.submit(_ready)

    @property
    def count(self) -> int:
        """Return the number of helpers, without this process."""
        return len(self._pools)

    async def sightings(self, db: Database, policy: Policy, own_admin_id: int | None) -> Shared:
        """Read the sightings of identities, in a helper if there is one. See `read_sightings`."""
        if not self._pools:
            return await read_sightings(db, policy, own_admin_id=own_admin_id)
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._pools[0], _sightings, address_of(db), policy, own_admin_id)
        except BrokenExecutor as error:
            raise ChildProcessError(_ENDED) from error

    async def take(
        self, work: PageWork, db: Database, spans: Iterable[Span], heard: Callable[[PagePart], None]
    ) -> None:
        """Process all spans, here and in every helper, in any order.

        Raises ChildProcessError if a process ends before its work is done.
        """
        left = deque(spans)

        async def here() -> None:
            while left:
                heard(await take_span(work, db, left.popleft()))

        async def there(pool: ProcessPoolExecutor) -> None:
            loop = asyncio.get_running_loop()
            while left:
                heard(await loop.run_in_executor(pool, _take, left.popleft()))

        for pool in self._pools:
            pool.submit(_begin, work)
        hands = [asyncio.create_task(here())]
        hands += [asyncio.create_task(there(pool)) for pool in self._pools for _ in range(_AHEAD)]
        try:
            done, _ = await asyncio.wait(hands, return_when=asyncio.FIRST_EXCEPTION)
            for hand in done:
                hand.result()
        except BrokenExecutor as error:
            raise ChildProcessError(_ENDED) from error
        finally:
            left.clear()
            await asyncio.gather(*hands, return_exceptions=True)

    async def aclose(self) -> None:
        """End the processes at once, whatever they are doing: uncommitted work is repeated by the next run."""
        self._held.close()
        for pool in self._pools:
            await asyncio.to_thread(pool.shutdown, cancel_futures=True)
        self._line.close()


# --- in the other process -----------------------------------------------------------------------------------------


class _Here:
    runner: asyncio.Runner
    work: PageWork
    db: Database


def _start(line: Connection) -> None:
    belong_to_parent()
    threading.Thread(target=_end_with, args=(line,), daemon=True).start()
    collect_rarely()
    _Here.runner = asyncio.Runner()


def _end_with(line: Connection) -> None:
    with suppress(EOFError, OSError):
        line.recv()
    os._exit(1)


def _ready() -> None:
    """Do nothing; submitting it makes a process start."""


def _sightings(url: str, policy: Policy, own_admin_id: int | None) -> Shared:
    async def read() -> Shared:
        db = Database.open(url, pool_size=1)
        try:
            return await read_sightings(db, policy, own_admin_id=own_admin_id)
        finally:
            await db.close()

    return _Here.runner.run(read())


def _begin(work: PageWork) -> None:
    _Here.work = work
    _Here.db = Database.open(work.url, pool_size=1)


def _take(span: Span) -> PagePart:
    return _Here.runner.run(take_span(_Here.work, _Here.db, span))
