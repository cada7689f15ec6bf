"""Each panel action with each way to lose its answer: exactly one effect, whatever happened to the first attempt.

The panel's faults use the real wire format. The clock is the house's, so that the settle time passes instantly.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from itertools import cycle, product
from typing import Any

import pytest
import sqlalchemy as sa

from app.core.actions import CreateQuote, NotifyStaff, PanelAction, ReplyTicket, SendEmail
from app.db import Database
from app.messaging import outbox
from app.sandbox.faults import FaultKind
from app.tables.outbox import panel_calls
from tests.asked import EVERYTHING, in_turn
from tests.stories.house import POLICY, House, open_house
from tests.stories.test_orders import WISH, services_of, shop

pytestmark = pytest.mark.both_databases(
    "a call is claimed, settled and kept alone on the wire by locks and partial indexes"
)

SETTLE = 60.0
TIMEOUT = 0.25
BEFORE: tuple[FaultKind, ...] = ("error_500_before", "reset_before")
AFTER: tuple[FaultKind, ...] = ("error_500_after", "garbage_after", "reset_after", "hang_before", "hang_after", "late")


@pytest.fixture
async def house(db: Database) -> AsyncIterator[House]:
    async with open_house(db, policy=POLICY, panel_settle_seconds=SETTLE, panel_timeout=TIMEOUT) as opened:
        yield opened


@dataclass(frozen=True, slots=True)
class Scene:
    """A house just before one call: how to trigger the call, and how to see its effect in the panel's state."""

    go: Callable[[], Awaitable[Any]]
    effects: Callable[[], int]


async def _held(house: House, notes: str = WISH) -> tuple[int, int]:
    """Place an order that is held for a fee, with all its calls done; return its id and its customer's."""
    client, product = shop(house, autosetup="accept")
    placed = await house.panel.place_order(client, [product], notes=notes, pay=True)
    await house.wait(60)  # a read that a busy machine makes too slow is tried again
    assert (await house.order(placed.id))["state"] == "held"
    return placed.id, client


def _place(house: House, notes: str) -> Callable[[], Awaitable[Any]]:
    client, product = shop(house, autosetup="accept")
    return lambda: house.panel.place_order(client, [product], notes=notes, pay=True)


async def accept(house: House) -> Scene:
    def effects() -> int:
        [order] = house.panel.state.orders.values()
        creates = [service.creates for service in services_of(house, order.id)]  # type: ignore[attr-defined]
        assert set(creates) <= {0, 1}
        return int(order.status == "Active" and creates == [1])

    return Scene(_place(house, ""), effects)


async def create_invoice(house: House) -> Scene:
    def effects() -> int:
        return sum("doorman:fee:" in invoice.notes for invoice in house.panel.state.invoices.values())

    return Scene(_place(house, WISH), effects)


async def open_ticket(house: House) -> Scene:
    def effects() -> int:
        tickets = house.panel.state.tickets.values()
        return sum("doorman:" in reply.message for ticket in tickets for reply in ticket.replies)

    return Scene(_place(house, WISH), effects)


async def cancel_invoice(house: House) -> Scene:
    order_id, _ = await _held(house)
    invoice_id = (await house.order(order_id))["fee"]["invoice_id"]

    def effects() -> int:
        return int(house.panel.state.invoices[invoice_id].status == "Cancelled")

    return Scene(lambda: house.act(order_id, "waive-fee"), effects)


async def cancel(house: House) -> Scene:
    order_id, _ = await _held(house)

    def effects() -> int:
        return int(house.panel.state.orders[order_id].status == "Cancelled")

    return Scene(lambda: house.act(order_id, "cancel", reason="duplicate"), effects)


async def fraud(house: House) -> Scene:
    order_id, _ = await _held(house)

    def effects() -> int:
        return int(house.panel.state.orders[order_id].status == "Fraud")

    return Scene(lambda: house.act(order_id, "reject", fraud=True), effects)


async def back_to_pending(house: House) -> Scene:
    """A reject is undone: back to Pending, then accepted."""
    order_id, _ = await _held(house)
    await house.act(order_id, "reject", fraud=True)
    await house.settle(seconds=30)
    assert house.panel.state.orders[order_id].status == "Fraud"

    def effects() -> int:
        return int(house.panel.state.orders[order_id].status in {"Pending", "Active"})

    return Scene(lambda: house.act(order_id, "approve", work="free"), effects)


async def credit(house: House) -> Scene:
    _, client = await _held(house)
    body = {"amount": "25.00", "reason": "a long outage"}

    def effects() -> int:
        return sum(row.amount == 25 for row in house.panel.state.credits_of[client])

    return Scene(lambda: house.api.post(f"/v1/customers/{client}/credits", json=body), effects)


