"""What a round asks of the panel: it grows with what changed, not with what is open."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.core.money import Money
from app.core.states import FeeState, OrderState
from app.db import Database
from app.panels.records import PanelOrder
from app.tables.alerts import alerts
from app.tables.orders import FeeForm, fees, orders
from app.upkeep.reconcile import comparing, lists
from tests.asked import EVERYTHING
from tests.stories.deaf import DEAF, fed, open_deaf
from tests.stories.house import POLICY, House, open_house
from tests.stories.test_orders import shop


@pytest.fixture
async def deaf(db: Database) -> AsyncIterator[House]:
    async with open_deaf(db) as house:
        yield house


async def watched(house: House, *, released: int = 0, unpaid: int = 0, fee: int = 0) -> list[int]:
    """Add orders to the panel, and our rows as they are after each was read; return their ids."""
    client, product = shop(house)
    state = house.panel.state
    kinds = ["released"] * released + ["unpaid"] * unpaid + ["fee"] * fee
    invoice_of: dict[int, int] = {}
    kind_of: dict[int, str] = {}
    for kind in kinds:
        status = "Active" if kind == "released" else "Pending"
        order = house.panel.add_past_order(client, product, months_ago=0, status=status)
        kind_of[order.id] = kind
        if kind == "unpaid":
            invoice = state.invoices[order.invoice_id]
            invoice.status, invoice.transactions = "Unpaid", []
        if kind == "fee":
            fee_invoice = replace(state.invoices[order.invoice_id], id=next(state.next.invoice), order_id=0)
            fee_invoice.status, fee_invoice.transactions = "Unpaid", []
            invoice_of[order.id] = state.add_invoice(fee_invoice).id
    panel: Any = house.context.panel
    shown = {one.order_id: one for one in await panel.customer_orders(client, limit=10_000)}
    async with house.db.begin() as tx:
        for order_id, kind in kind_of.items():
            await tx.execute(orders.insert().values(_row(house, shown[order_id], kind)))
            if kind == "fee":
                await tx.execute(fees.insert().values(_fee(house, shown[order_id], invoice_of[order_id])))
    await comparing.round(house.context)  # the cursor of new orders moves past them
    return list(kind_of)


STATES = {"released": OrderState.RELEASED, "unpaid": OrderState.AWAITING_PAYMENT, "fee": OrderState.HELD}


def _row(house: House, shown: PanelOrder, kind: str) -> dict[str, Any]:
    now, amount = house.clock(), shown.amount or Money(0, "USD")
    items = [
        {"product": line.product, "amount": line.amount.to_text() if line.amount else None, "total": len(shown.lines)}
        for line in shown.lines
    ]
    paid = kind != "unpaid"
    return {
        "order_id": shown.order_id, "customer_id": shown.customer_id, "kind": "new", "state": STATES[kind],
        "panel_status": shown.status, "provisioning": "none", "placed_by": "customer", "first_heard_at": now,
        "last_read_at": now, "amount_minor": amount.amount_minor, "currency": amount.currency,
        "invoice_id": shown.invoice_id, "payment_state": "paid" if paid else "unpaid",
        "paid_minor": amount.amount_minor if paid else 0, "items": items, "flags": [], "decision_id": shown.order_id,
    }  # fmt: skip


def _fee(house: House, shown: PanelOrder, invoice_id: int) -> dict[str, Any]:
    now = house.clock()
    return {
        "id": uuid.uuid4(), "order_id": shown.order_id, "customer_id": shown.customer_id, "amount_minor": 1000,
        "currency": "USD", "form": FeeForm.INVOICE, "state": FeeState.UNPAID, "invoice_id": invoice_id,
        "created_at": now, "expires_at": now + timedelta(days=14),
    }  # fmt: skip


async def calls_of_a_round(house: House) -> int:
    async with house.turn:  # the worker asks, too
        house.panel.counts.clear()
        await comparing.round(house.context)
        return sum(house.panel.counts.values())


@pytest.mark.parametrize(
    ("what", "most"),
    [
        ({}, 1),
        ({"unpaid": 20}, 2),
        ({"fee": 20}, 3),
        ({"unpaid": 100, "fee": 100}, 4),
        ({"released": 250, "unpaid": 20, "fee": 20}, 6),
    ],
)
async def test_where_nothing_changed_only_lists_are_read(deaf: House, what: dict[str, int], most: int) -> None:
    await watched(deaf, **what)
    before = await fed(deaf)
    assert await calls_of_a_round(deaf) <= most
    assert await fed(deaf) == before


async def test_ten_thousand_open_orders_cost_a_bounded_number_of_calls(deaf: House) -> None:
    many = 10_000 if EVERYTHING else 1_100
    ids = await watched(deaf, unpaid=many)
    bound = 2 * lists.PAGES + 2 * comparing.UNREACHED_A_ROUND + 2
    assert await calls_of_a_round(deaf) <= bound
    state, before = deaf.panel.state, await fed(deaf)
    for order_id in (ids[0], ids[many // 2], ids[-1]):
        state.orders[order_id].status = "On Loan"
    for _ in range(2 + many // comparing.UNREACHED_A_ROUND):
        assert await calls_of_a_round(deaf) <= bound + 3 * 3
        if await fed(deaf) - before == 3:
            return
    assert await fed(deaf) - before == 3


async def test_what_differs_is_read_singly_before_it_is_fed(deaf: House) -> None:
    ids = await watched(deaf, unpaid=60, fee=20)
    unchanged = await calls_of_a_round(deaf)
    state, before = deaf.panel.state, await fed(deaf)
    state.orders[ids[3]].status = "On Loan"
    state.invoices[state.orders[ids[9]].invoice_id].status = "Paid"
    async with deaf.db.read() as connection:
        query = fees.select().where(fees.c.order_id == ids[-1])
        fee = (await connection.execute(query)).one()
    state.invoices[fee.invoice_id].status = "Paid"
    asked = await calls_of_a_round(deaf)
    assert await fed(deaf) - before == 3
    assert asked - unchanged <= 3 * 3


async def test_a_partly_paid_invoice_may_be_listed_as_unpaid(deaf: House) -> None:
    ids = await watched(deaf, unpaid=2)
    async with deaf.db.begin() as tx:
        for order_id, payment in zip(ids, ("partly_paid", "pending"), strict=True):
            await tx.execute(orders.update().where(orders.c.order_id == order_id).values(payment_state=payment))
    assert await calls_of_a_round(deaf) == 2
    assert await fed(deaf) == 0


async def test_what_no_list_reaches_has_its_turn(deaf: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "PAGES", 0)
    monkeypatch.setattr(comparing, "UNREACHED_A_ROUND", 4)
    ids = await watched(deaf, unpaid=10)
    deaf.panel.state.orders[ids[1]].status = "On Loan"
    for _ in range(3):
        assert await calls_of_a_round(deaf) <= 1 + 2 * 4
    assert await fed(deaf) == 1


async def test_a_panel_that_lists_the_oldest_first_is_read_singly_where_its_pages_end(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "PAGES", 1)
    async with open_house(db, policy=POLICY, behaviours=replace(DEAF, orders_newest_first=False)) as house:
        await comparing.round(house.context)
        client, product = shop(house)
        for _ in range(150):
            house.panel.add_past_order(client, product, months_ago=1, status="Pending")
        ids = await watched(house, unpaid=5)
        house.panel.state.orders[ids[0]].status = "On Loan"
        await comparing.round(house.context)
        data = await fed(house, kind="order.read_back")
        assert data == 1


async def test_many_gone_at_once_are_confirmed_singly_and_left_to_a_person(deaf: House) -> None:
    ids = await watched(deaf, unpaid=12, released=40)
    for order_id in ids[-12:]:
        deaf.panel.state.remove_order(deaf.panel.state.orders[order_id])
    assert await calls_of_a_round(deaf) >= 12
    assert await fed(deaf) == 0
    async with deaf.db.read() as connection:
        texts = list((await connection.execute(alerts.select().where(alerts.c.name.like("gone:%")))).all())
    assert "12 of 12" in texts[0].text


async def test_one_that_is_gone_is_confirmed_and_fed(deaf: House) -> None:
    ids = await watched(deaf, unpaid=12)
    deaf.panel.state.remove_order(deaf.panel.state.orders[ids[5]])
    await calls_of_a_round(deaf)
    assert await fed(deaf) == 1


async def test_amounts_without_a_currency_are_those_of_the_order(deaf: House) -> None:
    deaf.panel.state.currencies["USD"].suffix = ""
    await watched(deaf, unpaid=3, released=3)
    assert await calls_of_a_round(deaf) == 3
    assert await fed(deaf) == 0
