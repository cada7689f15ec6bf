"""Read everything that one decision needs, from the panel and from our own tables, with no transaction open.

Nothing else reads the panel for facts. `missing` names what could not be read, `failed` the part of it that may succeed
at the next attempt, `absent` what was not found although it should exist. An order that the panel does not list is
None; an unavailable panel raises PanelUnavailable.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
from msgspec import structs

from app.context import Context
from app.core.facts import EnrichmentReport, PaymentState, PlacedBy
from app.core.judgement.written import Reading
from app.core.reading.topics import TicketReading
from app.core.statuses import PanelOrderStatus
from app.enrichment.geoip import NOWHERE, IpPlace
from app.gathering import enrichment
from app.gathering.customer import Tickets, Unread, customer_of, has_no_tickets, pay_methods_of, tickets_of
from app.gathering.own import Own, own_rows
from app.gathering.payments import payment_state
from app.gathering.sign_up import SignUp
from app.panels.base import PanelReader, PanelUnavailable
from app.panels.records import (
    PanelCustomer,
    PanelInvoice,
    PanelOrder,
    PanelPayMethod,
    PanelProduct,
    PanelService,
    PanelTicket,
)

_LINES_ONE_BY_ONE = 3  # for more, the customer's services are listed once
#: Fees of these states have an invoice in the panel.
_INVOICED = frozenset({"unpaid", "partly_paid", "payment_pending", "paid"})
_OPEN = _INVOICED - {"paid"}


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
    signed_up: SignUp | None = None
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
    newest_event: int = 0  # the newest event of all before anything was read
    at_rest: bool = False  # nothing is judged: only the order, and perhaps its invoice, were read
    unchanged: bool = False  # at rest because the panel shows what it showed when the order was decided
    digest: str | None = None  # of what the panel shows, if everything was read
    unasked: frozenset[str] = frozenset()  # what was not read because it does not matter now

    @property
    def without(self) -> tuple[str, ...]:
        """The reads that a judgement now would lack, but that may succeed later."""
        return tuple(sorted({*self.failed, *({"customer"} & set(self.absent))}))


async def gather_order(
    context: Context,
    order_id: int,
    *,
    now: datetime,
    urgent: bool = False,
    placed_by: PlacedBy | None = None,
    invoices: bool = False,
    full: bool = False,
    own: Own | None = None,
) -> Gathered:
    """Read one order and what belongs to it; `placed_by` is the event's, `own` are our rows, if they were just read.

    Of an order at rest only the order itself is read, and its invoice if that is open or `invoices` is set, unless
    `full`. Raises PanelUnavailable if the order itself can't be read; other failed reads are named in `missing`.
    """
    panel, began = context.panel, time.monotonic()
    if panel is None:
        raise PanelUnavailable("no panel is configured")
    own = own or await own_rows(context, order_id)
    order = await panel.order(order_id, urgent=urgent)
    at_rest = order is not None and not full and own.is_at_rest(order)
    decided = at_rest or own.is_decided(context)
    wanted = invoices or not decided or not own.row.settled
    seen_fees = await asyncio.gather(
        *(_fee(panel, row, urgent=urgent) for row in own.fees if wanted or row.state in _OPEN)
    )
    found = Gathered(
        order_id=order_id, order_version=own.version, newest_event=own.newest_event, read_at=now, order=order,
        fees=tuple(seen_fees), unread_since=None if own.row is None else own.row.unread_since,
    )  # fmt: skip
    if order is None:
        return replace(found, absent=_absent_fees(seen_fees))
    told = placed_by or own.placed_by
    if decided and not full:
        found = await _with_invoice(panel, found, order, own, wanted=wanted, urgent=urgent)
        same = not found.failed and not found.absent and own.row.read_digest == _digest(found, order, own, told)
        if at_rest or same:
            return replace(found, at_rest=True, unchanged=same and not at_rest)
    unread = Unread()
    found = await _customer_reads(context, order, own, found, urgent=urgent, unread=unread)
    seconds = enrichment.seconds_left(began, urgent=urgent)
    own_ip = None if _by_others(order, told) else order.ip
    reports, place = await asyncio.gather(
        enrichment.reports(context, order, found.customer, own_ip=own_ip, seconds=seconds, now=now),
        _place(context, order),
    )
    found = replace(
        found,
        enrichment=reports,
        ip_place=place,
        missing=tuple(sorted(unread.missing)),
        failed=tuple(sorted(unread.failed)),
        retry_after=unread.retry_after,
        digest=_digest(found, order, own, told),
    )
    return replace(found, absent=_absent(found, order, own))


async def _with_invoice(
    panel: PanelReader, found: Gathered, order: PanelOrder, own: Own, *, wanted: bool, urgent: bool
) -> Gathered:
    """Return what was read, with the order's invoice if that is wanted."""
    if not wanted or not order.invoice_id:
        unasked = frozenset() if wanted else frozenset({"invoice"})
        return replace(found, unasked=unasked, absent=_absent_fees(found.fees))
    unread = Unread()
    invoice = await unread.attempt("invoice", panel.invoice(order.invoice_id, urgent=urgent), None)
    found = replace(
        found, invoice=invoice, missing=tuple(unread.missing), failed=tuple(unread.failed),
        retry_after=unread.retry_after,
    )  # fmt: skip
    return replace(found, absent=tuple(sorted(_absent_invoices(found, order, own) - set(found.missing))))


