"""Any mixture of wanted calls, lost answers, deaths, pauses and cancellations: each effect at most once, none lost."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from app.core.records import CallState
from app.messaging import outbox
from app.tables.outbox import panel_calls
from tests.asked import examples
from tests.databases import Databases
from tests.messaging.outbox_support import SETTLE, FakePanel, Time, accept, credit, note, want, worker

WORDS = ("ok", "lost", "late", "never", "broken", "refused", "unavailable", "die", "die-late", "die-applied")
CREDITS = [(customer, number) for customer in (1, 2) for number in (1, 2, 3)]


class Killed(BaseException):
    """The worker died during a call."""


class MortalPanel(FakePanel):
    """If the script says ``die…``, the worker dies before it receives an answer."""

    def _answer(self, action: Any) -> dict[str, Any]:
        word = self.script[0] if self.script else "ok"
        if not word.startswith("die"):
            return super()._answer(action)
        self.script[0] = {"die": "never", "die-late": "late", "die-applied": "lost"}[word]
        try:
            return super()._answer(action)
        except Exception:
            raise Killed from None


class OutboxMachine(RuleBasedStateMachine):
    """Two workers, two customers, two orders, and a manual clock."""

    databases: ClassVar[Databases]
    kind: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.time = Time()
        self.panel = MortalPanel(self.time)
        self.db = self.run(self.stack.enter_async_context(self.databases.opened(self.kind)))
        self.workers = [self.new_worker(), self.new_worker()]
        self.notes = 0

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    def new_worker(self) -> Any:
        return worker(self.db, self.time, self.panel)

    @rule(which=st.sampled_from(CREDITS))
    def want_credit(self, which: tuple[int, int]) -> None:
        customer, number = which
        reference = f"doorman:credit:{customer}-{number}"
        self.run(want(self.db, credit(customer, reference), reference, self.time))

    @rule(order=st.sampled_from((1, 2)))
    def want_accept(self, order: int) -> None:
        self.run(want(self.db, accept(order), f"order:{order}:accept", self.time))

    @rule()
    def want_note(self) -> None:
        self.notes += 1
        self.run(want(self.db, note(), f"note:{self.notes}", self.time))

    @rule(words=st.lists(st.sampled_from(WORDS), max_size=4), late=st.integers(0, int(SETTLE.total_seconds())))
    def trouble_ahead(self, words: list[str], late: int) -> None:
        self.panel.script += words
        self.panel.late_by = timedelta(seconds=late)

    @rule(looks=st.lists(st.sampled_from(("", "unavailable")), max_size=3))
    def looking_fails(self, looks: list[str]) -> None:
        self.panel.look_script += looks

    @rule(order=st.sampled_from((1, 2)))
    def call_off(self, order: int) -> None:
        async def cancel() -> None:
            async with self.db.begin() as tx:
                await outbox.cancel(tx, now=self.time.now, order_id=order)

        self.run(cancel())

    @rule()
    def retry_the_dead(self) -> None:
        async def retry() -> None:
            async with self.db.begin() as tx:
                dead = await tx.scalars(sa.select(panel_calls.c.id).where(panel_calls.c.state == CallState.DEAD))
                for call_id in dead.all():
                    try:
                        await outbox.retry(tx, call_id, self.time.now)
                    except outbox.WrongCallState:
                        continue

        self.run(retry())

    @rule(seconds=st.sampled_from((0.5, 1, 5, 11, 40, 149, 151)))
    def time_passes(self, seconds: float) -> None:
        self.time.advance(seconds)

    @rule(which=st.sampled_from((0, 1)))
    def work(self, which: int) -> None:
        async def turn() -> bool:
            working = self.workers[which]
            await working._turn()
            under_way = [*working._events, *working._calls]
            ends = await asyncio.gather(*under_way, return_exceptions=True)
            return any(isinstance(end, Killed) for end in ends)

        if self.run(turn()):
            self.workers[which] = self.new_worker()

    @invariant()
    def nobody_gets_anything_twice(self) -> None:
        effects = [what for _, what in self.panel.applied if not what.startswith("add_client_note")]
        assert len(effects) == len(set(effects))
        assert sum(action == note() for action in self.panel.performed) <= self.notes * 14

    def teardown(self) -> None:
        try:
            self.panel.script.clear()
            self.panel.look_script.clear()
            for _ in range(60):
                self.time.advance(7)
                self.work(0)
                self.work(1)
            self.nobody_gets_anything_twice()
            self.run(self.nothing_is_forgotten())
        finally:
            self.run(self.stack.aclose())
            self.runner.close()

    async def nothing_is_forgotten(self) -> None:
        async with self.db.read() as connection:
            rows = [outbox.Call.from_row(row) for row in await connection.execute(sa.select(panel_calls))]
        assert {call.state for call in rows} <= {CallState.DONE, CallState.DEAD, CallState.CANCELLED}
        for call in rows:
            if call.state is CallState.DONE and call.action != "add_client_note":
                assert self.panel.effects(call.to_action()) == 1


@pytest.mark.timeout(600)
def test_any_story_ends_with_each_effect_once(databases: Databases, database_kind: str) -> None:
    machine = type("Machine", (OutboxMachine,), {"databases": databases, "kind": database_kind})
    rules = settings(
        max_examples=examples(15 if database_kind == "sqlite" else 6),
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=rules)
