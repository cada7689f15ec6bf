"""A time limit holds whatever the work is doing, and abandoned work ends automatically."""

from __future__ import annotations

import asyncio
import time

import pytest

from app.deadline import all_home, within


async def test_work_that_is_done_in_time_gives_its_result_or_its_error() -> None:
    async def fail() -> None:
        raise LookupError

    assert await within(5, asyncio.sleep(0, "done")) == "done"
    with pytest.raises(LookupError):
        await within(5, fail())


async def test_work_that_does_not_hear_is_left_behind() -> None:
    ended = asyncio.Event()

    async def deaf() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.3)  # because the roll-back waits for the thread
            ended.set()

    began = time.monotonic()
    with pytest.raises(TimeoutError):
        await within(0.01, deaf())
    assert time.monotonic() - began < 0.3
    assert not ended.is_set()
    await all_home(10)
    assert ended.is_set()


async def test_whoever_gives_up_takes_the_work_along() -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        began.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    asked = asyncio.create_task(within(60, work()))
    await began.wait()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    await all_home(10)
    assert ended.is_set()


async def test_no_time_at_all_is_too_late() -> None:
    with pytest.raises(TimeoutError):
        await within(-1, asyncio.sleep(60))


async def test_a_standstill_of_our_own_is_not_the_works_fault() -> None:
    async def work() -> str:
        await asyncio.sleep(0.01)
        await asyncio.sleep(0)
        return "done"

    asyncio.get_running_loop().call_soon(time.sleep, 0.5)
    assert await within(0.1, work()) == "done"
