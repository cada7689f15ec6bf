"""The events in a town, by seed: people order, pay, write, decide and change their minds while everything fails."""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from standardwebhooks import Webhook

from app.sandbox.context import BusinessError
from app.sandbox.delivery import Event
from app.sandbox.models import PlacedBy
from tests.chaos.town import Town
from tests.stories.house import SECRET
from tests.stories.test_orders import SUSPECT, WISH

STEPS = 24
#: Changes that a comparison with the panel finds although no event reported them.
_LOSSES = {"order.created", "order.paid", "invoice.paid", "order.fraud_checked"}
_NOTES = ("", "", WISH, WISH, SUSPECT)
Step = Callable[[Town], Awaitable[None]]


async def live(town: Town, *, steps: int = STEPS) -> None:
    """Let `steps` things happen, most of them during faults, then let everything settle.

    In some stories the worker runs while people act, and the order depends on the machine; in the others it runs
    between their acts, so that the seed reproduces the same story.
    """
    names, weights = zip(*_STEPS.items(), strict=True)
    side_by_side = town.rng.random() < 0.3
    await _place(town)
    for _ in range(steps):
        step = town.rng.choices(names, weights)[0]
        town.crew.rests = not side_by_side
        try:
            await step(town)
        except BusinessError as refused:
            town.say(f"  refused: {refused.message}")
        town.crew.rests = False
        if town.rng.random() < 0.5:
            await town.house.settle()
    town.say("calm")
    await town.calm()


# --- customers ----------------------------------------------------------------------------------------------------


async def _place(town: Town) -> None:
    rng, panel = town.rng, town.house.panel
    placers: tuple[PlacedBy, ...] = ("customer", "staff", "api")
    by = rng.choices(placers, (8, 1, 1))[0]
    items = rng.choices(town.products, (6, 2, 2), k=rng.choice((1, 1, 2)))
    score = rng.choice((None, None, None, 5.0, 96.0))
    client, notes, pay = rng.choice(town.clients), rng.choice(_NOTES), rng.random() < 0.5
    order = await panel.place_order(client, items, notes=notes, by=by, pay=pay, fraud_score=score)
    town.say(f"order {order.id} of {client}, items {items}, by {by}, notes {notes[:12]!r}, pay {pay}, score {score}")


async def _pay(town: Town) -> None:
    rng, panel = town.rng, town.house.panel
    open_ = [row for row in panel.state.invoices.values() if row.status == "Unpaid"]
    if not open_:
        return
    invoice = rng.choice(open_)
    amount = None if rng.random() < 0.8 else invoice.balance / 2
    town.say(f"pay invoice {invoice.id}: {amount or 'all'}")
    await panel.pay_invoice(invoice.id, None if amount is None else amount.quantize(invoice.balance))


async def _check_fraud(town: Town) -> None:
    if (order_id := _an_order(town)) is not None:
        score = town.rng.choice((3.0, 70.0, 97.0))
        town.say(f"fraud check of order {order_id}: {score}")
        await town.house.panel.run_fraud_check(order_id, score=score, status="Fail" if score > 80 else "Pass")


async def _write(town: Town) -> None:
    rng, panel = town.rng, town.house.panel
    tickets = list(panel.state.tickets.values())
    if tickets and rng.random() < 0.5:
        ticket = rng.choice(tickets)
        town.say(f"reply to ticket {ticket.id}")
        await panel.reply_ticket(ticket.id, "Please take the second way.")
    else:
        town.say("new ticket")
        await panel.open_ticket(rng.choice(town.clients), "Question", "Could you install Ubuntu 8.04 for me?")


# --- staff --------------------------------------------------------------------------------------------------------


async def _decide(town: Town) -> None:
    """A person takes one of the offered actions on an order in Doorman, sometimes twice concurrently."""
    order_id = _an_order(town)
    answer = await town.house.api.get(f"/v1/orders/{order_id}")
    if order_id is None or answer.status_code != 200 or not (actions := answer.json()["actions"]):
        return
    action = town.rng.choice(actions)
    bodies: dict[str, dict[str, Any]] = {
        "approve": town.rng.choice(({}, {"work": "free"}, {"work": "fee"})),
        "reject": {"fraud": town.rng.random() < 0.5},
        "cancel": {"reason": "customer_withdrew"},
        "charge-fee": {"amount": town.rng.choice(("50.00", "80.00"))},
        "ask": {"question": "Which version?"},
    }
    body = bodies.get(action, {})
    for _ in range(town.rng.choice((1, 1, 2))):
        answer = await town.house.act(order_id, action, **body)
        town.say(f"{action} order {order_id} {body}: {answer.status_code}")
        assert answer.status_code < 500, answer.text


