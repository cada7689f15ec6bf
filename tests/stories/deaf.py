"""A house that receives no webhooks: it learns about the panel only from comparing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from app.db import Database
from app.sandbox import Behaviours
from app.tables.inbox import events
from app.upkeep.reconcile import comparing
from tests.stories.house import POLICY, House, open_house
from tests.stories.test_orders import WISH, shop

DEAF = Behaviours(hook_repeats=0, gate_installed=False)


@asynccontextmanager
async def open_deaf(db: Database, *, policy: str = POLICY) -> AsyncIterator[House]:
    """Open it and finish the first round of comparing."""
    async with open_house(db, policy=policy, behaviours=replace(DEAF)) as house:
        await comparing.round(house.context)
        house.clock.forward(seconds=1)
        yield house


async def compare(house: House, *, wait: float = 60) -> None:
    """Run a round, and do what follows from it."""
    await comparing.round(house.context)
    await house.wait(wait)


async def placed(house: House, **how: Any) -> Any:
    """Place an order that a round finds and the worker judges."""
    client, product = shop(house, autosetup=how.pop("autosetup", "payment"))
    order = await house.panel.place_order(client, [product], **how)
    await compare(house, wait=120)
    return order


async def held(house: House, **how: Any) -> int:
    """Place an order that is held for a fee."""
    order = await placed(house, notes=WISH, autosetup="accept", **how)
    assert (await house.order(order.id))["state"] == "held"
    return int(order.id)


async def fed(house: House, *, kind: str = "%") -> int:
    """Return how many events comparing has created."""
    async with house.db.read() as connection:
        ours = sa.and_(events.c.source == "reconcile", events.c.type.like(kind))
        query = sa.select(sa.func.count()).select_from(events).where(ours)
        return int(await connection.scalar(query) or 0)


async def abandon(house: House, call: str) -> None:
    """Abandon a call of unknown outcome when its settle time is over, before the worker looks again."""
    house.clock.forward(seconds=house.context.settings.panel_settle_seconds)
    answer = await house.api.post(f"/v1/panel-calls/{call}/abandon")
    assert answer.status_code == 200, answer.text


async def credit(house: House, client: int, fault: str, seconds: float = 0) -> str:
    """Grant a credit whose first attempt hits a fault; return the panel call's id."""
    house.panel.faults.add(fault, action="AddCredit", times=1, seconds=seconds)  # type: ignore[arg-type]
    answer = await house.api.post(f"/v1/customers/{client}/credits", json={"amount": "5.00", "reason": "sorry"})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["panel_call_id"])
