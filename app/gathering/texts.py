"""Everything that a customer wrote for an order, collected in full, and read before the transaction that decides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Final, TypeVar

from app.core.facts import Cut, TextCut
from app.core.judgement.written import Reading, Written, read, within
from app.core.reading.hosted import DOMAIN
from app.core.reading.text import MAX_TEXT
from app.core.reading.topics import classify
from app.gathering.asking_tickets import opening_message, own_messages
from app.gathering.long_texts import LONG, apart
from app.gathering.panel import Gathered
from app.panels.records import PanelLine, PanelOrder, PanelProduct, PanelService, PanelTicket

T = TypeVar("T")

#: A domain has 253 characters at most.
DOMAIN_CAP: Final = 1_000


async def read_ahead(gathered: Gathered) -> Gathered:
    """Read long texts now, while no transaction is open; short ones are read when needed."""
    size = sum(len(one.text) for one in written_for(gathered))
    if gathered.order is None or size <= LONG:
        return gathered
    reading = await apart(size, partial(read_written, gathered))
    asking = gathered.asking_ticket
    if asking is None:
        return replace(gathered, reading=reading)
    sorted_as = await apart(size, partial(classify, asking.subject, opening_message(asking)))
    return replace(gathered, reading=reading, asking_reading=sorted_as)


def read_written(gathered: Gathered, *, offered: frozenset[str] | None = None) -> Reading:
    """Read everything written for an order; `offered` is `offered_by(gathered.catalogue)`."""
    order = gathered.order
    on = order.placed_at.date() if order is not None and order.placed_at else gathered.read_at.date()
    reading = read(
        written_for(gathered), catalogue=offered_by(gathered.catalogue) if offered is None else offered, on=on
    )
    if not gathered.tickets_left:
        return reading
    return replace(reading, cut=(*reading.cut, TextCut(where="tickets", why=Cut.TOO_MANY)))


def offered_by(catalogue: tuple[PanelProduct, ...]) -> frozenset[str]:
    """Return the names of everything that can be chosen with a product."""
    return frozenset(option for product in catalogue for option in product.options)


def written_for(gathered: Gathered) -> list[Written]:
    """Return what the customer wrote for this order: notes, custom fields, the asking ticket, and names of domains."""
    order, ticket = gathered.order, gathered.asking_ticket
    found: list[Written] = []
    if order is not None and order.notes.strip():
        found.append(Written(where="notes", text=order.notes))
    found += [
        Written(where="custom_field", text=value, label=name)
        for one in gathered.services
        for name, value in one.custom_fields
        if value.strip()
    ]
    if ticket is not None:
        found.append(Written(where="ticket", text=_of_ticket(ticket, order)))
    return found if order is None else found + domains_of(order, gathered.services)


def _of_ticket(ticket: PanelTicket, order: PanelOrder | None) -> str:
    """Return its subject and what the customer wrote in it before the order was placed, replies included."""
    return "\n\n".join([f"{ticket.subject}\n{opening_message(ticket)}", *own_messages(ticket, order)])


def domains_of(order: PanelOrder, services: Iterable[PanelService]) -> list[Written]:
    """Return the domain names on the order's lines, or else of the services that they are for, each once."""
    by_id = {service.service_id: service for service in services}
    named = (line_domain(line, by_id.get(line.relid or 0) if line.kind == "product" else None) for line in order.lines)
    return [Written(where=DOMAIN, text=name) for name in dict.fromkeys(named) if name]


def line_domain(line: PanelLine, service: PanelService | None) -> str:
    """Return the domain name of a line, or else of the service that it is for."""
    return line.domain or (service.domain if service else "")


def as_stored(gathered: Gathered) -> str:
    """Return the texts as they are stored with an order: everything that is read of them."""
    kept, _ = within(one for one in written_for(gathered) if one.where != DOMAIN)
    return "\n\n".join(one.text for one in kept)[:MAX_TEXT].replace("\x00", "")
