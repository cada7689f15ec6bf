"""Both SQLite drivers: what one transaction sees and holds up is the same with and without a thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import exc

from app.db import Database, is_unavailable

DRIVERS = {"in the loop": False, "in a thread": True}


@pytest.fixture(params=DRIVERS)
async def db(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database.open(
        f"sqlite:///{tmp_path / 'numbers.db'}", lock_wait=timedelta(seconds=5),
        answers_requests=DRIVERS[request.param],
    )  # fmt: skip
    async with opened.begin() as tx:
        await tx.execute(sa.text("CREATE TABLE numbers (n INTEGER PRIMARY KEY)"))
    yield opened
    await opened.close()


async def numbers(db: Database) -> list[int]:
    async with db.read() as connection:
        return list((await connection.execute(sa.text("SELECT n FROM numbers ORDER BY n"))).scalars())


async def add(db: Database, *new: int) -> None:
    async with db.begin() as tx:
        await tx.execute(sa.text("INSERT INTO numbers VALUES (:n)"), [{"n": n} for n in new])


async def test_a_result_that_was_read_in_part_keeps_no_old_view_of_the_database(db: Database) -> None:
    await add(db, *range(100))
    held = []
    for _ in range(5):  # each connection of the pool
        async with db.read() as connection:
            result = await connection.execute(sa.text("SELECT n FROM numbers"))
            held.append((result, result.fetchone()))
    await add(db, 1000)
    assert [(await numbers(db))[-1] for _ in range(5)] == [1000] * 5


async def test_a_failed_transaction_changes_nothing_and_locks_nothing(db: Database) -> None:
    await add(db, 1)
    with pytest.raises(exc.IntegrityError):
        await add(db, 2, 1)
    await add(db, 3)
    assert await numbers(db) == [1, 3]


async def test_a_transaction_that_is_cancelled_while_it_waits_locks_nothing(db: Database) -> None:
    other = Database.open(str(db.url).replace("+in_loop", ""), answers_requests=True)
    async with other.begin() as tx:
        await tx.execute(sa.text("INSERT INTO numbers VALUES (1)"))
        waiting = asyncio.create_task(add(db, 2))
        done, _ = await asyncio.wait([waiting], timeout=0.1)  # it waits as long as the other one writes
        assert not done
        waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await add(other, 3)
    await add(db, 4)
    found = await numbers(other)
    await other.close()
    assert {1, 3, 4} <= set(found)


async def test_who_waits_for_another_writer_holds_up_nobody_in_the_loop(db: Database) -> None:
    other = Database.open(str(db.url).replace("+in_loop", ""), answers_requests=True)
    async with other.begin() as tx:
        await tx.execute(sa.text("INSERT INTO numbers VALUES (1)"))
        waiting = asyncio.create_task(add(db, 2))
        for _ in range(50):  # turns of the loop
            await asyncio.sleep(0.001)
            assert await numbers(db) == []
    await waiting
    await other.close()
    assert await numbers(db) == [1, 2]


async def test_a_lock_that_lasts_too_long_is_an_unavailable_database(tmp_path: Path, db: Database) -> None:
    impatient = Database.open(
        str(db.url).replace("+in_loop", "").replace("+aiosqlite", ""), lock_wait=timedelta(milliseconds=50),
        answers_requests=db.url.drivername.endswith("aiosqlite"),
    )  # fmt: skip
    async with db.begin() as tx:
        await tx.execute(sa.text("INSERT INTO numbers VALUES (1)"))
        with pytest.raises(exc.OperationalError) as locked:
            await add(impatient, 2)
    assert is_unavailable(locked.value)
    await add(impatient, 2)
    await impatient.close()
    assert await numbers(db) == [1, 2]
