"""Hostile input must cost little; other programs and the garbage of earlier tests must not count."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def cpu_seconds() -> Iterator[list[float]]:
    """Measure the CPU time of the block; the list's only entry at the end.

    A collection of everything that the test process holds would take longer than most blocks.
    """
    spent: list[float] = []
    gc.disable()
    started = time.process_time()
    try:
        yield spent
    finally:
        spent.append(time.process_time() - started)
        gc.enable()


@contextmanager
def within_cpu_seconds(limit: float) -> Iterator[None]:
    """Fail if the block takes more CPU time than `limit` seconds."""
    with cpu_seconds() as spent:
        yield
    assert spent[0] < limit
