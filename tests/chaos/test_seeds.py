"""Whole stories by seed, in one process with a simulated clock: faults, deaths, repeats, disorder and clock jumps.

DOORMAN_TEST_CHAOS_SEED=n replays one seed and prints its story; DOORMAN_TEST_CHAOS_SEEDS=n plays n seeds. A seed
reproduces the same choices; the order of concurrent events depends on the machine.
"""

from __future__ import annotations

import os
import re
import sys

import pytest

from tests.chaos.conftest import Fresh
from tests.chaos.invariants import wrong
from tests.chaos.script import live
from tests.chaos.town import dump, open_town, take_snapshot

ONE = os.environ.get("DOORMAN_TEST_CHAOS_SEED")
MANY = int(os.environ.get("DOORMAN_TEST_CHAOS_SEEDS", "2"))
FIRST = int(os.environ.get("DOORMAN_TEST_CHAOS_FIRST", "1"))
SEEDS = [int(ONE)] if ONE else range(FIRST, FIRST + MANY)


@pytest.mark.slow("days of a town's life")
@pytest.mark.parametrize("seed", SEEDS)
async def test_everything_comes_to_a_good_end(fresh: Fresh, database_kind: str, seed: int) -> None:
    async with fresh() as db, open_town(db, seed) as town:
        failure: list[str] = []
        try:
            await live(town)
            failure = wrong(await take_snapshot(town))
        except Exception as error:
            failure = [f"{type(error).__name__}: {error}"]
        if ONE or failure:
            deaths = "\n  ".join(["deaths", *town.crew.deaths])
            named = sorted(set(re.findall(r"order (\d+)", " ".join(failure))))
            orders = [await dump(town, int(order_id)) for order_id in named]
            sys.stdout.write("\n".join([*town.told, f"faults {dict(town.wire.faults)}", deaths, *orders, ""]))
        assert not failure, f"seed {seed} on {database_kind} (again: make chaos SEED={seed}): " + "; ".join(failure)
