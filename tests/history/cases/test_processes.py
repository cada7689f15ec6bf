"""Several processes build the same cases as one, and a process that dies is reported."""

from __future__ import annotations

import asyncio
import multiprocessing
from typing import Any

import pytest
import sqlalchemy as sa

from app.db import Database
from app.history.cases.build import CaseBuilder, build_cases
from app.history.imported import Resource
from app.tables.customers import customers, identities
from app.tables.history import cases
from tests.history.past import Past, all_cases, context_of, with_policy

_WAITING = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'panel_rows'::regclass")
_CUSTOMERS = 1_000  # with an order, a service and an invoice each: four spans of rows


async def _past(db: Database) -> None:
    past = Past()
    for number in range(1, _CUSTOMERS + 1):
        past.customer(number)
        past.order(
            number, number, number % 300, ip=f"81.2.69.{number % 200 + 1}", status="Fraud" if number == 7 else "Active"
        )
    await with_policy(db)
    await past.save(db)


async def _all(db: Database) -> list[Any]:
    async with db.read() as connection:
        known = [
            list((await connection.execute(sa.select(table).order_by(*table.primary_key))).all())
            for table in (customers, identities)
        ]
    return [await all_cases(db), *known]


@pytest.mark.slow("starts processes twice")
async def test_two_processes_make_what_one_makes(db: Database) -> None:
    await _past(db)
    told: list[tuple[int, int]] = []
    both = await build_cases(context_of(db), heard=lambda *done: told.append(done), processes=2)
    by_both = await _all(db)
    async with db.begin() as tx:
        for table in (cases, customers, identities):
            await tx.execute(table.delete())
    alone = await build_cases(context_of(db), heard=lambda *done: None, processes=1)
    assert alone == both
    assert both.new == _CUSTOMERS
    assert await _all(db) == by_both
    assert told[-1] == (_CUSTOMERS, _CUSTOMERS)
    again = await build_cases(context_of(db), heard=lambda *done: None, processes=2)
    assert (again.new, again.changed) == (0, 0)


@pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)
async def test_a_process_in_the_middle_of_its_work_stops_nobody_from_ending(db: Database) -> None:
    await with_policy(db)
    builder = CaseBuilder(context_of(db), processes=2)
    async with db.begin() as tx:
        await tx.execute(sa.text("LOCK TABLE panel_rows IN ACCESS EXCLUSIVE MODE"))  # readers wait
        builder.hear(Resource.ORDERS, 5_000)
        builder.hear(Resource.SERVICES, None)
        async with asyncio.timeout(60):
            while not await tx.scalar(_WAITING):
                await asyncio.sleep(0.05)
        async with asyncio.timeout(10):
            await builder.aclose()
    assert multiprocessing.active_children() == []


async def test_a_process_that_dies_is_told_and_the_next_import_goes_on(db: Database) -> None:
    await _past(db)

    def kill(_done: int, _total: int) -> None:
        for child in multiprocessing.active_children():
            child.kill()

    with pytest.raises(ChildProcessError):
        await build_cases(context_of(db), heard=kill, processes=2)
    built = await build_cases(context_of(db), heard=lambda *done: None, processes=1)
    assert 0 < built.new < built.orders == _CUSTOMERS
    assert len(await all_cases(db)) == _CUSTOMERS
