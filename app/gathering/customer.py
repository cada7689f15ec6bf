"""What is read in the panel about the customer of an order, some of it a moment ago for another look."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TypeVar

from app.context import Context
from app.core.facts import PlacedBy
from app.core.statuses import PanelOrderStatus
from app.gathering.asking_tickets import asks_for_order, could_ask, length, not_all_read, recent_tickets
from app.gathering.long_texts import apart
from app.gathering.sign_up import SignUp, signed_up
from app.panels.base import PanelDown, PanelNotPermitted, PanelReader, PanelUnavailable
from app.panels.records import PanelCustomer, PanelOrder, PanelPayMethod, PanelTicket

T = TypeVar("T")

_TICKETS_AT_ONCE = 5  # whole tickets read at a time, until one is found that asked for the order
_TICKETS_LISTED = 50
#: Reads without which an order can't be judged.
_ESSENTIAL = frozenset({"customer", "services"})


@dataclass(slots=True)
class Unread:
    """The reads of one look that failed."""

    missing: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    retry_after: float = 0.0

    async def attempt(self, name: str, reading: Awaitable[T], otherwise: T) -> T:
        """Return what is read, or `otherwise` if that fails. Raises PanelDown: then the whole event has to wait."""
        try:
            return await reading
        except PanelDown:
            raise
        except PanelUnavailable as error:
            self.add(name, error)
            return otherwise

    def add(self, name: str, error: PanelUnavailable) -> None:
        """Add a failed read; one that our role does not allow fails until somebody changes the role."""
        self.missing.append(name)
        if isinstance(error, PanelNotPermitted) and name not in _ESSENTIAL:
            return
        self.failed.append(name)
        self.retry_after = max(self.retry_after, error.retry_after or 0.0)


@dataclass(frozen=True, slots=True)
class Tickets:
    recent: tuple[PanelTicket, ...] = ()
    asking: PanelTicket | None = None
    left: bool = False


async def customer_of(
    context: Context, panel: PanelReader, order: PanelOrder, *, now: datetime, urgent: bool, unread: Unread
) -> tuple[PanelCustomer | None, SignUp | None]:
    """Return the customer of an order, and when they signed up."""
    if order.customer_id is None:
        return None, None
    reading = partial(panel.customer, order.customer_id, urgent=urgent)
    customer = await context.customers.get(order.customer_id, reading, now=now)
    if customer is None:
        context.customers.forget(order.customer_id)
    if customer is None or not customer.email:
        return customer, None
    signing_up = signed_up(context, panel, order, customer, now=now, urgent=urgent)
    return customer, await unread.attempt("signed_up_on", signing_up, None)


async def pay_methods_of(
    context: Context, panel: PanelReader, order: PanelOrder, *, now: datetime, urgent: bool
) -> tuple[PanelPayMethod, ...]:
    """Read pay methods, only for orders that can still be judged.

    If our role lacks the right, the panel is asked only once in a while.
    """
    if order.customer_id is None or order.status != PanelOrderStatus.PENDING or order.is_renewal:
        return ()
    if context.pay_methods_barred:
        raise PanelNotPermitted("our API role may not read pay methods", alarm=True)
    try:
        reading = partial(panel.pay_methods, order.customer_id, urgent=urgent)
        return await context.pay_methods.get(order.customer_id, reading, now=now)
    except PanelUnavailable as error:
        if error.alarm:
            context.pay_methods_barred.put()
        raise


def has_no_tickets(order: PanelOrder, customer: PanelCustomer | None) -> bool:
    """True if the panel counts no ticket of a customer who placed the order, so that none has to be listed."""
    return customer is not None and customer.stats.tickets == 0 and order.placed_by is not PlacedBy.STAFF


async def tickets_of(
    context: Context, panel: PanelReader, order: PanelOrder, asking_id: int | None, *, now: datetime, urgent: bool
) -> Tickets:
    """Return the customer's recent tickets, and which asked for the order; `asking_id` if that is known."""
    if order.customer_id is None:
        return Tickets()
    reading = partial(panel.tickets, order.customer_id, limit=_TICKETS_LISTED, urgent=urgent)
    if asking_id is not None:
        heads, asking = await asyncio.gather(
            context.tickets.get(order.customer_id, reading, now=now),
            panel.ticket(asking_id, urgent=urgent),
        )
        return Tickets(recent_tickets(heads, now), asking)
    heads = await context.tickets.get(order.customer_id, reading, now=now)
    recent = recent_tickets(heads, now)
    if order.placed_by is not PlacedBy.STAFF:
        return Tickets(recent)
    asking = await _find_asking(panel, order, recent, urgent=urgent)
    unlisted = len(heads) >= _TICKETS_LISTED and len(recent) == len(heads)
    return Tickets(recent, asking, asking is None and (unlisted or not_all_read(order, recent)))


async def _find_asking(
    panel: PanelReader, order: PanelOrder, recent: tuple[PanelTicket, ...], *, urgent: bool
) -> PanelTicket | None:
    before = could_ask(order, recent)
    for start in range(0, len(before), _TICKETS_AT_ONCE):
        some = before[start : start + _TICKETS_AT_ONCE]
        for ticket in await asyncio.gather(*(panel.ticket(head.ticket_id, urgent=urgent) for head in some)):
            if ticket is not None and await apart(length(ticket), partial(asks_for_order, ticket, order)):
                return ticket
    return None
