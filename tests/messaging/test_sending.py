"""At most one effect and at least one attempt, whichever answers are lost."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
import sqlalchemy as sa

from app.core.records import CallState
from app.db import Database
from app.messaging import claims, outbox
from app.messaging.sending import send
from app.panels.base import PanelOutcomeUnknown, PanelUnavailable
from app.tables.outbox import panel_calls
from tests.messaging.outbox_support import (
    RULES,
    SETTLE,
    FakePanel,
    Time,
    accept,
    credit,
    note,
    read,
    told,
    want,
    worker,
)


@pytest.fixture
def time() -> Time:
    return Time()


async def test_a_call_is_looked_up_then_sent_once_and_its_end_told(db: Database, time: Time) -> None:
    panel = FakePanel(time)
    call_id = await want(db, credit(), "credit:1", time)

    await worker(db, time, panel).drain()

    call = await read(db, call_id)
    assert (call.state, call.attempts, call.result, call.owner) == (CallState.DONE, 1, {"made": 1}, None)
    assert len(panel.looked) == len(panel.performed) == 1
    assert await told(db) == [(str(call_id), "done")]


async def test_what_is_there_already_is_not_sent(db: Database, time: Time) -> None:
    panel = FakePanel(time)
    await panel.perform(accept())
    call_id = await want(db, accept(), "order:42:accept", time)

    await worker(db, time, panel).drain()

    call = await read(db, call_id)
    assert (call.state, call.result, call.attempts) == (CallState.DONE, {"found": True}, 0)
    assert len(panel.performed) == 1


async def test_a_lost_answer_is_found_by_looking(db: Database, time: Time) -> None:
    panel = FakePanel(time, ("lost",))
    call_id = await want(db, credit(), "credit:1", time)

    await worker(db, time, panel).drain()

    assert (await read(db, call_id)).state is CallState.DONE
    assert panel.effects(credit()) == 1
    assert len(panel.performed) == 1


async def test_what_is_not_found_is_sent_again_only_after_the_settle_time(db: Database, time: Time) -> None:
    panel = FakePanel(time, ("never",))
    call_id = await want(db, credit(), "credit:1", time)
    working = worker(db, time, panel)
    await working.drain()

    sent_at = time.now
    while len(panel.performed) == 1:
        assert (await read(db, call_id)).state is CallState.UNKNOWN
        time.advance(5)
        await working.drain()

    assert time.now - sent_at >= SETTLE
    assert (await read(db, call_id)).state is CallState.DONE
    assert panel.effects(credit()) == 1
    assert 5 <= len(panel.looked) <= 20


@pytest.mark.parametrize("late_by", [1, 20, 149, 150])
async def test_an_effect_that_comes_late_within_the_settle_time_is_the_only_one(
    db: Database, time: Time, late_by: int
) -> None:
    panel = FakePanel(time, ("late",), late_by=timedelta(seconds=late_by))
    call_id = await want(db, credit(), "credit:1", time)
    working = worker(db, time, panel)

    for _ in range(80):
        await working.drain()
        time.advance(2.5)

    assert (await read(db, call_id)).state is CallState.DONE
    assert panel.effects(credit()) == 1
    assert len(panel.performed) == 1


async def test_after_a_complete_500_it_is_sent_again_at_once(db: Database, time: Time) -> None:
    panel = FakePanel(time, ("broken",))
    call_id = await want(db, credit(), "credit:1", time)

    await worker(db, time, panel).drain()

    call = await read(db, call_id)
    assert (call.state, call.attempts) == (CallState.DONE, 2)
    assert panel.effects(credit()) == 1


async def test_one_500_after_the_other_waits_longer_each_time_and_ends(db: Database, time: Time) -> None:
    panel = FakePanel(time, ("broken",) * 20)
    call_id = await want(db, credit(), "credit:1", time)
    working = worker(db, time, panel)
    at: list[float] = []
    start = time.now
    for _ in range(120):
        before = len(panel.performed)
        await working.drain()
        at += [(time.now - start).total_seconds()] * (len(panel.performed) - before)
        time.advance(0.5)

    call = await read(db, call_id)
    assert call.state is CallState.DEAD
    assert at == [0, 0, 1, 6]
    assert "given up after 4 attempts" in (call.last_error or "")


async def test_a_refusal_is_final(db: Database, time: Time) -> None:
    panel = FakePanel(time, ("refused",))
    call_id = await want(db, credit(), "credit:1", time)

    await worker(db, time, panel).drain()

    call = await read(db, call_id)
    assert call.state is CallState.DEAD
    assert call.last_error == "order-not-pending: Order Not Pending"
    assert await told(db) == [(str(call_id), "dead")]


async def test_an_error_in_unknown_words_goes_to_a_person_after_three_attempts(db: Database, time: Time) -> None:
    panel = FakePanel(time, ("odd",) * 9)
    call_id = await want(db, credit(), "credit:1", time)
    working = worker(db, time, panel)
    for _ in range(40):
        await working.drain()
        time.advance(1)

    call = await read(db, call_id)
    assert (call.state, call.attempts, call.last_error) == (CallState.DEAD, 3, "Curl Error: (7)")
    assert len(panel.performed) == 3


async def test_what_was_applied_in_spite_of_three_errors_is_done(db: Database, time: Time) -> None:
    panel = FakePanel(time, ("odd",) * 9)
    call_id = await want(db, credit(), "credit:1", time)
    perform = panel.perform

    async def applied_at_last(action, *, before_send=None):
        if len(panel.performed) == 2:
            panel.applied.append((time.now, "add_credit:doorman:credit:1"))
        return await perform(action, before_send=before_send)

    panel.perform = applied_at_last  # type: ignore[method-assign]
    working = worker(db, time, panel)
    for _ in range(40):
        await working.drain()
        time.advance(1)

    assert (await read(db, call_id)).state is CallState.DONE
    assert len(panel.performed) == 3


async def test_not_pending_is_success_where_the_order_is_accepted(db: Database, time: Time) -> None:
    panel = FakePanel(time)
    call_id = await want(db, accept(), "order:42:accept", time)

    async def accepted_by_somebody_meanwhile(action, *, before_send):
        await before_send()
        panel.applied.append((time.now, "accept_order:42"))
        panel.script = ["refused"]
        return panel._answer(action)

    panel.perform = accepted_by_somebody_meanwhile  # type: ignore[method-assign]
    await worker(db, time, panel).drain()

    assert (await read(db, call_id)).state is CallState.DONE


async def test_a_refusal_that_could_not_be_checked_is_checked_later(db: Database, time: Time) -> None:
    panel = FakePanel(time, ("refused",))
    panel.look_script = ["", "unavailable"]
    call_id = await want(db, accept(), "order:42:accept", time)
    working = worker(db, time, panel)
    await working.run_once()
    assert (await read(db, call_id)).state is CallState.UNKNOWN

    panel.applied.append((time.now, "accept_order:42"))
    await working.drain()

    assert (await read(db, call_id)).state is CallState.DONE
    assert len(panel.performed) == 1


async def test_moot_is_dead_with_its_reason(db: Database, time: Time) -> None:
    panel = FakePanel(time)
    panel.moot.add("accept_order:42")
    call_id = await want(db, accept(), "order:42:accept", time)

    await worker(db, time, panel).drain()

    call = await read(db, call_id)
    assert (call.state, call.last_error) == (CallState.DEAD, "no longer possible: the order was deleted")
    assert panel.performed == []


async def test_unavailable_is_tried_after_each_delay_and_then_dead(db: Database, time: Time) -> None:
    panel = FakePanel(time, ("unavailable",) * 20)
    call_id = await want(db, credit(), "credit:1", time)
    working = worker(db, time, panel)
    at: list[float] = []
    start = time.now
    for _ in range(100):
        before = len(panel.performed)
        await working.drain()
        at += [(time.now - start).total_seconds()] * (len(panel.performed) - before)
        time.advance(0.5)

    assert at == [0, 1, 6, 36]
    call = await read(db, call_id)
    assert (call.state, call.attempts) == (CallState.DEAD, 4)


async def test_an_unreachable_panel_at_the_first_look_counts_as_an_attempt(db: Database, time: Time) -> None:
    panel = FakePanel(time)
    panel.look_script = ["unavailable"]
    call_id = await want(db, credit(), "credit:1", time)
    working = worker(db, time, panel)

    await working.drain()
    assert (await read(db, call_id)).attempts == 1
    assert panel.performed == []
    time.advance(1)
    await working.drain()

    assert (await read(db, call_id)).state is CallState.DONE


async def test_an_unknown_outcome_is_never_given_up_because_the_panel_is_down(db: Database, time: Time) -> None:
    panel = FakePanel(time, ("lost",))
    panel.look_script = ["", *["unavailable"] * 10]
    call_id = await want(db, credit(), "credit:1", time)
    working = worker(db, time, panel)
    for _ in range(9):
        await working.drain()
        assert (await read(db, call_id)).state is CallState.UNKNOWN
        time.advance(30)
    time.advance(600)
    await working.drain()
    time.advance(600)
    await working.drain()

    assert (await read(db, call_id)).state is CallState.DONE
    assert panel.effects(credit()) == 1


async def test_retry_after_is_honoured(db: Database, time: Time) -> None:
    panel = FakePanel(time)
    call_id = await want(db, note(), "note:1", time)

    async def throttled(action, *, before_send=None):
        raise PanelUnavailable("429", retry_after=20)

    panel.perform = throttled  # type: ignore[method-assign]
    await worker(db, time, panel).drain()

    assert (await read(db, call_id)).due_at == time.now + timedelta(seconds=20)


async def test_a_panel_that_is_too_busy_uses_no_attempt_up(db: Database, time: Time) -> None:
    many = len(RULES.delays) + 2
    panel, asked = FakePanel(time, ("busy",) * many), []
    call_id = await want(db, credit(), "credit:1", time)
    while (await read(db, call_id)).state is not CallState.DONE:
        await worker(db, time, panel).drain()
        asked += [time.now] * (len(panel.performed) - len(asked))
        time.advance(1)
    assert len(asked) == many + 1
    assert min(later - before for before, later in pairwise(asked)) == timedelta(seconds=20)
    assert ((await read(db, call_id)).attempts, panel.effects(credit())) == (1, 1)


@pytest.mark.parametrize("word", ["lost", "never", "broken"])
async def test_a_courtesy_goes_out_at_most_once(db: Database, time: Time, word: str) -> None:
    panel = FakePanel(time, (word,))
    call_id = await want(db, note(), "note:1", time)
    working = worker(db, time, panel)
    for _ in range(5):
        await working.drain()
        time.advance(SETTLE)

    call = await read(db, call_id)
    assert (call.state, call.uncertain) == (CallState.DONE, True)
    assert len(panel.performed) == 1
    assert panel.looked == []


async def test_a_fault_in_the_adapter_leaves_an_unknown_outcome(db: Database, time: Time) -> None:
    panel = FakePanel(time)
    call_id = await want(db, credit(), "credit:1", time)

    async def faulty(action, *, before_send):
        await before_send()
        panel.applied.append((time.now, "add_credit:doorman:credit:1"))
        raise KeyError("result")

    panel.perform = faulty  # type: ignore[method-assign]
    await worker(db, time, panel).run_once()
    assert (await read(db, call_id)).state is CallState.UNKNOWN
    await worker(db, time, panel).drain()

    assert (await read(db, call_id)).state is CallState.DONE


async def test_a_row_that_we_can_not_read_is_dead_and_blocks_nobody(db: Database, time: Time) -> None:
    panel = FakePanel(time)
    odd = await want(db, credit(reference="doorman:credit:odd"), "credit:odd", time)
    fine = await want(db, credit(), "credit:1", time)
    async with db.begin() as tx:
        await tx.execute(sa.update(panel_calls).where(panel_calls.c.id == odd).values(action="of_a_later_version"))

    await worker(db, time, panel).drain()

    assert (await read(db, odd)).state is CallState.DEAD
    assert (await read(db, fine)).state is CallState.DONE


async def test_held_up_before_the_first_byte_it_goes_back_unsent(db: Database, time: Time) -> None:
    panel = FakePanel(time)
    call_id = await want(db, note(), "note:1", time)
    working = worker(db, time, panel)
    await working.run_once()  # registers, and sends this one
    assert (await read(db, call_id)).state is CallState.DONE

    slow = await want(db, note(), "note:2", time)
    ticks = iter([0.0, 5.1])
    (call,) = await claims.claim(db, call_id, limit=1, now=time.now)
    state = await send(db, panel, call, rules=RULES, clock=time.clock, monotonic=lambda: next(ticks))

    assert state is CallState.PENDING
    assert (await read(db, slow)).attempts == 0
    assert len(panel.performed) == 1


async def test_a_claim_lost_after_sending_was_committed_sends_nothing(db: Database, time: Time) -> None:
    """A frozen worker resumes between its commit and the first byte; others took over meanwhile."""
    panel = FakePanel(time)
    call_id = await want(db, note(), "note:1", time)
    (call,) = await claims.claim(db, call_id, limit=1, now=time.now)
    looks = 0

    def monotonic() -> float:
        return 0.0

    class Frozen(Database):
        """A database in which another worker takes over before each read."""

        def read(self):
            nonlocal looks
            looks += 1
            return _read_after_take_over(db, call_id, time)

    frozen = Frozen(db.url, db.reader, db.writer)
    state = await send(frozen, panel, call, rules=RULES, clock=time.clock, monotonic=monotonic)

    assert (state, looks) == (None, 1)
    assert panel.performed == []
    assert (await read(db, call_id)).state is CallState.DONE  # a courtesy: uncertain
    assert (await read(db, call_id)).uncertain


def _read_after_take_over(db: Database, owner, time: Time):
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def reading():
        async with db.begin() as tx:
            await claims.release(tx, panel_calls.c.owner == owner, settle_for=SETTLE, now=time.now)
        async with Database.read(db) as connection:
            yield connection

    return reading()


async def test_no_transaction_is_open_while_the_panel_is_asked(db: Database, time: Time) -> None:
    panel = FakePanel(time)
    await want(db, credit(), "credit:1", time)
    checked: list[int] = []
    perform, look_up = panel.perform, panel.look_up

    async def watched_perform(action, *, before_send=None):
        checked.append(db.writer.sync_engine.pool.checkedout() + db.reader.sync_engine.pool.checkedout())
        return await perform(action, before_send=before_send)

    async def watched_look_up(action):
        checked.append(db.writer.sync_engine.pool.checkedout() + db.reader.sync_engine.pool.checkedout())
        return await look_up(action)

    panel.perform, panel.look_up = watched_perform, watched_look_up  # type: ignore[method-assign]
    await worker(db, time, panel).drain()

    assert checked == [0, 0]


async def test_called_off_while_unknown_it_is_not_sent_again(db: Database, time: Time) -> None:
    panel = FakePanel(time, ("never",))
    call_id = await want(db, accept(), "order:42:accept", time)
    working = worker(db, time, panel)
    await working.drain()
    async with db.begin() as tx:
        answer = await outbox.cancel(tx, now=time.now, order_id=42)
    assert [call.id for call in answer.under_way] == [call_id]

    for _ in range(40):
        time.advance(10)
        await working.drain()

    assert (await read(db, call_id)).state is CallState.CANCELLED
    assert len(panel.performed) == 1
    assert await told(db) == [(str(call_id), "cancelled")]


async def test_called_off_while_unknown_but_applied_it_is_done(db: Database, time: Time) -> None:
    panel = FakePanel(time, ("late",), late_by=timedelta(seconds=30))
    call_id = await want(db, accept(), "order:42:accept", time)
    working = worker(db, time, panel)
    await working.drain()
    async with db.begin() as tx:
        await outbox.cancel(tx, now=time.now, order_id=42)
    for _ in range(10):
        time.advance(10)
        await working.drain()

    assert (await read(db, call_id)).state is CallState.DONE
    assert await told(db) == [(str(call_id), "done")]


async def test_a_time_out_of_the_adapter_itself_is_unknown_too(db: Database, time: Time) -> None:
    panel = FakePanel(time)
    await want(db, credit(), "credit:1", time)

    async def resets(action, *, before_send=None):
        raise PanelOutcomeUnknown("connection reset \x00\ud800")

    panel.perform = resets  # type: ignore[method-assign]
    await worker(db, time, panel).run_once()

    async with db.read() as connection:
        assert (await outbox.waiting(connection, now=time.now)).count == {CallState.UNKNOWN: 1}
