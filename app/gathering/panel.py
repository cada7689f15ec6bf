"""Read everything that one decision needs, from the panel and from our own tables, with no transaction open.

Nothing else reads the panel for facts. `missing` names what could not be read, `failed` the part of it that may succeed
at the next attempt, `absent` what was not found although it should exist. An order that the panel does not list is
None; an unavailable panel raises PanelUnavailable.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.context import Context
from app.core.facts import EnrichmentReport, PaymentState, PlacedBy
from app.core.judgement.written import Reading
from app.core.reading.topics import TicketReading
from app.core.statuses import PanelOrderStatus
from app.enrichment.geoip import NOWHERE, IpPlace
from app.gathering import enrichment
from app.gathering.asking_tickets import asks_for_order, could_ask, length, not_all_read, recent_tickets
from app.gathering.long_texts import apart
from app.panels.base import PanelDown, PanelNotPermitted, PanelReader, PanelUnavailable
from app.panels.records import (
    PanelCustomer,
    PanelInvoice,
    PanelOrder,
    PanelPayMethod,
    PanelProduct,
    PanelService,
    PanelTicket,
)
from app.tables.orders import fees, orders, ticket_orders

_TICKETS_AT_ONCE = 5  # whole tickets read at a time, until one is found that asked for the order
_TICKETS_LISTED = 50
_LINES_ONE_BY_ONE = 3  # for more, the customer's services are listed once
#: Reads without which an order can't be judged.
_ESSENTIAL = frozenset({"customer", "services"})
#: Fees of these states have an invoice in the panel.
_INVOICED = frozenset({"unpaid", "partly_paid", "payment_pending", "paid"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeSeen:
    """One of our fees and its invoice as the panel shows it now (None: gone)."""

    fee_id: UUID
    state: str
    invoice_id: int
    invoice: PanelInvoice | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Everything read for one order, and the version of our own row at that time."""

    order_id: int
    order_version: int | None  # None: we had no row yet
    read_at: datetime
    order: PanelOrder | None
    customer: PanelCustomer | None = None
    signed_up_on: date | None = None
    services: tuple[PanelService, ...] = ()
    invoice: PanelInvoice | None = None
    catalogue: tuple[PanelProduct, ...] = ()
    tickets: tuple[PanelTicket, ...] = ()
    asking_ticket: PanelTicket | None = None
    tickets_left: bool = False  # unread tickets are left, any of which may have asked for the order
    fees: tuple[FeeSeen, ...] = ()
    pay_methods: tuple[PanelPayMethod, ...] = ()
    enrichment: tuple[EnrichmentReport, ...] = ()
    ip_place: IpPlace = NOWHERE  # of the order's IP, no matter whose it is
    missing: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()  # those of `missing` that may succeed at the next attempt
    absent: tuple[str, ...] = ()  # not found, although the order or our row names it: a list may lack it briefly
    retry_after: float = 0.0  # seconds that the panel asked us to wait
    unread_since: datetime | None = None  # from our own row: since when its reads fail
    reading: Reading | None = None  # of its texts, if they are so long that they were read ahead
    asking_reading: TicketReading | None = None  # of the asking ticket, likewise

    @property
    def without(self) -> tuple[str, ...]:
        """The reads that a judgement now would lack, but that may succeed later."""
        return tuple(sorted({*self.failed, *({"customer"} & set(self.absent))}))


@dataclass(frozen=True, slots=True)
class _Own:
    version: int | None
    fees: tuple[Any, ...]
    asking_ticket_id: int | None
    placed_by: PlacedBy = PlacedBy.UNKNOWN
    payment_state: str = ""
    unread_since: datetime | None = None


@dataclass(slots=True)
class _Unread:
    """The reads of one look that failed."""

    missing: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    retry_after: float = 0.0

    def add(self, name: str, error: PanelUnavailable) -> None:
        """Add a failed read; one that our role does not allow fails until somebody changes the role."""
        self.missing.append(name)
        if isinstance(error, PanelNotPermitted) and name not in _ESSENTIAL:
            return
        self.failed.append(name)
        self.retry_after = max(self.retry_after, error.retry_after or 0.0)


@dataclass(frozen=True, slots=True)
class _Tickets:
    recent: tuple[PanelTicket, ...] = ()
    asking: PanelTicket | None = None
    left: bool = False


