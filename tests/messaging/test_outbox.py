"""Keys, cancelling, claiming in order, and people's actions."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.core.actions import Action, AddCredit
from app.core.records import CallState
from app.db import Database
from app.messaging import claims, outbox
from app.messaging.claims import CallOutcome
from app.tables.inbox import installation
from app.tables.outbox import panel_calls
from tests.messaging.outbox_support import (
    SETTLE,
    FakePanel,
    Time,
    accept,
    credit,
    fraud,
    note,
    read,
    told,
    until,
    want,
    worker,
)

ME, OTHER = uuid.uuid4(), uuid.uuid4()


@pytest.fixture
def time() -> Time:
    return Time()


async def claim(db: Database, time: Time, *, owner: uuid.UUID = ME, limit: int = 8):
    return await claims.claim(db, owner, limit=limit, now=time.now)


async def test_calls_about_customers_who_were_served_come_last(db: Database, time: Time) -> None:
    for n in (1, 2, 3):
        async with db.begin() as tx:
            await outbox.enqueue(tx, accept(n), key=f"{n}", cause="x", now=time.now, customer_id=7 if n < 3 else 8)
        time.advance(1)
    first, second = await claims.claim(db, ME, limit=2, now=time.now, served={7})
    assert (first.order_id, second.order_id) == (3, 1)


async def end(db: Database, time: Time, call: outbox.Call, state: CallState):
    return await claims.settle(db, call, CallOutcome(state=state), now=time.now)


# --- keys ---------------------------------------------------------------------------------------------------------


async def test_a_key_that_is_wanted_already_is_wanted_once(db: Database, time: Time) -> None:
    first = await want(db, accept(), "order:42:accept", time)
    assert await want(db, accept(), "order:42:accept", time, due_at=time.now + timedelta(hours=1)) == first
    assert (await read(db, first)).due_at == time.now


async def test_what_can_be_found_again_is_done_for_good(db: Database, time: Time) -> None:
    first = await want(db, credit(), "credit:1", time)
    await worker(db, time, FakePanel(time)).drain()

    assert await want(db, credit(), "credit:1", time) == first
    assert (await read(db, first)).state is CallState.DONE


async def test_a_state_that_was_reached_may_be_wanted_again(db: Database, time: Time) -> None:
    first = await want(db, accept(), "order:42:accept", time)
    await worker(db, time, FakePanel(time)).drain()

    assert await want(db, accept(), "order:42:accept", time) != first


@pytest.mark.parametrize("state", [CallState.DEAD, CallState.CANCELLED])
async def test_what_was_given_up_may_be_wanted_again(db: Database, time: Time, state: CallState) -> None:
    first = await want(db, credit(), "credit:1", time)
    (call,) = await claim(db, time)
    await end(db, time, call, state)

    assert await want(db, credit(), "credit:1", time) != first


async def test_two_transactions_that_want_the_same_get_one_call(db: Database, time: Time) -> None:
    ids = await asyncio.gather(*(want(db, credit(), "credit:1", time) for _ in range(8)))
    assert len(set(ids)) == 1


async def test_nothing_is_wanted_when_the_cause_is_rolled_back(db: Database, time: Time) -> None:
    async def cause() -> None:
        async with db.begin() as tx:
            await outbox.enqueue(tx, credit(), key="credit:1", cause="test:1", now=time.now)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await cause()
    assert await claim(db, time) == []


async def test_texts_that_no_database_stores_are_cleaned(db: Database, time: Time) -> None:
    bad = AddCredit(customer_id=7, reference="doorman:credit:1", description="a\x00b\ud800 😀", amount="5.00")
    call_id = await want(db, bad, "credit:1", time)
    assert (await read(db, call_id)).params["description"] == "ab? 😀"


# --- claiming -----------------------------------------------------------------------------------------------------


async def test_claims_carry_what_is_needed_and_exclude_each_other(db: Database, time: Time) -> None:
    await want(db, accept(), "order:42:accept", time, customer_id=7)
    (call,) = await claim(db, time)

    assert (call.to_action(), call.order_id, call.customer_id, call.owner) == (accept(), 42, 7, ME)
    assert await claim(db, time, owner=OTHER) == []


async def test_what_is_not_due_waits(db: Database, time: Time) -> None:
    await want(db, note(), "note:1", time, due_at=time.now + timedelta(seconds=1))
    assert await claim(db, time) == []
    time.advance(1)
    assert len(await claim(db, time)) == 1


async def test_one_money_call_for_each_customer_in_the_order_they_were_wanted(db: Database, time: Time) -> None:
    wanted = [await want(db, credit(reference=f"doorman:credit:{n}"), f"credit:{n}", time) for n in range(3)]
    other = await want(db, credit(8, "doorman:credit:8"), "credit:8", time)

    assert {call.id for call in await claim(db, time)} == {wanted[0], other}
    assert await claim(db, time, owner=OTHER) == []


async def test_an_order_goes_its_steps_in_their_order_even_while_one_waits(db: Database, time: Time) -> None:
    first = await want(db, accept(), "order:42:accept", time, due_at=time.now + timedelta(minutes=10))
    await want(db, fraud(), "order:42:fraud", time)

    assert await claim(db, time) == []
    time.advance(timedelta(minutes=10))
    assert [call.id for call in await claim(db, time)] == [first]


async def test_a_payment_that_waits_for_its_next_attempt_lets_others_pass(db: Database, time: Time) -> None:
    await want(db, credit(reference="doorman:credit:1"), "credit:1", time, due_at=time.now + timedelta(hours=3))
    second = await want(db, credit(reference="doorman:credit:2"), "credit:2", time)

    assert [call.id for call in await claim(db, time)] == [second]


async def test_calls_that_are_neither_money_nor_lifecycle_go_side_by_side(db: Database, time: Time) -> None:
    for n in range(3):
        await want(db, note(), f"note:{n}", time)
    assert len(await claim(db, time)) == 3


async def test_the_index_is_the_last_line(db: Database, time: Time) -> None:
    """Two claims that must not coexist: the start of the second is refused, and it waits."""
    await want(db, credit(reference="doorman:credit:1"), "credit:1", time)
    second = await want(db, credit(reference="doorman:credit:2"), "credit:2", time)
    (call,) = await claim(db, time)
    async with db.begin() as tx:
        stolen = sa.update(panel_calls).where(panel_calls.c.id == second)
        await tx.execute(stolen.values(owner=OTHER, claimed_at=time.now))

    assert await claims.start_sending(db, call, now=time.now) is not None
    assert await claims.start_sending(db, await read(db, second), now=time.now) is None
    waiting = await read(db, second)
    assert (waiting.state, waiting.owner, waiting.attempts) == (CallState.PENDING, None, 0)
    assert waiting.due_at > time.now


async def test_four_workers_never_put_two_payments_of_a_customer_on_the_wire(db: Database, time: Time) -> None:
    panel = FakePanel(time, ("never", "lost", "broken"))
    for n in range(8):
        await want(db, credit(reference=f"doorman:credit:{n}"), f"credit:{n}", time)
    workers = [worker(db, time, panel) for _ in range(1 if db.is_sqlite else 4)]

    async def all_done() -> bool:
        await asyncio.gather(*(working.run_once() for working in workers))
        time.advance(5)
        async with db.read() as connection:
            states = await connection.scalars(sa.select(panel_calls.c.state))
            return set(states) == {"done"}

    await until(all_done, 60)

    assert panel.most_on_wire == 1
    assert [panel.effects(credit(reference=f"doorman:credit:{n}")) for n in range(8)] == [1] * 8


async def test_while_paused_nothing_goes_out(db: Database, time: Time) -> None:
    call_id = await want(db, note(), "note:1", time)
    (call,) = await claim(db, time)
    async with db.begin() as tx:
        await tx.execute(sa.insert(installation).values(name="paused", value=True, changed_at=time.now))

    assert await claims.start_sending(db, call, now=time.now) is None
    time.advance(60)
    assert await claim(db, time) == []
    async with db.begin() as tx:
        await tx.execute(sa.update(installation).values(value=False))
    assert [one.id for one in await claim(db, time)] == [call_id]


async def test_a_lost_claim_settles_nothing(db: Database, time: Time) -> None:
    call_id = await want(db, note(), "note:1", time)
    (call,) = await claim(db, time)
    async with db.begin() as tx:
        await claims.release(tx, panel_calls.c.owner == ME, settle_for=SETTLE, now=time.now)
    (again,) = await claim(db, time)  # the same owner, the same moment, another claim

    assert await end(db, time, call, CallState.DONE) is None
    assert await claims.start_sending(db, call, now=time.now) is None
    assert not await claims.still_ours(db, call)
    assert await end(db, time, again, CallState.DONE) is CallState.DONE
    assert await told(db) == [(str(call_id), "done")]


async def test_a_released_call_that_was_sending_is_unknown_until_the_settle_time(db: Database, time: Time) -> None:
    call_id = await want(db, credit(), "credit:1", time)
    (call,) = await claim(db, time)
    await claims.start_sending(db, call, now=time.now)
    time.advance(12)
    async with db.begin() as tx:
        await claims.release(tx, panel_calls.c.owner == ME, settle_for=SETTLE, now=time.now)

    left = await read(db, call_id)
    assert (left.state, left.owner, left.applies_until) == (CallState.UNKNOWN, None, time.now + SETTLE)


# --- cancelling ---------------------------------------------------------------------------------------------------


async def test_cancel_takes_what_is_not_on_the_wire_and_names_the_rest(db: Database, time: Time) -> None:
    sending = await want(db, accept(), "order:42:accept", time)
    waiting = await want(db, fraud(), "order:42:fraud", time)
    elsewhere = await want(db, accept(43), "order:43:accept", time)
    (call,) = [one for one in await claim(db, time) if one.id == sending]
    await claims.start_sending(db, call, now=time.now)

    async with db.begin() as tx:
        answer = await outbox.cancel(tx, now=time.now, order_id=42)

    assert [(one.id, one.action) for one in answer.cancelled] == [(waiting, Action.FRAUD_ORDER)]
    assert [(one.id, one.state) for one in answer.under_way] == [(sending, CallState.SENDING)]
    assert (await read(db, elsewhere)).state is CallState.PENDING


async def test_a_claimed_call_that_is_cancelled_is_not_sent(db: Database, time: Time) -> None:
    await want(db, accept(), "order:42:accept", time)
    (call,) = await claim(db, time)
    async with db.begin() as tx:
        answer = await outbox.cancel(tx, now=time.now, keys=["order:42:accept"])

    assert len(answer.cancelled) == 1
    assert await claims.start_sending(db, call, now=time.now) is None


async def test_cancel_can_be_narrowed_to_actions_and_needs_something_to_go_by(db: Database, time: Time) -> None:
    await want(db, accept(), "order:42:accept", time)
    async with db.begin() as tx:
        assert (await outbox.cancel(tx, now=time.now, order_id=42, actions={Action.FRAUD_ORDER})).cancelled == []
        with pytest.raises(ValueError, match="needs"):
            await outbox.cancel(tx, now=time.now)


async def test_cancelling_and_sending_at_once_has_one_winner(db: Database, time: Time) -> None:
    for n in range(12):
        call_id = await want(db, accept(n + 1), f"order:{n + 1}:accept", time)
        (call,) = await claim(db, time)

        async def call_off(order_id: int = n + 1) -> outbox.Cancelled:
            async with db.begin() as tx:
                return await outbox.cancel(tx, now=time.now, order_id=order_id)

        work = [claims.start_sending(db, call, now=time.now), call_off()]
        answers = await asyncio.gather(*(work if n % 2 else work[::-1]))
        started, answer = answers if n % 2 else answers[::-1]

        state = (await read(db, call_id)).state
        assert state is (CallState.CANCELLED if started is None else CallState.SENDING)
        assert bool(answer.under_way) is (started is not None)
        assert bool(answer.cancelled) is (started is None)


async def test_called_off_and_then_unavailable_it_is_cancelled(db: Database, time: Time) -> None:
    panel = FakePanel(time, ("unavailable",))
    panel.hold = asyncio.Event()
    call_id = await want(db, accept(), "order:42:accept", time)
    working = asyncio.create_task(worker(db, time, panel).run_once())

    async def on_the_wire() -> bool:
        return bool(panel.performed)

    await until(on_the_wire)
    async with db.begin() as tx:
        assert (await outbox.cancel(tx, now=time.now, order_id=42)).under_way
    panel.hold.set()
    await working

    assert (await read(db, call_id)).state is CallState.CANCELLED
    assert await told(db) == [(str(call_id), "cancelled")]


async def test_what_was_called_off_under_way_can_be_wanted_again(db: Database, time: Time) -> None:
    panel = FakePanel(time, ("never",))
    call_id = await want(db, accept(), "order:42:accept", time)
    working = worker(db, time, panel)
    await working.drain()
    async with db.begin() as tx:
        await outbox.cancel(tx, now=time.now, order_id=42)
    assert await want(db, accept(), "order:42:accept", time) == call_id

    time.advance(SETTLE)
    await working.drain()

    assert (await read(db, call_id)).state is CallState.DONE
    assert panel.effects(accept()) == 1


# --- people -------------------------------------------------------------------------------------------------------


async def dead_call(db: Database, time: Time) -> uuid.UUID:
    call_id = await want(db, credit(), "credit:1", time)
    await worker(db, time, FakePanel(time, ("refused",))).drain()
    assert (await read(db, call_id)).state is CallState.DEAD
    return call_id


async def test_a_dead_call_can_be_retried_with_all_its_attempts(db: Database, time: Time) -> None:
    call_id = await dead_call(db, time)
    async with db.begin() as tx:
        await outbox.retry(tx, call_id, time.now)
    await worker(db, time, FakePanel(time)).drain()

    assert (await read(db, call_id)).state is CallState.DONE
    assert await told(db) == [(str(call_id), "dead"), (str(call_id), "done")]


async def test_a_dead_call_whose_key_is_wanted_anew_stays_dead(db: Database, time: Time) -> None:
    call_id = await dead_call(db, time)
    await want(db, credit(), "credit:1", time)
    with pytest.raises(outbox.WrongCallState):
        async with db.begin() as tx:
            await outbox.retry(tx, call_id, time.now)


async def test_an_unknown_call_is_looked_up_at_once_on_demand(db: Database, time: Time) -> None:
    panel = FakePanel(time, ("late",), late_by=timedelta(seconds=1))
    call_id = await want(db, credit(), "credit:1", time)
    working = worker(db, time, panel)
    await working.drain()
    time.advance(2)
    await working.drain()
    assert (await read(db, call_id)).state is CallState.UNKNOWN
    async with db.begin() as tx:
        await outbox.retry(tx, call_id, time.now)
    await working.drain()

    assert (await read(db, call_id)).state is CallState.DONE


async def test_abandon_frees_the_wire_and_is_told(db: Database, time: Time) -> None:
    panel = FakePanel(time, ("never",))
    first = await want(db, credit(reference="doorman:credit:1"), "credit:1", time)
    second = await want(db, credit(reference="doorman:credit:2"), "credit:2", time)
    working = worker(db, time, panel)
    await working.drain()
    async with db.begin() as tx:
        with pytest.raises(outbox.WrongCallState) as refused:  # wanting the same again would apply it twice
            await outbox.abandon(tx, first, time.now + SETTLE - timedelta(seconds=1))
    assert refused.value.until == time.now + SETTLE
    time.advance(SETTLE)
    async with db.begin() as tx:
        await outbox.abandon(tx, first, time.now)
    await working.drain()

    gone = await read(db, first)
    assert (gone.state, gone.uncertain) == (CallState.CANCELLED, True)
    assert "abandoned while its outcome was unknown" in (gone.last_error or "")
    assert (await read(db, second)).state is CallState.DONE
    assert (str(first), "cancelled") in await told(db)


async def test_what_is_done_or_not_there_can_neither_be_retried_nor_abandoned(db: Database, time: Time) -> None:
    done = await want(db, credit(), "credit:1", time)
    await worker(db, time, FakePanel(time)).drain()
    async with db.begin() as tx:
        for act in (outbox.retry, outbox.abandon):
            with pytest.raises(outbox.WrongCallState):
                await act(tx, done, time.now)
            with pytest.raises(outbox.CallNotFound):
                await act(tx, uuid.uuid4(), time.now)


async def test_what_waits_is_counted_by_state(db: Database, time: Time) -> None:
    await dead_call(db, time)
    await want(db, note(), "note:1", time)
    await want(db, note(), "note:2", time, due_at=time.now + timedelta(hours=1))
    async with db.read() as connection:
        waits = await outbox.waiting(connection, now=time.now + timedelta(minutes=1))

    assert waits.count == {CallState.DEAD: 1, CallState.PENDING: 1}
    assert waits.oldest == {CallState.DEAD: time.now, CallState.PENDING: time.now}


async def test_money_without_a_customer_is_refused(db: Database, time: Time) -> None:
    async with db.begin() as tx:
        with pytest.raises(ValueError, match="needs an order or customer id"):
            await outbox.enqueue(
                tx,
                AddCredit(customer_id=None, reference="r", description="", amount="1.00"),  # type: ignore[arg-type]
                key="credit:1",
                cause="test:1",
                now=time.now,
            )


async def test_in_shadow_what_was_wanted_before_waits_and_only_unknown_outcomes_are_looked_up(
    db: Database, time: Time
) -> None:
    await want(db, accept(), "order:42:accept", time)
    unknown = await want(db, credit(), "credit:1", time)
    async with db.begin() as tx:
        await tx.execute(sa.update(panel_calls).where(panel_calls.c.id == unknown).values(state=CallState.UNKNOWN))
    assert await claims.claimable(db, limit=8, now=time.now, shadow=True) == 1
    claimed = await claims.claim(db, ME, limit=8, now=time.now, shadow=True)
    assert [call.id for call in claimed] == [unknown]
    assert [call.key for call in await claim(db, time)] == ["order:42:accept"]
