"""An endless, seeded stream of events at a hosting provider, in plain words, for `doorman demo`."""

import asyncio
import heapq
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from app.sandbox.context import BusinessError
from app.sandbox.control import SandboxPanel
from app.sandbox.ledger import Invoice
from app.sandbox.models import Client, Order
from app.sandbox.town.people import SYSTEMS, Cast, Kind, card_tester, newcomer, wishes

FIRST = ("Lena", "Omar", "Yuki", "Pavel", "Sofia", "Luis", "Anna", "Kofi", "Elif", "Jonas", "Priya", "Marta")
LAST = ("Berg", "Costa", "Dunn", "Evans", "Fischer", "Green", "Haas", "Ivanov", "Jones", "Klein", "Moreau", "Novak")
REQUESTS = (
    "Please install Ubuntu 8.04 with PHP 4.4 and register_globals on, our shop needs it.",
    "As in my e-mail: CentOS 5 with a custom kernel module, and please move our old site over.",
    "Customer asks for a RAID 10 layout, two extra IPs routed to the second NIC and FreeBSD 6.",
)
QUESTIONS = (
    ("Where is my server?", "I paid five minutes ago and there is no mail yet. Where is my server??"),
    ("Please reboot", "My VPS hangs, can you reboot it?"),
    ("Invoice with VAT number", "Could you add our VAT number to the last invoice? Thank you & best regards."),
    ("How do I set up e-mail", "What are the IMAP settings for Outlook? It's the third time I ask."),
    ("Order by mail", "I'd like to order a VPS M with Ubuntu 8.04. Can you set this up for me? I don't like carts."),
    ("Thank you!", "Just wanted to say that everything works great. You're the best host we had."),
)
COLOCATION = (
    "Please move two cables",
    "Could somebody swap the uplinks of switch 2, ports 11 and 12, tonight at 22:00?",
)


@dataclass(slots=True)
class Stage:
    """State that the stories keep between lines."""

    panel: SandboxPanel
    rng: random.Random
    cast: Cast
    late: list[tuple[datetime, int]] = field(default_factory=list)
    """A heap of future payments: time and invoice id."""
    testers: int = 0
    known_fees: set[int] = field(default_factory=set)

    def one_of(self, kind: Kind) -> Client:
        return self.rng.choice(self.cast.clients[kind])

    def domain(self, client: Client) -> str:
        return f"{client.lastname}-{self.rng.randrange(100, 999)}.com".lower()


Story = Callable[[Stage], Awaitable[str]]


async def stories(
    panel: SandboxPanel, rng: random.Random, cast: Cast, *, pace: float = 2.0, until: int | None = None
) -> AsyncIterator[str]:
    """Play one story after another, about `pace` seconds apart, and yield a line for each.

    `until` is the number of lines after which it ends; without it, it never ends.
    """
    stage = Stage(panel, rng, cast)
    names, weights = zip(*STORIES, strict=True)
    told = 0
    while until is None or told < until:
        line = await _due(stage)
        if line is None:
            [story] = rng.choices(names, weights)
            try:
                line = await story(stage)
            except BusinessError as error:
                line = f"The panel refused something: {error.message}"
        yield line
        told += 1
        await asyncio.sleep(pace * rng.uniform(0.5, 1.5))


async def _due(stage: Stage) -> str | None:
    """Carry out what follows from earlier stories: late payments, and payments of fees."""
    now = stage.panel.ctx.now()
    if stage.late and stage.late[0][0] <= now:
        _, invoice_id = heapq.heappop(stage.late)
        invoice = stage.panel.state.invoices.get(invoice_id)
        if invoice is not None and invoice.status == "Unpaid":
            await stage.panel.pay_invoice(invoice_id)
            return f"{_name(stage, invoice)} pays invoice {invoice_id} late ({_amount(stage, invoice)})"
    return await _answer_fee(stage)


