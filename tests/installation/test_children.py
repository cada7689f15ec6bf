"""Processes for heavy work ignore Ctrl-C, as their parent handles it, and helpers share the tasks of one job."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Coroutine
from concurrent.futures import ProcessPoolExecutor
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from app.db import Database
from app.installation.children import Helpers, ignore_sigint


def _heeds() -> bool:
    return signal.getsignal(signal.SIGINT) is not signal.SIG_IGN


def test_a_process_is_deaf_before_its_first_line_and_we_are_not() -> None:
    before = signal.getsignal(signal.SIGINT)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        with ignore_sigint():
            heeds = pool.submit(_heeds)
        assert heeds.result() is False
    assert signal.getsignal(signal.SIGINT) is before


async def _inverse(task: int) -> tuple[float, int]:
    return 1 / task, os.getpid()


def _inverting(_db: Database) -> Callable[[int], Coroutine[Any, Any, tuple[float, int]]]:
    return _inverse


@pytest.mark.parametrize(("count", "here", "hands"), [(0, False, "we"), (2, False, "they"), (1, True, "both")])
async def test_every_task_is_done_once_by_those_who_work(tmp_path: Path, count: int, here: bool, hands: str) -> None:
    helpers = Helpers(Database.open(f"sqlite:///{tmp_path / 'x.db'}"), count, ended=AssertionError())
    try:
        async with aclosing(helpers.share(_inverting, range(1, 30), here=here)) as shared:
            done = [one async for one in shared]
    finally:
        await helpers.aclose()
    assert sorted(result for result, _ in done) == sorted(1 / task for task in range(1, 30))
    ours = os.getpid() in {pid for _, pid in done}
    theirs = bool({pid for _, pid in done} - {os.getpid()})
    assert (ours, theirs) == {"we": (True, False), "they": (False, True), "both": (True, True)}[hands]
    assert multiprocessing.active_children() == []


async def test_a_task_that_fails_fails_the_job_as_itself(tmp_path: Path) -> None:
    helpers = Helpers(Database.open(f"sqlite:///{tmp_path / 'x.db'}"), 1, ended=AssertionError())
    try:
        with pytest.raises(ZeroDivisionError):
            async with aclosing(helpers.share(_inverting, [0, 1, 2], here=False)) as shared:
                [one async for one in shared]
    finally:
        await helpers.aclose()
    assert multiprocessing.active_children() == []
