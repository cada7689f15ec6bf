"""Timers, invoices and failed calls hold nothing if the policy does not enforce holding."""

from __future__ import annotations

import pytest

from app.db import Database
from app.upkeep import sweeps
from tests.stories.deaf import compare, open_deaf
from tests.stories.house import POLICY, House, open_house
from tests.stories.test_orders import SUSPECT
from tests.upkeep.test_sweeps import break_events, sweep, undecided
from tests.workflow.test_modes import SHADOW, SUGGEST, codes, gate, place, queue, seen, switch

LEFT = "would be held, but is left to the panel: The order's invoice is cancelled."


async def cancel_invoice(house: House, order_id: int) -> None:
    await house.panel.cancel_invoice(house.panel.state.orders[order_id].invoice_id)
    await house.wait(300)


@pytest.mark.parametrize("notes", ["", SUSPECT])
async def test_a_cancelled_invoice_holds_nothing_where_holding_is_in_shadow(db: Database, notes: str) -> None:
    async with open_house(db, policy=POLICY + SHADOW) as house:
        order_id = await place(house, notes, pay=False)
        await cancel_invoice(house, order_id)
        order = await house.order(order_id)
        assert seen(order) == ("received", "hold_for_review", "shadow", None)
        assert codes(order)[-1] == "hold_shadow"
        assert LEFT in [line["what"] for line in order["timeline"]]
        assert await gate(house, order_id) == (True, "shadow")
        assert await queue(house) == []


@pytest.mark.parametrize("notes", ["", SUSPECT])
async def test_a_cancelled_invoice_is_shown_where_holding_is_suggested(db: Database, notes: str) -> None:
    async with open_house(db, policy=POLICY + SUGGEST) as house:
        order_id = await place(house, notes, pay=False)
        await cancel_invoice(house, order_id)
        order = await house.order(order_id)
        assert seen(order) == ("received", "hold_for_review", "shadow", "hold")
        assert codes(order) == ["invoice_cancelled", "hold_suggest"]
        assert await gate(house, order_id) == (True, "shadow")
        assert await queue(house) == [(order_id, "review", "hold")]
        assert (await house.act(order_id, "hold")).status_code == 200
        assert await gate(house, order_id) == (False, "held_for_review")


async def test_what_was_left_to_the_panel_is_not_held_by_an_invoice_when_holding_is_enforced(db: Database) -> None:
    async with open_house(db, policy=POLICY + SHADOW) as house:
        order_id = await place(house, SUSPECT, pay=False)
        await switch(house, "")
        await cancel_invoice(house, order_id)
        assert seen(await house.order(order_id)) == ("received", "hold_for_review", "shadow", None)
        assert await gate(house, order_id) == (True, "shadow")


async def test_an_accept_of_what_is_not_paid_any_more_is_taken_back_without_a_hold(db: Database) -> None:
    async with open_house(db, policy=POLICY + SHADOW) as house:
        assert (await house.api.post("/v1/ops/pause")).status_code == 200  # the accept waits
        order_id = await place(house)
        assert (await house.order(order_id))["state"] == "releasing"
        invoice_id = house.panel.state.orders[order_id].invoice_id
        await house.panel.refund_invoice(invoice_id)
        await house.wait(60)
        assert seen(await house.order(order_id)) == ("received", "hold_for_review", "shadow", None)
        assert (await house.api.post("/v1/ops/resume")).status_code == 200
        await house.wait(60)
        assert house.effects("AcceptOrder") == 0
        assert await gate(house, order_id) == (True, "shadow")


@pytest.mark.parametrize(("modes", "proposed"), [(SHADOW, None), (SUGGEST, "hold")])
async def test_an_accept_on_its_way_is_taken_back_when_the_policy_would_hold_now(
    db: Database, modes: str, proposed: str | None
) -> None:
    async with open_house(db, policy="points.risk.fraud_check_review = 60\n" + POLICY + modes) as house:
        assert (await house.api.post("/v1/ops/pause")).status_code == 200
        order_id = await place(house)
        await house.panel.run_fraud_check(order_id, score=95.0, status="Review")
        await house.wait(60)
        assert (await house.api.post("/v1/ops/resume")).status_code == 200
        await house.wait(600)
        assert seen(await house.order(order_id)) == ("received", "hold_for_review", "shadow", proposed)
        assert await gate(house, order_id) == (True, "shadow")
        assert await queue(house) == ([(order_id, "review", "hold")] if proposed else [])
        assert house.effects("AcceptOrder") == 0


