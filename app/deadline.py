"""Time limits on work that can't always be cancelled: a thread inside SQLite can't be interrupted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")

#: If our event loop stalled for longer than this, the work gets this much extra time to see what arrived meanwhile.
_STALL_SECONDS = 0.15

_left_behind: set[asyncio.Task[Any]] = set()  # the event loop itself holds tasks only weakly


async def within(seconds: float, work: Coroutine[Any, Any, _T]) -> _T:
    """Return the result of the work. Raises TimeoutError when the time is over, whatever the work is doing.

    `asyncio.timeout` would wait until the work has ended. Here it is cancelled and left behind; its database
    transaction is rolled back once it notices. The connection pool limits how much work can be left behind, as it keeps
    its connection until then.
    """
    task, until = asyncio.create_task(work), time.monotonic() + seconds
    try:
        await asyncio.wait({task}, timeout=max(0.0, seconds))
        if not task.done() and time.monotonic() > until + _STALL_SECONDS:
            await asyncio.wait({task}, timeout=_STALL_SECONDS)
        if not task.done():
            raise TimeoutError
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            _left_behind.add(task)
            task.add_done_callback(_forget)


async def all_home(seconds: float) -> None:
    """Wait at most this long for work left behind; closing an event loop with such work may hang for ever."""
    here = asyncio.get_running_loop()
    if away := {task for task in _left_behind if task.get_loop() is here}:
        await asyncio.wait(away, timeout=seconds)


def retrieve(done: asyncio.Future[Any]) -> None:
    """Take the outcome of work that nobody waits for any more, so that asyncio does not complain of it."""
    if not done.cancelled():
        done.exception()


def _forget(task: asyncio.Task[Any]) -> None:
    _left_behind.discard(task)
    retrieve(task)
