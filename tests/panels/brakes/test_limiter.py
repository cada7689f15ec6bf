"""The rate limit: even, fair, urgent calls first, and no token is lost."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.panels.brakes.limiter import HURRY_SECONDS, LONGEST_PAUSE_SECONDS, RateLimiter, TurnsInHand
from app.panels.brakes.turns import SLACK_SECONDS


class FakeTime:
    """A clock that moves only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)  # granted callers record their time before the clock moves
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
        await (limiter.ask() if write else limiter.take(urgent=urgent))
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
    for _ in range(20):
        await asyncio.sleep(0)
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


async def test_after_an_urgent_read_others_wait_for_a_moment_or_until_hardly_any_call_is_under_way(
    fake: FakeTime,
) -> None:
    limiter = RateLimiter(1000, slots=16, clock=fake.clock, sleep=fake.sleep)
    await asyncio.gather(*(limiter.take() for _ in range(4)))
    await limiter.take(urgent=True)
    began = fake.now
    await asyncio.wait_for(limiter.take(), 1)
    assert fake.now - began == pytest.approx(HURRY_SECONDS, abs=0.01)
    await limiter.take(urgent=True)
    for _ in range(6):
        limiter.release()
    began = fake.now
    await asyncio.wait_for(limiter.take(), 1)
    assert fake.now - began < HURRY_SECONDS / 2


async def test_some_slots_are_kept_from_reads_that_are_not_urgent(fake: FakeTime) -> None:
    limiter = RateLimiter(1000, slots=16, clock=fake.clock, sleep=fake.sleep)
    others = [asyncio.create_task(limiter.take()) for _ in range(20)]
    await asyncio.wait(others, timeout=0.1, return_when=asyncio.FIRST_EXCEPTION)
    assert sum(one.done() for one in others) == 14
    await asyncio.wait_for(limiter.take(urgent=True), 1)
    await asyncio.wait_for(limiter.take_slot(), 1)
    for one in others:
        one.cancel()


async def test_a_pause_that_the_panel_asks_for_is_taken_by_all_and_not_for_ever(fake: FakeTime) -> None:
    limiter = fake.limiter(10)
    limiter.pause(5)
    await asyncio.gather(limiter.take(urgent=True), limiter.ask(), limiter.take())
    assert fake.now == pytest.approx(5.2, abs=0.21)
    limiter.pause(86_400)
    began = fake.now
    await limiter.take()
    assert fake.now - began == pytest.approx(LONGEST_PAUSE_SECONDS, abs=0.2)


async def test_who_has_a_turn_waits_for_a_slot_before_all_others(fake: FakeTime) -> None:
    limiter = RateLimiter(1000, slots=1, clock=fake.clock, sleep=fake.sleep)
    order: list[str] = []

    async def caller(name: str, wait: Awaitable[None]) -> None:
        await wait
        order.append(name)

    await limiter.take_slot()
    waits = [("urgent", limiter.take(urgent=True)), ("gone", limiter.take_slot()), ("write", limiter.take_slot())]
    tasks = [asyncio.create_task(caller(name, wait)) for name, wait in waits]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.sleep(0)
    for _ in range(2):
        limiter.release()
        for _ in range(20):
            await asyncio.sleep(0)
    assert order == ["write", "urgent"]
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_turns_for_writes_are_taken_ahead_and_told_of(fake: FakeTime) -> None:
    limiter, notified = fake.limiter(10), asyncio.Event()
    turns = TurnsInHand(limiter, notified.set)
    assert turns.want(3) == 0
    await notified.wait()
    assert turns.want(3) >= 1
    await asyncio.wait(turns.waiting())
    assert (turns.want(3), fake.now) == (3, pytest.approx(0.2))
    turns.use(1)
    assert turns.want(2) == 2
    assert turns.want(0) == 0  # two are returned
    await asyncio.gather(limiter.take(), limiter.take())
    assert fake.now == pytest.approx(0.2)
    await limiter.take()
    assert fake.now == pytest.approx(0.3)


async def test_who_wants_no_turn_any_more_costs_none(fake: FakeTime) -> None:
    limiter = fake.limiter(10)
    turns = TurnsInHand(limiter, lambda: None)
    await limiter.take()
    turns.want(5)
    turns.want(0)
    await limiter.take()
    assert fake.now == pytest.approx(0.1)


STEPS = st.lists(
    st.tuples(st.sampled_from(["urgent", "read", "write", "cancel", "idle", "release"]), st.floats(0, 3)), max_size=60
)


class Callers:
    """Callers of all kinds on a limiter with four slots, and the time of each grant."""

    def __init__(self, rate: float) -> None:
        self.time = FakeTime()
        self.limiter = RateLimiter(rate, slots=4, clock=self.time.clock, sleep=self.time.sleep)
        self.at: list[float] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.under_way = 0

    async def call(self, kind: str) -> None:
        await (self.limiter.ask() if kind == "write" else self.limiter.take(urgent=kind == "urgent"))
        self.at.append(self.time.now)
        self.under_way += kind != "write"
        assert self.under_way <= 4

    def release(self) -> None:
        if self.under_way:
            self.under_way -= 1
            self.limiter.release()

    async def step(self, kind: str, number: float) -> None:
        if kind in {"urgent", "read", "write"}:
            self.tasks.append(asyncio.create_task(self.call(kind)))
        elif kind == "cancel" and self.tasks:
            self.tasks[int(number * 7) % len(self.tasks)].cancel()
        elif kind == "idle":
            await asyncio.sleep(0)  # as in FakeTime.sleep
            self.time.now += number
        elif kind == "release":
            self.release()
        await asyncio.sleep(0)

    async def finish(self) -> None:
        while not all(one.done() for one in self.tasks):
            self.release()
            await asyncio.sleep(0)
        assert all(one.cancelled() or one.exception() is None for one in self.tasks)


@settings(max_examples=100, deadline=None)
@given(rate=st.sampled_from([0.5, 3, 20, 400]), steps=STEPS)
def test_never_more_than_the_rate_and_nobody_is_forgotten(rate: float, steps: list[tuple[str, float]]) -> None:
    """Whatever callers do: no interval exceeds the rate plus the slack, and every waiting caller is served."""

    async def run() -> list[float]:
        callers = Callers(rate)
        for kind, number in steps:
            await callers.step(kind, number)
        await callers.finish()
        return callers.at

    at = asyncio.run(run())
    burst = max(1.0, rate * SLACK_SECONDS) + 1  # plus one that was leased and not used at once
    for first, begin in enumerate(at):
        for count, end in enumerate(at[first:], 1):
            assert count <= (end - begin) * rate + burst + 1e-6


async def test_real_time_holds_the_rate() -> None:
    limiter = RateLimiter(200)
    started = asyncio.get_running_loop().time()
    await asyncio.gather(*(limiter.take() for _ in range(60)))
    assert 0.2 <= asyncio.get_running_loop().time() - started < 1.0


def test_a_rate_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        RateLimiter(0)
