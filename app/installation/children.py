"""Child processes for heavy work, which end with their parent."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

_NICE: Final = 5  # a third of the CPU time of normal processes, which take in webhooks and read the panel


def cores() -> int:
    """Return how many processes can run in parallel."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def collect_rarely() -> None:
    """Collect garbage cycles rarely, for a process that only works through records, which form no cycles.

    Frequent collection costs about a tenth of an import.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 1_000)


@contextmanager
def ignore_sigint() -> Iterator[None]:
    """Start child processes inside this block, so that Ctrl-C during their imports prints no tracebacks."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def belong_to_parent() -> None:
    """Make this process end with its parent, ignore Ctrl-C, and run at low priority."""
    if hasattr(os, "nice"):
        os.nice(_NICE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches us too; our parent decides when we end
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        with suppress(OSError):
            parent.join()
        os._exit(1)