async def gather_order(
    context: Context, order_id: int, *, now: datetime, urgent: bool = False, placed_by: PlacedBy | None = None
) -> Gathered:
    """Read one order and what belongs to it; `placed_by` is the event's, if it has one.

    Raises PanelUnavailable if the order itself can't be read; other failed reads are named in `missing`.
    """
    panel, began = context.panel, time.monotonic()
    if panel is None:
        raise PanelUnavailable("no panel is configured")
    own, order = await asyncio.gather(_own_rows(context, order_id), panel.order(order_id, urgent=urgent))
    unread = _Unread()
    seen_fees = await asyncio.gather(*(_fee(panel, row) for row in own.fees))
    if order is None:
        return Gathered(
            order_id=order_id, order_version=own.version, read_at=now, order=None, fees=tuple(seen_fees),
            absent=_absent_fees(seen_fees), unread_since=own.unread_since,
        )  # fmt: skip
    customer_reads = _customer_reads(context, panel, order, own, now=now, urgent=urgent, unread=unread)
    (customer, signed_up_on), services, invoice, catalogue, read, pay_methods = await asyncio.gather(*customer_reads)
    own_ip = None if _by_others(order, placed_by or own.placed_by) else order.ip
    seconds = enrichment.seconds_left(began, urgent=urgent)
    reports, place = await asyncio.gather(
        enrichment.reports(context, order, customer, own_ip=own_ip, seconds=seconds, now=now), _place(context, order)
    )
    found = Gathered(
        order_id=order_id,
        order_version=own.version,
        read_at=now,
        order=order,
        customer=customer,
        signed_up_on=signed_up_on,
        services=services,
        invoice=invoice,
        catalogue=catalogue,
        tickets=read.recent,
        asking_ticket=read.asking,
        tickets_left=read.left,
        fees=tuple(seen_fees),
        pay_methods=pay_methods,
        enrichment=reports,
        ip_place=place,
        missing=tuple(sorted(unread.missing)),
        failed=tuple(sorted(unread.failed)),
        retry_after=unread.retry_after,
        unread_since=own.unread_since,
    )
    return replace(found, absent=_absent(found, order, own))


def _absent(found: Gathered, order: PanelOrder, own: _Own) -> tuple[str, ...]:
    """Return the names of what was not found, although the order or our own row says that it exists.

    For an order that is not Pending only invoices count: nothing else can change what is done about it.
    """
    absent = set(_absent_fees(found.fees))
    if order.invoice_id and found.invoice is None and own.payment_state != PaymentState.UNKNOWN:
        absent.add("invoice")
    if order.status == PanelOrderStatus.PENDING:
        wanted = len(_services_of(order))
        absent |= {
            name
            for name, gone in (
                ("customer", order.customer_id is not None and found.customer is None),
                ("services", len(found.services) < (wanted if order.customer_id else min(wanted, _LINES_ONE_BY_ONE))),
                ("catalogue", bool(wanted) and not found.catalogue),
                ("tickets", own.asking_ticket_id is not None and found.asking_ticket is None),
            )
            if gone
        }
    return tuple(sorted(absent - set(found.missing)))


def _absent_fees(seen: Sequence[FeeSeen]) -> tuple[str, ...]:
    return tuple(f"fee:{fee.fee_id}" for fee in seen if fee.invoice is None and fee.state in _INVOICED)


async def _place(context: Context, order: PanelOrder) -> IpPlace:
    geo = context.enrichment.geo if context.enrichment else None
    return NOWHERE if geo is None else await geo.find(order.ip)


def _by_others(order: PanelOrder, told: PlacedBy) -> bool:
    """True if staff or a program entered it, so that the IP is theirs; `told` is what the event says."""
    if told is PlacedBy.UNKNOWN:
        return order.placed_by is PlacedBy.STAFF
    return told is not PlacedBy.CUSTOMER


def _customer_reads(
    context: Context,
    panel: PanelReader,
    order: PanelOrder,
    own: _Own,
    *,
    now: datetime,
    urgent: bool,
    unread: _Unread,
) -> tuple[Any, ...]:
    async def attempt(name: str, reading: Any, otherwise: Any) -> Any:
        try:
            return await reading
        except PanelDown:  # the panel is down: no missing fact, the whole event has to wait
            raise
        except PanelUnavailable as error:
            unread.add(name, error)
            return otherwise

    return (
        attempt("customer", _customer(panel, order, urgent=urgent, unread=unread), (None, None)),
        attempt("services", _services(panel, order, urgent=urgent), ()),
        attempt("invoice", _invoice(panel, order, urgent=urgent), None),
        attempt("catalogue", context.catalogue.get(panel, urgent=urgent), ()),
        attempt("tickets", _tickets(panel, order, own, now=now, urgent=urgent), _Tickets()),
        attempt("neighbours.payment", _pay_methods(context, panel, order, urgent=urgent), ()),
    )


