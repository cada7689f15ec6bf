# ruff: noqa: T201
"""How fast a backtest judges: decisions a second and core, against the pure core on facts in memory, and its memory.

Rates are by processor time, so that other programs on the machine don't change them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from app.core.judgement.provenance import without_hindsight
from app.core.judgement.quick import QuickJudge
from app.core.policy.document import canonical, parse_policy
from app.db import Database
from app.evaluation.backtest import runs
from app.evaluation.backtest.judging import Bench, Job, places
from app.evaluation.backtest.runs import Wanted
from app.installation import schema
from app.installation.children import cores
from app.orders import facts_codec
from tests.evaluation.backtest.history import ACTIVE, GIVEN, NOW, add_cases, set_active, some_case

WANTED_RATE = 20_000
WANTED_RATIO = 0.60
_MODELS = 200  # different orders; the rest are like one of them, as on a real panel
_ROUNDS = 10


def rows(count: int) -> Iterator[dict[str, Any]]:
    """Yield cases: a few hundred kinds of orders, repeated."""
    models = [some_case(number) for number in range(1, _MODELS + 1)]
    for number in range(count):
        yield models[number % _MODELS] | {"order_id": number + 1}


async def fill(url: str, count: int) -> None:
    """Write the history."""
    db = Database.open(url)
    await set_active(db)
    await add_cases(db, rows(count))
    await db.close()


def pure_core(count: int) -> Callable[[], int]:
    """Return a function that judges facts in memory by both policies in the pure core, and counts verdicts."""
    judges = [QuickJudge(parse_policy(text)) for text in (GIVEN, ACTIVE)]
    some = [(without_hindsight(facts_codec.unpack(row["facts"])), row["judged_at"]) for row in rows(min(count, 4_000))]

    def once() -> int:
        for facts, now in some:
            for judge in judges:
                judge.verdict(facts, now=now)
        return len(some) * len(judges)

    return once


def rates(*works: Callable[[], int]) -> list[float]:
    """Return the best rate of each over some alternating rounds, since machine speed varies."""
    found = [0.0] * len(works)
    for _ in range(_ROUNDS):
        for place, work in enumerate(works):
            start = time.process_time()
            done = work()
            found[place] = max(found[place], done / (time.process_time() - start))
    return found


def one_process(url: str) -> Callable[[], int]:
    """Return a function that does the work of one backtest process: read, unpack, judge, pack and count."""
    job = Job(given=canonical(parse_policy(GIVEN)), active=canonical(parse_policy(ACTIVE)), as_of=NOW)

    async def all_parts() -> int:
        db = Database.open(url)
        bench, done = Bench(job, db), 0
        starts, _ = await places(db, since=None)
        for number, (first, end) in enumerate(zip(starts, [*starts[1:], None], strict=True)):
            done += (await bench.judge(number, first, end)).orders
        await db.close()
        return 2 * done

    return lambda: asyncio.run(all_parts())


def whole(url: str) -> None:
    """Run one backtest in this process, and print seconds and the peak memory of this and its children in MB."""

    async def run() -> None:
        db = Database.open(url)
        async with db.begin() as tx:
            begun = await runs.begin(tx, Wanted(document=GIVEN), by="bench", now=NOW)
        await runs.run(db, begun, processes=cores())
        await db.close()

    start = time.monotonic()
    asyncio.run(run())
    peaks = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(f"{time.monotonic() - start:.3f} {peaks[0]:.1f} {peaks[1]:.1f}")


def measured(url: str) -> tuple[float, float, float]:
    """Run one backtest in a separate process; return seconds, and the peak memory of parent and largest child."""
    command = [sys.executable, __file__, "--whole", url]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    said = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    seconds, parent, child = said.splitlines()[-1].split()
    return float(seconds), float(parent), float(child)


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=4_000, help="N; memory is measured at N and 4 N")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a target is missed")
    parser.add_argument("--whole", metavar="URL", help=argparse.SUPPRESS)
    options, _ = parser.parse_known_args()  # ignore the options of other benches
    if options.whole:
        whole(options.whole)
        return 0
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=Path.cwd()) as folder:
        urls = {count: f"sqlite:///{folder}/{count}.db" for count in (options.orders, 4 * options.orders)}
        for count, url in urls.items():
            schema.migrate(url)
            asyncio.run(fill(url, count))
        pure, rate = rates(pure_core(options.orders), one_process(urls[options.orders]))
        print(f"pure core  {pure:8.0f} decisions/s and core, facts in memory")
        print(f"backtest   {rate:8.0f} decisions/s and core (wanted: at least {WANTED_RATE})")
        print(f"           {rate / pure:8.2f} of the pure core (wanted: at least {WANTED_RATIO:.2f})", flush=True)
        for count, url in urls.items():
            seconds, parent, child = measured(url)
            print(f"{count:8} orders: {seconds:6.1f} s whole, peak {parent:.0f} MB, largest child {child:.0f} MB")
    return 1 if options.check and (rate < WANTED_RATE or rate < WANTED_RATIO * pure) else 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    sys.exit(main())
