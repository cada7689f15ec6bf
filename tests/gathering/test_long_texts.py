"""Padding hides nothing: long texts are read to their end, and a person reviews texts that are not fully read."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from app.core.reading.text import MAX_TEXT
from app.tables.orders import order_texts, ticket_texts
from tests.stories.house import House
from tests.stories.test_orders import WISH, shop

THANKS = "thank you. "


def padded(size: int, wish: str = WISH) -> str:
    half = THANKS * (size // 2 // len(THANKS))
    return f"{half}\n{wish}\n{half}"


async def codes(house: House, order_id: int) -> tuple[str, set[str], set[str]]:
    order = await house.order(order_id)
    reasons = {reason["code"] for reason in order["decision"]["reasons"]}
    return order["decision"]["outcome"], reasons, {signal["code"] for signal in order["signals"]}


@pytest.mark.slow("texts of the greatest length that is read")
async def test_one_line_in_the_middle_of_250_kb_is_read(house: House) -> None:
    client, product = shop(house)
    placed = await house.panel.place_order(client, [product], notes=padded(250_000), pay=True)
    await house.settle(seconds=120)

    outcome, reasons, signals = await codes(house, placed.id)

    assert (outcome, reasons) == ("hold_for_fee", {"custom_work"})
    assert {"request_os_old", "request_migration"} <= signals
    assert house.effects("AcceptOrder") == 0
    async with house.db.read() as connection:
        text = await connection.scalar(sa.select(order_texts.c.request_text).where(order_texts.c.order_id == placed.id))
    assert text is not None
    assert WISH in text


@pytest.mark.slow("texts of the greatest length that is read")
async def test_what_is_beyond_the_limit_is_read_by_a_person(house: House) -> None:
    client, product = shop(house)
    notes = THANKS * (MAX_TEXT // len(THANKS) + 1) + WISH
    placed = await house.panel.place_order(client, [product], notes=notes, pay=True)
    plain = await house.panel.place_order(client, [product], notes=THANKS * 20_000, pay=True)
    await house.settle(seconds=120)

    assert await codes(house, placed.id) == ("hold_for_review", {"text_cut"}, {"text_cut"})
    assert (await codes(house, plain.id))[0] == "approve"
    told = (await house.api.get(f"/v1/orders/{placed.id}/explanation")).json()
    assert WISH not in str(told)


async def test_the_sixtieth_custom_field_is_read(house: House) -> None:
    client, product = shop(house)
    fields = {f"Field {number}": "fine" for number in range(59)} | {"Wishes": WISH}
    placed = await house.panel.place_order(client, [{"product_id": product, "custom_fields": fields}], pay=True)
    await house.settle(seconds=120)

    assert (await codes(house, placed.id))[0] == "hold_for_fee"


async def test_a_wish_in_a_quotation_is_looked_at(house: House) -> None:
    client, product = shop(house)
    placed = await house.panel.place_order(client, [product], notes=f"Thanks!\n> {WISH}", pay=True)
    await house.settle(seconds=120)

    assert await codes(house, placed.id) == ("hold_for_review", {"text_cut"}, {"text_cut"})


async def test_the_fortieth_reply_of_a_ticket_is_read(house: House) -> None:
    client, product = shop(house)
    ticket = await house.panel.open_ticket(client, "New order", "Hello, please order another Starter plan for me.")
    for number in range(39):
        await house.panel.reply_ticket(ticket.id, f"one more thing {number}")
    await house.panel.reply_ticket(ticket.id, WISH)
    await house.settle(seconds=60)
    placed = await house.panel.place_order(client, [product], by="staff")
    await house.settle(seconds=120)

    assert {"asked_by_ticket", "request_os_old"} <= (await codes(house, placed.id))[2]


async def test_the_ticket_that_asked_is_found_behind_others(house: House) -> None:
    client, product = shop(house)
    await house.panel.open_ticket(client, "New order", f"Please order another Starter plan for me. {WISH}")
    for number in range(8):
        await house.panel.open_ticket(client, f"Question {number}", "What is the weather like?")
    await house.settle(seconds=60)
    placed = await house.panel.place_order(client, [product], by="staff")
    await house.settle(seconds=120)

    assert {"asked_by_ticket", "request_os_old"} <= (await codes(house, placed.id))[2]


async def test_more_tickets_than_are_read_are_looked_at(house: House) -> None:
    client, product = shop(house)
    await house.panel.open_ticket(client, "New order", f"Please order another Starter plan for me. {WISH}")
    for number in range(20):
        await house.panel.open_ticket(client, f"Question {number}", "What is the weather like?")
    await house.settle(seconds=60)
    placed = await house.panel.place_order(client, [product], by="staff")
    await house.settle(seconds=120)

    outcome, reasons, _ = await codes(house, placed.id)
    assert (outcome, reasons) == ("hold_for_review", {"text_cut"})


async def test_a_ticket_of_250_kb_is_sorted_and_kept(house: House) -> None:
    client, _ = shop(house)
    message = padded(250_000, "Please order another Starter plan for me.")
    ticket = await house.panel.open_ticket(client, "Hello", message)
    await house.settle(seconds=60)

    shown = (await house.api.get(f"/v1/tickets/{ticket.id}")).json()
    asked = await house.api.post("/v1/tickets/classify", json={"subject": "Hello", "message": message})
    assert shown["order_intent"] == "order_by_message"
    assert asked.json()["order_intent"] == "order_by_message"
    for name in ("evidence", "runner_up", "order_intent_confidence", "model"):
        assert shown[name] == asked.json()[name], name
    async with house.db.read() as connection:
        kept = await connection.scalar(sa.select(ticket_texts.c.message).where(ticket_texts.c.ticket_id == ticket.id))
    assert kept == message
    too_long = await house.api.post("/v1/tickets/classify", json={"message": "a" * (MAX_TEXT + 1)})
    assert too_long.status_code == 422
