"""Waking the worker when there is something to do, within its process and from the API processes through a pipe.

A wake-up may be lost without harm: the worker looks by itself every half second.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress


class Ringer:
    """The API's end of the pipe; may be used by several processes and threads."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        os.set_blocking(pipe, False)

    def ring(self) -> None:
        """Wake the worker. Never waits, never fails: a full pipe wakes it anyway, a broken one has nobody behind it."""
        with suppress(OSError):
            os.write(self._pipe, b"!")


class Wake:
    """The worker's end: rung within the process, or through the pipe whose reading end is given.

    The pipe closes when the last process that could ring is gone; `abandoned` is true from then on.
    """

    def __init__(self, pipe: int | None = None) -> None:
        self.abandoned = False
        self._pipe = pipe
        self._event = asyncio.Event()
        if pipe is not None:
            os.set_blocking(pipe, False)

    def ring(self) -> None:
        """Wake whoever waits; only from the thread of the event loop."""
        self._event.set()

    async def wait(self, timeout: float) -> None:  # noqa: ASYNC109
        """Return at the next ring, or after `timeout` seconds; rings that came before count once."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._event.wait()
        self._event.clear()

    def listen(self) -> None:
        """Begin to read the pipe in the running event loop."""
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
            rung = os.read(self._pipe, 4096)
        except BlockingIOError:
            return
        if not rung:
            self.abandoned = True
            asyncio.get_running_loop().remove_reader(self._pipe)
        self._event.set()


def wake_pipe() -> tuple[int, int]:
    """Return the reading and the writing end of a pipe; only the reading one may reach the worker's process."""
    return os.pipe()