async def test_what_a_person_let_pass_waits_for_its_payment_again(db: Database) -> None:
    async with open_house(db, policy=POLICY + SHADOW) as house:
        order_id = await place(house, SUSPECT, pay=False)
        assert (await house.act(order_id, "approve")).status_code == 200
        await cancel_invoice(house, order_id)
        order = await house.order(order_id)
        assert (order["state"], order["decision"]["outcome"], order["hold"]) == ("awaiting_payment", "approve", None)
        assert LEFT in [line["what"] for line in order["timeline"]]
        assert await gate(house, order_id) == (True, "approved")


@pytest.mark.parametrize(("modes", "mode_said"), [(SHADOW, "hold_shadow"), (SUGGEST, "hold_suggest")])
async def test_an_order_that_cannot_be_decided_waits_in_the_queue_and_is_not_held(
    db: Database, modes: str, mode_said: str
) -> None:
    async with open_house(db, policy=POLICY + modes) as house:
        order_id = await undecided(house)
        await house.wait(90 + 5 * 60)
        async with house.turn:
            await sweeps.round(house.context)
            await break_events(house, "order.settle")
        await sweep(house)
        order = await house.order(order_id)
        assert (order["state"], order["decision"]["mode"]) == ("received", "shadow")
        assert codes(order) == ["never_decided", mode_said]
        assert await gate(house, order_id) == (True, "shadow")
        assert [row[:2] for row in await queue(house)] == [(order_id, "review")]


async def test_an_accept_that_is_given_up_waits_for_a_person_and_the_panel_goes_on(db: Database) -> None:
    async with open_house(db, policy=POLICY + SHADOW) as house:
        house.panel.faults.add("http_429", action="AcceptOrder", times=1000)
        order_id = await place(house)
        (call,) = (await house.order(order_id))["panel_calls"]
        assert (await house.api.post(f"/v1/panel-calls/{call['id']}/abandon")).status_code == 200
        await house.wait(30)
        order = await house.order(order_id)
        assert (order["state"], codes(order)) == ("received", ["dead_call", "hold_shadow"])
        assert await gate(house, order_id) == (True, "shadow")
        assert [row[:2] for row in await queue(house)] == [(order_id, "review")]


async def test_what_a_person_turned_away_stays_so_when_the_call_is_given_up(db: Database) -> None:
    async with open_house(db, policy=POLICY + SHADOW) as house:
        order_id = await place(house, SUSPECT)
        house.panel.faults.add("http_429", action="CancelOrder", times=1000)
        assert (await house.act(order_id, "reject")).status_code == 200
        await house.settle(seconds=1)
        call = next(c for c in (await house.order(order_id))["panel_calls"] if c["action"] == "cancel_order")
        assert (await house.api.post(f"/v1/panel-calls/{call['id']}/abandon")).status_code == 200
        await house.wait(30)
        assert (await house.order(order_id))["state"] == "held"
        assert await gate(house, order_id) == (False, "held_for_review")


async def test_an_order_that_is_listed_again_is_not_held(db: Database) -> None:
    async with open_deaf(db, policy=POLICY + SHADOW) as house:
        order_id = await place(house, SUSPECT)
        await compare(house)
        row = house.panel.state.orders.pop(order_id)
        await compare(house)
        assert (await house.order(order_id))["state"] == "closed"
        house.panel.state.orders[order_id] = row
        await compare(house)
        order = await house.order(order_id)
        assert (order["state"], codes(order)) == ("received", ["listed_again", "hold_shadow"])
        assert await gate(house, order_id) == (True, "shadow")
