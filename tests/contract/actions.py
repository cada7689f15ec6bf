"""One action of each kind for the contract of a panel, with its prerequisites."""

from collections.abc import Callable
from typing import Any

import pytest

from app.core.actions import (
    AcceptOrder,
    AddCredit,
    CancelInvoice,
    CancelOrder,
    CreateInvoice,
    CreateQuote,
    FraudOrder,
    OpenTicket,
    PanelAction,
    PendingOrder,
    ReplyTicket,
)
from tests.contract.worlds import World

REFERENCE = "doorman:test:5e0c8f0e-6f1c-4a3e-9d53-2f6d4f9b1a77"


async def accept(world: World) -> PanelAction:
    return AcceptOrder(order_id=await world.place_order(), autosetup=True, sendemail=False, sendregistrar=False)


async def cancel(world: World) -> PanelAction:
    return CancelOrder(order_id=await world.place_order())


async def fraud(world: World) -> PanelAction:
    return FraudOrder(order_id=await world.place_order())


async def back_to_pending(world: World) -> PanelAction:
    order_id = await world.place_order()
    await world.panel.perform(CancelOrder(order_id=order_id))
    return PendingOrder(order_id=order_id)


async def invoice(world: World) -> CreateInvoice:
    return CreateInvoice(
        customer_id=world.customer_id,
        reference=REFERENCE,
        description="Installing Ubuntu & \"friends\" on order 812: 1 hour 😀",
        notes="For the work you asked for",
        amount="50.00",
        taxed=False,
        date="2026-08-14",
        due_date="2026-08-28",
    )  # fmt: skip


async def cancel_invoice(world: World) -> CancelInvoice:
    made = await world.panel.perform(await invoice(world))
    return CancelInvoice(customer_id=world.customer_id, invoice_id=made["invoice_id"])


async def credit(world: World) -> PanelAction:
    return AddCredit(customer_id=world.customer_id, reference=REFERENCE, description="Thanks <you>", amount="7.50")


async def quote(world: World) -> CreateQuote:
    return CreateQuote(
        customer_id=world.customer_id,
        reference=REFERENCE,
        subject='Work on "order 812"',
        description="Installing Ubuntu & \"friends\" 😀",
        notes="For the work <you> asked for",
        amount="500.00",
        taxed=True,
        valid_until="2026-09-04",
    )  # fmt: skip


async def reply(world: World) -> ReplyTicket:
    opened = await world.panel.perform(await ticket(world))
    return ReplyTicket(
        ticket_id=opened["ticket_id"],
        reference=REFERENCE.replace("test", "reply"),
        message='It is "done" & paid.',
        signed="The team",
    )


async def ticket(world: World) -> PanelAction:
    return OpenTicket(
        customer_id=world.customer_id,
        reference=REFERENCE,
        department_id=1,
        subject='Your order "812" & the work',
        message="We can do this for you.\n\nPay, or answer.",
    )


Make = Callable[[World], Any]
LOOKED_UP: list[tuple[Make, str]] = [
    (accept, "AcceptOrder"),
    (cancel, "CancelOrder"),
    (fraud, "FraudOrder"),
    (back_to_pending, "PendingOrder"),
    (invoice, "CreateInvoice"),
    (cancel_invoice, "UpdateInvoice"),
    (credit, "AddCredit"),
    (quote, "CreateQuote"),
    (ticket, "OpenTicket"),
    (reply, "AddTicketReply"),
]
actions = pytest.mark.parametrize(("make", "name"), LOOKED_UP, ids=lambda value: getattr(value, "__name__", ""))
