"""Heavy work of requests: one piece at a time, in a separate process, so that it delays no webhook and no gate.

Requests are refused while too many wait. The process starts with the first piece, and again after it has died.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from typing import Final, ParamSpec, TypeVar

import structlog

from app.deadline import retrieve
from app.errors import Busy, Invalid, Unavailable
from app.installation.children import belong_to_parent

#: How many requests are admitted: one is processed, the others wait.
PLACES: Final = 5
#: How many of them may have the same API key, so that one caller can't lock out the others.
OF_ONE_KEY: Final = 2
#: The time limit of a piece; the longest documents take seconds, or longer on a busy machine.
LONGEST_SECONDS: Final = 60.0

#: Modules imported once, in the fork server, so that a new process starts within milliseconds.
_PRELOADED: Final = (
    "app.evaluation.share",
    "app.evaluation.suggesting",
    "app.policies.reading",
    "app.core.policy.diff",
    "app.core.reading.topics",
)

P = ParamSpec("P")
T = TypeVar("T")

log = structlog.get_logger()


class HeavyWork:
    """The heavy work of requests to this process."""

    def __init__(self, *, longest_seconds: float = LONGEST_SECONDS) -> None:
        self._longest_seconds = longest_seconds
        self._admitted: Counter[str] = Counter()
        self._turn = asyncio.Lock()  # first come, first served
        self._helper: _Helper | None = None

    def turn(self, key: str) -> Turn:
        """Return the turn through which a request of this key runs its heavy work."""
        return Turn(self, key)

    @property
    def admitted(self) -> int:
        """The number of requests that run or wait."""
        return self._admitted.total()

    async def enter(self, key: str) -> None:
        """Wait for the turn. Raises Busy."""
        if self._admitted[key] >= OF_ONE_KEY:
            raise Busy(f"{OF_ONE_KEY} long-running requests of this key are already running or waiting")
        if self.admitted >= PLACES:
            raise Busy(f"{PLACES} long-running requests are already running or waiting")
        self._admitted[key] += 1
        try:
            await self._turn.acquire()
        except BaseException:
            self._depart(key)
            raise

    def leave(self, key: str) -> None:
        """End the turn, so that the next request can start."""
        self._turn.release()
        self._depart(key)

    def _depart(self, key: str) -> None:
        self._admitted[key] -= 1
        if not self._admitted[key]:
            del self._admitted[key]

    async def run(self, piece: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a piece in the process, for the request whose turn it is. See `Turn.run`."""
        try:
            helper = self._helper = self._helper or await _Helper.start()
            return await helper.run(self._longest_seconds, piece, *args, **kwargs)
        except BrokenExecutor:
            log.exception("heavy.process_ended")
            raise Unavailable("the process that ran this request ended early; try again") from None
        finally:
            if self._helper is not None and self._helper.ended:
                await self.aclose()

    async def aclose(self) -> None:
        """Kill the process at once, whatever it is doing; it has no state to save."""
        helper, self._helper = self._helper, None
        if helper is not None:
            await helper.end()


class Turn:
    """One request's turn at heavy work: acquired at the first piece, and held until `end`."""

    def __init__(self, work: HeavyWork, key: str) -> None:
        self._work = work
        self._key = key
        self._mine = False

    async def run(self, piece: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a module-level function with these arguments in a process that shares no state with ours.

        Raises Busy if too many requests wait, Invalid if it takes too long, Unavailable if the process dies, and the
        function's exceptions.
        """
        if not self._mine:
            await self._work.enter(self._key)
            self._mine = True
        return await self._work.run(piece, *args, **kwargs)

    def end(self) -> None:
        """End the turn, so that the next request can start."""
        if self._mine:
            self._mine = False
            self._work.leave(self._key)


class _Helper:
    """The process. It ends with ours, and inherits no open files."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("forkserver")  # a process forked from ours would share our connections
        context.set_forkserver_preload(list(_PRELOADED))
        self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=belong_to_parent)
        before = set(multiprocessing.active_children())
        self._there = self._pool.submit(os.getpid)
        (self._process,) = set(multiprocessing.active_children()) - before
        self.ended = False

    @classmethod
    async def start(cls) -> _Helper:
        """Start it and wait for a first answer, as a process that is still starting may leave documents half read."""
        helper = await asyncio.to_thread(cls)  # the first start waits for the imports
        try:
            log.info("heavy.process_started", pid=await helper._answer(asyncio.wrap_future(helper._there), None))
        except BaseException:
            await helper.end()
            raise
        return helper

    async def run(self, seconds: float, piece: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a piece. Raises Invalid if it takes longer than `seconds`, and BrokenExecutor."""
        try:
            return await self._answer(asyncio.wrap_future(self._pool.submit(piece, *args, **kwargs)), seconds)
        except _TooLong:
            message = f"this takes longer than {seconds:.0f} s: send less in one request"
            raise Invalid(
                "The request took too long and was stopped; see `errors`.", [{"path": "body", "message": message}]
            ) from None
        except BrokenExecutor:
            self.ended = True
            raise

    async def _answer(self, asked: asyncio.Future[T], seconds: float | None) -> T:
        """Wait for an answer; kill the process if it takes too long or the waiting task is cancelled."""
        try:
            done, _ = await asyncio.wait(
                {asked}, timeout=seconds
            )  # unlike wait_for this cancels nothing, which would break the pool
        finally:
            if not asked.done():
                self.ended = True
                self._process.kill()
                asked.add_done_callback(retrieve)
        if not done:
            raise _TooLong
        return asked.result()

    async def end(self) -> None:
        """Kill it at once."""
        self._process.kill()
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)


class _TooLong(Exception):
    pass
