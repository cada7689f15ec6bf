"""Time limits on work that can't always be stopped: a thread inside SQLite hears nothing until it is back."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")

_left_behind: set[asyncio.Task[Any]] = set()  # the event loop itself holds tasks only weakly


async def within(seconds: float, work: Coroutine[Any, Any, _T]) -> _T:
    """Return what the work returns. Raises TimeoutError when the time is over, whatever the work is at.

    `asyncio.timeout` would wait until the work has come to its end. Here it is told to end and left behind: what it
    began in the database is rolled back as soon as it hears of that. How much can be left behind is bounded by the
    connections of the pool, which it keeps until then.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task}, timeout=max(0.0, seconds))
        if not task.done():
            raise TimeoutError
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            _left_behind.add(task)
            task.add_done_callback(_forget)


async def all_home(seconds: float) -> None:
    """Wait, but no longer than this, for what was left behind: an event loop that ends over it may never end."""
    here = asyncio.get_running_loop()
    if away := {task for task in _left_behind if task.get_loop() is here}:
        await asyncio.wait(away, timeout=seconds)


def _forget(task: asyncio.Task[Any]) -> None:
    _left_behind.discard(task)
    if not task.cancelled():
        task.exception()  # nobody waits for it any more
