"""Calls that take effect when nobody waits for them any more: the residual risk, found by comparing."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa

from app.db import Database
from app.panels.base import PanelUnavailable
from app.tables.alerts import alerts
from app.tables.orders import orders
from app.upkeep.reconcile import comparing
from tests.stories.deaf import abandon, compare, credit, open_deaf, placed
from tests.stories.house import House
from tests.stories.test_orders import shop

pytestmark = pytest.mark.both_databases("a comparison and the worker write the same rows")


@pytest.fixture
async def deaf(db: Database) -> AsyncIterator[House]:
    async with open_deaf(db) as house:
        yield house


async def rung(house: House) -> list[str]:
    async with house.db.read() as connection:
        query = sa.select(alerts.c.text).where(alerts.c.name.like("late:%"))
        return list((await connection.execute(query)).scalars())


async def test_a_credit_that_came_after_the_settle_time_is_found_as_applied_twice(deaf: House) -> None:
    client = (await placed(deaf)).client_id
    await credit(deaf, client, "kept")
    while deaf.effects("AddCredit") == 0:  # the clock is moved past the settle time before the late call takes effect
        await deaf.work()
        deaf.clock.forward(seconds=30)
    await deaf.panel.apply_kept()
    await deaf.settle(seconds=1)
    assert deaf.effects("AddCredit") == 2
    await comparing.round(deaf.context)
    assert await rung(deaf) == []  # too early to tell
    deaf.clock.forward(minutes=10)
    await comparing.round(deaf.context)
    await comparing.round(deaf.context)
    (text,) = await rung(deaf)
    assert "2 times" in text
    assert str(client) in text


async def test_a_credit_that_was_abandoned_and_came_after_all_is_found(deaf: House) -> None:
    client = (await placed(deaf)).client_id
    call = await credit(deaf, client, "kept")
    await deaf.work()
    await abandon(deaf, call)
    await deaf.panel.apply_kept()
    assert deaf.effects("AddCredit") == 1
    deaf.clock.forward(minutes=10)
    await comparing.round(deaf.context)
    (text,) = await rung(deaf)
    assert "applied after all" in text


async def test_a_call_that_was_given_up_and_never_came_is_no_finding(deaf: House) -> None:
    client = (await placed(deaf)).client_id
    call = await credit(deaf, client, "reset_before")
    await deaf.work()
    await abandon(deaf, call)
    deaf.clock.forward(minutes=10)
    await comparing.round(deaf.context)
    assert await rung(deaf) == []
    assert deaf.effects("AddCredit") == 0


async def test_an_accept_that_was_called_off_and_came_after_all_is_found(deaf: House) -> None:
    client, product = shop(deaf, autosetup="accept")
    deaf.panel.faults.add("kept", action="AcceptOrder")
    order = await deaf.panel.place_order(client, [product], pay=True)
    await comparing.round(deaf.context)
    while (await state_of(deaf, order.id)) != "releasing":
        await deaf.work()
    await deaf.work()
    (call,) = [one for one in (await deaf.order(order.id))["panel_calls"] if one["action"] == "accept_order"]
    await abandon(deaf, call["id"])
    await deaf.work()
    assert await state_of(deaf, order.id) == "held"
    await deaf.panel.apply_kept()
    deaf.clock.forward(minutes=10)
    await compare(deaf)
    seen = await deaf.order(order.id)
    (text,) = await rung(deaf)
    assert "accept order was given up" in text
    assert text in "\n".join(entry["what"] for entry in seen["timeline"])
    assert (seen["state"], seen["hold"]["kind"]) == ("held", "review")
    assert "hold_breached" in seen["flags"]


async def state_of(house: House, order_id: int) -> str | None:
    async with house.db.read() as connection:
        found: str | None = await connection.scalar(sa.select(orders.c.state).where(orders.c.order_id == order_id))
    return found


async def test_a_call_that_can_not_be_looked_at_holds_up_no_other(deaf: House) -> None:
    for _ in range(2):
        client = (await placed(deaf)).client_id
        call = await credit(deaf, client, "kept")
        await deaf.work()
        await abandon(deaf, call)
        await deaf.panel.apply_kept()
    deaf.clock.forward(minutes=10)
    deaf.panel.faults.add("http_403_permission", action="GetCredits", times=1)
    await comparing.round(deaf.context)
    (text,) = await rung(deaf)
    assert str(client) in text


async def test_a_panel_that_goes_away_keeps_the_calls_for_the_next_round(deaf: House) -> None:
    client = (await placed(deaf)).client_id
    call = await credit(deaf, client, "kept")
    await deaf.work()
    await abandon(deaf, call)
    await deaf.panel.apply_kept()
    deaf.clock.forward(minutes=10)
    deaf.panel.faults.add("http_403_permission", action="GetCredits", times=1)
    with pytest.raises(PanelUnavailable):
        await comparing.round(deaf.context)
    assert await rung(deaf) == []
    await comparing.round(deaf.context)
    assert len(await rung(deaf)) == 1
