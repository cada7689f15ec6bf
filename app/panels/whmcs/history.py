"""The panel's complete history, list by list, for `doorman import`.

It reads lists only, except for data that no list has: a customer's address, phone, country, verification and currency
(GetClientsDetails), credit (GetCredits), and the messages of a ticket (GetTicket).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from datetime import tzinfo
from typing import Any, Final, TypeVar

from app.core.statuses import PanelInvoiceStatus, PanelOrderStatus
from app.panels.base import PanelPlace, Stretch
from app.panels.brakes.patience import patiently
from app.panels.records import (
    PanelCredit,
    PanelCustomer,
    PanelCustomerHead,
    PanelInvoice,
    PanelOrder,
    PanelPayMethod,
    PanelService,
    PanelTicket,
)
from app.panels.whmcs import amounts, lookups, wire
from app.panels.whmcs.client import WhmcsClient
from app.panels.whmcs.mapping import billing as mapping_billing
from app.panels.whmcs.mapping import customers as mapping_customers
from app.panels.whmcs.mapping import orders as mapping_orders
from app.panels.whmcs.mapping import tickets as mapping_tickets
from app.panels.whmcs.paging import Listing, read_or_none, require_list, rows_of
from app.panels.whmcs.pay_methods import pay_methods_of
from app.panels.whmcs.walking import ListPage, Step, walk

#: Pages of one list that are requested concurrently.
AHEAD: Final = 8

_T = TypeVar("_T")
_Record = TypeVar("_Record")
_Map = Callable[[wire.Row, tzinfo | None], Awaitable[_Record | None]]


class WhmcsHistory:
    """`HistoryReader` of one WHMCS. A failed read is retried some seconds later, unless staff have to fix something."""

    def __init__(
        self,
        client: WhmcsClient,
        *,
        zone: Callable[[], Awaitable[tzinfo | None]],
        currency: Callable[[int], Awaitable[str | None]],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`currency` asks the panel for a client's currency."""
        self._client = client
        self._zone = zone
        self._currency = currency
        self._currencies: dict[int, str | None] = {}
        self._sleep = sleep

    def know_currency(self, customer_id: int, currency: str | None) -> None:
        """See `HistoryReader`."""
        self._currencies[customer_id] = currency

    # --- lists ----------------------------------------------------------------------------------------------------

    def customers(self) -> AsyncGenerator[Stretch[PanelCustomerHead]]:
        """GetClients, sorted by id where the WHMCS version supports it (8.2+)."""

        async def head(row: wire.Row, _zone: tzinfo | None) -> PanelCustomerHead | None:
            return mapping_customers.head(row)

        filters = {"orderby": "id", "sorting": "ASC"}
        return self._list(Listing(action="GetClients", outer="clients", inner="client", filters=filters), None, head)

    def orders(
        self, *, after: PanelPlace | None = None, status: PanelOrderStatus | None = None
    ) -> AsyncGenerator[Stretch[PanelOrder]]:
        """GetOrders: newest first on every panel we have seen, though the order is not documented."""

        async def order(row: wire.Row, zone: tzinfo | None) -> PanelOrder | None:
            currency = await self._row_currency(row, "userid")
            return mapping_orders.order(row, currency=currency, zone=zone)

        return self._list(
            Listing(action="GetOrders", outer="orders", inner="order", filters={"status": status}), after, order
        )

    def services(
        self, *, after: PanelPlace | None = None, customer_id: int | None = None
    ) -> AsyncGenerator[Stretch[PanelService]]:
        """GetClientsProducts; the passwords in the answer are dropped here."""

        async def service(row: wire.Row, _zone: tzinfo | None) -> PanelService | None:
            return mapping_customers.service(row, currency=await self._row_currency(row, "clientid"))

        filters = {"clientid": customer_id}
        return self._list(
            Listing(action="GetClientsProducts", outer="products", inner="product", filters=filters), after, service
        )

    def invoices(
        self,
        *,
        after: PanelPlace | None = None,
        customer_id: int | None = None,
        status: PanelInvoiceStatus | None = None,
    ) -> AsyncGenerator[Stretch[PanelInvoice]]:
        """GetInvoices, newest first."""

        async def invoice(row: wire.Row, zone: tzinfo | None) -> PanelInvoice | None:
            return mapping_billing.invoice(row, currency=await self._row_currency(row, "userid"), zone=zone)

        filters = {"userid": customer_id, "status": status, "orderby": "id", "order": "desc"}
        return self._list(
            Listing(action="GetInvoices", outer="invoices", inner="invoice", filters=filters), after, invoice
        )

    def tickets(
        self, *, after: PanelPlace | None = None, customer_id: int | None = None
    ) -> AsyncGenerator[Stretch[PanelTicket]]:
        """GetTickets of all departments; each reply reorders the list, so it is read by count."""

        async def ticket(row: wire.Row, zone: tzinfo | None) -> PanelTicket | None:
            return mapping_tickets.ticket(row, zone=zone)

        filters = {"clientid": customer_id, "ignore_dept_assignments": True}
        return self._list(
            Listing(action="GetTickets", outer="tickets", inner="ticket", filters=filters), after, ticket, by_id=False
        )

    async def _list(
        self,
        listing: Listing,
        after: PanelPlace | None,
        record: _Map[_Record],
        *,
        by_id: bool = True,
    ) -> AsyncGenerator[Stretch[_Record]]:
        async def fetch(offset: int, size: int) -> ListPage:
            window = {"limitstart": offset, "limitnum": size}
            rows, total = await self._again(lambda: self._rows(listing, window))
            kept = [(row_id, row) for row in rows if (row_id := wire.identifier(row.get("id"))) is not None]
            return ListPage(rows=kept, came=len(rows), total=total)

        async with aclosing(walk(fetch, after, ahead=AHEAD, by_id=by_id)) as steps:
            async for step in steps:
                yield await self._stretch(step, record)

    async def _stretch(self, step: Step, record: _Map[_Record]) -> Stretch[_Record]:
        zone = await self._again(self._zone)
        found = [await record(row, zone) for row in step.rows]
        records = tuple(one for one in found if one is not None)
        lost = step.unreadable + len(found) - len(records)
        return Stretch(rows=records, place=step.place, total=step.total, unreadable=lost)

    async def _row_currency(self, row: wire.Row, owner_key: str) -> str | None:
        written = amounts.written_currency(row)
        owner = wire.identifier(row.get(owner_key))
        return written if written is not None or owner is None else await self._currency_of(owner)

    async def _currency_of(self, customer_id: int) -> str | None:
        if customer_id not in self._currencies:
            self._currencies[customer_id] = await self._again(lambda: self._currency(customer_id))
        return self._currencies[customer_id]

    # --- one by one -----------------------------------------------------------------------------------------------

    async def order(self, order_id: int) -> PanelOrder | None:
        """GetOrders by id."""
        row = await self._again(lambda: lookups.order_row(self._client, order_id))
        if row is None:
            return None
        currency = await self._row_currency(row, "userid")
        return mapping_orders.order(row, currency=currency, zone=await self._again(self._zone))

    async def ticket(self, ticket_id: int) -> PanelTicket | None:
        """GetTicket."""
        answer = await self._again(lambda: lookups.ticket_answer(self._client, ticket_id))
        return None if answer is None else mapping_tickets.ticket(answer, zone=await self._again(self._zone))

    async def customer(self, customer_id: int) -> PanelCustomer | None:
        """GetClientsDetails."""
        answer = await self._again(lambda: self._details(customer_id))
        if answer is None or mapping_customers.client_id(answer) != customer_id:
            return None
        found = mapping_customers.customer(answer)
        self.know_currency(customer_id, None if found is None else found.currency)
        return found

    async def _details(self, customer_id: int) -> wire.Row | None:
        answer = await read_or_none(self._client, "GetClientsDetails", {"clientid": customer_id, "stats": False})
        if answer is not None and mapping_customers.client_id(answer) is None:
            raise wire.AnswerError("the panel answered without the requested client")
        return answer

    async def credits(self, customer_id: int) -> tuple[PanelCredit, ...]:
        """GetCredits, which is not paged."""
        listing = Listing(action="GetCredits", outer="credits", inner="credit", filters={"clientid": customer_id})
        rows, _ = await self._again(lambda: self._rows(listing, {}))
        currency = await self._currency_of(customer_id) if rows else None
        found = (mapping_billing.credit(row, customer_id=customer_id, currency=currency) for row in rows)
        return tuple(one for one in found if one is not None)

    async def pay_methods(self, customer_id: int) -> tuple[PanelPayMethod, ...]:
        """GetPayMethods."""
        return await self._again(lambda: pay_methods_of(self._client, customer_id))

    async def _rows(self, listing: Listing, window: Mapping[str, Any]) -> tuple[list[wire.Row], int | None]:
        """Return the rows of one call and the panel's total; no rows for a customer that the panel doesn't know."""
        answer = await read_or_none(self._client, listing.action, {**listing.filters, **window})
        if answer is None:
            return [], 0
        require_list(answer, listing.outer)
        total = wire.integer(answer.get("totalresults"))
        return rows_of(answer, listing.outer, listing.inner, strict=False), total

    async def _again(self, read: Callable[[], Awaitable[_T]]) -> _T:
        return await patiently(read, sleep=self._sleep)