async def _want(house: House, action: PanelAction) -> None:
    name = f"test:{uuid.uuid4()}"
    async with house.db.begin() as tx:
        await outbox.enqueue(tx, action, key=name, cause="event:1", now=house.clock())


async def quote(house: House) -> Scene:
    client, _ = shop(house)
    action = CreateQuote(
        customer_id=client, reference=f"doorman:quote:{uuid.uuid4()}", subject="Work", description="Ten hours & more",
        notes="As agreed", amount="500.00", taxed=False, valid_until="2027-01-31",
    )  # fmt: skip

    def effects() -> int:
        return len(house.panel.state.quotes)

    return Scene(lambda: _want(house, action), effects)


async def reply(house: House) -> Scene:
    client, _ = shop(house)
    ticket = await house.panel.open_ticket(client, "A question", "Is it done?")
    await house.settle(seconds=30)
    reference = f"doorman:reply:{uuid.uuid4()}"
    action = ReplyTicket(ticket_id=ticket.id, reference=reference, message="It is.", signed="The team")

    def effects() -> int:
        return sum(reference in message.message for message in house.panel.state.tickets[ticket.id].replies)

    return Scene(lambda: _want(house, action), effects)


SCENES: dict[str, Callable[[House], Awaitable[Scene]]] = {
    "AcceptOrder": accept,
    "PendingOrder": back_to_pending,
    "CancelOrder": cancel,
    "FraudOrder": fraud,
    "CreateInvoice": create_invoice,
    "UpdateInvoice": cancel_invoice,
    "AddCredit": credit,
    "CreateQuote": quote,
    "OpenTicket": open_ticket,
    "AddTicketReply": reply,
}


def on_databases_in_turn(names: str, cases: Iterable[tuple[str, ...]]) -> pytest.MarkDecorator:
    """Parametrize: the database that keeps a call differs neither by its action nor by its fault."""
    return pytest.mark.parametrize(f"database_kind, {names}", in_turn(*cases), indirect=["database_kind"])


async def _calls(house: House, name: str) -> list[Any]:
    """Return the panel calls of this kind."""
    own = {"UpdateInvoice": "cancel_invoice", "AddTicketReply": "reply_ticket"}
    snake = own.get(name) or "".join(f"_{char.lower()}" if char.isupper() else char for char in name).lstrip("_")
    async with house.db.read() as connection:
        return list((await connection.execute(sa.select(panel_calls).where(panel_calls.c.action == snake))).all())


async def _done_once(house: House, name: str, scene: Scene, *, sent: int) -> None:
    assert scene.effects() == 1
    assert house.effects(name) == 1
    assert house.panel.counts[name] == sent
    calls = await _calls(house, name)
    assert [(call.state, call.uncertain, call.attempts) for call in calls] == [("done", False, sent)]


def _pairs() -> list[tuple[str, FaultKind]]:
    """Each fault with one action of each kind, and each action with two faults; all combinations in a full run.

    All actions are sent the same way: the effect of a fault depends only on the kind of the action.
    """
    if EVERYTHING:
        return [(name, fault) for name in SCENES for fault in (*BEFORE, *AFTER)]
    kinds = ("AcceptOrder", "CreateInvoice", "AddCredit")  # guarded by a state; findable; money
    others = [name for name in SCENES if name not in kinds]
    chosen = [(name, fault) for name in kinds for fault in (*BEFORE, *AFTER)]
    chosen += zip(others, cycle(BEFORE), strict=False)
    return chosen + list(zip(others, cycle(AFTER), strict=False))


@on_databases_in_turn("name, fault", _pairs())
async def test_one_effect_whatever_the_first_answer_was(house: House, name: str, fault: FaultKind) -> None:
    scene = await SCENES[name](house)
    house.panel.faults.add(fault, action=name, seconds=2 * TIMEOUT)
    await scene.go()
    await house.wait(3 * SETTLE)
    assert house.panel.faults.take(name) is None
    await _done_once(house, name, scene, sent=2 if fault in BEFORE else 1)


@on_databases_in_turn("name", zip(SCENES))
async def test_what_may_still_be_applied_is_not_sent_again(house: House, name: str) -> None:
    scene = await SCENES[name](house)
    house.panel.faults.add("kept", action=name)
    await scene.go()
    await house.wait(0.9 * SETTLE)
    assert (scene.effects(), house.panel.counts[name], len(house.panel.kept)) == (0, 1, 1)
    [call] = await _calls(house, name)
    assert call.state == "unknown"
    await house.panel.apply_kept()
    await house.wait(SETTLE)
    await _done_once(house, name, scene, sent=1)


@on_databases_in_turn("name", [("AcceptOrder",), ("CreateInvoice",), ("AddCredit",)])
async def test_three_lost_answers_in_a_row(house: House, name: str) -> None:
    scene = await SCENES[name](house)
    for fault in ("reset_before", "error_500_before", "reset_after"):
        house.panel.faults.add(fault, action=name)
    await scene.go()
    await house.wait(6 * SETTLE)
    await _done_once(house, name, scene, sent=3)


