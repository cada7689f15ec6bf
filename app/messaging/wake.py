"""Wakes the worker when there is work, within its process and from the API processes through a pipe.

A lost wake-up does no harm: the worker also polls every half second.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress


class Waker:
    """The API's end of the pipe; safe for several processes and threads."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        os.set_blocking(pipe, False)

    def notify(self) -> None:
        """Wake the worker. Never blocks or fails: a full pipe wakes it anyway, a broken one has no reader."""
        with suppress(OSError):
            os.write(self._pipe, b"!")


class Wake:
    """The worker's end: woken within the process, or through the pipe whose reading end is given.

    The pipe closes when the last process that could wake it has ended; `abandoned` is true from then on.
    """

    def __init__(self, pipe: int | None = None) -> None:
        self.abandoned = False
        self._pipe = pipe
        self._event = asyncio.Event()
        if pipe is not None:
            os.set_blocking(pipe, False)

    def notify(self) -> None:
        """Wake the waiter; call only from the thread of the event loop."""
        self._event.set()

    async def wait(self, timeout: float) -> None:  # noqa: ASYNC109
        """Return at the next wake-up, or after `timeout` seconds; earlier wake-ups count as one."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._event.wait()
        self._event.clear()

    def listen(self) -> None:
        """Start reading the pipe in the running event loop."""
        if self._pipe is not None:
            asyncio.get_running_loop().add_reader(self._pipe, self._read)

    def close(self) -> None:
        """Stop reading the pipe and close our end."""
        if self._pipe is not None:
            asyncio.get_running_loop().remove_reader(self._pipe)
            os.close(self._pipe)
            self._pipe = None

    def _read(self) -> None:
        if self._pipe is None:
            return
        try:
            got = os.read(self._pipe, 4096)
        except BlockingIOError:
            return
        if not got:
            self.abandoned = True
            asyncio.get_running_loop().remove_reader(self._pipe)
        self._event.set()


def wake_pipe() -> tuple[int, int]:
    """Return the read and write ends of a pipe; the worker's process may have only the read end."""
    return os.pipe()
