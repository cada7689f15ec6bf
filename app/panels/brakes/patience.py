"""Retries failed reads for an import, which has time, as nobody waits for an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog

from app.panels.base import PanelUnavailable

log = structlog.get_logger(__name__)

#: Seconds to wait before each retry of a read.
PAUSES: Final = (1.0, 5.0, 15.0)
#: If the panel asks for a longer wait (in seconds), fail: staff should know rather than watch a stalled progress bar.
LONGEST_WAIT: Final = 60.0

_T = TypeVar("_T")


async def patiently(
    read: Callable[[], Awaitable[_T]], *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> _T:
    """Return the result of `read`; after a temporary failure, wait and retry.

    Raises PanelUnavailable: at once if staff have to act or the panel asks for a wait of more than a minute, else after
    the last attempt.
    """
    for pause in PAUSES:
        try:
            return await read()
        except PanelUnavailable as error:
            wait = max(pause, error.retry_after or 0.0)
            if error.alarm:
                raise
            if wait > LONGEST_WAIT:
                raise PanelUnavailable(f"{error}: retry in {wait:,.0f} s", retry_after=wait) from error
            log.info("panel.read_retried", seconds=wait, error=str(error))
            await sleep(wait)
    return await read()