# --- courtesies ---------------------------------------------------------------------------------------------------

MAIL = SendEmail(customer_id=1, subject="Hello", message="<p>Hello</p>")
RING = NotifyStaff(title="An order waits", message="Order 12", url="")


@on_databases_in_turn(
    "fault, name",
    product(
        ["reset_before", "garbage_after", "hang_after", "kept"],
        ["SendEmail", "TriggerNotificationEvent", "AddClientNote"],
    ),
)
async def test_a_courtesy_goes_out_at_most_once(house: House, name: str, fault: FaultKind) -> None:
    client, product = shop(house, autosetup="accept")
    house.panel.faults.add(fault, action=name, seconds=2 * TIMEOUT)
    if name == "AddClientNote":
        await house.panel.place_order(client, [product], notes=WISH, pay=True)
    else:
        mail = SendEmail(customer_id=client, subject=MAIL.subject, message=MAIL.message)
        await _want(house, mail if name == "SendEmail" else RING)
    await house.wait(0.9 * SETTLE)
    await house.panel.apply_kept()
    await house.wait(2 * SETTLE)
    assert house.panel.counts[name] == 1
    assert house.effects(name) == (0 if fault in BEFORE else 1)
    calls = await _calls(house, "NotifyStaff" if name == "TriggerNotificationEvent" else name)
    assert [(call.state, call.uncertain) for call in calls] == [("done", True)]


async def test_staff_are_rung_once_by_mail_where_our_role_has_no_notifications(house: House) -> None:
    house.panel.behaviours.role_lacks.add("TriggerNotificationEvent")
    await _want(house, RING)
    await house.wait(SETTLE)
    [mail] = house.panel.state.mails
    assert (mail.to, mail.subject) == ("staff", "An order waits")
    [call] = await _calls(house, "NotifyStaff")
    assert (call.state, call.uncertain, call.result) == ("done", False, {"told_by": "email"})


async def test_staff_that_can_not_be_rung_show_as_a_dead_call(house: House) -> None:
    house.panel.behaviours.role_lacks |= {"triggernotificationevent", "SendAdminEmail"}
    await _want(house, RING)
    await house.wait(SETTLE)
    [call] = await _calls(house, "NotifyStaff")
    assert call.state == "dead"
    assert "triggernotificationevent" in call.last_error
    assert "sendadminemail" in call.last_error


# --- accepting ----------------------------------------------------------------------------------------------------


async def test_not_pending_after_a_lost_answer_is_success_when_the_order_is_active(house: House) -> None:
    """The first accept takes effect between our look-up and our second call."""
    scene = await accept(house)
    house.panel.faults.add("kept", action="AcceptOrder")
    await scene.go()
    await house.wait(0.9 * SETTLE)
    [order] = house.panel.state.orders.values()

    async def overtake() -> None:
        while house.panel.counts["AcceptOrder"] < 2:
            await asyncio.sleep(0.002)
        await house.panel.apply_kept()

    house.panel.faults.latency = TIMEOUT / 3
    racing = asyncio.create_task(overtake())
    await house.wait(2 * SETTLE)
    await racing
    assert order.status == "Active"
    assert scene.effects() == 1
    [call] = await _calls(house, "AcceptOrder")
    assert call.state == "done"


async def test_an_error_that_we_do_not_know_goes_to_a_person_after_three_attempts(house: House) -> None:
    client, product = shop(house, autosetup="accept")
    house.panel.state.products[product].module_error = "Curl Error: (7) vps1.example refused"
    placed = await house.panel.place_order(client, [product], pay=True)
    await house.wait(3 * SETTLE)
    assert house.panel.counts["AcceptOrder"] == 3
    [call] = await _calls(house, "AcceptOrder")
    assert call.state == "dead"
    order = await house.order(placed.id)
    assert (order["state"], order["flags"]) == ("held", ["provisioning_failed"])
    [row] = (await house.api.get("/v1/queue")).json()["items"]
    assert (row["order_id"], row["why"]) == (placed.id, "dead_call")
    assert any("Curl Error: (7) vps1.example refused" in reason["text"] for reason in row["reasons"])


async def test_an_error_that_passes_is_accepted_at_the_next_attempt(house: House) -> None:
    client, product = shop(house, autosetup="accept")
    house.panel.state.products[product].module_error = "server busy"
    placed = await house.panel.place_order(client, [product], pay=True)
    house.panel.faults.add("error_500_before", action="AcceptOrder")
    await house.settle()
    house.panel.state.products[product].module_error = ""
    await house.wait(3 * SETTLE)
    assert (await house.order(placed.id))["state"] == "released"
    assert [service.creates for service in services_of(house, placed.id)] == [1]  # type: ignore[attr-defined]
