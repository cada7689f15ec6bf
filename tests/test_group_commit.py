"""Units of work that share a commit: each is on the disk when it ends, and none takes another down with it."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError, OperationalError

from app.db import Database

_INSERT = sa.text("INSERT INTO t (n) VALUES (:n)")


class Refused(Exception):
    """A unit of work fails on purpose."""


class Wal:
    """A database of one table, whose commits are counted."""

    def __init__(self, file: Path) -> None:
        self.file = file
        with sqlite3.connect(file) as plain:
            plain.execute(
                "CREATE TABLE t (n INTEGER UNIQUE, of INTEGER REFERENCES t (n) DEFERRABLE INITIALLY DEFERRED)"
            )
        self.db = Database.open(f"sqlite:///{file}")
        self.commits = 0
        sa.event.listen(self.db.writer.sync_engine, "commit", self._count)

    def _count(self, _connection: object) -> None:
        self.commits += 1

    def on_disk(self) -> set[int]:
        """Return the rows that another connection sees."""
        plain = sqlite3.connect(self.file)
        try:
            return {n for (n,) in plain.execute("SELECT n FROM t")}
        finally:
            plain.close()

    async def add(self, n: int, *, fails: bool = False, pauses: int = 1) -> None:
        """Add a row in a unit of work, and require that it is on the disk afterwards."""
        async with self.db.begin() as tx:
            await tx.execute(_INSERT, {"n": n})
            for _ in range(pauses):
                await asyncio.sleep(0)
            if fails:
                raise Refused
        assert n in self.on_disk()


@pytest.fixture
async def wal(tmp_path: Path) -> AsyncIterator[Wal]:
    made = Wal(tmp_path / "t.db")
    yield made
    await made.db.close()


async def test_units_that_wait_for_each_other_share_a_commit(wal: Wal) -> None:
    await asyncio.gather(*(wal.add(n) for n in range(12)))
    assert wal.on_disk() == set(range(12))
    assert wal.commits < 12


async def test_a_unit_alone_is_committed_at_once(wal: Wal) -> None:
    for n in range(3):
        await wal.add(n)
    assert wal.commits == 3


@pytest.mark.parametrize("failing", [{0}, {1}, {3}, {0, 1, 2}, {0, 2, 4}, set(range(5))])
async def test_a_unit_that_fails_takes_nobody_with_it(wal: Wal, failing: set[int]) -> None:
    ends = await asyncio.gather(*(wal.add(n, fails=n in failing) for n in range(5)), return_exceptions=True)
    assert {n for n, end in enumerate(ends) if isinstance(end, Refused)} == failing
    assert wal.on_disk() == set(range(5)) - failing
    await wal.add(99)


async def test_a_commit_that_fails_fails_for_all_who_share_it(wal: Wal) -> None:
    async def orphan() -> None:
        async with wal.db.begin() as tx:
            await tx.execute(sa.text("INSERT INTO t (n, of) VALUES (77, 78)"))

    ends = await asyncio.gather(wal.add(1), orphan(), wal.add(2), return_exceptions=True)
    assert [type(end) for end in ends] == [IntegrityError] * 3
    assert wal.on_disk() == set()
    await wal.add(3)


async def test_when_sqlite_ends_the_transaction_itself_nobody_is_told_that_he_was_stored(wal: Wal) -> None:
    await wal.add(7)

    async def collide() -> None:
        async with wal.db.begin() as tx:
            await tx.execute(sa.text("INSERT OR ROLLBACK INTO t (n) VALUES (7)"))

    ends = await asyncio.gather(wal.add(1), collide(), wal.add(2), return_exceptions=True)
    assert isinstance(ends[0], OperationalError)
    assert isinstance(ends[1], IntegrityError)
    assert ends[2] is None
    assert wal.on_disk() == {2, 7}


class Ended(BaseException):
    """Ends a worker, as `except Exception` does not notice."""


async def test_a_commit_that_is_ended_ends_all_who_wait_for_it_and_leaves_no_lock(wal: Wal) -> None:
    def end(_connection: object) -> None:
        raise Ended

    sa.event.listen(wal.db.writer.sync_engine, "commit", end, once=True)
    async with asyncio.timeout(20):
        ends = await asyncio.gather(*(wal.add(n) for n in range(3)), return_exceptions=True)
        await wal.add(4)
    assert [type(one) for one in ends] == [Ended] * 3
    assert wal.on_disk() == {4}


async def test_a_unit_that_is_ended_while_it_is_undone_leaves_no_lock(wal: Wal) -> None:
    def end(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("ROLLBACK TO"):
            raise Ended

    sa.event.listen(wal.db.writer.sync_engine, "before_cursor_execute", end)
    async with asyncio.timeout(20):
        ends = await asyncio.gather(wal.add(1), wal.add(2, fails=True), wal.add(3), return_exceptions=True)
        await wal.add(4)
    assert [type(one) for one in ends] == [Ended, Ended, type(None)]
    assert wal.on_disk() == {3, 4}


async def test_what_is_waited_for_too_long_is_refused_and_the_next_gets_through(tmp_path: Path) -> None:
    wal = Wal(tmp_path / "t.db")
    wal.db = Database.open(f"sqlite:///{wal.file}", lock_wait=timedelta(milliseconds=20))
    other = sqlite3.connect(wal.file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    ends = await asyncio.gather(*(wal.add(n) for n in range(3)), return_exceptions=True)
    assert [type(end) for end in ends] == [OperationalError] * 3
    other.rollback()
    await wal.add(4)
    assert wal.on_disk() == {4}
    other.close()
    await wal.db.close()


@given(seed=st.integers(0, 2**32), units=st.integers(1, 12))
@settings(deadline=None, max_examples=60)
def test_whoever_is_cancelled_or_fails_the_others_are_stored_and_nobody_hangs(
    tmp_path_factory: pytest.TempPathFactory, seed: int, units: int
) -> None:
    rng = random.Random(seed)
    wal = Wal(tmp_path_factory.mktemp("wal") / "t.db")

    async def play() -> None:
        plans = [
            (rng.random() < 0.2, rng.randrange(4), rng.randrange(12) if rng.random() < 0.4 else None)
            for _ in range(units)
        ]
        tasks = [
            asyncio.create_task(wal.add(n, fails=fails, pauses=pauses)) for n, (fails, pauses, _) in enumerate(plans)
        ]
        for turn in range(12):
            for task, (_, _, cancelled_at) in zip(tasks, plans, strict=True):
                if cancelled_at == turn:
                    task.cancel()
            await asyncio.sleep(0)
        async with asyncio.timeout(20):
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            await wal.add(1000)
        stored = wal.on_disk()
        for n, (end, (fails, _, _)) in enumerate(zip(ends, plans, strict=True)):
            if end is None:
                assert n in stored
            elif isinstance(end, Refused):
                assert fails
                assert n not in stored
            else:
                assert isinstance(end, asyncio.CancelledError)
        await wal.db.close()

    with suppress(asyncio.CancelledError):
        asyncio.run(play())
