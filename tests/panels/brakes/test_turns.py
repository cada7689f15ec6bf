"""A rate limit shared by processes through PostgreSQL: together no more than the rate, a single one gets all of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
import sqlalchemy as sa
from sqlalchemy.util import await_only

from app.db import Database
from app.panels.brakes.limiter import RateLimiter
from app.panels.brakes.turns import LEASE_SECONDS, SLACK_SECONDS, SharedTurns
from app.tables.inbox import panel_turns

RATE = 50


pytestmark = pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)  # only PostgreSQL is shared


@pytest.fixture
async def replicas(migrated_url: str) -> AsyncIterator[list[Database]]:
    """Three connection pools on one database, as for three processes."""
    found = [Database.open(migrated_url) for _ in range(3)]
    yield found
    for one in found:
        await one.close()


async def calls_of(limiters: list[RateLimiter], seconds: float) -> list[float]:
    """Return the times of calls while demand exceeds the rate."""
    at: list[float] = []
    end = time.monotonic() + seconds

    async def caller(limiter: RateLimiter) -> None:
        while time.monotonic() < end:
            await limiter.take()
            at.append(time.monotonic())
            limiter.release()

    await asyncio.gather(*(caller(limiter) for limiter in limiters for _ in range(10)))
    return sorted(at)


def most_in_a_second(at: list[float]) -> int:
    return max(sum(begin <= moment < begin + 1 for moment in at) for begin in at)


async def test_three_processes_together_keep_to_the_rate(replicas: list[Database]) -> None:
    at = await calls_of([RateLimiter(RATE, turns=SharedTurns(db, RATE)) for db in replicas], 3)
    burst = RATE * SLACK_SECONDS + 5  # catching up after a pause, and late timers
    assert len(at) <= RATE * (at[-1] - at[0]) + burst
    assert most_in_a_second(at) <= RATE + burst
    assert len(at) >= 2 * RATE


async def test_one_process_alone_reaches_the_rate(replicas: list[Database]) -> None:
    at = await calls_of([RateLimiter(RATE, turns=SharedTurns(replicas[0], RATE))], 3)
    assert 0.9 * RATE <= most_in_a_second(at) <= RATE + RATE * SLACK_SECONDS + 5


async def test_turns_of_two_processes_never_coincide(replicas: list[Database]) -> None:
    one, two = SharedTurns(replicas[0], 0.1, clock=lambda: 0.0), SharedTurns(replicas[1], 0.1, clock=lambda: 0.0)
    ahead = [(await turns.lease(99))[-1] for turns in (one, two, one, two)]
    assert all(later - earlier == pytest.approx(10, abs=5) for earlier, later in pairwise(ahead))


async def test_nobody_hoards(replicas: list[Database]) -> None:
    leased = await SharedTurns(replicas[0], 200).lease(10_000)
    assert len(leased) == 200 * LEASE_SECONDS
    assert leased[-1] - leased[0] == pytest.approx((len(leased) - 1) / 200)


async def test_an_idle_hour_saves_up_nothing(replicas: list[Database]) -> None:
    turns = SharedTurns(replicas[0], 10, clock=lambda: 0.0)
    await turns.lease(1)
    await move(replicas[0], -3600)
    assert (await turns.lease(1))[0] == pytest.approx(0, abs=0.05)
    assert (await turns.lease(1))[0] == pytest.approx(0.1, abs=0.05)


async def test_a_clock_set_back_stops_nobody(replicas: list[Database]) -> None:
    turns = SharedTurns(replicas[0], 10, clock=lambda: 0.0)
    await turns.lease(1)
    await move(replicas[0], 3600)
    assert (await turns.lease(1))[0] == pytest.approx(0, abs=0.05)


async def move(db: Database, seconds: int) -> None:
    """Shift the moment from which turns are free, as if the clock had jumped."""
    async with db.begin() as tx:
        await tx.execute(sa.update(panel_turns).values(free_at_us=panel_turns.c.free_at_us + seconds * 1_000_000))


async def test_while_the_database_is_away_callers_wait(replicas: list[Database]) -> None:
    slept: list[float] = []
    db = replicas[0]

    async def rename(old: str, new: str) -> None:
        async with db.begin() as tx:
            await tx.execute(sa.text(f"ALTER TABLE {old} RENAME TO {new}"))

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            await rename("away", "panel_turns")

    await rename("panel_turns", "away")
    limiter = RateLimiter(RATE, turns=SharedTurns(db, RATE, sleep=sleep))
    await asyncio.wait_for(limiter.take(), 30)
    assert slept == [1.0, 1.0]


async def test_a_lease_holds_no_lock_that_a_frozen_process_could_keep(replicas: list[Database]) -> None:
    """Whatever a process does between two statements, it holds no lock on the shared row."""
    await SharedTurns(replicas[0], RATE).lease(1)  # the row exists
    leased, frozen = asyncio.Event(), asyncio.Event()

    @sa.event.listens_for(replicas[0].writer.sync_engine, "after_cursor_execute")
    def stop(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "UPDATE panel_turns" in statement:
            leased.set()
            await_only(frozen.wait())

    standing = asyncio.create_task(SharedTurns(replicas[0], RATE).lease(1))
    await asyncio.wait_for(leased.wait(), 10)
    await asyncio.wait_for(SharedTurns(replicas[1], RATE).lease(1), 10)
    frozen.set()
    await standing
