"""The same six events in any order, or all at once, end in the same state, as everything is read from the panel.

`make test` plays a sample of the 720 orders (DOORMAN_TEST_PERMUTATIONS; 0 plays them all, as `make chaos` does).
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from app.sandbox.delivery import Event
from tests.asked import in_turn
from tests.chaos.conftest import Fresh, fresh
from tests.stories.house import POLICY, House, open_house
from tests.stories.test_orders import WISH, shop

__all__ = ["fresh"]

SAMPLE = int(os.environ.get("DOORMAN_TEST_PERMUTATIONS", "4"))
pytestmark = [
    pytest.mark.timeout(7200 if SAMPLE == 0 else 120 + 5 * SAMPLE),
    pytest.mark.slow("a story is told a dozen times"),
    pytest.mark.both_databases("events at once: who waits for whom is each database's own"),
]

Story = Callable[[House], Awaitable[tuple[int, list[Event]]]]


def orders_of(count: int) -> list[tuple[int, ...]]:
    """Return orders in which that many events can arrive: chronological, reversed, and a sample of the others."""
    every = list(itertools.permutations(range(count)))
    if SAMPLE == 0:
        return every
    others = random.Random(720).sample(every[1:-1], SAMPLE - 2)
    return [every[0], every[-1], *others]


async def happened(house: House) -> list[Event]:
    """Take the undelivered events from the addon's outbox, to be delivered manually."""
    events = list(house.panel.outbox.pending.values())
    house.panel.outbox.pending.clear()
    return events


async def custom_work(house: House) -> tuple[int, list[Event]]:
    """An order is held for a fee; then it is checked, discussed in a ticket, and both invoices are paid."""
    client, product = shop(house, autosetup="accept")
    placed = await house.panel.place_order(client, [product], notes=WISH)
    await house.wait(100)
    fee = (await house.order(placed.id))["fee"]
    ours = next(iter(house.panel.state.tickets.values()))
    house.panel.configure(post_promptly=False)
    await house.panel.run_fraud_check(placed.id, score=4.0)
    await house.panel.open_ticket(client, f"Order {placed.number}", "When is my server ready?")
    await house.panel.reply_ticket(ours.id, "I have paid the fee.")
    await house.panel.pay_invoice(fee["invoice_id"])
    await house.panel.pay_invoice(placed.invoice_id)
    return placed.id, await happened(house)


async def taken_by_staff(house: House) -> tuple[int, list[Event]]:
    """We learn of an order only after it was placed, checked, discussed, paid, and accepted by staff."""
    client, product = shop(house, autosetup="accept")
    house.panel.configure(post_promptly=False, gate_installed=False)
    placed = await house.panel.place_order(client, [product], notes=WISH)
    await house.panel.run_fraud_check(placed.id, score=4.0)
    await house.panel.open_ticket(client, f"Order {placed.number}", "When is my server ready?")
    await house.panel.pay_invoice(placed.invoice_id)
    await house.panel.staff_accept(placed.id, admin_id=7)
    return placed.id, [event for event in await happened(house) if event.type != "service.provisioned"]


async def end_of(house: House, order_id: int) -> dict[str, Any]:
    """Return the end state on both sides, without times and our ids."""
    order = await house.order(order_id)
    state = house.panel.state
    kept = (
        "state", "panel_status", "provisioning", "refund_due", "scores", "labour", "signals", "flags",
        "hold", "ticket_ids", "actions", "placed_by",
    )  # fmt: skip
    fee = order["fee"] or {}
    return {
        **{name: order[name] for name in kept},
        "payment": order["payment"]["state"],
        "decision": {name: order["decision"][name] for name in ("outcome", "reasons")},
        "decided by": order["decision"]["by"].split(":")[0],  # only the hook reports who it was
        "fee": {name: fee.get(name) for name in ("amount", "total", "state")},
        "calls": sorted((call["action"], call["state"]) for call in order["panel_calls"]),
        "effects": {name: count for name, count in sorted(house.panel.effects.items()) if not name.startswith("Get")},
        "services": [(service.status, service.creates) for service in state.services.values()],
        "invoices": [(invoice.status, str(invoice.balance)) for invoice in state.invoices.values()],
        "credit": [str(client.credit) for client in state.clients.values()],
        "tickets": len(state.tickets),
    }


async def play(fresh: Fresh, story: Story, order: Sequence[int] | None) -> dict[str, Any]:
    """Play a story on a fresh database and return its end; without a sequence, the events arrive at once."""
    async with fresh() as db, open_house(db, policy=POLICY) as house:
        order_id, events = await story(house)
        assert len(events) == 6, [event.type for event in events]
        if order is None:
            posted = await asyncio.gather(*(house.panel.outbox.post(event) for event in events))
            assert all(posted)
        for number in order or ():
            assert await house.panel.outbox.post(events[number])
            await house.settle(seconds=1)
        await house.wait(120)
        return await end_of(house, order_id)


@pytest.mark.parametrize(
    ("database_kind", "story"), in_turn((custom_work,), (taken_by_staff,)), indirect=["database_kind"]
)
async def test_six_events_in_any_order_and_at_once_end_alike(fresh: Fresh, story: Story) -> None:
    orders = orders_of(6)
    expected = await play(fresh, story, orders[0])
    assert expected["state"] == "released"
    assert expected["services"] == [("Active", 1)]
    for order in [*orders[1:], None, None, None]:
        found = await play(fresh, story, order)
        differs = {name: (expected[name], found[name]) for name in expected if found[name] != expected[name]}
        assert not differs, f"events in the order {order} end otherwise than as they happened"
