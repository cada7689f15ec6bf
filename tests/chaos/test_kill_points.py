"""A worker dies at every point of a story: before each statement, each commit, each first byte and each answer.

DOORMAN_TEST_CHAOS_RUNS=n plays the story n times, or until no new point is found; each run has a dozen deaths.
"""

from __future__ import annotations

import os
import sys

import pytest

from app.db import Database
from tests.asked import in_turn
from tests.chaos.conftest import Fresh
from tests.chaos.invariants import wrong
from tests.chaos.lives import WRITES, Executioner, Reaper
from tests.chaos.story import check_ends, story
from tests.chaos.town import open_town, take_snapshot

RUNS = int(os.environ.get("DOORMAN_TEST_CHAOS_RUNS", "2"))
#: After this many consecutive runs without a new point, none are left.
_NOTHING_NEW = 4


@pytest.mark.slow("two whole stories with a dozen deaths each")
@pytest.mark.timeout(60 + 30 * RUNS)
async def test_a_worker_dies_at_every_point_of_the_story(fresh: Fresh) -> None:
    reaper, deaths, nothing_new = Reaper(), 0, 0
    for _ in range(RUNS):
        known = len(reaper.reaped)
        async with fresh() as db, open_town(db, 1) as town:
            town.crew.reaper = reaper
            await story(town)
            assert wrong(await take_snapshot(town)) == [], town.crew.deaths
            check_ends(town)
            deaths += len(town.crew.deaths)
        nothing_new = 0 if len(reaper.reaped) > known else nothing_new + 1
        if nothing_new == _NOTHING_NEW:
            break
    sys.stdout.write(f"workers died {deaths} times, at {len(reaper.reaped)} different points\n")
    assert len(reaper.reaped) >= 6


@pytest.mark.parametrize(
    ("database_kind", "at"), in_turn(("first byte",), ("arrives",), ("answer",)), indirect=["database_kind"]
)
async def test_a_worker_dies_around_each_call_and_it_takes_effect_once(db: Database, at: str) -> None:
    """Before the first byte; while sending, so that it is applied later; and after it is applied, before the answer."""
    actions = ("AcceptOrder", "CreateInvoice", "AddCredit", "OpenTicket", "CancelOrder")
    executioner = Executioner(f"{WRITES}{action} {at}" for action in actions)
    async with open_town(db, 1) as town:
        town.crew.reaper = executioner
        await story(town)
        assert wrong(await take_snapshot(town)) == [], town.crew.deaths
        check_ends(town)
        assert executioner.left == set()
        assert len(town.crew.deaths) == len(actions)
