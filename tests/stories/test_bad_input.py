"""Bad input from the panel and its customers: a reason is recorded, nothing is lost, and no other order waits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from app.messaging import inbox
from tests.stories.house import House
from tests.stories.test_orders import WISH, shop


async def tell(house: House, order_id: int, kind: str = "order.created") -> None:
    """Insert an event about an order, as if it had arrived by webhook."""
    async with house.db.begin() as tx:
        await inbox.add_internal(tx, type=kind, data={"order_id": order_id}, now=house.clock())


async def test_an_order_that_the_panel_never_lists_fails_after_five_tries_and_is_shown(house: House) -> None:
    await tell(house, 777)
    await house.wait(300)
    assert (await house.api.get("/v1/orders/777")).status_code == 404
    await house.wait(600)
    order = await house.order(777)
    assert (order["state"], order["flags"], order["decision"]) == ("received", ["unknown_to_panel"], None)
    failed = (await house.api.get("/v1/events?state=failed")).json()["items"]
    assert [(event["order_id"], event["result"]) for event in failed] == [(777, "order-not-found")]
    assert failed[0]["attempts"] == 5
    assert house.panel.counts["GetOrders"] == 5


async def test_an_order_that_is_listed_late_is_decided(house: House) -> None:
    client, product = shop(house, autosetup="accept")
    first = await house.panel.place_order(client, [product], pay=True)
    await tell(house, first.id + 1)
    await house.settle(seconds=5)
    house.panel.behaviours.post_promptly = False  # its own webhook never arrives
    placed = await house.panel.place_order(client, [product], pay=True)
    assert placed.id == first.id + 1
    await house.wait(120)
    assert (await house.order(placed.id))["state"] == "released"


class Orphaning:
    """The panel, except that one order has lost its client."""

    def __init__(self, panel: Any) -> None:
        self._panel = panel

    def __getattr__(self, name: str) -> Any:
        return getattr(self._panel, name)

    async def order(self, order_id: int, *, urgent: bool = False) -> Any:
        found = await self._panel.order(order_id, urgent=urgent)
        return found and structs.replace(found, customer_id=None, currency=None, amount=None)


async def test_an_order_without_client_and_currency_goes_to_review(house: House) -> None:
    client, product = shop(house)
    house.context.panel = Orphaning(house.context.panel)  # type: ignore[assignment]
    placed = await house.panel.place_order(client, [product])
    await house.wait(120)
    order = await house.order(placed.id)
    assert (order["state"], order["decision"]["outcome"]) == ("held", "hold_for_review")
    assert order["decision"]["reasons"][0]["code"] == "facts_missing"
    assert (order["customer_id"], order["amount"], order["fee"]) == (None, None, None)
    assert house.panel.writes == []


async def test_a_currency_without_a_row_is_a_review_never_a_conversion(house: House) -> None:
    house.panel.state.currencies["CHF"] = replace(
        house.panel.state.currencies["USD"], id=9, code="CHF", prefix="", suffix=" CHF"
    )
    product = house.panel.add_product("Starter", pricing={"CHF": {"monthly": "10.00"}}).id
    client = house.panel.add_client("Urs", "Frei", email="urs@example.com", created_at="2020-01-01", currency="CHF").id
    placed = await house.panel.place_order(client, [product], notes=WISH)
    await house.wait(120)
    order = await house.order(placed.id)
    assert order["decision"]["reasons"][0]["code"] == "currency_unknown"
    assert (order["hold"]["kind"], order["fee"]) == ("review", None)


async def test_zero_and_negative_amounts_have_their_reasons(house: House) -> None:
    client, product = shop(house, autosetup="accept")
    free = await house.panel.place_order(client, [product], price_override="0.00")  # type: ignore[arg-type]
    await house.wait(120)
    codes = {reason["code"] for reason in (await house.order(free.id))["decision"]["reasons"]}
    assert codes & {"amount_zero", "no_work", "handling"}


async def test_hostile_text_is_stored_and_judged(house: House) -> None:
    client, product = shop(house)
    notes = "Hi \U0001f600 &amp; <script>alert(1)</script> \x00 {order_number} {0} " + WISH
    house.panel.state.clients[client].companyname = "O\x00rg Ltd"
    placed = await house.panel.place_order(client, [product], notes=notes, pay=True)
    await house.settle(seconds=30)
    order = await house.order(placed.id)
    assert order["state"] == "held"
    assert "Ubuntu 8.04" in order["request_text"]
    assert "\x00" not in order["request_text"]
    assert house.effects("CreateInvoice") == 1


@pytest.mark.slow("the most lines that an order may have")
async def test_ten_thousand_lines_are_one_decision(house: House) -> None:
    client, product = shop(house, autosetup="never")
    placed = await house.panel.place_order(client, [product] * 10_000)
    await house.wait(120)
    answer = await house.api.get(f"/v1/orders/{placed.id}")
    assert len(answer.content) < 64_000
    assert answer.json()["decision"]["outcome"] == "approve"
    assert (len(answer.json()["items"]), answer.json()["items_total"]) == (50, 10_000)


async def test_one_order_that_breaks_us_holds_up_nobody(house: House) -> None:
    client, product = shop(house, autosetup="accept")
    broken = await house.panel.place_order(client, [product], pay=True)
    house.panel.state.orders[broken.id].fraud_output = "{" * 100_000
    house.panel.state.orders[broken.id].notes = "x" * 2_000_000
    fine = await house.panel.place_order(client, [product], pay=True)
    await house.settle(seconds=30)
    assert (await house.order(fine.id))["state"] == "released"
    assert (await house.order(broken.id))["decision"] is not None


async def test_events_that_make_no_sense_are_put_aside(house: House) -> None:
    for kind in ("order.created", "service.failed", "customer.merged", "feedback.received", "quote.accepted"):
        async with house.db.begin() as tx:
            data = {"service_id": 5, "from": 3, "to": 3, "customer_id": 9, "nps": 3, "quote_id": 1}
            await inbox.add_internal(tx, type=kind, data=data, now=house.clock())
    await house.wait(60)
    events = (await house.api.get("/v1/events")).json()["items"]
    assert {event["state"] for event in events} <= {"ignored", "processed"}


async def test_a_guests_ticket_is_only_a_proposal(house: House) -> None:
    client, product = shop(house)
    await house.panel.open_ticket(
        0, "Order", "Please order a Starter plan for me and install WordPress.", name="Rita", email="rita@example.com"
    )
    await house.settle(seconds=60)
    placed = await house.panel.place_order(client, [product], by="staff")
    await house.settle(seconds=20)
    order = await house.order(placed.id)
    assert order["fee"]["amount"] == "7.00"  # the handling fee; a guest's requests never cause a charge
    assert order["ticket_ids"]
