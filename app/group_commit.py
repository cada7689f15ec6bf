"""Units of work that share a commit: on a disk a commit takes longer than the work, and SQLite has one writer.

While others of this process wait to write, a unit of work that ends hands the transaction on instead of committing it.
The last one commits for all, and each ends when that is on the disk. A unit that fails is rolled back to its savepoint;
if the commit fails, it fails for all of them.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncTransaction

from app.precedence import LetPass

#: The most units in one transaction, and the seconds after which none is added: others wait for the lock, too.
_MOST: Final = 16
_LONGEST: Final = 0.03
_SAVEPOINT: Final = "SAVEPOINT unit"
_KEEP: Final = "RELEASE unit"
_UNDO: Final = "ROLLBACK TO unit"


@dataclass(slots=True)
class _Group:
    connection: AsyncConnection
    transaction: AsyncTransaction
    began: float
    ended: list[asyncio.Future[None]] = field(default_factory=list)

    @property
    def is_full(self) -> bool:
        return len(self.ended) >= _MOST or time.monotonic() - self.began > _LONGEST


class GroupCommit:
    """Takes the units of work of one process in turn, over an engine whose transactions begin with the write lock."""

    def __init__(self, engine: AsyncEngine, let_pass: LetPass | None) -> None:
        self._engine = engine
        self._let_pass = let_pass
        self._busy = False  # a unit has its turn, or a commit is under way
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._group: _Group | None = None
        self._committing: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[AsyncConnection]:
        """One unit of work: committed when it ends, rolled back on an exception."""
        await self._turn()
        try:
            group = self._group or await self._begin()
            shared = bool(group.ended)
            if shared:
                await group.connection.exec_driver_sql(_SAVEPOINT)
        except BaseException:
            self._pass_on()
            raise
        try:
            yield group.connection
            if shared:
                await group.connection.exec_driver_sql(_KEEP)
        except BaseException:
            try:
                await self._undo(group)
            finally:
                self._pass_on()
            raise
        committed = asyncio.get_running_loop().create_future()
        group.ended.append(committed)
        if group.is_full:
            self._commit(group)
        else:
            self._pass_on()
        await committed

    async def close(self) -> None:
        """Wait for a commit that is under way."""
        while self._committing is not None:
            await asyncio.wait([self._committing])

    # --- whose turn it is

    async def _turn(self) -> None:
        if not self._busy:
            self._busy = True
            return
        mine = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._pass_on()  # it was given the turn in the same moment
            raise

    def _pass_on(self) -> None:
        """Give the turn to the next; if nobody waits, commit what has ended."""
        while self._waiting:
            following = self._waiting.popleft()
            if not following.done():
                following.set_result(None)
                return
        if self._group is None:
            self._busy = False
        else:
            self._commit(self._group)

    # --- the transaction

    async def _begin(self) -> _Group:
        if self._let_pass is not None:
            await self._let_pass()
        connection = await self._engine.connect()
        try:
            self._group = _Group(connection, await connection.begin(), time.monotonic())
        except BaseException:
            await connection.close()
            raise
        return self._group

    async def _undo(self, group: _Group) -> None:
        """Roll back a unit of work that failed; all of them, if SQLite has ended the transaction itself."""
        if group.ended:
            try:
                await group.connection.exec_driver_sql(_UNDO)
                await group.connection.exec_driver_sql(_KEEP)
            except BaseException as error:
                _tell(group, error)
                await self._drop(group)
                if not isinstance(error, Exception):
                    raise
        else:
            await self._drop(group)

    async def _drop(self, group: _Group) -> None:
        self._group = None
        await group.connection.close()  # which rolls back

    def _commit(self, group: _Group) -> None:
        """Commit in a task of its own, which no cancelled unit of work interrupts."""
        self._group = None
        self._committing = asyncio.create_task(self._committed(group))

    async def _committed(self, group: _Group) -> None:
        try:
            async with aclosing(group.connection):
                try:
                    await group.transaction.commit()
                except BaseException:
                    await group.transaction.rollback()  # SQLite may keep it open
                    raise
            _tell(group, None)
        except BaseException as error:
            _tell(group, error)  # each unit of work raises it
            if not isinstance(error, Exception):
                raise
        finally:
            self._committing = None
            self._pass_on()


def _tell(group: _Group, error: BaseException | None) -> None:
    for ended in group.ended:
        if ended.done():  # told already, or its unit was cancelled while it waited
            continue
        if error is None:
            ended.set_result(None)
        else:
            ended.set_exception(error)
