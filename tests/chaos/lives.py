"""Workers that die at chosen points: before a statement or a commit, before a panel call, before its answer.

Death is a `BaseException` that every later point raises again, so that nothing is cleaned up: the worker's claims
remain, its open transaction is rolled back by the closed connection, and what it sent stays applied.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Protocol
from urllib.parse import parse_qs

import httpx
import sqlalchemy as sa

from app.db import Database

#: The prefixes of the points of calls that change something.
WRITES = "writes: "


class Killed(BaseException):
    """The worker's process ended here; `except Exception` must not catch this."""


class Reaper:
    """Ends lives at places where none has ended yet: a place is the pair of the last and the next step.

    It ends three lives in a row and then pauses: after five consecutive worker deaths an event would be blamed for them
    (app.messaging.inbox.DEATHS_ALLOWED), wrongly here.
    """

    IN_A_ROW = 3
    APART = 40
    REST = 500

    def __init__(self) -> None:
        self.reaped: set[tuple[str, str]] = set()
        self._row = 0
        self._since_death = 0
        self._pause = self.APART

    def takes(self, before: str, where: str) -> bool:
        """Whether this life ends here."""
        self._pause -= 1
        self._since_death += 1
        enough = self.APART if self._row else self.REST // 3
        wanted = self._since_death > enough if where.startswith(WRITES) else self._pause <= 0
        if not wanted or (before, where) in self.reaped:
            return False
        self._row = (self._row + 1) % self.IN_A_ROW
        self._pause = self.APART if self._row else self.REST
        self._since_death = 0
        self.reaped.add((before, where))
        return True


class Executioner:
    """Ends one life at each of these points."""

    def __init__(self, places: Iterable[str]) -> None:
        self.left = set(places)

    def takes(self, _before: str, where: str) -> bool:
        """Whether this life ends here."""
        if where not in self.left:
            return False
        self.left.remove(where)
        return True


class Life:
    """One worker's life: it counts the points that it passes, and ends at a chosen point or when the reaper ends it.

    `dies_at` is the number of the point before which it ends, from 1.
    """

    def __init__(self, reaper: Reaper | Executioner | None = None) -> None:
        self.reaper = reaper
        self.dies_at = 0
        self.passed = 0
        self.over = False
        self.where = ""
        self._before = "born"

    def point(self, where: str) -> None:
        """Pass a point, or die at it. Raises Killed."""
        if self.over:
            raise Killed(self.where)
        self.passed += 1
        if self.passed == self.dies_at or (self.reaper is not None and self.reaper.takes(self._before, where)):
            self.over, self.where = True, f"point {self.passed}, after {self._before[:60]}, before {where[:60]}"
            raise Killed(self.where)
        self._before = where

    def dies_in(self, points: int) -> None:
        """End this life this many points from now."""
        self.dies_at = self.passed + points


@asynccontextmanager
async def mortal_database(url: str, life: Life) -> AsyncIterator[Database]:
    """Return a database for this life, in which each statement and each commit is a point."""
    db = Database.open(url)

    def before_statement(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        life.point(" ".join(statement.split()))

    def before_commit(_connection: Any) -> None:
        life.point("COMMIT")

    for engine in {id(e): e.sync_engine for e in (db.reader, db.writer)}.values():
        sa.event.listen(engine, "before_cursor_execute", before_statement)
        sa.event.listen(engine, "commit", before_commit)
    try:
        yield db
    finally:
        await db.close()


class Road(Protocol):
    """The connection to the panel."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response: ...
    def apply_later(self, request: httpx.Request) -> None: ...


class MortalTransport(httpx.AsyncBaseTransport):
    """The connection to the panel, with three points: before the first byte, while sending, before the answer is read.

    A call whose caller dies while it is being sent is applied some time later, as PHP keeps running after we hang up.
    """

    def __init__(self, life: Life, road: Road) -> None:
        self._life = life
        self._road = road

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        action = parse_qs(request.content.decode())["action"][0]
        what = "read: " if action.startswith("Get") else f"writes: {action} "
        self._life.point(what + "first byte")
        try:
            self._life.point(what + "arrives")
        except Killed:
            self._road.apply_later(request)
            raise
        answer = await self._road.handle_async_request(request)
        self._life.point(what + "answer")
        return answer
