"""The clock jumps a day ahead while orders arrive, and is corrected: nothing waits for that day."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.db import Database
from app.upkeep import sweeps
from tests.stories.house import POLICY, open_house
from tests.stories.test_orders import SUSPECT, WISH
from tests.workflow.test_modes import place


async def test_a_review_of_a_jump_is_due_by_the_corrected_clock(db: Database) -> None:
    async with open_house(db, policy=POLICY) as house:
        before = await place(house, SUSPECT)
        right = (await house.order(before))["hold"]
        house.clock.forward(days=1)
        order_id = await place(house, SUSPECT)
        wrong = (await house.order(order_id))["hold"]
        house.clock.forward(days=-1)
        for _ in range(2):
            await sweeps.round(house.context)
            await house.settle()

        hold = (await house.order(order_id))["hold"]
        lasts = datetime.fromisoformat(wrong["due_at"]) - datetime.fromisoformat(wrong["since"])
        assert datetime.fromisoformat(hold["since"]) <= house.clock.now
        assert datetime.fromisoformat(hold["due_at"]) - datetime.fromisoformat(hold["since"]) == lasts
        assert (await house.order(before))["hold"] == right


async def test_an_order_of_a_jump_is_decided_acted_on_and_the_customer_keeps_the_time_told(db: Database) -> None:
    async with open_house(db, policy=POLICY) as house:
        house.clock.forward(days=1)
        order_id = await place(house, WISH)
        told = (await house.order(order_id))["hold"]["expires_at"]
        house.clock.forward(days=-1)
        await sweeps.round(house.context)
        await house.settle()
        order = await house.order(order_id)
        assert order["hold"]["expires_at"] == told
        await house.panel.pay_invoice(order["fee"]["invoice_id"])
        await house.wait(timedelta(minutes=15).total_seconds())
        assert (await house.order(order_id))["state"] == "released"
