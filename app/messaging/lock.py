"""One worker at a time on a SQLite file: a lock that the OS releases when the process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.db import Database


class WorkerRunning(Exception):
    """Another worker uses this SQLite file; the text says what to do."""


@contextmanager
def only_worker(db: Database) -> Iterator[bool]:
    """Hold the lock of the only worker; yields whether we are the only one (always on SQLite, never on PostgreSQL).

    Raises WorkerRunning if another process has it.
    """
    path = db.url.database
    if not db.is_sqlite or not path or path == ":memory:":
        yield db.is_sqlite
        return
    file = os.open(Path(f"{path}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.fchmod(file, 0o600)  # an older version may have left it readable by others
        _lock(file, path)
        yield True
    finally:
        os.close(file)


def _lock(file: int, path: str) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(file, 20, 0).decode("ascii", "replace").strip() or "unknown"
        raise WorkerRunning(
            f"another worker (process {holder}) already uses {path}. A SQLite file allows only one, and `serve` "
            "starts its own: stop the other one first, start with --no-worker, or use PostgreSQL for several."
        ) from None
    os.ftruncate(file, 0)
    os.pwrite(file, str(os.getpid()).encode(), 0)
