"""Reading again what could not be read, for an import: it takes its time, and nobody waits for an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog

from app.panels.base import PanelUnavailable

log = structlog.get_logger(__name__)

#: Seconds to wait before a read is tried again.
PAUSES: Final = (1.0, 5.0, 15.0)
#: A panel that asks for a longer wait (in seconds) is not waited for: people should know rather than watch a bar stand.
LONGEST_WAIT: Final = 60.0

_T = TypeVar("_T")


async def patiently(
    read: Callable[[], Awaitable[_T]], *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> _T:
    """Return what `read` does; after a failure that may pass, wait and read again.

    Raises PanelUnavailable: at once where people have to act or the panel wants to be left alone for longer than a
    minute, else after the last attempt.
    """
    for pause in PAUSES:
        try:
            return await read()
        except PanelUnavailable as error:
            wait = max(pause, error.retry_after or 0.0)
            if error.alarm:
                raise
            if wait > LONGEST_WAIT:
                raise PanelUnavailable(f"{error}, and to come back in {wait:,.0f} s", retry_after=wait) from error
            log.info("panel.again", seconds=wait, error=str(error))
            await sleep(wait)
    return await read()