async def _answer_fee(stage: Stage) -> str | None:
    """Seven in ten customers pay the fee that Doorman requests, three of them later; the others never pay."""
    fee = next((row for row in _doorman_invoices(stage) if row.id not in stage.known_fees), None)
    if fee is None:
        return None
    stage.known_fees.add(fee.id)
    name, amount = _name(stage, fee), _amount(stage, fee)
    match stage.rng.choices(("now", "later", "never"), (4, 3, 3))[0]:
        case "now":
            await stage.panel.pay_invoice(fee.id)
            return f"{name} pays the fee of {amount} (invoice {fee.id})"
        case "later":
            _pay_later(stage, fee.id, seconds=30)
            return f"{name} has seen the fee of {amount} and will think about it"
        case _:
            return f"{name} is not going to pay the fee of {amount}"


def _doorman_invoices(stage: Stage) -> list[Invoice]:
    """Return the latest few unpaid invoices that were created by the API."""
    recent = [write for write in stage.panel.writes[-50:] if write.action == "CreateInvoice" and write.applied]
    found = [stage.panel.state.invoices.get(int(write.answer["invoiceid"])) for write in recent]
    return [invoice for invoice in found if invoice is not None and invoice.status == "Unpaid"]


def _pay_later(stage: Stage, invoice_id: int, *, seconds: float) -> None:
    heapq.heappush(stage.late, (stage.panel.ctx.now() + timedelta(seconds=seconds), invoice_id))


def _name(stage: Stage, invoice: Invoice) -> str:
    return stage.panel.state.clients[invoice.client_id].fullname


def _amount(stage: Stage, invoice: Invoice) -> str:
    return f"{invoice.total} {stage.panel.state.clients[invoice.client_id].currency}"


def _bought(order: Order, client: Client, what: str) -> str:
    return f"{client.fullname} orders {what} ({order.amount} {order.currency}), order {order.id}"


async def _regular(stage: Stage) -> str:
    client = stage.one_of("regular")
    name = stage.rng.choice(("business", "vps_m", "vps_l"))
    item = wishes(stage.cast.catalogue, name, system=stage.rng.choice(SYSTEMS) if name != "business" else "")
    order = await stage.panel.place_order(client.id, [item], pay=True, fraud_score=stage.rng.uniform(0, 8))
    return _bought(order, client, stage.cast.catalogue[name].name) + ", in the cart, and pays at once"


async def _newcomer(stage: Stage) -> str:
    country = stage.rng.choice(("US", "DE", "GB", "NL"))
    client = newcomer(stage.panel, firstname=stage.rng.choice(FIRST), lastname=stage.rng.choice(LAST), country=country)
    item = wishes(stage.cast.catalogue, "starter", domain=stage.domain(client))
    order = await stage.panel.place_order(client.id, [item], pay=True, fraud_score=stage.rng.uniform(0, 20))
    stage.cast.clients["effortless"].append(client)
    return "New: " + _bought(order, client, "Starter") + ", pays at once and asks for nothing"


async def _late_payer(stage: Stage) -> str:
    client = stage.one_of("effortless")
    order = await stage.panel.place_order(client.id, [wishes(stage.cast.catalogue, "vps_s", system="Debian 13")])
    if stage.rng.random() < 0.7:
        _pay_later(stage, order.invoice_id, seconds=stage.rng.uniform(20, 120))
    return _bought(order, client, "VPS S") + " and has not paid yet"


async def _by_mail(stage: Stage) -> str:
    client = stage.one_of("by_mail")
    notes = stage.rng.choice(REQUESTS)
    name = stage.rng.choice(("vps_m", "dedicated"))
    item = wishes(stage.cast.catalogue, name)
    order = await stage.panel.place_order(client.id, [item], by="staff", notes=notes, ip="192.0.2.250")
    if stage.rng.random() < 0.5:
        await stage.panel.pay_invoice(order.invoice_id)
    return f'Staff enter an order for {client.fullname}, who wrote: "{notes}" (order {order.id})'


async def _plain_by_staff(stage: Stage) -> str:
    client = stage.one_of("by_mail")
    item = wishes(stage.cast.catalogue, "business")
    order = await stage.panel.place_order(client.id, [item], by="staff_as_customer")
    await stage.panel.pay_invoice(order.invoice_id)
    return f"Staff click a plain Business through the cart for {client.fullname}, order {order.id}"


