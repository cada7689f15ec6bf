"""The rate limit: even, fair, urgent first, and nobody's token is lost."""

import asyncio
from contextlib import suppress

import pytest

from app.panels.limiter import RateLimiter


class FakeTime:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)

    def limiter(self, rate: float) -> RateLimiter:
        return RateLimiter(rate, clock=self.clock, sleep=self.sleep)


@pytest.fixture
def fake() -> FakeTime:
    return FakeTime()


@pytest.mark.parametrize(("rate", "calls", "seconds"), [(20, 41, 2.0), (2, 5, 2.0), (0.5, 3, 4.0), (1000, 1050, 1.0)])
async def test_calls_are_spread_over_time(fake: FakeTime, rate: float, calls: int, seconds: float) -> None:
    limiter = fake.limiter(rate)
    await asyncio.gather(*(limiter.take() for _ in range(calls)))
    assert fake.now == pytest.approx(seconds, abs=0.01)


async def test_an_idle_hour_saves_up_nothing(fake: FakeTime) -> None:
    limiter = fake.limiter(20)
    await limiter.take()
    fake.now += 3600
    before = fake.now
    await asyncio.gather(*(limiter.take() for _ in range(21)))
    assert fake.now - before == pytest.approx(1.0, abs=0.01)


async def test_urgent_goes_first_then_writes_each_in_order(fake: FakeTime) -> None:
    limiter = fake.limiter(10)
    await limiter.take()
    order: list[str] = []

    async def caller(name: str, *, urgent: bool = False, write: bool = False) -> None:
        await limiter.take(urgent=urgent, write=write)
        order.append(name)

    async with asyncio.TaskGroup() as group:
        for name in ("read 1", "read 2"):
            group.create_task(caller(name))
        for name in ("write 1", "write 2"):
            group.create_task(caller(name, write=True))
        for name in ("urgent 1", "urgent 2"):
            group.create_task(caller(name, urgent=True))
    assert order == ["urgent 1", "urgent 2", "write 1", "write 2", "read 1", "read 2"]


async def test_who_gives_up_costs_no_token(fake: FakeTime) -> None:
    limiter = fake.limiter(10)
    await limiter.take()
    waiting = [asyncio.create_task(limiter.take()) for _ in range(5)]
    await asyncio.sleep(0)
    for task in waiting[:4]:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert not waiting[4].cancelled()
    assert fake.now == pytest.approx(0.1, abs=0.01)


async def test_a_token_granted_to_somebody_cancelled_goes_to_the_next() -> None:
    time, asleep, wake = FakeTime(), asyncio.Event(), asyncio.Event()

    async def sleep(seconds: float) -> None:
        asleep.set()
        await wake.wait()

    limiter = RateLimiter(1, clock=time.clock, sleep=sleep)
    await limiter.take()
    first, second = asyncio.create_task(limiter.take()), asyncio.create_task(limiter.take())
    await asleep.wait()
    time.now += 1
    wake.set()
    wake.clear()
    await asyncio.sleep(0)  # the pump wakes and grants to the first, which has not run yet
    first.cancel()
    with suppress(asyncio.CancelledError):
        await first
    assert first.cancelled()
    wake.set()
    await asyncio.wait_for(second, 1)


async def test_no_more_turns_than_slots_and_the_urgent_overtakes(fake: FakeTime) -> None:
    limiter = RateLimiter(1000, slots=2, clock=fake.clock, sleep=fake.sleep)
    order: list[str] = []

    async def caller(name: str, *, urgent: bool = False) -> None:
        await limiter.take(urgent=urgent)
        order.append(name)

    tasks = [asyncio.create_task(caller(name)) for name in ("a", "b", "c")]
    tasks.append(asyncio.create_task(caller("urgent", urgent=True)))
    for _ in range(20):
        await asyncio.sleep(0)
    assert order == ["a", "b"]
    limiter.release()
    await asyncio.wait_for(tasks[3], 1)
    assert order == ["a", "b", "urgent"]
    tasks[2].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    limiter.release()
    await asyncio.wait_for(limiter.take(), 1)


async def test_real_time_holds_the_rate() -> None:
    limiter = RateLimiter(200)
    started = asyncio.get_running_loop().time()
    await asyncio.gather(*(limiter.take() for _ in range(60)))
    assert 0.2 <= asyncio.get_running_loop().time() - started < 1.0


def test_a_rate_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        RateLimiter(0)
