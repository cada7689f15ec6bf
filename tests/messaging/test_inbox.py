"""Events: stored once, claimed by one worker, settled only by their owner."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app.db import Database
from app.messaging import backlog, inbox
from app.messaging.choosing import Places
from app.tables.inbox import EventSource, EventState, events
from tests.messaging.outbox_support import Time

ME, OTHER = uuid.uuid4(), uuid.uuid4()


@pytest.fixture
def time() -> Time:
    return Time()


async def add(
    db: Database, time: Time, kind: str = "order.created", data: dict[str, Any] | None = None, **options: Any
):
    async with db.begin() as tx:
        return await inbox.add_internal(tx, type=kind, data=data or {}, now=time.now, **options)


async def claim(db: Database, time: Time, *, owner: uuid.UUID = ME, limit: int = 16, busy: Any = ()):
    return await inbox.claim(db, owner, Places(ordinary=limit, busy=busy), now=time.now)


async def row(db: Database, event_id: int) -> Any:
    async with db.read() as connection:
        return (await connection.execute(sa.select(events).where(events.c.id == event_id))).one()


async def test_an_event_of_ours_comes_back_as_it_was_set(db: Database, time: Time) -> None:
    await add(db, time, "timer.hold_due", {"order_id": 42, "customer_id": 7, "text": "😀"})
    (event,) = await claim(db, time)

    assert (event.type, event.source, event.attempts) == ("timer.hold_due", EventSource.INTERNAL, 1)
    assert event.data == {"order_id": 42, "customer_id": 7, "text": "😀"}
    assert (event.order_id, event.customer_id, event.key) == (42, 7, ("order", 42))
    assert event.occurred_at == time.now


@pytest.mark.parametrize("bad", [0, -1, 2**63, "42", True, None, 4.2])
async def test_odd_ids_are_no_ids(db: Database, time: Time, bad: object) -> None:
    await add(db, time, data={"order_id": bad})
    assert (await claim(db, time))[0].order_id is None


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b'{"data": 5}', b"[" * 100_000, b'{"type": "x"}', b"\x00"])
async def test_a_body_that_can_not_be_read_is_an_event_without_data(db: Database, time: Time, body: bytes) -> None:
    await add(db, time)
    async with db.begin() as tx:
        await tx.execute(sa.update(events).values(body=body))
    assert (await claim(db, time))[0].data == {}


async def test_a_name_is_used_once_and_never_meets_a_webhook_id(db: Database, time: Time) -> None:
    assert await add(db, time, name="hold:42:due")
    assert not await add(db, time, name="hold:42:due", due_at=time.now + timedelta(days=1))
    assert await add(db, time)
    assert await add(db, time)
    (first, *_rest) = await claim(db, time)
    assert not first.webhook_id.isascii()


async def test_urgent_first_then_the_longest_due(db: Database, time: Time) -> None:
    await add(db, time, "a", due_at=time.now)
    await add(db, time, "b", due_at=time.now - timedelta(seconds=5))
    await add(db, time, "c", due_at=time.now - timedelta(seconds=1), urgent=True)
    await add(db, time, "d", due_at=time.now + timedelta(seconds=1))

    assert [event.type for event in await claim(db, time)] == ["c", "b", "a"]


async def test_one_of_each_order_at_a_time_and_a_pile_of_one_blocks_nobody(db: Database, time: Time) -> None:
    async with db.begin() as tx:
        for _ in range(100):
            await inbox.add_internal(tx, type="x", data={"order_id": 1}, now=time.now)
        await inbox.add_internal(tx, type="x", data={"order_id": 2}, now=time.now)
        await inbox.add_internal(tx, type="x", data={"customer_id": 1}, now=time.now)

    (first,) = await claim(db, time, limit=4)
    assert first.key == ("order", 1)
    keys = [event.key for event in await claim(db, time, limit=4, busy={first.key})]
    assert keys == [("order", 2), ("customer", 1)]


async def order(db: Database, time: Time, *orders: tuple[int, int], urgent: bool = False) -> None:
    """Add an event for each order, by order and customer."""
    async with db.begin() as tx:
        for order_id, customer_id in orders:
            data = {"order_id": order_id, "customer_id": customer_id}
            await inbox.add_internal(tx, type="order.created", data=data, now=time.now, urgent=urgent)


async def orders_of(db: Database, time: Time, places: Places) -> list[int | None]:
    return [event.order_id for event in await inbox.claim(db, ME, places, now=time.now)]


async def test_many_orders_of_one_customer_let_all_others_pass(db: Database, time: Time) -> None:
    await order(db, time, *((n, 7) for n in range(1, 101)))
    assert await orders_of(db, time, Places(ordinary=16)) == [*range(1, 17)]  # nobody else is there
    await order(db, time, (201, 8), (202, 9))
    await add(db, time, data={"order_id": 203})
    beside = Places(ordinary=2, served={7}, busy={("order", n) for n in range(1, 17)})
    assert await orders_of(db, time, beside) == [201, 202]
    beside = Places(ordinary=3, served={7, 8, 9}, busy={("order", n) for n in (*range(1, 17), 201, 202)})
    assert await orders_of(db, time, beside) == [203, 17, 18]


async def test_an_urgent_event_has_a_place_where_all_others_are_taken(db: Database, time: Time) -> None:
    await order(db, time, (1, 1), (2, 2))
    await order(db, time, (3, 7), (4, 7), (5, 7), urgent=True)
    assert await orders_of(db, time, Places(ordinary=0, urgent=0)) == []
    assert await orders_of(db, time, Places(ordinary=0, urgent=1, served={7})) == [3]
    assert await orders_of(db, time, Places(ordinary=1, urgent=1)) == [4, 5]
    assert await orders_of(db, time, Places(ordinary=0, urgent=2)) == []
    assert await orders_of(db, time, Places(ordinary=1, urgent=2)) == [1]


async def test_two_who_claim_at_once_get_different_events(db: Database, time: Time) -> None:
    async with db.begin() as tx:
        for n in range(40):
            await inbox.add_internal(tx, type="x", data={"order_id": n + 1}, now=time.now)
    got = await asyncio.gather(*(claim(db, time, owner=uuid.uuid4(), limit=5) for _ in range(6)))
    ids = [event.id for batch in got for event in batch]
    assert len(ids) == len(set(ids))
    while more := await claim(db, time):
        ids += [event.id for event in more]
    assert len(ids) == len(set(ids)) == 40


async def test_finish_settles_within_the_unit_of_work(db: Database, time: Time) -> None:
    await add(db, time)
    (event,) = await claim(db, time)
    async with db.begin() as tx:
        await inbox.finish(tx, event, state=EventState.IGNORED, result="not-ours", now=time.now)

    settled = await row(db, event.id)
    assert (settled.state, settled.result, settled.owner, settled.finished_at) == (
        "ignored",
        "not-ours",
        None,
        time.now,
    )
    assert await claim(db, time) == []


async def test_who_lost_the_claim_can_not_finish_even_under_the_same_owner(db: Database, time: Time) -> None:
    await add(db, time)
    (event,) = await claim(db, time)
    async with db.begin() as tx:
        await backlog.release(tx, events.c.owner == ME, died=False, now=time.now)
    (again,) = await claim(db, time)
    assert again.attempts == event.attempts

    async def handle() -> None:
        async with db.begin() as tx:
            await inbox.add_internal(tx, type="effect", data={}, now=time.now)
            await inbox.finish(tx, event, state=EventState.PROCESSED, result=None, now=time.now)

    with pytest.raises(inbox.ClaimLost):
        await handle()
    assert not await inbox.fail(db, event, result="x", error=None, now=time.now)
    assert not await inbox.postpone(db, event, due_at=time.now, error=None, now=time.now)

    async with db.begin() as tx:
        await inbox.finish(tx, again, state=EventState.PROCESSED, result=None, now=time.now)
    assert await claim(db, time) == []  # the effect was rolled back with the unit of work


async def test_postponed_it_comes_back_and_counts_only_if_it_should(db: Database, time: Time) -> None:
    await add(db, time)
    (event,) = await claim(db, time)
    later = time.now + timedelta(seconds=5)
    assert await inbox.postpone(db, event, due_at=later, error="x\x00\ud800", now=time.now, counted=False)
    assert (await row(db, event.id)).last_error == "x?"
    assert await claim(db, time) == []
    time.advance(5)
    (event,) = await claim(db, time)
    assert event.attempts == 1
    assert await inbox.postpone(db, event, due_at=time.now, error="y", now=time.now)
    assert (await claim(db, time))[0].attempts == 2


async def test_failed_events_are_replayed_from_the_start(db: Database, time: Time) -> None:
    await add(db, time)
    (event,) = await claim(db, time)
    await inbox.fail(db, event, result="order-not-found", error="five tries", now=time.now)
    assert await claim(db, time) == []
    async with db.begin() as tx:
        assert await inbox.replay(tx, event.id, time.now)
        assert not await inbox.replay(tx, event.id, time.now)
        assert not await inbox.replay(tx, 999, time.now)
    assert (await claim(db, time))[0].attempts == 1


async def test_the_oldest_that_is_due_is_known(db: Database, time: Time) -> None:
    async with db.read() as connection:
        assert await backlog.oldest_waiting(connection, now=time.now) is None
    await add(db, time, due_at=time.now + timedelta(hours=1))
    await add(db, time)
    async with db.read() as connection:
        assert await backlog.oldest_waiting(connection, now=time.now + timedelta(minutes=1)) == time.now


async def test_what_kills_its_worker_fails_and_the_others_come_through(db: Database, time: Time) -> None:
    async with db.begin() as tx:
        for n in range(6):
            await inbox.add_internal(tx, type="deadly" if n == 3 else "fine", data={"order_id": n + 1}, now=time.now)
    died = handled = 0
    for _ in range(600):
        mine = uuid.uuid4()
        batch = await claim(db, time, owner=mine)
        if any(event.type == "deadly" for event in batch):
            died += 1
            async with db.begin() as tx:
                await backlog.release(tx, events.c.owner == mine, died=True, now=time.now)
        else:
            for event in batch:
                async with db.begin() as tx:
                    await inbox.finish(tx, event, state=EventState.PROCESSED, result=None, now=time.now)
                handled += 1
        time.advance(0.1)

    async with db.read() as connection:
        failed = (await connection.execute(sa.select(events).where(events.c.state == "failed"))).all()
    assert [(one.type, one.result) for one in failed] == [("deadly", "kills-its-worker")]
    assert (handled, died) == (5, 5)