async def _card_tester(stage: Stage) -> str:
    orders = []
    for _ in range(stage.rng.randrange(2, 5)):
        stage.testers += 1
        client = card_tester(stage.panel, stage.testers)
        item = wishes(stage.cast.catalogue, "vps_l", system="Debian 12")
        score = stage.rng.uniform(55, 79)
        orders.append(await stage.panel.place_order(client.id, [item], pay=True, fraud_score=score))
    return f"{len(orders)} orders within a second from one address with throw-away mail accounts (45.155.205.9)"


async def _reseller(stage: Stage) -> str:
    client = stage.one_of("resold") if stage.rng.random() < 0.6 else stage.one_of("reseller")
    order = await stage.panel.place_order(client.id, [wishes(stage.cast.catalogue, "starter")], pay=True)
    return _bought(order, client, "Starter") + " from the reseller's office, whose address many share"


async def _colocation(stage: Stage) -> str:
    client = stage.one_of("colocation")
    subject, message = COLOCATION
    await stage.panel.open_ticket(client.id, subject, message, priority="High")
    return f"{client.fullname}, who pays for a rack, wants two cables moved"


async def _more_rack(stage: Stage) -> str:
    client = stage.one_of("colocation")
    notes = "As agreed by phone: please mount our two servers next to the old ones."
    order = await stage.panel.place_order(
        client.id, [wishes(stage.cast.catalogue, "colocation")], by="staff", notes=notes, pay=True
    )
    return _bought(order, client, "another quarter rack") + ", entered by staff"


async def _overdue(stage: Stage) -> str:
    client = stage.one_of("overdue")
    order = await stage.panel.place_order(client.id, [wishes(stage.cast.catalogue, "vps_m", system="Debian 12")])
    return _bought(order, client, "VPS M") + ", with two older invoices still open"


async def _ticket(stage: Stage) -> str:
    client = stage.one_of(stage.rng.choice(("demanding", "demanding", "regular", "effortless")))
    subject, message = stage.rng.choice(QUESTIONS)
    ticket = await stage.panel.open_ticket(client.id, subject, message)
    return f'{client.fullname} opens ticket #{ticket.tid}: "{subject}"'


async def _support(stage: Stage) -> str:
    waiting = [row for row in stage.panel.state.tickets.values() if row.status in {"Open", "Customer-Reply"}]
    if not waiting:
        return await _ticket(stage)
    ticket = stage.rng.choice(waiting[-20:])
    await stage.panel.reply_ticket(ticket.id, "Done. Is there anything else that we can do?", by="staff")
    await stage.panel.close_ticket(ticket.id)
    return f"Support answers and closes ticket #{ticket.tid} ({ticket.subject})"


async def _feedback(stage: Stage) -> str:
    kind: Literal["regular", "demanding"] = stage.rng.choice(("regular", "demanding"))
    client = stage.one_of(kind)
    nps = stage.rng.randrange(8, 11) if kind == "regular" else stage.rng.randrange(0, 8)
    await stage.panel.give_feedback(client.id, nps, would_buy_again=nps > 5)
    return f"{client.fullname} would recommend us: {nps} of 10"


async def _refund(stage: Stage) -> str:
    paid = [row for row in list(stage.panel.state.invoices.values())[-40:] if row.status == "Paid" and row.order_id]
    if not paid:
        return await _regular(stage)
    invoice = stage.rng.choice(paid)
    part = (invoice.received / 2).quantize(invoice.received)
    await stage.panel.refund_invoice(invoice.id, part or None)
    return f"Half of invoice {invoice.id} goes back to {_name(stage, invoice)}"


STORIES: tuple[tuple[Story, int], ...] = (
    (_regular, 22),
    (_newcomer, 20),
    (_late_payer, 10),
    (_by_mail, 10),
    (_plain_by_staff, 3),
    (_card_tester, 3),
    (_reseller, 6),
    (_colocation, 2),
    (_more_rack, 1),
    (_overdue, 2),
    (_ticket, 12),
    (_support, 8),
    (_feedback, 3),
    (_refund, 1),
)
"""The stories and their weights."""
