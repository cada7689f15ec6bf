"""A burst of paid orders while workers are killed, and a panel that takes its time: real processes, both databases.

`make chaos` plays them in full: 200 orders, and two seconds for each answer of the panel.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.tables.inbox import events
from app.tables.outbox import panel_calls
from tests.asked import EVERYTHING
from tests.chaos.invariants import wrong
from tests.chaos.site import Site, kill, open_site, until
from tests.chaos.turnpike import WireCall

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.both_databases("two workers on one, a worker that starts again on the other"),
    pytest.mark.slow("processes are killed while they work"),
]
ORDERS = 200 if EVERYTHING else 40
ANSWER_SECONDS = 2.0 if EVERYTHING else 0.4
GATE_SECONDS = 1.5


@pytest.fixture
async def site(migrated_url: str, tmp_path: Path) -> AsyncIterator[Site]:
    async with open_site(tmp_path, migrated_url) as opened:
        yield opened


async def burst(site: Site, orders: int) -> list[int]:
    """Place paid orders of many customers, and return their ids."""
    placed = []
    for number in range(orders):  # no new accounts: those that are alike would wait for a person
        client = site.panel.add_client("Ada", f"Byron{number}", currency="USD", created_at="2020-01-05T12:00:00+00:00")
        placed.append((await site.panel.place_order(client.id, site.products[:1], pay=True)).id)
    return placed


async def at_rest(site: Site) -> bool:
    """True if no received event is due, and no call is in progress."""
    due = sa.and_(events.c.state == "received", events.c.due_at <= datetime.now(UTC))
    live = panel_calls.c.state.in_(["pending", "sending", "unknown"])
    return not await site.rows(sa.select(events.c.id).where(due)) and not await site.rows(
        sa.select(panel_calls.c.id).where(live)
    )


async def all_well(site: Site) -> bool:
    return await at_rest(site) and not wrong(await site.snapshot())


async def test_each_order_of_a_burst_is_accepted_once_though_a_worker_is_killed_in_its_middle(
    site: Site, database_kind: str
) -> None:
    replicas = 2 if database_kind == "postgres" else 1
    callers: Counter[str] = Counter()

    async def count(call: WireCall) -> None:
        callers[call.caller] += call.action == "AcceptOrder"

    site.road.before = count
    for _ in range(replicas):
        await site.at_work(site.hire())
    placed = await burst(site, ORDERS)

    async def some_accepted() -> bool:
        return site.panel.effects["AcceptOrder"] >= ORDERS // 3

    async def all_accepted() -> bool:
        return site.panel.effects["AcceptOrder"] >= ORDERS

    await until(some_accepted, "some are accepted")
    assert not await all_accepted()
    kill(site.workers[0])
    site.hire()
    await until(all_accepted, "all are accepted", within=120)
    await until(lambda: all_well(site), "everything is well", within=120)
    orders = [site.panel.state.orders[order_id] for order_id in placed]
    assert {order.status for order in orders} == {"Active"}
    assert site.panel.effects["AcceptOrder"] == ORDERS
    assert {service.creates for service in site.panel.state.services.values()} == {1}
    assert set(callers) == {f"worker-{number}" for number in range(replicas + 1)}


async def test_a_slow_panel_costs_time_and_no_more(site: Site) -> None:
    """The gate answers in time, and many orders take hardly longer than one."""

    async def take_time(_call: WireCall) -> None:
        await asyncio.sleep(ANSWER_SECONDS)

    await site.at_work(site.hire())
    site.road.before = take_time
    began = time.monotonic()
    placed = await burst(site, 12)
    answers = []
    for order_id in placed[-3:]:
        asked = time.monotonic()
        answer = await site.read(f"/v1/orders/{order_id}/gate")
        answers.append((answer["provision"], time.monotonic() - asked))
    assert max(seconds for _, seconds in answers) < GATE_SECONDS + 0.5  # for a busy machine

    async def all_accepted() -> bool:
        return site.panel.effects["AcceptOrder"] >= len(placed)

    await until(all_accepted, "all are accepted", within=120)
    one_by_one = len(placed) * 9 * ANSWER_SECONDS
    assert time.monotonic() - began < max(one_by_one / 2, 10)
    site.road.before = site.road.after
    await until(lambda: all_well(site), "everything is well", within=120)