async def _own_rows(context: Context, order_id: int) -> _Own:
    async with context.db.read() as connection:
        known = (
            await connection.execute(
                sa.select(orders.c.version, orders.c.placed_by, orders.c.payment_state, orders.c.unread_since).where(
                    orders.c.order_id == order_id
                )
            )
        ).first()
        rows = (
            await connection.execute(
                sa.select(fees.c.id, fees.c.state, fees.c.invoice_id)
                .where(fees.c.order_id == order_id, fees.c.invoice_id.is_not(None))
                .order_by(fees.c.created_at.desc())
                .limit(10)
            )
        ).all()
        asking = (
            await connection.execute(
                sa.select(ticket_orders.c.ticket_id)
                .where(ticket_orders.c.order_id == order_id, ticket_orders.c.kind == "asked")
                .limit(1)
            )
        ).scalar_one_or_none()
    if known is None:
        return _Own(None, tuple(rows), asking)
    return _Own(known.version, tuple(rows), asking, PlacedBy(known.placed_by), known.payment_state, known.unread_since)


async def _fee(panel: PanelReader, row: Any) -> FeeSeen:
    invoice = await panel.invoice(row.invoice_id)
    return FeeSeen(fee_id=row.id, state=row.state, invoice_id=row.invoice_id, invoice=invoice)


async def _customer(
    panel: PanelReader, order: PanelOrder, *, urgent: bool, unread: _Unread
) -> tuple[PanelCustomer | None, date | None]:
    if order.customer_id is None:
        return None, None
    customer = await panel.customer(order.customer_id, urgent=urgent)
    if customer is None or not customer.email:
        return customer, None
    try:
        return customer, await panel.signed_up_on(customer.customer_id, customer.email, urgent=urgent)
    except PanelDown:
        raise
    except PanelUnavailable as error:
        unread.add("signed_up_on", error)
        return customer, None


async def _services(panel: PanelReader, order: PanelOrder, *, urgent: bool) -> tuple[PanelService, ...]:
    wanted = _services_of(order)
    if not wanted:
        return ()
    if len(wanted) <= _LINES_ONE_BY_ONE or order.customer_id is None:
        some = sorted(wanted)[:_LINES_ONE_BY_ONE]
        found = await asyncio.gather(*(panel.services(service_id=one, urgent=urgent) for one in some))
        return tuple(service for group in found for service in group if service.service_id in wanted)
    listed = await panel.services(customer_id=order.customer_id, urgent=urgent)
    return tuple(service for service in listed if service.service_id in wanted)


def _services_of(order: PanelOrder) -> set[int]:
    return {line.relid for line in order.lines if line.kind == "product" and line.relid}


async def _invoice(panel: PanelReader, order: PanelOrder, *, urgent: bool) -> PanelInvoice | None:
    return await panel.invoice(order.invoice_id, urgent=urgent) if order.invoice_id else None


async def _pay_methods(
    context: Context, panel: PanelReader, order: PanelOrder, *, urgent: bool
) -> tuple[PanelPayMethod, ...]:
    """Read pay methods, only for orders that can still be judged.

    If our role lacks the right, the panel is asked only once in a while.
    """
    if order.customer_id is None or order.status != PanelOrderStatus.PENDING or order.is_renewal:
        return ()
    if context.pay_methods_barred:
        raise PanelNotPermitted("our API role may not read pay methods", alarm=True)
    try:
        return await context.pay_methods.get(panel, order.customer_id, urgent=urgent)
    except PanelUnavailable as error:
        if error.alarm:
            context.pay_methods_barred.put()
        raise


async def _tickets(panel: PanelReader, order: PanelOrder, own: _Own, *, now: datetime, urgent: bool) -> _Tickets:
    if order.customer_id is None:
        return _Tickets()
    if own.asking_ticket_id is not None:
        heads, asking = await asyncio.gather(
            panel.tickets(order.customer_id, urgent=urgent), panel.ticket(own.asking_ticket_id, urgent=urgent)
        )
        return _Tickets(recent_tickets(heads, now), asking)
    heads = await panel.tickets(order.customer_id, limit=_TICKETS_LISTED, urgent=urgent)
    recent = recent_tickets(heads, now)
    if order.placed_by is not PlacedBy.STAFF:
        return _Tickets(recent)
    asking = await _find_asking(panel, order, recent, urgent=urgent)
    unlisted = len(heads) >= _TICKETS_LISTED and len(recent) == len(heads)
    return _Tickets(recent, asking, asking is None and (unlisted or not_all_read(order, recent)))


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
