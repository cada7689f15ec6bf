"""Reads a whole list in pages, several at a time, with proof that no row was missed.

Rows move between pages while a list is read: new orders are placed above, others are deleted. Two methods prove
completeness:

- **By id**, if ids rise or fall throughout the list: each page covers a range of ids as of the moment it was read. A
  page counts only if its range begins within the range covered so far, so no gap remains, whenever each page was read
  (a page read tomorrow is fine: `Place` exists for that).
- **By count**, if the list has another order (tickets, by their last reply): passes are repeated until as many rows
  were seen *after* a moment as the panel counted at that moment, not counting rows that may be newer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from app.panels.base import PanelPlace
from app.panels.whmcs import wire

#: Rows asked for in one call. The panel may send fewer; its own maximum is not documented.
PAGE: Final = 100
_MOST_GAPS: Final = 1_000
_ROUNDS: Final = 12  # for a list that changes with nearly every call
_PASSES: Final = 3
_BEGINNING: Final = PanelPlace(offset=0, edge=0, falling=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPage:
    """One answer: its rows by id, the number of rows received, and the panel's total."""

    rows: list[tuple[int, wire.Row]]
    came: int
    total: int | None

    @property
    def unreadable(self) -> int:
        """The number of rows without an id."""
        return self.came - len(self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Rows that were not returned before; see `Stretch`."""

    rows: list[wire.Row]
    place: PanelPlace | None
    total: int | None
    unreadable: int


Fetch = Callable[[int, int], Coroutine[Any, Any, ListPage]]


class ShuffledError(Exception):
    """The ids neither rise nor fall from row to row."""


async def walk(fetch: Fetch, after: PanelPlace | None, *, ahead: int, by_id: bool = True) -> AsyncGenerator[Step]:
    """Yield a list from `after` on, `ahead` pages at a time; by count if it is unordered or not `by_id`."""
    if by_id:
        try:
            async with aclosing(_by_id(fetch, after or _BEGINNING, ahead=ahead)) as steps:
                async for step in steps:
                    yield step
        except ShuffledError:
            pass
        else:
            return
    async with aclosing(_by_count(fetch, ahead=ahead)) as steps:
        async for step in steps:
            yield step


class _Ahead:
    """Pages requested in advance, in the order of their offsets."""

    def __init__(self, fetch: Fetch, ahead: int) -> None:
        self._fetch = fetch
        self._ahead = ahead
        self._asked: deque[tuple[int, asyncio.Task[ListPage]]] = deque()

    def __bool__(self) -> bool:
        return bool(self._asked)

    def ask(self, offset: int) -> None:
        """Request the page at this offset."""
        self._asked.append((offset, asyncio.create_task(self._fetch(offset, PAGE))))

    def fill(self, after: int, stride: int, end: int) -> None:
        """Request more pages, `stride` rows apart, up to the end of the list."""
        offset = (self._asked[-1][0] if self._asked else after) + stride
        while len(self._asked) < self._ahead and offset < end:
            self.ask(offset)
            offset += stride

    async def next(self) -> tuple[int, ListPage]:
        """Return the first page."""
        offset, task = self._asked[0]
        page = await task
        self._asked.popleft()
        return offset, page

    async def drop(self) -> None:
        """Drop all pages."""
        asked = [task for _, task in self._asked]
        self._asked.clear()
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)


# --- by id --------------------------------------------------------------------------------------------------------


async def _by_id(fetch: Fetch, place: PanelPlace, *, ahead: int) -> AsyncGenerator[Step]:
    """Raises ShuffledError if the list is not ordered by id, and AnswerError if it has no end."""
    asked = _Ahead(fetch, ahead)
    back, gaps = 1, 0
    first: tuple[int, list[tuple[int, wire.Row]]] | None = None
    try:
        while True:
            if not asked:
                asked.ask(max(place.offset - back, 0))
            offset, page = await asked.next()
            first = first or (offset, page.rows)
            if page.came > 1 and offset > first[0] and page.rows[:1] == first[1][:1]:
                raise ShuffledError  # the same page again: only counting shows whether there is more
            joined = _joined(place, offset, page)
            if joined is None:
                await asked.drop()
                back, gaps = back * 2, gaps + 1
                if gaps > _MOST_GAPS:
                    raise wire.AnswerError("the list changed during every attempt to read it")
                continue
            back = 1
            fresh = [row for row_id, row in page.rows if _beyond(place, row_id, joined.falling)]
            ended = _ended(offset, page, anything=bool(fresh))
            stuck = not ended and joined == place and not asked
            if stuck and gaps > _MOST_GAPS // 10:
                raise wire.AnswerError("the list goes on without an end")
            gaps += stuck
            place = joined
            yield Step(rows=fresh, place=place, total=page.total, unreadable=page.unreadable)
            if ended:
                return
            if page.total is not None:
                asked.fill(offset, max(page.came - 1, 1), page.total)
    finally:
        await asked.drop()


def _joined(place: PanelPlace, offset: int, page: ListPage) -> PanelPlace | None:
    """Return the place after this page; None if there may be rows between the covered range and the page."""
    ids = [row_id for row_id, _ in page.rows]
    falling = _direction(ids, place.falling)
    if offset > 0:
        if not ids:
            return None
        if ids[0] != place.edge and (falling is None or (ids[0] > place.edge) is not falling):
            return None
    if not ids:
        return place
    reached = ids[-1]
    if place.edge:
        reached = min(place.edge, reached) if falling else max(place.edge, reached)
    return PanelPlace(offset=offset + page.came, edge=reached, falling=falling)


def _direction(ids: list[int], falling: bool | None) -> bool | None:
    for earlier, later in pairwise(ids):
        if earlier == later or (falling is not None and (later < earlier) is not falling):
            raise ShuffledError
        falling = later < earlier
    return falling


def _beyond(place: PanelPlace, row_id: int, falling: bool | None) -> bool:
    """True if the row comes after those returned so far."""
    return not place.edge or (row_id < place.edge if falling else row_id > place.edge)


def _ended(offset: int, page: ListPage, *, anything: bool) -> bool:
    return not anything if page.total is None else offset + page.came >= page.total


# --- by count -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Count:
    """What one round must see: the rows that the panel counted in its first answer."""

    highest: int  # a row with a higher id may be newer than the count
    seen: set[int] = field(default_factory=set)
    wanted: int | None = None
    unreadable: int = 0  # in the current pass
    alone: bool = False  # one page held the whole list

    def take(self, page: ListPage, offset: int) -> None:
        if page.total is None:
            raise wire.AnswerError("the panel doesn't report the total number of rows")
        if self.wanted is None:
            self.wanted = page.total
            self.alone = page.came >= page.total
        self.unreadable = page.unreadable + (self.unreadable if offset else 0)
        self.seen.update(row_id for row_id, _ in page.rows if row_id <= self.highest)

    @property
    def complete(self) -> bool:
        return self.alone or len(self.seen) + self.unreadable == self.wanted


async def _by_count(fetch: Fetch, *, ahead: int) -> AsyncGenerator[Step]:
    """Raises AnswerError if the rows never add up to the panel's total."""
    yielded: set[int] = set()
    for number in range(_ROUNDS):
        count = _Count(highest=max(yielded, default=0))
        for _ in range(_PASSES if number else 1):
            async with aclosing(_pass(fetch, ahead)) as pages:
                async for offset, page in pages:
                    count.take(page, offset)
                    fresh = [row for row_id, row in page.rows if row_id not in yielded]
                    yielded.update(row_id for row_id, _ in page.rows)
                    lost = 0 if number else page.unreadable
                    yield Step(rows=fresh, place=None, total=page.total, unreadable=lost)
            if count.complete:
                return
    raise wire.AnswerError("the panel never lists as many rows as it counts")


async def _pass(fetch: Fetch, ahead: int) -> AsyncGenerator[tuple[int, ListPage]]:
    """Read the first page alone, as its total applies to everything read after it, then the others."""
    asked = _Ahead(fetch, ahead)
    asked.ask(0)
    stride = PAGE
    try:
        while asked:
            offset, page = await asked.next()
            yield offset, page
            if offset == 0:
                stride = max(page.came, 1)
            if page.came:
                asked.fill(offset, stride, page.total or 0)
    finally:
        await asked.drop()
