"""WHMCS as a `Panel`: what Doorman reads, does and looks up."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import partial
from typing import Any, Final

import structlog

from app.core.actions import AcceptOrder, CancelInvoice, CreateQuote, NotifyStaff, PanelAction
from app.core.statuses import PanelInvoiceStatus, PanelOrderStatus
from app.panels.base import BeforeSend, LookUp, PanelOutcomeUnknown, PanelRejected, PanelUnavailable
from app.panels.records import (
    ListedOrder,
    NewestOrders,
    PanelCustomer,
    PanelIdentity,
    PanelInvoice,
    PanelOrder,
    PanelPayMethod,
    PanelProduct,
    PanelQueueEntry,
    PanelService,
    PanelTicket,
    UnpaidInvoices,
)
from app.panels.whmcs import amounts, listings, lookups, parameters, performing, wire
from app.panels.whmcs.client import WhmcsClient
from app.panels.whmcs.clock import PanelClock
from app.panels.whmcs.history import WhmcsHistory
from app.panels.whmcs.mapping import billing as mapping_billing
from app.panels.whmcs.mapping import customers as mapping_customers
from app.panels.whmcs.mapping import orders as mapping_orders
from app.panels.whmcs.mapping import products as mapping_products
from app.panels.whmcs.mapping import queue as mapping_queue
from app.panels.whmcs.mapping import tickets as mapping_tickets
from app.panels.whmcs.mapping.statuses import invoice_status
from app.panels.whmcs.paging import Listing, newest, pages, read_or_none, rows_of
from app.panels.whmcs.pay_methods import pay_methods_of

log = structlog.get_logger(__name__)

_UNPAID: Final = {PanelInvoiceStatus.UNPAID, PanelInvoiceStatus.OVERDUE}
CURRENCY_KEPT: Final = timedelta(hours=1)
#: How long a client's absence is cached; short, because it may be temporary.
ABSENCE_KEPT: Final = timedelta(seconds=10)
_MOST_CURRENCIES: Final = 10_000


class WhmcsPanel:
    """One WHMCS installation. Reads raise PanelUnavailable only; see `Panel` for the rest.

    Most answers have amounts without a currency. Orders name theirs in `currencysuffix` if it is an ISO code; all other
    amounts use the client's `currency_code`, cached for an hour.
    """

    def __init__(
        self,
        client: WhmcsClient,
        *,
        zone: tzinfo | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._clock = PanelClock(zone)
        self._asking_time = asyncio.Lock()
        self._reading: dict[int, asyncio.Event] = {}  # customers who are being read, set when that is done
        self._currencies: OrderedDict[int, tuple[str | None, datetime]] = OrderedDict()
        self._now = now

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    # --- reads ----------------------------------------------------------------------------------------------------

    async def order(self, order_id: int, *, urgent: bool = False) -> PanelOrder | None:
        """Return one order; None when the panel doesn't list it (GetOrders)."""
        row = await lookups.order_row(self._client, order_id, urgent=urgent)
        return None if row is None else await self._order(row, urgent=urgent)

    async def customer_orders(self, customer_id: int, *, limit: int = 100) -> tuple[PanelOrder, ...]:
        """Return the customer's orders, newest first."""
        rows = await self._newest("GetOrders", "orders", "order", {"userid": customer_id}, limit=limit)
        orders = [await self._order(row) for row in rows if wire.identifier(row.get("userid")) == customer_id]
        return tuple(order for order in orders if order is not None)

    async def customer(self, customer_id: int, *, urgent: bool = False) -> PanelCustomer | None:
        """Return a customer with the panel's statistics; None if there is no such customer (GetClientsDetails)."""
        answer = await self._client_answer(customer_id, stats=True, urgent=urgent)
        return None if answer is None else mapping_customers.customer(answer)

    async def signed_up_on(self, customer_id: int, email: str, *, urgent: bool = False) -> date | None:
        """Return the sign-up date, which only GetClients has: a search by e-mail, matched by id."""
        if not email.strip():
            return None
        listing = Listing(action="GetClients", outer="clients", inner="client", filters={"search": email.strip()})
        async for page in pages(self._client, listing, urgent=urgent):
            if customer_id in page:
                return wire.day(page[customer_id].get("datecreated"))
        return None

    async def signed_up_at(self, customer_id: int, email: str, *, urgent: bool = False) -> datetime | None:
        """Return when the user who owns a client was created (GetUsers, WHMCS 8.1+): a search by e-mail.

        Raises PanelUnavailable with `alarm` if our role may not read it.
        """
        if not email.strip():
            return None
        answer = await read_or_none(self._client, "GetUsers", {"search": email.strip(), "limitnum": 25}, urgent=urgent)
        found = None if answer is None else mapping_customers.owner_created(answer, customer_id)
        return None if found is None else wire.moment(found, await self._zone(urgent=urgent))

    async def services(
        self, *, customer_id: int | None = None, service_id: int | None = None, urgent: bool = False
    ) -> tuple[PanelService, ...]:
        """Return a customer's services, or one service (GetClientsProducts); at least one of the ids is required."""
        if customer_id is None and service_id is None:
            raise ValueError("a customer or service id is needed")
        if any(given is not None and given <= 0 for given in (customer_id, service_id)):
            return ()  # WHMCS reads 0 as *no filter*
        filters = {"clientid": customer_id, "serviceid": service_id}
        listing = Listing(action="GetClientsProducts", outer="products", inner="product", filters=filters)
        found: list[PanelService] = []
        async for page in pages(self._client, listing, urgent=urgent):
            for row in page.values():
                owner = wire.identifier(row.get("clientid"))
                currency = None if owner is None else await self._currency(owner, urgent=urgent)
                service = mapping_customers.service(row, currency=currency)
                if service is not None and service_id in {None, service.service_id} and customer_id in {None, owner}:
                    found.append(service)
        return tuple(found)

    async def invoice(self, invoice_id: int, *, urgent: bool = False) -> PanelInvoice | None:
        """Return an invoice with lines and payments; None if there is no such invoice (GetInvoice)."""
        answer = await lookups.invoice_answer(self._client, invoice_id, urgent=urgent)
        if answer is None:
            return None
        owner = wire.identifier(answer.get("userid"))
        currency = amounts.written_currency(answer)
        if currency is None and owner is not None:
            currency = await self._currency(owner, urgent=urgent)
        return mapping_billing.invoice(answer, currency=currency, zone=await self._zone(urgent=urgent))

    async def pay_methods(self, customer_id: int, *, urgent: bool = False) -> tuple[PanelPayMethod, ...]:
        """Return a customer's stored pay methods (GetPayMethods).

        Raises PanelUnavailable with `alarm` if our role may not read them.
        """
        return await pay_methods_of(self._client, customer_id, urgent=urgent)

    async def catalogue(self, *, urgent: bool = False) -> tuple[PanelProduct, ...]:
        """Return all products (GetProducts, which is not paged)."""
        answer = await self._read("GetProducts", {}, urgent=urgent)
        products = map(mapping_products.product, rows_of(answer, "products", "product", strict=False))
        return tuple({product.product_id: product for product in products if product is not None}.values())

    async def tickets(self, customer_id: int, *, limit: int = 50, urgent: bool = False) -> tuple[PanelTicket, ...]:
        """Return the customer's tickets of all departments without messages, newest first (GetTickets)."""
        filters = {"clientid": customer_id, "ignore_dept_assignments": True}
        rows = await self._newest("GetTickets", "tickets", "ticket", filters, limit=limit, urgent=urgent)
        zone = await self._zone(urgent=urgent) if rows else None
        found = [mapping_tickets.ticket(row, zone=zone) for row in rows]
        return tuple(ticket for ticket in found if ticket is not None and ticket.customer_id == customer_id)

    async def ticket(self, ticket_id: int, *, urgent: bool = False) -> PanelTicket | None:
        """Return a ticket with its messages; None if there is no such ticket (GetTicket)."""
        answer = await lookups.ticket_answer(self._client, ticket_id, urgent=urgent)
        return None if answer is None else mapping_tickets.ticket(answer, zone=await self._zone(urgent=urgent))

    async def module_queue(self) -> tuple[PanelQueueEntry, ...]:
        """Return the failed module actions that wait for staff (GetModuleQueue, which is not paged).

        Raises PanelUnavailable with `alarm` if our role may not read it.
        """
        answer = await self._read("GetModuleQueue", {}, urgent=False)
        rows = mapping_queue.rows(answer)
        zone = await self._zone() if rows else None
        entries = (mapping_queue.entry(row, zone=zone) for row in rows)
        return tuple(entry for entry in entries if entry is not None)

    async def identity(self) -> PanelIdentity:
        """Return our admin account, the panel's version and its clock (GetAdminDetails)."""
        answer = await self._read("GetAdminDetails", {}, urgent=False)
        answered_at = self._now()
        local = wire.local_moment(answer.get("requesttime"))
        self._clock.learn(local, now=answered_at)
        return PanelIdentity(
            admin_id=wire.identifier(answer.get("adminid")),
            version=wire.text(wire.mapping(answer.get("whmcs")).get("version") or answer.get("whmcs.version")).strip(),
            clock=None if local is None else local.replace(tzinfo=None),
            answered_at=answered_at,
        )

    # --- comparing ------------------------------------------------------------------------------------------------

    async def orders_above(self, order_id: int, *, limit: int = 1000) -> tuple[PanelOrder, ...]:
        """Return orders with higher ids, lowest first; `limit` drops the highest (GetOrders, all pages)."""
        return await self._listed(await listings.orders_above(self._client, order_id, limit=limit))

    async def last_placed_before(self, moment: datetime) -> int:
        """Return the highest id of an order placed before then; 0 if there is none."""
        return await listings.last_placed_before(self._client, moment, zone=await self._zone())

    async def pending_orders(
        self, *, progress: Callable[[int, int | None], None]
    ) -> tuple[tuple[PanelOrder, str, str], ...]:
        """Return all Pending orders, lowest id first, with the amount as the panel writes it and the payment status."""
        rows = await listings.pending_orders(self._client, progress=progress)
        by_id = {wire.identifier(row.get("id")): row for row in rows}

        def summed(order: PanelOrder) -> tuple[PanelOrder, str, str]:
            row = by_id[order.order_id]
            return order, wire.text(row.get("amount")).strip(), invoice_status(row.get("paymentstatus"))

        return tuple(summed(order) for order in await self._listed(rows))

    async def newest_orders(
        self, *, down_to: int, pages: int, currencies: Mapping[int, str], status: PanelOrderStatus | None = None
    ) -> NewestOrders:
        """Return the first pages of orders; `currencies` are those of orders whose row doesn't name one."""
        listing = Listing(action="GetOrders", outer="orders", inner="order", filters={"status": status})
        rows, complete_from = await listings.newest_rows(self._client, listing, down_to=down_to, most=pages)
        found: list[ListedOrder] = []
        for order_id, row in rows.items():
            currency = amounts.written_currency(row) or currencies.get(order_id)
            order = mapping_orders.order(row, currency=currency, zone=None)
            if order is not None:
                found.append(ListedOrder(order=order, payment=invoice_status(row.get("paymentstatus"))))
        return NewestOrders(orders=tuple(found), complete_from=complete_from)

    async def unpaid_invoices(self, *, down_to: int, pages: int) -> UnpaidInvoices:
        """Return the first pages of invoices that await payment, newest first (GetInvoices)."""
        rows, complete_from = await listings.newest_rows(self._client, listings.UNPAID, down_to=down_to, most=pages)
        unpaid = (one for one, row in rows.items() if invoice_status(row.get("status")) in _UNPAID)
        return UnpaidInvoices(ids=frozenset(unpaid), complete_from=complete_from)

    async def changed_by(self, order_id: int, status: str, *, since: datetime) -> int | None:
        """Return the id of the admin who set this status; 0 if the system did, None if it can't be known."""
        return await listings.changed_by(self._client, order_id, status, since=since, zone=await self._zone())

    async def copies(self, action: PanelAction) -> int:
        """Count the panel's objects that carry the reference of a findable action."""
        return await listings.copies(self._client, action)

    def history(self) -> WhmcsHistory:
        """Return the reader of whole lists, for the import."""
        return WhmcsHistory(self._client, zone=self._zone, currency=self._currency)

    async def _listed(self, rows: list[wire.Row]) -> tuple[PanelOrder, ...]:
        """Map rows without requesting each customer's currency; amounts only if the row names its currency."""
        zone = await self._zone() if rows else None
        found = (mapping_orders.order(row, currency=amounts.written_currency(row), zone=zone) for row in rows)
        return tuple(order for order in found if order is not None)

    # --- writes ---------------------------------------------------------------------------------------------------

    async def perform(self, action: PanelAction, *, before_send: BeforeSend | None = None) -> dict[str, Any]:
        """Perform the action once (see `PanelWriter`)."""
        write = partial(self._client.write, before_send=before_send)
        match action:
            case CancelInvoice():
                return await self._cancel_invoice(action, write)
            case AcceptOrder():
                return await performing.accept_order(self._client, action, write)
            case CreateQuote():
                return await performing.create_quote(self._client, action, write)
            case NotifyStaff():
                return await performing.notify_staff(action, write)
            case _:
                name, params = parameters.call_of(action)
                return parameters.result_of(action, await write(name, params))

    async def look_up(self, action: PanelAction) -> LookUp:
        """Return whether the action took effect (see `PanelWriter`)."""
        return await lookups.look_up(self._client, action)

    async def _cancel_invoice(self, action: CancelInvoice, write: performing.Write) -> dict[str, Any]:
        """Read, refuse a paid invoice, cancel, and read again, as it may be paid in between."""
        before = await lookups.invoice_answer(self._client, action.invoice_id)
        if before is None:
            raise PanelRejected("invoice-not-found", "the invoice no longer exists")
        status = lookups.invoice_status(before)
        if status.lower() == "cancelled":
            return {"invoice_id": action.invoice_id, "status": status}
        if not lookups.cancellable(before):
            raise PanelRejected("invoice-paid", f"the invoice is {status} or partly paid, so it was not cancelled")
        name, params = parameters.call_of(action)
        await write(name, params)
        try:
            after = await lookups.invoice_answer(self._client, action.invoice_id)
            status = "" if after is None else lookups.invoice_status(after)
        except PanelUnavailable as error:
            raise PanelOutcomeUnknown(f"cancelled, but the result could not be read: {error}", complete=True) from None
        return {"invoice_id": action.invoice_id, "status": status or None}

    # --- shared ---------------------------------------------------------------------------------------------------

    async def _read(self, action: str, params: dict[str, Any], *, urgent: bool) -> wire.Row:
        try:
            return await self._client.read(action, params, urgent=urgent)
        except PanelRejected as refusal:
            raise PanelUnavailable(str(refusal)) from None

    async def _newest(
        self, action: str, outer: str, inner: str, filters: dict[str, Any], *, limit: int, urgent: bool = False
    ) -> list[wire.Row]:
        if limit <= 0 or any(value is not True and value <= 0 for value in filters.values()):
            return []
        listing = Listing(action=action, outer=outer, inner=inner, filters=filters)
        return await newest(self._client, listing, limit=limit, urgent=urgent)

    async def _order(self, row: wire.Row, *, urgent: bool = False) -> PanelOrder | None:
        owner = wire.identifier(row.get("userid"))
        currency = amounts.written_currency(row)
        if currency is None and owner is not None:
            currency = await self._currency(owner, urgent=urgent)
        return mapping_orders.order(row, currency=currency, zone=await self._zone(urgent=urgent))

    async def _client_answer(self, customer_id: int, *, stats: bool, urgent: bool) -> wire.Row | None:
        if customer_id <= 0:
            return None
        params = {"clientid": customer_id, "stats": stats}
        done = self._reading[customer_id] = asyncio.Event()
        try:
            answer = await read_or_none(self._client, "GetClientsDetails", params, urgent=urgent)
        finally:
            done.set()
            self._reading.pop(customer_id, None)
        if answer is None:
            self._keep_currency(customer_id, None)
            return None
        if mapping_customers.client_id(answer) != customer_id:
            raise wire.AnswerError("the panel answered with another client than the requested one")
        self._keep_currency(customer_id, amounts.client_currency(mapping_customers.client_row(answer)))
        return answer

    def _keep_currency(self, customer_id: int, code: str | None) -> None:
        self._currencies[customer_id] = (code, self._now() + (ABSENCE_KEPT if code is None else CURRENCY_KEPT))
        self._currencies.move_to_end(customer_id)
        while len(self._currencies) > _MOST_CURRENCIES:
            self._currencies.popitem(last=False)

    async def _currency(self, customer_id: int, *, urgent: bool = False) -> str | None:
        """Return the client's currency; None for a client that no longer exists."""
        if customer_id in self._reading:  # another read of this look brings it
            await self._reading[customer_id].wait()
        kept = self._currencies.get(customer_id)
        if kept is None or kept[1] <= self._now():
            await self._client_answer(customer_id, stats=False, urgent=urgent)
            kept = self._currencies.get(customer_id)
        return None if kept is None else kept[0]

    async def _zone(self, *, urgent: bool = False) -> tzinfo | None:
        """Return the panel's zone, reading the panel's clock first if the offset has to be learned.

        Without permission for GetAdminDetails times stay unknown, which is better than being an hour off; the failure
        is logged. The last known offset is kept while the panel does not answer.
        """
        if not self._clock.stale(now=self._now()):
            return self._clock.zone
        async with self._asking_time:
            if self._clock.stale(now=self._now()):
                await self._ask_time(urgent=urgent)
        return self._clock.zone

    async def _ask_time(self, *, urgent: bool) -> None:
        try:
            answer = await self._read("GetAdminDetails", {}, urgent=urgent)
        except PanelUnavailable as error:
            if self._clock.zone is None and not error.alarm:
                raise
            log.warning("panel.clock_unknown", error=str(error))
            self._clock.learn(None, now=self._now())
            return
        self._clock.learn(wire.local_moment(answer.get("requesttime")), now=self._now())
