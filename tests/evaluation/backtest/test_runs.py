"""Running a backtest: what it refuses, what it stores, and what remains after a stop."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import uuid
from collections.abc import MutableMapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.facts import Facts
from app.core.judgement.decide import ENGINE_VERSION, decide
from app.core.judgement.stored import dump_facts, dump_judgement
from app.core.policy.document import Policy, PolicyError, parse_policy
from app.core.reading.requests import TermFinding, TermKind
from app.db import Database
from app.errors import NotFound, RequestRunning, WrongState
from app.evaluation.backtest import runs
from app.evaluation.backtest.judging import BacktestFailed, Terms
from app.evaluation.backtest.runs import DEAD_AFTER, KEPT, Wanted
from app.orders import facts_codec
from app.tables.history import backtest_decisions, backtests, cases
from tests.api.api_support import add_decision, add_order
from tests.evaluation.backtest.history import ACTIVE, GIVEN, NOW, add_cases, set_active, some_cases

pytestmark = [pytest.mark.timeout(300), pytest.mark.both_databases("processes that share rows")]


async def begin(db: Database, **wanted: Any) -> uuid.UUID:
    async with db.begin() as tx:
        return await runs.begin(tx, Wanted(**({"document": GIVEN} | wanted)), by="test", now=NOW)


async def count(db: Database, table: sa.Table) -> int:
    async with db.read() as connection:
        return int(await connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)


async def row_of(db: Database, begun: uuid.UUID) -> Any:
    async with db.read() as connection:
        return (await connection.execute(sa.select(backtests).where(backtests.c.id == begun))).one()


async def test_without_a_history_it_says_what_to_do_first(db: Database) -> None:
    await set_active(db)
    with pytest.raises(WrongState, match="run `doorman import` first"):
        await begin(db)
    await add_cases(db, some_cases(2))
    with pytest.raises(WrongState, match="the history has no orders placed since 2026-11-20"):
        await begin(db, since=NOW)
    assert await count(db, backtests) == 0


@pytest.mark.parametrize(
    "document", ["[risk]\nreview_from = 101", "x" * 2_000_000, "[nothing]\na = 1", "\x00", "a = ["]
)
async def test_a_document_that_is_no_policy_begins_nothing(db: Database, document: str) -> None:
    await add_cases(db, some_cases(2))
    await set_active(db)
    with pytest.raises(PolicyError):
        await begin(db, document=document)
    with pytest.raises(NotFound):
        await begin(db, version=99)
    assert await count(db, backtests) == 0


async def test_one_at_a_time_and_a_dead_one_stops_nobody(db: Database) -> None:
    await add_cases(db, some_cases(2))
    await set_active(db)
    await begin(db)
    with pytest.raises(RequestRunning):
        await begin(db)
    async with db.begin() as tx:
        await tx.execute(backtests.update().values(alive_at=NOW - DEAD_AFTER))
    await runs.run(db, await begin(db))


async def test_the_newest_are_kept_and_the_others_go_with_their_decisions(db: Database) -> None:
    await add_cases(db, some_cases(2))
    await set_active(db)
    made = []
    for day in range(KEPT + 2):
        made.append(await begin(db))
        async with db.begin() as tx:
            created = NOW + timedelta(days=day)
            await tx.execute(backtests.update().where(backtests.c.id == made[-1]).values(created_at=created))
        await runs.run(db, made[-1])
    async with db.read() as connection:
        kept = set((await connection.execute(sa.select(backtests.c.id))).scalars())
        parts = set((await connection.execute(sa.select(backtest_decisions.c.backtest_id))).scalars())
    assert kept == parts == set(made[2:])


async def test_facts_that_can_not_be_read_are_named_and_nothing_is_kept(db: Database) -> None:
    await add_cases(db, some_cases(1_200))
    await set_active(db)
    async with db.begin() as tx:
        await tx.execute(cases.update().where(cases.c.order_id == 700).values(facts=b'{"order": 7}'))
    begun = await begin(db)
    with pytest.raises(BacktestFailed, match="the stored facts of order 700 can't be read"):
        await runs.run(db, begun, processes=2)
    row = await row_of(db, begun)
    assert row.report is None
    assert "order 700" in row.error
    assert await count(db, backtest_decisions) == 0


async def test_a_killed_process_is_a_clear_error_and_no_half_report(db: Database) -> None:
    await add_cases(db, some_cases(6_000))
    await set_active(db)
    begun, killed = await begin(db), []

    def kill_one(_done: int, _of: int) -> None:
        if not killed:
            killed.append(multiprocessing.active_children()[0].pid)
            os.kill(killed[0], signal.SIGKILL)

    with pytest.raises(BacktestFailed, match="a process that judged orders ended too early"):
        await runs.run(db, begun, processes=2, progress=kill_one)
    row = await row_of(db, begun)
    assert (row.report, row.error) == (None, "a process that judged orders ended too early; no result was stored")
    assert await count(db, backtest_decisions) == 0
    assert multiprocessing.active_children() == []


async def test_one_that_is_stopped_keeps_nothing(db: Database) -> None:
    await add_cases(db, some_cases(3_000))
    await set_active(db)
    begun, started = await begin(db), asyncio.Event()
    running = asyncio.create_task(runs.run(db, begun, processes=1, progress=lambda _done, _of: started.set()))
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    row = await row_of(db, begun)
    assert (row.report, row.error) == (None, "it was interrupted (CancelledError)")
    assert await count(db, backtest_decisions) == 0


async def test_one_given_up_by_somebody_else_does_not_come_back(db: Database) -> None:
    await add_cases(db, some_cases(3))
    await set_active(db)
    begun = await begin(db)
    await runs.fail(db, begun, "given up")
    with pytest.raises(BacktestFailed):
        await runs.run(db, begun)
    row = await row_of(db, begun)
    assert (row.report, row.error) == (None, "given up")
    assert await count(db, backtest_decisions) == 0


async def test_of_a_finished_one_nobody_says_that_it_failed(db: Database, logs: list[MutableMapping[str, Any]]) -> None:
    await add_cases(db, some_cases(3))
    await set_active(db)
    begun = await begin(db)
    report = await runs.run(db, begun)
    await runs.fail(db, begun, "the backtest's process ended with status 0")
    row = await row_of(db, begun)
    assert (row.error, row.report) == (None, report.model_dump(mode="json"))
    assert [entry["event"] for entry in logs] == ["backtest.finished"]


async def test_live_decisions_are_judged_again_and_a_difference_is_told(db: Database) -> None:
    await add_cases(db, some_cases(3))
    version = await set_active(db, "")
    for case in some_cases(6):
        facts = facts_codec.unpack(case["facts"])
        judgement = decide(facts, parse_policy(""), now=case["judged_at"])
        await add_order(db, case["order_id"])
        values = {"facts": dump_facts(facts), "judgement": dump_judgement(judgement), "at": case["judged_at"]}
        values["engine_version"] = ENGINE_VERSION
        await add_decision(db, case["order_id"], policy_version=version, **values)
    await add_decision(db, 1, policy_version=version, engine_version="0.1")
    report = await runs.run(db, await begin(db))
    assert (report.replay.decisions, report.replay.differences, report.replay.other_engine) == (6, 0, 1)
    moved = dump_judgement(decide(facts, parse_policy("[risk]\nreview_from = 50"), now=NOW))
    moved["scores"]["risk"] = 99
    values |= {"facts": dump_facts(facts), "judgement": moved}
    await add_decision(db, 1, policy_version=version, **values)
    report = await runs.run(db, await begin(db))
    assert (report.replay.decisions, report.replay.differences) == (7, 1)


# --- policies with other terms ------------------------------------------------------------------------------------


def digest(policy: Policy) -> str:
    """Stand-in for the digest of terms: the vetting list of this policy, or of the one that made the findings."""
    return "0" * 16 if not policy.acceptable_use.terms else "other"


async def again(connection: AsyncConnection, policy: Policy, found: Sequence[tuple[int, Facts]]) -> list[Facts]:
    """Stand-in for searching texts: every even order has a term of this policy in its text."""
    await connection.execute(sa.select(1))
    hit = TermFinding(kind=TermKind.LISTED, term="casino", where="notes", start=0)
    return [replace(facts, order=replace(facts.order, vetting=() if number % 2 else (hit,))) for number, facts in found]


@pytest.mark.parametrize("processes", [1, 2])
async def test_a_policy_with_other_terms_looks_at_the_texts_again(db: Database, processes: int) -> None:
    await add_cases(db, some_cases(1_100))
    await set_active(db, ACTIVE + "[acceptable_use]\nterms = []\n")
    begun = await begin(db, document=ACTIVE)
    report = await runs.run(db, begun, processes=processes, terms=Terms(digest=digest, again=again))
    counted = {one.reason: one.appears for one in report.figures.reasons}
    assert counted["vetting_terms"] > 100
    reasons = {one.reason for one in report.figures.active.reasons}
    assert "vetting_terms" not in reasons
    assert all(one.order_id % 2 == 0 for one in report.examples)
    assert any("casino" in text for one in report.examples for text in one.after.reasons)
