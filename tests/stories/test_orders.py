"""Whole stories of orders: placed, judged, accepted, held, paid, released, rejected."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from app.core.judgement import stored
from app.core.judgement.decide import decide
from app.policies import versions
from app.tables.orders import decisions as decisions_table
from tests.stories.house import House

pytestmark = pytest.mark.both_databases("the main stories, with everything that they store")

SUSPECT = "It is for carding."
WISH = "Please install Ubuntu 8.04 on it and migrate my old site."


def shop(house: House, *, autosetup: str = "payment") -> tuple[int, int]:
    """Add a customer of some years and a product with a margin of 4.50 on 10.00 a month."""
    product = house.panel.add_product("Starter", autosetup=autosetup, pricing={"USD": {"monthly": "10.00"}})  # type: ignore[arg-type]
    client = house.panel.add_client(
        "Rita", "Regular", email="rita@example.com", created_at="2019-05-01", currency="USD"
    )
    return client.id, product.id


def services_of(house: House, order_id: int) -> list[object]:
    return [service for service in house.panel.state.services.values() if service.order_id == order_id]


async def test_paid_order_of_a_regular_is_accepted_once(house: House) -> None:
    client, product = shop(house)
    placed = await house.panel.place_order(client, [product], pay=True)
    await house.settle(seconds=30)
    order = await house.order(placed.id)
    assert order["state"] == "released"
    assert order["decision"]["outcome"] == "approve"
    assert order["decision"]["reasons"]
    assert order["panel_status"] == "Active"
    assert order["provisioning"] == "done"
    assert house.effects("AcceptOrder") == 1
    assert house.effects("CreateInvoice") == 0
    assert [service.creates for service in services_of(house, placed.id)] == [1]  # type: ignore[attr-defined]


async def test_unpaid_order_is_approved_but_accepted_only_when_paid(house: House) -> None:
    client, product = shop(house, autosetup="accept")
    placed = await house.panel.place_order(client, [product])
    await house.settle()
    assert (await house.order(placed.id))["state"] == "received"
    await house.wait(100)
    assert (await house.order(placed.id))["state"] == "awaiting_payment"
    assert house.effects("AcceptOrder") == 0
    await house.panel.pay_invoice(placed.invoice_id)
    await house.settle(seconds=30)
    assert (await house.order(placed.id))["state"] == "released"
    assert house.effects("AcceptOrder") == 1


async def test_custom_work_is_held_for_a_fee_and_released_when_both_are_paid(house: House) -> None:
    client, product = shop(house)
    placed = await house.panel.place_order(client, [product], notes=WISH)
    await house.wait(100)
    order = await house.order(placed.id)
    assert order["state"] == "held"
    assert order["hold"]["kind"] == "fee"
    assert order["fee"]["state"] == "unpaid"
    assert order["fee"]["amount"] == "200.00"
    assert house.effects("CreateInvoice") == 1
    assert house.effects("OpenTicket") == 1

    await house.panel.pay_invoice(order["fee"]["invoice_id"])
    await house.settle(seconds=5)
    order = await house.order(placed.id)
    assert (order["state"], order["fee"]["state"]) == ("awaiting_payment", "paid")
    assert house.effects("AcceptOrder") == 0

    await house.panel.pay_invoice(placed.invoice_id)
    await house.settle(seconds=30)
    order = await house.order(placed.id)
    assert (order["state"], order["provisioning"]) == ("released", "done")
    assert order["decision"]["reasons"][0]["code"] == "work_agreed"
    assert house.effects("AcceptOrder") == 1
    assert house.effects("CreateInvoice") == 1
    assert house.effects("OpenTicket") == 1


async def test_gate_keeps_a_held_paid_order_from_being_provisioned(house: House) -> None:
    client, product = shop(house)
    placed = await house.panel.place_order(client, [product], notes=WISH, pay=True)
    await house.settle(seconds=30)
    order = await house.order(placed.id)
    assert (order["state"], order["provisioning"]) == ("held", "none")
    assert order["flags"] == []
    await house.panel.pay_invoice(order["fee"]["invoice_id"])
    await house.settle(seconds=30)
    order = await house.order(placed.id)
    assert (order["state"], order["provisioning"]) == ("released", "done")
    assert [service.creates for service in services_of(house, placed.id)] == [1]  # type: ignore[attr-defined]


async def test_an_order_that_we_entered_though_the_cart_sells_it_costs_the_handling(house: House) -> None:
    client, product = shop(house)
    await house.panel.open_ticket(client, "New order", "Hello, please order another Starter plan for me. Thanks!")
    await house.settle(seconds=60)
    placed = await house.panel.place_order(client, [product], by="staff")
    await house.settle(seconds=10)
    order = await house.order(placed.id)
    assert order["placed_by"] == "staff"
    assert order["fee"]["amount"] == "7.00"
    assert order["ticket_ids"]
    text = house.panel.state.invoices[order["fee"]["invoice_id"]]
    assert "Handling" in text.lines[0].description


async def test_ip_of_a_staff_entered_order_is_nobodys(house: House) -> None:
    client, product = shop(house)
    placed = await house.panel.place_order(client, [product], by="staff", ip="198.51.100.9")
    await house.settle(seconds=10)
    order = await house.order(placed.id)
    assert not [signal for signal in order["signals"] if "ip" in signal["code"]]


async def test_fraud_verdict_sends_the_order_to_review_and_nothing_is_accepted(house: House) -> None:
    client, product = shop(house)
    placed = await house.panel.place_order(client, [product])
    await house.panel.run_fraud_check(placed.id, "maxmind", score=96, status="Review")
    await house.settle(seconds=5)
    order = await house.order(placed.id)
    assert order["state"] == "held"
    assert order["hold"]["kind"] == "review"
    assert order["decision"]["outcome"] == "hold_for_review"
    queue = (await house.api.get("/v1/queue")).json()["items"]
    assert [(row["order_id"], row["why"]) for row in queue] == [(placed.id, "review")]
    assert house.effects("AcceptOrder") == 0


async def test_staff_rejects_a_paid_order_and_the_money_waits_for_a_person(house: House) -> None:
    client, product = shop(house, autosetup="accept")
    placed = await house.panel.place_order(client, [product], notes=SUSPECT, pay=True)
    await house.settle(seconds=5)
    assert (await house.order(placed.id))["state"] == "held"
    answer = await house.act(placed.id, "reject", fraud=True, note="same card as three others")
    assert answer.status_code == 200, answer.text
    await house.settle(seconds=30)
    order = await house.order(placed.id)
    assert (order["state"], order["panel_status"]) == ("rejected", "Fraud")
    assert order["refund_due"] == "10.00"
    queue = (await house.api.get("/v1/queue")).json()["items"]
    assert [(row["order_id"], row["why"]) for row in queue] == [(placed.id, "refund_due")]
    assert (await house.act(placed.id, "refund-done")).status_code == 200
    assert (await house.order(placed.id))["refund_due"] in {"0.00", None}
    assert (await house.api.get("/v1/queue")).json()["items"] == []


async def test_drop_request_lets_it_go_on_without_the_fee(house: House) -> None:
    client, product = shop(house)
    placed = await house.panel.place_order(client, [product], notes=WISH, pay=True)
    await house.settle(seconds=20)
    fee = (await house.order(placed.id))["fee"]
    assert (await house.act(placed.id, "drop-request")).status_code == 200
    await house.settle(seconds=30)
    order = await house.order(placed.id)
    assert (order["state"], order["provisioning"]) == ("released", "done")
    assert house.panel.state.invoices[fee["invoice_id"]].status == "Cancelled"
    assert order["fee"]["state"] == "cancelled"


async def test_waived_fee_cancels_the_invoice_and_tells_the_customer(house: House) -> None:
    client, product = shop(house)
    placed = await house.panel.place_order(client, [product], notes=WISH, pay=True)
    await house.settle(seconds=20)
    assert (await house.act(placed.id, "waive-fee")).status_code == 200
    await house.settle(seconds=30)
    order = await house.order(placed.id)
    assert (order["state"], order["fee"]["state"]) == ("released", "waived")
    assert house.effects("OpenTicket") == 2
    assert (await house.act(placed.id, "waive-fee")).status_code == 409


async def test_cancel_gives_a_paid_fee_back_as_credit_once(house: House) -> None:
    client, product = shop(house)
    placed = await house.panel.place_order(client, [product], notes=WISH)
    await house.wait(100)
    fee = (await house.order(placed.id))["fee"]
    await house.panel.pay_invoice(fee["invoice_id"])
    await house.settle(seconds=5)
    assert (await house.act(placed.id, "cancel", reason="customer_withdrew")).status_code == 200
    await house.settle(seconds=30)
    order = await house.order(placed.id)
    assert (order["state"], order["panel_status"]) == ("cancelled", "Cancelled")
    assert order["fee"]["state"] == "refunded"
    assert order["refund_due"] in {"0.00", None}
    assert house.effects("AddCredit") == 1


async def test_a_hold_that_nobody_answers_goes_to_review_and_the_invoice_is_withdrawn(house: House) -> None:
    client, product = shop(house)
    placed = await house.panel.place_order(client, [product], notes=WISH)
    await house.wait(100)
    fee = (await house.order(placed.id))["fee"]
    await house.wait(8 * 86_400)
    order = await house.order(placed.id)
    assert (order["state"], order["hold"]["kind"]) == ("held", "review")
    assert order["decision"]["by"] == "clock"
    assert order["fee"]["state"] == "cancelled"
    assert house.panel.state.invoices[fee["invoice_id"]].status == "Cancelled"


async def test_the_customers_answer_puts_the_order_on_top_of_the_queue(house: House) -> None:
    client, product = shop(house)
    placed = await house.panel.place_order(client, [product], notes=WISH)
    await house.wait(100)
    ticket = next(t for t in house.panel.state.tickets.values() if t.client_id == client)
    await house.panel.reply_ticket(ticket.id, "Please take the second way.")
    await house.settle(seconds=5)
    row = (await house.api.get("/v1/queue")).json()["items"][0]
    assert (row["order_id"], row["why"]) == (placed.id, "answer")
    assert "drop-request" in row["actions"]


async def test_charge_fee_by_staff_replaces_the_other_amount(house: House) -> None:
    client, product = shop(house)
    placed = await house.panel.place_order(client, [product], notes=WISH, pay=True)
    await house.settle(seconds=20)
    first = (await house.order(placed.id))["fee"]
    assert (await house.act(placed.id, "charge-fee", minutes=30, amount="10.00")).status_code == 422
    assert (await house.act(placed.id, "charge-fee", amount="80.00")).status_code == 200
    await house.settle(seconds=30)
    order = await house.order(placed.id)
    assert order["fee"]["amount"] == "80.00"
    assert order["fee"]["state"] == "unpaid"
    assert house.panel.state.invoices[first["invoice_id"]].status == "Cancelled"
    await house.panel.pay_invoice(order["fee"]["invoice_id"])
    await house.settle(seconds=30)
    assert (await house.order(placed.id))["state"] == "released"


async def test_a_reject_can_be_undone(house: House) -> None:
    client, product = shop(house, autosetup="accept")
    placed = await house.panel.place_order(client, [product], notes=SUSPECT, pay=True)
    await house.settle(seconds=5)
    await house.act(placed.id, "reject", fraud=True)
    await house.settle(seconds=30)
    assert (await house.order(placed.id))["state"] == "rejected"
    assert (await house.act(placed.id, "approve")).status_code == 200
    await house.settle(seconds=30)
    order = await house.order(placed.id)
    assert (order["state"], order["panel_status"]) == ("released", "Active")
    assert house.effects("AcceptOrder") == 1


async def test_every_stored_decision_can_be_replayed_to_the_bit(house: House) -> None:
    client, product = shop(house)
    for notes, pay in ((WISH, True), ("", True), (SUSPECT, False), ("", False)):
        await house.panel.place_order(client, [product], notes=notes, pay=pay)
    await house.wait(120)
    async with house.db.read() as connection:
        policy = (await versions.active(connection)).policy
        rows = (await connection.execute(sa.select(decisions_table).where(decisions_table.c.by == "policy"))).all()
    assert len(rows) >= 4
    for row in rows:
        again = decide(stored.load_facts(row.facts), policy, now=row.at)
        assert stored.dump_judgement(again) == row.judgement
        assert again == stored.load_judgement(row.judgement)
