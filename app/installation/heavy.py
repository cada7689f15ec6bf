"""Heavy work of requests: a piece at a time, in a process of its own, so that no webhook and no gate waits for it.

Whoever comes when too much of it waits is sent away. The process starts with the first piece, and again after it died.
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

from app.errors import Busy, Invalid, Unavailable
from app.installation.children import belong_to_parent

#: How many requests are admitted at once: one is worked on, the others wait.
PLACES: Final = 5
#: How many of them may come with the same key, so that nobody locks the others out.
OF_ONE_KEY: Final = 2
#: So long a piece may take; the longest documents take seconds, and longer where others need the machine more.
LONGEST_SECONDS: Final = 60.0

#: What is imported once, by the process that the others are forked from: another one is there within milliseconds.
_PRELOADED: Final = (
    "app.evaluation.share",
    "app.policies.reading",
    "app.core.policy.diff",
    "app.core.reading.topics",
)

P = ParamSpec("P")
T = TypeVar("T")

log = structlog.get_logger()


class HeavyWork:
    """The heavy work of this process's requests."""

    def __init__(self, *, longest_seconds: float = LONGEST_SECONDS) -> None:
        self._longest_seconds = longest_seconds
        self._admitted: Counter[str] = Counter()
        self._turn = asyncio.Lock()  # first come, first served
        self._helper: _Helper | None = None

    def turn(self, key: str) -> Turn:
        """Return what a request of this key has its heavy work done by."""
        return Turn(self, key)

    @property
    def admitted(self) -> int:
        """How many requests are under way or wait."""
        return self._admitted.total()

    async def enter(self, key: str) -> None:
        """Wait for the turn. Raises Busy."""
        if self._admitted[key] >= OF_ONE_KEY:
            raise Busy(f"{OF_ONE_KEY} requests of this key that take long are under way or wait already")
        if self.admitted >= PLACES:
            raise Busy(f"{PLACES} requests that take long are under way or wait already")
        self._admitted[key] += 1
        try:
            await self._turn.acquire()
        except BaseException:
            self._depart(key)
            raise

    def leave(self, key: str) -> None:
        """Let the next one have its turn."""
        self._turn.release()
        self._depart(key)

    def _depart(self, key: str) -> None:
        self._admitted[key] -= 1
        if not self._admitted[key]:
            del self._admitted[key]

    async def run(self, piece: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Have a piece done by the process, for whose turn it is. See `Turn.run`."""
        try:
            helper = self._helper = self._helper or await _Helper.start()
            return await helper.run(self._longest_seconds, piece, *args, **kwargs)
        except BrokenExecutor:
            log.exception("heavy.process_ended")
            raise Unavailable("the process that does such work ended before it was done; try again") from None
        finally:
            if self._helper is not None and self._helper.ended:
                await self.aclose()

    async def aclose(self) -> None:
        """End the process at once, whatever it is doing: it keeps nothing."""
        helper, self._helper = self._helper, None
        if helper is not None:
            await helper.end()


class Turn:
    """One request's turn at heavy work: waited for at the first piece, and kept until `end`."""

    def __init__(self, work: HeavyWork, key: str) -> None:
        self._work = work
        self._key = key
        self._mine = False

    async def run(self, piece: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Have a function of a module called with these arguments, in a process that knows nothing else.

        Raises Busy where too much waits, Invalid for what takes too long, Unavailable where the process dies, and what
        the function raises.
        """
        if not self._mine:
            await self._work.enter(self._key)
            self._mine = True
        return await self._work.run(piece, *args, **kwargs)

    def end(self) -> None:
        """Let the next one have its turn."""
        if self._mine:
            self._mine = False
            self._work.leave(self._key)


class _Helper:
    """The process. It ends with us, and inherits no file of ours."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("forkserver")  # a process forked from us would share our connections
        context.set_forkserver_preload(list(_PRELOADED))
        self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=belong_to_parent)
        before = set(multiprocessing.active_children())
        self._there = self._pool.submit(os.getpid)
        (self._process,) = set(multiprocessing.active_children()) - before
        self.ended = False

    @classmethod
    async def start(cls) -> _Helper:
        """Start it. Only one that has answered is handed documents, which it could leave half read."""
        helper = await asyncio.to_thread(cls)  # the first one waits until all is imported
        try:
            log.info("heavy.process_started", pid=await helper._answer(asyncio.wrap_future(helper._there), None))
        except BaseException:
            await helper.end()
            raise
        return helper

    async def run(self, seconds: float, piece: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Have it do a piece. Raises Invalid for one that takes longer than that, and BrokenExecutor."""
        try:
            return await self._answer(asyncio.wrap_future(self._pool.submit(piece, *args, **kwargs)), seconds)
        except _TooLong:
            message = f"this takes longer than {seconds:.0f} s: send less at once"
            raise Invalid(
                "The request was given up; `errors` says why.", [{"path": "body", "message": message}]
            ) from None
        except BrokenExecutor:
            self.ended = True
            raise

    async def _answer(self, asked: asyncio.Future[T], seconds: float | None) -> T:
        """Wait for an answer; end the process where it takes too long, or nobody waits for it any more."""
        try:
            done, _ = await asyncio.wait(
                {asked}, timeout=seconds
            )  # which cancels nothing: the pool would stumble over it
        finally:
            if not asked.done():
                self.ended = True
                self._process.kill()
                asked.add_done_callback(_noted)
        if not done:
            raise _TooLong
        return asked.result()

    async def end(self) -> None:
        """End it at once."""
        self._process.kill()
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)


class _TooLong(Exception):
    pass


def _noted(asked: asyncio.Future[T]) -> None:
    """Nobody asks any more how it ended."""
    if not asked.cancelled():
        asked.exception()
