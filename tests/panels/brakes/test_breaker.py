"""The circuit breaker: opens only if there is no answer at all, probes automatically, closes at any answer."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.panels.base import PanelDown, PanelUnavailable
from app.panels.brakes.breaker import (
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    UNANSWERED_LIMIT,
    UNREACHED_LIMIT,
    Breaker,
    BreakerState,
)


class Panel:
    """A breaker with its own clock, and scripted results of its probes."""

    def __init__(self) -> None:
        self.now = 0.0
        self.there = False
        self.probed_at: list[float] = []
        self.states: list[BreakerState] = []
        self._until = asyncio.Event()
        self._wakes_at = 0.0
        self.breaker = Breaker(clock=lambda: self.now, sleep=self.sleep)
        self.breaker.probe_with(self.probe)

    async def sleep(self, seconds: float) -> None:
        self._wakes_at, self._until = self.now + seconds, asyncio.Event()
        await self._until.wait()

    async def advance(self, seconds: float) -> None:
        """Let time pass, and run each probe that becomes due."""
        end = self.now + seconds
        await settled()
        while self.breaker.state is BreakerState.OPEN and self._wakes_at <= end:
            self.now = self._wakes_at
            self._until.set()
            await settled()
        self.now = end

    async def probe(self) -> None:
        self.probed_at.append(self.now)
        self.states.append(self.breaker.state)
        if not self.there:
            self.breaker.missed(began=self.now, reached=False)
            raise PanelUnavailable("connection refused")
        self.breaker.answered()

    def miss(self, times: int, *, reached: bool) -> None:
        for _ in range(times):
            self.breaker.missed(began=self.now, reached=reached)


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
async def panel() -> Panel:
    return Panel()


@pytest.mark.parametrize(("reached", "limit"), [(False, UNREACHED_LIMIT), (True, UNANSWERED_LIMIT)])
async def test_it_opens_after_so_many_calls_without_an_answer(panel: Panel, reached: bool, limit: int) -> None:
    panel.miss(limit - 1, reached=reached)
    panel.breaker.check()
    panel.miss(1, reached=reached)
    with pytest.raises(PanelDown) as down:
        panel.breaker.check()
    assert 1 <= (down.value.retry_after or 0) <= 5
    await panel.breaker.aclose()


async def test_one_answer_in_between_starts_the_count_anew(panel: Panel) -> None:
    for _ in range(20):
        panel.miss(UNREACHED_LIMIT - 1, reached=False)
        panel.now += 1
        panel.breaker.answered()
    assert panel.breaker.closed


async def test_a_call_during_which_others_were_answered_says_nothing(panel: Panel) -> None:
    began = panel.now
    panel.now += 120
    panel.breaker.answered()
    for _ in range(20):
        panel.breaker.missed(began=began, reached=True)
    assert panel.breaker.closed


async def test_pauses_grow_to_a_minute_and_the_panel_is_found_back(panel: Panel) -> None:
    told: list[float] = []
    panel.breaker.when_closed(lambda: told.append(panel.now))
    panel.miss(UNREACHED_LIMIT, reached=False)
    await panel.advance(4 * 86_400)
    gaps = [after - before for before, after in zip([0.0, *panel.probed_at], panel.probed_at, strict=False)]
    assert gaps[:7] == [2, 4, 8, 16, 32, 60, 60]
    assert set(gaps[6:]) == {LONGEST_PAUSE_SECONDS}
    assert set(panel.states) == {BreakerState.HALF_OPEN}
    assert panel.breaker.state is BreakerState.OPEN

    panel.there, back = True, panel.now
    await panel.advance(LONGEST_PAUSE_SECONDS)
    assert panel.breaker.closed
    assert len(told) == 1
    assert told[0] - back <= LONGEST_PAUSE_SECONDS

    panel.there = False  # and the next outage starts with a short pause
    panel.now += 1
    panel.miss(UNREACHED_LIMIT, reached=False)
    opened = panel.now
    await panel.advance(FIRST_PAUSE_SECONDS)
    assert panel.probed_at[-1] == opened + FIRST_PAUSE_SECONDS
    await panel.breaker.aclose()


async def test_a_late_answer_to_another_call_closes_it_and_ends_the_probing(panel: Panel) -> None:
    panel.miss(UNREACHED_LIMIT, reached=False)
    await settled()
    panel.breaker.answered()
    await panel.advance(3600)
    assert panel.breaker.closed
    assert panel.probed_at == []


async def test_nobody_passes_while_the_probe_is_under_way() -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def at_once(seconds: float) -> None:
        return None

    breaker = Breaker(sleep=at_once)

    async def probe() -> None:
        asked.set()
        await answer.wait()
        breaker.answered()

    breaker.probe_with(probe)
    for _ in range(UNREACHED_LIMIT):
        breaker.missed(began=breaker.now(), reached=False)
    await asked.wait()
    assert breaker.state is BreakerState.HALF_OPEN
    with pytest.raises(PanelDown):
        breaker.check()
    answer.set()
    await settled()
    breaker.check()


STEPS = st.lists(
    st.one_of(
        st.just(("answer", 0.0)),
        st.just(("refused", 0.0)),
        st.just(("silent", 0.0)),
        st.tuples(st.just("wait"), st.floats(0.1, 200)),
        st.just(("comes back", 0.0)),
        st.just(("goes away", 0.0)),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS)
def test_whatever_happens(steps: list[tuple[str, float]]) -> None:
    """Opens only after enough consecutive calls without an answer; any answer closes it; recovers within a minute."""

    async def run() -> None:
        panel = Panel()
        breaker = panel.breaker
        misses = 0
        for what, seconds in steps:
            was_closed = breaker.closed
            panel.now += 0.001
            if what == "answer":
                breaker.answered()
                misses = 0
                assert breaker.closed
            elif what in {"refused", "silent"}:
                panel.miss(1, reached=what == "silent")
                misses += 1
                limit = UNANSWERED_LIMIT if what == "silent" else UNREACHED_LIMIT
                assert breaker.closed == (was_closed and misses < limit)
            elif what == "wait":
                await panel.advance(seconds)
                if not was_closed and breaker.closed:
                    misses = 0
                assert not (was_closed and not breaker.closed)
                assert breaker.closed or not panel.there or seconds < LONGEST_PAUSE_SECONDS
            else:
                panel.there = what == "comes back"
            if not breaker.closed:
                assert 1 <= (breaker.down("x").retry_after or 0) <= LONGEST_PAUSE_SECONDS
        await breaker.aclose()

    asyncio.run(run())
