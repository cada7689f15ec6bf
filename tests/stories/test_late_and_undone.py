"""Regressions found in an independent review: each of these stories once failed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from app.db import Database
from app.sandbox import Behaviours
from app.tables.alerts import alerts
from app.upkeep import sweeps
from tests.stories.house import POLICY, House, open_house
from tests.stories.test_orders import SUSPECT, WISH, shop


async def held(house: House, *, pay: bool = False) -> tuple[int, int, dict[str, Any]]:
    """Place an order held for a fee; return its id, its own invoice, and the fee."""
    client, product = shop(house)
    placed = await house.panel.place_order(client, [product], notes=WISH, pay=pay)
    await house.wait(100)
    order = await house.order(placed.id)
    assert order["hold"]["kind"] == "fee"
    return int(placed.id), int(placed.invoice_id), order["fee"]


async def queue_of(house: House) -> list[tuple[int, str]]:
    return [(row["order_id"], row["why"]) for row in (await house.api.get("/v1/queue")).json()["items"]]


async def test_part_paid_fee_of_a_cancelled_order_is_due_back_whole_and_once(house: House) -> None:
    order_id, _, fee = await held(house)
    await house.panel.pay_invoice(fee["invoice_id"], Decimal(50))
    await house.settle(seconds=5)
    await house.act(order_id, "cancel", reason="customer_withdrew")
    await house.settle(seconds=30)
    assert (await house.order(order_id))["refund_due"] == "50.00"
    await house.panel.pay_invoice(fee["invoice_id"], Decimal(150))
    await house.settle(seconds=30)
    assert (await house.order(order_id))["refund_due"] == "200.00"
    assert house.effects("AddCredit") == 0


async def test_a_waived_fee_that_was_paid_meanwhile_is_credited_with_its_tax(db: Database) -> None:
    async with open_house(db, policy=POLICY, behaviours=Behaviours(tax_rates={"GB": Decimal(19)})) as house:
        client, product = shop(house)
        house.panel.state.clients[client].country = "GB"
        placed = await house.panel.place_order(client, [product], notes=WISH)
        await house.wait(100)
        fee = (await house.order(placed.id))["fee"]
        total = Decimal(fee["total"] or 0) or Decimal(200)
        await house.panel.pay_invoice(fee["invoice_id"])
        await house.act(placed.id, "waive-fee")
        await house.settle(seconds=60)
        credited = sum((c.amount for c in house.panel.state.credits_of[client]), Decimal(0))
        paid = sum((t.amount_in for t in house.panel.state.invoices[fee["invoice_id"]].transactions), Decimal(0))
        assert paid >= total
        assert credited in {paid, Decimal(0)}
        if credited == 0:  # the payment was seen before the waiver: the work is agreed and paid
            assert (await house.order(placed.id))["fee"]["state"] == "paid"


async def test_after_fraud_a_paid_fee_is_refunded_by_a_person_and_never_credited(house: House) -> None:
    order_id, _, fee = await held(house)
    await house.panel.pay_invoice(fee["invoice_id"])
    await house.settle(seconds=5)
    await house.act(order_id, "reject", fraud=True)
    await house.settle(seconds=30)
    assert (await house.order(order_id))["refund_due"] == "200.00"
    await house.act(order_id, "refund-done")
    await house.panel.staff_delete(order_id)
    await house.wait(60)
    order = await house.order(order_id)
    assert (order["state"], order["refund_due"]) == ("closed", None)
    assert house.effects("AddCredit") == 0
    assert await queue_of(house) == []


async def test_a_refund_is_not_due_any_more_once_the_order_is_delivered(house: House) -> None:
    client, product = shop(house, autosetup="accept")
    placed = await house.panel.place_order(client, [product], notes=SUSPECT, pay=True)
    await house.settle(seconds=5)
    await house.act(placed.id, "reject", fraud=True)
    await house.settle(seconds=30)
    assert (await house.order(placed.id))["refund_due"] == "10.00"
    await house.panel.staff_set_pending(placed.id, admin_id=4)
    await house.wait(30)
    await house.act(placed.id, "approve")
    await house.wait(30)
    order = await house.order(placed.id)
    assert (order["state"], order["refund_due"]) == ("released", None)
    assert await queue_of(house) == []


async def test_an_order_heard_of_late_is_decided(db: Database) -> None:
    async with open_house(db, policy=POLICY, behaviours=Behaviours(post_promptly=False)) as house:
        client, product = shop(house, autosetup="accept")
        placed = await house.panel.place_order(client, [product])
        house.clock.forward(minutes=4)
        await house.panel.run_cron()
        await house.settle(seconds=5)
        assert (await house.order(placed.id))["state"] == "awaiting_payment"


async def test_an_undone_reject_is_not_undone_again_while_the_panel_is_slow(house: House) -> None:
    client, product = shop(house, autosetup="accept")
    placed = await house.panel.place_order(client, [product], notes=SUSPECT, pay=True)
    await house.settle(seconds=5)
    await house.act(placed.id, "reject", fraud=True)
    await house.wait(3600)
    house.panel.faults.add("http_429", action="PendingOrder", times=4)
    await house.act(placed.id, "approve")
    await house.wait(3600)
    order = await house.order(placed.id)
    assert (order["state"], order["decision"]["by"]) == ("released", "admin")


async def test_another_fee_is_asked_for_though_the_first_was_never_sent(house: House) -> None:
    client, product = shop(house)
    house.panel.faults.add("http_429", action="CreateInvoice", times=2)
    placed = await house.panel.place_order(client, [product], notes=WISH)
    await house.wait(91)
    await house.act(placed.id, "charge-fee", amount="80.00")
    await house.wait(120)
    order = await house.order(placed.id)
    assert (order["fee"]["amount"], order["fee"]["state"]) == ("80.00", "unpaid")
    assert house.effects("CreateInvoice") == 1


async def test_a_given_up_cancellation_leaves_the_order_with_a_person(house: House) -> None:
    client, product = shop(house, autosetup="accept")
    placed = await house.panel.place_order(client, [product], notes=SUSPECT, pay=True)
    await house.settle(seconds=5)
    house.panel.faults.add("http_429", action="CancelOrder", times=1000)
    await house.act(placed.id, "reject")
    await house.settle(seconds=1)
    call = next(c for c in (await house.order(placed.id))["panel_calls"] if c["action"] == "cancel_order")
    assert (await house.api.post(f"/v1/panel-calls/{call['id']}/abandon")).status_code == 200
    await house.settle(seconds=5)
    order = await house.order(placed.id)
    assert (order["state"], order["hold"]["kind"]) == ("held", "review")
    assert "reject" in order["actions"]


async def test_a_breached_order_can_be_rejected_as_fraud(db: Database) -> None:
    async with open_house(db, policy=POLICY, behaviours=Behaviours(gate_installed=False)) as house:
        order_id, _, _ = await held(house)
        await house.panel.cron_accept(order_id)
        await house.wait(30)
        await house.act(order_id, "reject", fraud=True)
        await house.wait(60)
        order = await house.order(order_id)
        assert (order["state"], order["panel_status"]) == ("rejected", "Fraud")


async def test_the_second_product_of_an_order_is_built_too(house: House) -> None:
    client, first = shop(house)
    second = house.panel.add_product("Extra", autosetup="accept", pricing={"USD": {"monthly": "20.00"}}).id
    placed = await house.panel.place_order(client, [first, second])
    await house.wait(100)
    await house.panel.pay_invoice(placed.invoice_id)
    await house.wait(60)
    built = [s.creates for s in house.panel.state.services.values() if s.order_id == placed.id]
    assert built == [1, 1]
    assert (await house.order(placed.id))["provisioning"] == "done"


async def test_an_answered_hold_expires_too(house: House) -> None:
    order_id, _, fee = await held(house)
    ticket = next(iter(house.panel.state.tickets.values()))
    await house.panel.reply_ticket(ticket.id, "Let me think about it.")
    await house.wait(8 * 86_400)
    order = await house.order(order_id)
    assert order["fee"]["state"] == "cancelled"
    assert house.panel.state.invoices[fee["invoice_id"]].status == "Cancelled"


async def test_money_on_a_waived_part_paid_fee_is_due_back(house: House) -> None:
    order_id, _, fee = await held(house, pay=True)
    await house.panel.pay_invoice(fee["invoice_id"], Decimal(50))
    await house.settle(seconds=5)
    await house.act(order_id, "waive-fee")
    await house.wait(120)
    order = await house.order(order_id)
    assert (order["state"], order["refund_due"]) == ("released", "50.00")


async def test_an_accept_in_a_customers_request_is_no_decision_of_a_person(db: Database) -> None:
    async with open_house(db, policy=POLICY, behaviours=Behaviours(gate_installed=False)) as house:
        order_id, _, _ = await held(house)
        house.panel.state.orders[order_id].status = "Active"  # an auto-accept hook, in the customer's own request
        async with house.db.begin() as tx:
            from app.messaging import inbox

            data = {"order_id": order_id, "to": "accepted", "actor": {"kind": "customer"}}
            await inbox.add_internal(tx, type="order.status_changed", data=data, now=house.clock())
        await house.wait(30)
        order = await house.order(order_id)
        assert (order["state"], order["flags"]) == ("held", ["accepted_by_automation"])


async def test_a_breach_of_a_hold_by_staff_is_seen(db: Database) -> None:
    async with open_house(db, policy=POLICY, behaviours=Behaviours(gate_installed=False)) as house:
        client, product = shop(house)
        placed = await house.panel.place_order(client, [product])
        await house.settle(seconds=5)
        await house.act(placed.id, "hold")
        await house.panel.pay_invoice(placed.invoice_id)
        await house.wait(60)
        assert "hold_breached" in (await house.order(placed.id))["flags"]


async def test_automation_accepting_an_undecided_order_opens_the_gate(house: House) -> None:
    client, product = shop(house, autosetup="accept")
    placed = await house.panel.place_order(client, [product])
    await house.settle(seconds=5)
    house.panel.state.orders[placed.id].status = "Active"
    async with house.db.begin() as tx:
        from app.messaging import inbox

        data = {"order_id": placed.id, "to": "accepted", "actor": {"kind": "cron"}}
        await inbox.add_internal(tx, type="order.status_changed", data=data, now=house.clock())
    await house.wait(30)
    gate = (await house.api.get(f"/v1/orders/{placed.id}/gate")).json()
    assert gate == {"provision": True, "reason": "approved"}


async def test_an_accept_on_the_wire_is_not_sent_again_for_an_order_that_was_refunded(house: House) -> None:
    client, product = shop(house, autosetup="accept")
    house.panel.faults.add("reset_before", action="AcceptOrder", times=1)
    placed = await house.panel.place_order(client, [product], pay=True)
    await house.settle(seconds=2)
    await house.panel.refund_invoice(placed.invoice_id)
    await house.wait(600)
    order = await house.order(placed.id)
    assert order["state"] == "held"
    assert house.panel.state.orders[placed.id].status == "Pending"
    assert house.effects("AcceptOrder") == 0


async def test_a_fee_given_back_twice_is_told_once(house: House) -> None:
    order_id, _, fee = await held(house)
    await house.panel.pay_invoice(fee["invoice_id"])
    await house.settle(seconds=5)
    await house.act(order_id, "reject", fraud=False)
    await house.settle(seconds=30)
    assert (await house.order(order_id))["fee"]["state"] == "refunded"
    assert house.effects("AddCredit") == 1
    await house.panel.refund_invoice(fee["invoice_id"])
    await house.settle(seconds=60)
    told = [entry["what"] for entry in (await house.order(order_id))["timeline"] if "returned twice" in entry["what"]]
    assert len(told) == 1


async def test_events_barred_by_a_missing_permission_wait_for_people_and_go_on_when_it_is_mended(db: Database) -> None:
    behaviours = Behaviours(role_lacks={"getorders"})
    async with open_house(db, policy=POLICY, behaviours=behaviours) as house:
        client, product = shop(house)
        placed = await house.panel.place_order(client, [product], pay=True)
        for _ in range(40):
            house.clock.forward(hours=3)  # longer than all retry delays together
            await house.settle()
            await sweeps.round(house.context)
        waiting = (await house.api.get("/v1/events?state=received")).json()["items"]
        assert "order.created" in {event["type"] for event in waiting}
        ready = (await house.api.get("/readyz")).json()
        assert ready["oldest_waiting_seconds"]["event_put_off"] > 3600
        async with house.db.read() as connection:
            told = (await connection.execute(sa.select(alerts.c.text).where(alerts.c.kind == "event_failed"))).scalars()
            assert any("wait for another attempt" in text for text in told)
        house.panel.behaviours.role_lacks.clear()
        await house.wait(300)
        assert (await house.order(placed.id))["state"] == "released"
        assert house.effects("AcceptOrder") == 1


async def test_an_event_that_waits_for_its_next_attempt_is_handled_now_on_demand(db: Database) -> None:
    async with open_house(db, policy=POLICY, behaviours=Behaviours(role_lacks={"getorders"})) as house:
        client, product = shop(house)
        placed = await house.panel.place_order(client, [product], pay=True)
        await house.settle()
        house.panel.behaviours.role_lacks.clear()
        for event in (await house.api.get("/v1/events?state=received")).json()["items"]:
            assert (await house.api.post(f"/v1/events/{event['id']}/replay")).status_code == 200
        await house.settle()
        assert (await house.order(placed.id))["panel_status"] in {"Pending", "Active"}