async def _grant(town: Town) -> None:
    client = town.rng.choice(town.clients)
    amount = f"{town.rng.randint(1, 3000) / 100:.2f}"
    answer = await town.house.api.post(f"/v1/customers/{client}/credits", json={"amount": amount, "reason": "sorry"})
    town.say(f"credit {amount} to {client}: {answer.status_code}")
    assert answer.status_code < 500, answer.text


async def _panel_staff(town: Town) -> None:
    """Somebody acts in the panel's admin area."""
    panel, order_id = town.house.panel, _an_order(town)
    if order_id is None:
        return
    acts: dict[str, Callable[[int], Awaitable[Any]]] = {
        "accept": panel.staff_accept, "pending": panel.staff_set_pending, "cancel": panel.staff_cancel,
        "fraud": panel.staff_fraud, "delete": panel.staff_delete, "create": panel.staff_provision,
        "cron accept": panel.cron_accept,
    }  # fmt: skip
    what = town.rng.choice(tuple(acts))
    town.say(f"panel: {what} order {order_id}")
    await acts[what](order_id)


async def _panel_money(town: Town) -> None:
    panel = town.house.panel
    if invoices := list(panel.state.invoices.values()):
        invoice = town.rng.choice(invoices)
        if invoice.status == "Paid" and invoice.received > 0:
            town.say(f"panel: refund invoice {invoice.id}")
            await panel.refund_invoice(invoice.id)
        elif invoice.status == "Unpaid":
            town.say(f"panel: cancel invoice {invoice.id}")
            await panel.cancel_invoice(invoice.id)


def _an_order(town: Town) -> int | None:
    orders = list(town.house.panel.state.orders)
    return town.rng.choice(orders[-4:]) if orders else None


# --- delivery -----------------------------------------------------------------------------------------------------


async def _weather(town: Town) -> None:
    town.wire.storm = town.rng.choice((0.0, 0.1, 0.3, 0.6, 1.0))
    town.say(f"storm {town.wire.storm}")


async def _sentence(town: Town) -> None:
    points = int(town.rng.expovariate(1 / 40)) + 1
    town.say(f"the worker dies in {points} points")
    town.crew.life.dies_in(points)


async def _hold_back(town: Town) -> None:
    """Webhooks accumulate in the addon, and arrive later in a different order."""
    panel = town.house.panel
    if panel.behaviours.post_promptly:
        town.say("webhooks are held back")
        panel.configure(post_promptly=False)
        return
    town.say("webhooks come in another order")
    waiting = list(panel.outbox.pending.items())
    town.rng.shuffle(waiting)
    panel.outbox.pending.clear()
    panel.outbox.pending.update(waiting)
    panel.configure(post_promptly=True)
    await panel.run_cron()


async def _lose(town: Town) -> None:
    """Delayed webhooks are lost; a comparison with the panel has to find what they reported."""
    waiting = town.house.panel.outbox.pending
    lost = [event for event in waiting.values() if event.type in _LOSSES and town.rng.random() < 0.5]
    for event in lost:
        del waiting[event.id]
        town.say(f"lost: {event.type} {event.data.get('order_id', '')}")


async def _repeat(town: Town) -> None:
    """A webhook arrives again, with the same or a different id."""
    past = [event for event in town.house.panel.outbox.log if event.delivered_at is not None]
    if not past:
        return
    event = town.rng.choice(past)
    if town.rng.random() < 0.5:
        event = replace(event, id=f"again-{uuid.UUID(int=town.rng.getrandbits(128))}")
    town.say(f"again: {event.type} {event.id}")
    await post(town, event)


async def post(town: Town, event: Event) -> None:
    """Send a webhook as the addon does."""
    now = town.house.clock.now
    body = event.body()
    headers = {
        "webhook-id": event.id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign(event.id, now, body),
    }
    answer = await town.house.api.post("/webhooks", content=body, headers=headers)
    assert answer.status_code == 202, answer.text
    assert json.loads(body)["type"] == event.type
    town.accepted[event.id] = event.type


# --- time ---------------------------------------------------------------------------------------------------------


async def _wait(town: Town) -> None:
    town.crew.rests = False
    seconds = town.rng.choice((1, 5, 20, 100, 300, 4000))
    town.say(f"wait {seconds} s")
    await town.house.wait(seconds)


async def _come_round(town: Town) -> None:
    town.say("the worker sweeps, rings and compares")
    await town.come_round()


async def _jump(town: Town) -> None:
    """The clock jumps; backwards too."""
    by = timedelta(seconds=town.rng.uniform(-4, 4) * 3600)
    async with town.house.turn:
        town.house.clock.now += by
    town.say(f"the clock jumps by {by}")


_STEPS: dict[Step, int] = {
    _place: 4, _pay: 5, _check_fraud: 1, _write: 2, _decide: 4, _grant: 2, _panel_staff: 2, _panel_money: 1,
    _weather: 3, _sentence: 5, _hold_back: 2, _repeat: 2, _wait: 6, _jump: 1,
    _lose: 2,
    _come_round: 3,
}  # fmt: skip
