"""Webhooks are taken in before anything else begins to write to a SQLite file."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.db import Database, sqlite_connection
from app.precedence import first

_HOLD = """
import sys, time
from app.precedence import first
with first(sys.argv[1]):
    print("first", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "doorman.db"


async def begins(db: Database) -> bool:
    """Begin a transaction; False if that takes longer than a moment."""
    try:
        async with asyncio.timeout(0.3), db.begin() as tx:
            await tx.execute(sa.text("SELECT 1"))
    except TimeoutError:
        return False
    return True


async def test_others_begin_once_the_intake_has_written(path: Path) -> None:
    db = Database.open(f"sqlite:///{path}")
    assert await begins(db)
    with first(str(path)):
        assert not await begins(db)
    assert await begins(db)
    await db.close()


async def test_reading_waits_for_nobody(path: Path) -> None:
    db = Database.open(f"sqlite:///{path}")
    with first(str(path)):
        async with asyncio.timeout(5), db.read() as connection:
            assert (await connection.execute(sa.text("SELECT 1"))).scalar_one() == 1
    await db.close()


async def test_who_dies_while_first_holds_nobody_up(path: Path) -> None:
    db = Database.open(f"sqlite:///{path}")
    with subprocess.Popen([sys.executable, "-c", _HOLD, str(path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "first\n"
        assert not await begins(db)
        holder.kill()
    assert await begins(db)
    await db.close()


async def test_the_intake_waits_for_one_transaction_at_most(path: Path) -> None:
    """While others write one transaction after the other, without a pause."""
    db = Database.open(f"sqlite:///{path}")
    async with db.begin() as tx:
        await tx.execute(sa.text("CREATE TABLE t (x)"))
    stop = asyncio.Event()
    written = 0

    async def busy() -> None:
        nonlocal written
        while not stop.is_set():
            async with db.begin() as tx:
                await tx.execute(sa.text("INSERT INTO t VALUES (1)"))
                await asyncio.sleep(0.02)
            written += 1

    connection = sqlite_connection(str(path))

    def take_in() -> float:
        since = time.monotonic()
        with first(str(path)):
            connection.execute("INSERT INTO t VALUES (2)")
        return time.monotonic() - since

    task = asyncio.create_task(busy())
    waits = [await asyncio.to_thread(take_in) for _ in range(20)]
    stop.set()
    await task
    assert written > 0
    assert max(waits) < 1
    connection.close()
    await db.close()
