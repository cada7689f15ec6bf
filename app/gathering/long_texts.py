"""Long texts are read in a thread, so that the event loop stays free for everything else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

T = TypeVar("T")

#: Texts of more characters than this take too long to read in the event loop.
LONG: Final = 8 * 1024
# One at a time, because several threads would starve the event loop.
_READER: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="long-texts")


async def apart(size: int, work: Callable[[], T]) -> T:
    """Do the work on texts of `size` characters: long ones in a thread of their own, one after the other."""
    if size <= LONG:
        return work()
    return await asyncio.get_running_loop().run_in_executor(_READER, work)
