"""Who writes first to a SQLite file: webhooks are taken in before anything else begins to write, in any process.

SQLite has no queue for its write lock. A writer that asks again and again at growing intervals can miss every moment
between two transactions of a busy one. So the intake holds a lock of its own while it waits and writes, and others let
it pass before they begin. The OS releases the lock of a process that ends, however it ends.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager


def _file_of(path: str) -> str:
    return f"{path}.intake"


@contextmanager
def first(path: str) -> Iterator[None]:
    """Go before all others who write to the database at `path`, as soon as a transaction that has begun is over."""
    if path == ":memory:":
        yield
        return
    file = os.open(_file_of(path), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


class LetPass:
    """Waits for those who go first; opens its file once."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: int | None = None

    async def __call__(self) -> None:
        """Wait until nobody goes first."""
        if self._file is None:
            try:
                self._file = os.open(_file_of(self._path), os.O_RDONLY)
            except FileNotFoundError:
                return  # nothing was ever taken in
        try:
            fcntl.flock(self._file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            await asyncio.to_thread(fcntl.flock, self._file, fcntl.LOCK_SH)
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
