"""Child processes for heavy work, which end with their parent."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Iterator
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from itertools import islice
from multiprocessing.connection import Connection
from typing import Any, Final, TypeVar

from app.db import Database

_NICE: Final = 5  # a third of the CPU time of normal processes, which take in webhooks and read the panel
#: Tasks queued for each process: one being worked on and one waiting, so that it never waits for us.
_AHEAD: Final = 2

T = TypeVar("T")
R = TypeVar("R")
#: A single piece of work, given connections to the database.
Piece = Callable[[Database], Coroutine[Any, Any, R]]
#: A kind of work: given connections to the database, it returns the function that does one task.
Work = Callable[[Database], Callable[[T], Coroutine[Any, Any, R]]]


def cores() -> int:
    """Return how many processes can run in parallel."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def collect_rarely() -> None:
    """Collect garbage cycles rarely, for a process that only works through records, which form no cycles.

    Frequent collection costs about a tenth of an import.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 1_000)


@contextmanager
def ignore_sigint() -> Iterator[None]:
    """Start child processes inside this block, so that Ctrl-C during their imports prints no tracebacks."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def belong_to_parent() -> None:
    """Make this process end with its parent, ignore Ctrl-C, and run at low priority."""
    if hasattr(os, "nice"):
        os.nice(_NICE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches us too; our parent decides when we end
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        with suppress(OSError):
            parent.join()
        os._exit(1)


class Helpers:
    """Processes that work with us, each with its own connections. They take a second to start: create them early.

    What they are given is pickled, so it is made of module-level functions and of data.
    """

    def __init__(self, db: Database, count: int, *, ended: Exception) -> None:
        """Start them; `ended` is raised if one of them ends before its work is done."""
        context = multiprocessing.get_context("spawn")  # a forked process would share our connections
        self._db, self._ended = db, ended
        self._line, self._held = context.Pipe(duplex=False)  # they end when we close it
        start = (self._line, db.url.render_as_string(hide_password=False))
        self._pools = [
            ProcessPoolExecutor(1, mp_context=context, initializer=_start, initargs=start) for _ in range(count)
        ]
        with ignore_sigint():
            for pool in self._pools:
                pool.submit(_ready)

    @property
    def count(self) -> int:
        """Return the number of helpers, without this process."""
        return len(self._pools)

    async def run(self, piece: Piece[R]) -> R:
        """Return what a single piece of work returns, done by a helper if there is one."""
        if not self._pools:
            return await piece(self._db)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pools[0], _run, piece)
        except BrokenExecutor as error:
            raise self._ended from error

    async def share(self, work: Work[T, R], tasks: Iterable[T], *, here: bool = True) -> AsyncGenerator[R]:
        """Yield the result of every task, in any order, as soon as it is done.

        With `here` this process works, too; else it does so only if it has no helpers.
        """
        left = iter(tasks)
        running: dict[asyncio.Future[R], Callable[[T], Awaitable[R]]] = {}

        def give(hand: Callable[[T], Awaitable[R]]) -> None:
            for task in islice(left, 1):
                running[asyncio.ensure_future(hand(task))] = hand

        try:
            for pool in self._pools:
                pool.submit(_begin, work)
                for _ in range(_AHEAD):
                    give(_hand(pool))
            if here or not self._pools:
                give(work(self._db))
            while running:
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for one in done:
                    result = one.result()
                    give(running.pop(one))
                    yield result
        except BrokenExecutor as error:
            raise self._ended from error
        finally:
            await asyncio.gather(*running, return_exceptions=True)

    async def aclose(self) -> None:
        """End the processes at once, whatever they are doing."""
        self._held.close()
        for pool in self._pools:
            await asyncio.to_thread(pool.shutdown, cancel_futures=True)
        self._line.close()


def _hand(pool: ProcessPoolExecutor) -> Callable[[Any], Awaitable[Any]]:
    return lambda task: asyncio.wrap_future(pool.submit(_do, task))


# --- in the other process -----------------------------------------------------------------------------------------


class _Here:
    runner: asyncio.Runner
    db: Database
    do: Callable[[Any], Coroutine[Any, Any, Any]]


def _start(line: Connection, url: str) -> None:
    belong_to_parent()
    threading.Thread(target=_end_with, args=(line,), daemon=True).start()
    collect_rarely()
    _Here.runner = asyncio.Runner()
    _Here.db = Database.open(url, pool_size=1)


def _end_with(line: Connection) -> None:
    with suppress(EOFError, OSError):
        line.recv()
    os._exit(1)


def _ready() -> None:
    """Do nothing; submitting it makes a process start."""


def _run(piece: Piece[R]) -> R:
    try:
        return _Here.runner.run(piece(_Here.db))
    finally:
        _Here.runner.run(_Here.db.close())  # the next piece may come much later


def _begin(work: Work[Any, Any]) -> None:
    _Here.do = work(_Here.db)


def _do(task: Any) -> Any:
    return _Here.runner.run(_Here.do(task))
