"""Judging on all cores: processes with their own connections, which end with their parent."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from itertools import islice
from typing import Final

from app.db import Database
from app.evaluation.backtest.judging import PART, BacktestFailed, Bench, Job, Judged, Place
from app.installation.children import belong_to_parent, cores, ignore_sigint

#: With fewer orders than this, starting processes takes longer than judging.
_ALONE_BELOW: Final = 10 * PART
#: Parts queued for each process: enough that it never waits for us, few enough that memory use stays constant.
_AHEAD: Final = 3


async def judge_parts(
    job: Job, db: Database, places: Sequence[Place], *, orders: int, processes: int | None = None
) -> AsyncGenerator[Judged]:
    """Yield every part as it is done, in any order. Raises BacktestFailed, also if a process dies."""
    wanted = min(len(places), processes or (1 if orders < _ALONE_BELOW else cores()))
    tasks = list(zip(range(len(places)), places, [*places[1:], None], strict=True))
    if wanted <= 1:
        bench = Bench(job, db)
        for number, first, end in tasks:
            yield await bench.judge(number, first, end)
            await asyncio.sleep(0)
        return
    at_once = wanted * _AHEAD
    context = multiprocessing.get_context("spawn")  # a forked process would share our connections
    pool = ProcessPoolExecutor(wanted, mp_context=context, initializer=_start, initargs=(job,))
    loop, left = asyncio.get_running_loop(), iter(tasks)
    running: set[asyncio.Future[Judged]] = set()
    try:
        while True:
            with ignore_sigint():
                running |= {loop.run_in_executor(pool, _judge, *task) for task in islice(left, at_once - len(running))}
            if not running:
                return
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                yield one.result()
    except BrokenExecutor as error:
        raise BacktestFailed("a process that judged orders ended too early; no result was stored") from error
    finally:
        # only the pool may cancel waiting work: it fails on futures that others have cancelled
        await asyncio.to_thread(pool.shutdown, cancel_futures=True)
        await asyncio.gather(*running, return_exceptions=True)


# --- in the other process -----------------------------------------------------------------------------------------


class _Here:
    runner: asyncio.Runner
    bench: Bench


def _start(job: Job) -> None:
    belong_to_parent()
    _Here.runner = asyncio.Runner()
    _Here.bench = Bench(job, Database.open(job.url, pool_size=1))


def _judge(number: int, first: Place, end: Place | None) -> Judged:
    return _Here.runner.run(_Here.bench.judge(number, first, end))
