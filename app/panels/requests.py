"""Counts of the requests to the panel, by action and by what caused them: the load that we are for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

#: The cause of requests that nothing is known about.
OTHER: Final = "other"

_cause: ContextVar[str] = ContextVar("panel_request_cause", default=OTHER)

#: Requests by action and cause.
Requests = Mapping[tuple[str, str], int]


@contextmanager
def caused_by(cause: str) -> Iterator[None]:
    """Count the requests made meanwhile, by this task and those it starts, as caused by this; from a fixed set."""
    token = _cause.set(cause)
    try:
        yield
    finally:
        _cause.reset(token)


class RequestCounts:
    """The requests of this process that are not stored yet."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def count(self, action: str) -> None:
        """Count a request."""
        self._counts[action, _cause.get()] += 1

    def take(self) -> Requests:
        """Return the counts and start again at zero."""
        taken, self._counts = self._counts, Counter()
        return taken

    def put_back(self, taken: Requests) -> None:
        """Add counts that could not be stored."""
        self._counts.update(taken)