def _digest(found: Gathered, order: PanelOrder, own: Own, told: PlacedBy) -> str:
    """Return a digest of what the panel shows of an order; not of how far it is built, which is not judged."""
    payment = own.payment_state if "invoice" in found.unasked else payment_state(order, found.invoice).value
    placed_by = order.placed_by if told is PlacedBy.UNKNOWN else told
    lines = tuple(structs.replace(line, status="") for line in order.lines)
    seen = msgspec.json.encode([structs.replace(order, lines=lines), payment, placed_by.value])
    return hashlib.sha256(seen).hexdigest()


def _absent(found: Gathered, order: PanelOrder, own: Own) -> tuple[str, ...]:
    """Return the names of what was not found, although the order or our own row says that it exists.

    For an order that is not Pending only invoices count: nothing else can change what is done about it.
    """
    absent = _absent_invoices(found, order, own)
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


def _absent_invoices(found: Gathered, order: PanelOrder, own: Own) -> set[str]:
    absent = set(_absent_fees(found.fees))
    if order.invoice_id and found.invoice is None and own.payment_state != PaymentState.UNKNOWN:
        absent.add("invoice")
    return absent


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


async def _customer_reads(
    context: Context, order: PanelOrder, own: Own, found: Gathered, *, urgent: bool, unread: Unread
) -> Gathered:
    """Return what was read, with all that belongs to the order and to its customer."""
    panel, now = context.panel, found.read_at
    if panel is None:
        raise PanelUnavailable("no panel is configured")

    async def tickets(known: PanelCustomer | None) -> Tickets:
        if own.asking_ticket_id is None and has_no_tickets(order, known):
            return Tickets()
        reading = tickets_of(context, panel, order, own.asking_ticket_id, now=now, urgent=urgent)
        return await unread.attempt("tickets", reading, Tickets())

    attempt = unread.attempt
    nobody: tuple[PanelCustomer | None, SignUp | None] = (None, None)
    (customer, signed_up), services, invoice, catalogue, pay_methods, listed = await asyncio.gather(
        attempt("customer", customer_of(context, panel, order, now=now, urgent=urgent, unread=unread), nobody),
        attempt("services", _known_services(context, panel, order, now=now, urgent=urgent), ()),
        attempt("invoice", _invoice(panel, order, found, urgent=urgent), None),
        attempt("catalogue", context.catalogue.get(panel, urgent=urgent), ()),
        attempt("neighbours.payment", pay_methods_of(context, panel, order, now=now, urgent=urgent), ()),
        tickets(None) if urgent else _later(),  # a checkout waits: all at once
    )
    if listed is None:
        listed = await tickets(customer)
    return replace(
        found,
        customer=customer,
        signed_up=signed_up,
        services=services,
        invoice=invoice,
        catalogue=catalogue,
        tickets=listed.recent,
        asking_ticket=listed.asking,
        tickets_left=listed.left,
        pay_methods=pay_methods,
        unasked=frozenset(),
    )


async def _later() -> None:
    """Stand for what is read once more is known."""


async def _fee(panel: PanelReader, row: Any, *, urgent: bool) -> FeeSeen:
    invoice = await panel.invoice(row.invoice_id, urgent=urgent)
    return FeeSeen(fee_id=row.id, state=row.state, invoice_id=row.invoice_id, invoice=invoice)


async def _known_services(
    context: Context, panel: PanelReader, order: PanelOrder, *, now: datetime, urgent: bool
) -> tuple[PanelService, ...]:
    """Return the services of an order, perhaps as read a moment ago; their statuses are those of the order's lines."""
    reading = partial(_services, panel, order, urgent=urgent)
    found: tuple[PanelService, ...] = await context.services.get(order.order_id, reading, now=now)
    if len(found) < len(_services_of(order)):
        context.services.forget(order.order_id)
    lines = {line.relid: line.status for line in order.lines if line.kind == "product"}
    return tuple(structs.replace(one, status=lines.get(one.service_id) or one.status) for one in found)


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


async def _invoice(panel: PanelReader, order: PanelOrder, found: Gathered, *, urgent: bool) -> PanelInvoice | None:
    """Return the order's invoice, as it was read already or read now."""
    if found.invoice is not None or not order.invoice_id:
        return found.invoice
    return await panel.invoice(order.invoice_id, urgent=urgent)
