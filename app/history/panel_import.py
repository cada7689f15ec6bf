"""The import: copies the panel's history into `panel_rows`, at first all of it, later what is new or may have changed.

The first import reads each list in full, and continues after a stop: a page's rows and its position are written in one
transaction. Later imports (see `_later`) read:

- customers: the list again (a hundred in a call), and the details of those who are new or look different in it;
- orders: from the newest back to known ones placed more than `RECENT` before the last import; older Pending orders by
  the list of Pending orders, and one by one once they are no longer in it; and all Fraud orders, however old;
- services, invoices and tickets of the customers of those orders, one customer at a time or by the whole list,
  whichever takes fewer calls; and everything refunded or charged back, of any customer;
- credits and pay methods of those customers, and messages of tickets that may have asked for an order.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from msgspec import structs

from app.context import Context
from app.core.statuses import PanelInvoiceStatus, PanelOrderStatus
from app.history import imported
from app.history.asking import asking_candidates
from app.history.imported import HistoryCustomer, HistoryPayMethods, Progress, Record, Resource
from app.history.writing import Batches, one_by_one
from app.panels.base import HistoryReader, PanelNotPermitted, PanelPlace, Stretch
from app.panels.records import PanelCustomerHead, PanelInvoice, PanelOrder, PanelTicket

log = structlog.get_logger(__name__)

#: Orders younger than this still change: payments, refunds, chargebacks.
RECENT: Final = timedelta(days=120)
_PAGE: Final = 100  # approximate rows in a call, to choose between a whole list and many customers
_CUSTOMERS_AT_ONCE: Final = 200
_DELETED: Final = "Deleted"  # our own status of an order that the panel no longer lists
#: States in which old orders may have changed: still open, or found to be fraud since.
_CHANGED_LATE: Final = (PanelOrderStatus.PENDING, PanelOrderStatus.FRAUD)
#: States that invoices may get long after they were paid.
_UNDONE: Final = (PanelInvoiceStatus.REFUNDED, PanelInvoiceStatus.COLLECTIONS)

#: Called with the list being read, the rows so far, and the total if known.
Heard = Callable[[str, int, int | None], None]
Read = Callable[[int], Awaitable[Sequence[Record]]]


@dataclass(slots=True)
class Imported:
    """The result of one import: rows read by resource, rows without a usable id, and the bound in force."""

    read: dict[Resource, int] = field(default_factory=lambda: dict.fromkeys(Resource, 0))
    unreadable: int = 0
    first: bool = True
    since: datetime | None = None


async def import_history(context: Context, reader: HistoryReader, *, since: datetime | None, heard: Heard) -> Imported:
    """Run the import. Raises PanelUnavailable; what was read until then is kept, and the next import continues there.

    `since` bounds the first import: it leaves out orders placed before, and customers without later orders. Later
    imports keep that bound; an earlier `since` starts over.
    """
    one = _Import(context, reader, heard)
    await one.begin(since)
    await one.customers()
    await one.orders()
    await one.rows(Resource.SERVICES, reader.services)
    await one.rows(Resource.INVOICES, reader.invoices)
    await one.rows(Resource.TICKETS, reader.tickets)
    await one.credits()
    await one.pay_methods()
    await one.messages()
    return one.done


class _Import:
    def __init__(self, context: Context, reader: HistoryReader, heard: Heard) -> None:
        self._context = context
        self._db = context.db
        self._reader = reader
        self._heard = heard
        self._since: datetime | None = None
        self._kept: set[int] | None = None  # customers whose rows are kept; None: all
        self.done = Imported()

    async def begin(self, since: datetime | None) -> None:
        """Find and store the bound; reset all progress if the bound moves back."""
        state = await self._progress(Resource.ORDERS)
        self.done.first = state.finished_at is None
        kept = state.cursor.get("since")
        self._since = since if not state.cursor else None if kept is None else datetime.fromisoformat(kept)
        moves_back = since is not None and self._since is not None and since < self._since
        if moves_back:
            self._since, self.done.first = since, True
        self.done.since = self._since
        if state.cursor and not moves_back:
            return
        async with self._db.begin() as tx:
            for resource in Resource:
                cursor = self._bound() if resource is Resource.ORDERS else {}
                fresh = Progress(cursor=cursor, rows=0, finished_at=None)
                await imported.set_progress(tx, resource, fresh, now=self._context.clock())

    # --- customers ------------------------------------------------------------------------------------------------

    async def customers(self) -> None:
        """Read the list, and the details of customers who are new or look different in it."""
        wanted = None if self._since is None else await self._who_ordered()
        heads: dict[int, PanelCustomerHead] = {}
        async with aclosing(self._reader.customers()) as stretches:
            async for stretch in stretches:
                heads |= {
                    head.customer_id: head for head in stretch.rows if wanted is None or head.customer_id in wanted
                }
                self.done.unreadable += stretch.unreadable
        known: set[int] = set()
        async for record in imported.stored(self._db, Resource.CUSTOMERS):
            customer = record.customer
            self._reader.know_currency(customer.customer_id, customer.currency)
            known.add(customer.customer_id)
            head = heads.get(customer.customer_id)
            if head is not None and HistoryCustomer.of(customer, head) == record:
                del heads[customer.customer_id]
        self.done.read[Resource.CUSTOMERS] = len(heads)

        async def read(customer_id: int) -> Sequence[Record]:
            found = await self._reader.customer(customer_id)
            return [] if found is None else [HistoryCustomer.of(found, heads[customer_id])]

        await self._one_by_one(Resource.CUSTOMERS, sorted(heads), read, counted=False)
        if self._since is not None:
            self._kept = known | heads.keys()
        await self._finish(Resource.CUSTOMERS, {"read": len(known | heads.keys())})

    async def _who_ordered(self) -> set[int]:
        """Return the customers of orders since the bound, both stored and new ones."""
        found: set[int | None] = set()
        top = 0
        if (await self._progress(Resource.ORDERS)).finished_at is not None:
            async for order in imported.stored(self._db, Resource.ORDERS):
                found.add(order.customer_id)
                top = order.order_id
        read = 0
        async with aclosing(self._reader.orders()) as stretches:
            async for stretch in stretches:
                found |= {order.customer_id for order in stretch.rows if self._keeps(order)}
                read += len(stretch.rows)
                self._heard("orders scanned", read, None)
                if self._is_past(stretch) or (
                    stretch.newest_first and any(row.order_id <= top for row in stretch.rows)
                ):
                    break
        return {customer_id for customer_id in found if customer_id is not None}

    # --- orders ---------------------------------------------------------------------------------------------------

    async def orders(self) -> None:
        """Read the orders, all of them or those that may have changed."""
        state = await self._progress(Resource.ORDERS)
        if state.finished_at is None:
            await self._whole(Resource.ORDERS, state, self._reader.orders, past=self._is_past)
        else:
            await self._later(state, floor=state.finished_at - RECENT)
        await self._finish(Resource.ORDERS, self._bound() | {"top": await self._top()})

    async def _later(self, state: Progress, *, floor: datetime) -> None:
        top = state.cursor["top"]

        def known(stretch: Stretch[PanelOrder]) -> bool:
            return stretch.newest_first and all(
                row.order_id <= top and row.placed_at is not None and row.placed_at < floor for row in stretch.rows
            )

        seen: set[int] = set()
        async with Batches(self._context, Resource.ORDERS) as batches:
            for status, past in ((None, known), *((status, None) for status in _CHANGED_LATE)):
                async with aclosing(self._reader.orders(status=status)) as stretches:
                    async for stretch in stretches:
                        kept = [order for order in stretch.rows if self._keeps(order)]
                        new = {order.order_id for order in kept} - seen
                        seen |= new
                        await batches.add(kept)
                        self._count(Resource.ORDERS, stretch, len(new), None)
                        if past is not None and stretch.rows and past(stretch):
                            break
        open_orders = {
            order.order_id: order
            async for order in imported.stored(self._db, Resource.ORDERS)
            if order.status == PanelOrderStatus.PENDING and order.order_id not in seen
        }

        async def read(order_id: int) -> Sequence[Record]:
            found = await self._reader.order(order_id)
            return [found or structs.replace(open_orders[order_id], status=_DELETED)]

        await self._one_by_one(Resource.ORDERS, sorted(open_orders), read, step="open orders")

    # --- services, invoices, tickets ------------------------------------------------------------------------------

    async def rows(self, resource: Resource, listing: Callable[..., AsyncGenerator[Stretch[Any]]]) -> None:
        """Read one of the lists, in full or for the customers who ordered."""
        state = await self._progress(resource)
        top = await self._top()
        if state.finished_at is None:
            await self._whole(resource, state, listing)
        else:
            wanted = await self._active_since(state)
            async with self._db.read() as connection:
                calls = (await imported.counts(connection))[resource] // _PAGE
            if len(wanted) > calls + 1:
                await self._whole(resource, Progress(cursor={}, rows=0, finished_at=None), listing)
            else:
                await self._by_customer(resource, wanted, listing)
        await self._finish(resource, {"orders_to": top})

    async def _by_customer(
        self, resource: Resource, customers: list[int], listing: Callable[..., AsyncGenerator[Stretch[Any]]]
    ) -> None:
        kept = await self._messages_kept(resource)

        async def read(customer_id: int) -> Sequence[Record]:
            rows: list[Record] = []
            async with aclosing(listing(customer_id=customer_id)) as stretches:
                async for stretch in stretches:
                    rows += [_with_messages(row, kept) for row in stretch.rows if row.customer_id == customer_id]
            return rows

        await self._one_by_one(resource, customers, read, step=f"{resource}, by customer")
        if resource is Resource.INVOICES:
            for status in _UNDONE:
                await self._undone(status)

    async def _undone(self, status: PanelInvoiceStatus) -> None:
        listing = self._reader.invoices(status=status)
        async with Batches(self._context, Resource.INVOICES) as batches, aclosing(listing) as stretches:
            async for stretch in stretches:
                kept = [row for row in stretch.rows if self._is_kept(row)]
                await batches.add(kept)
                self._count(Resource.INVOICES, stretch, len(kept), None)

    async def _active_since(self, state: Progress) -> list[int]:
        """Return the customers of orders that are new since that pass, recent, or were open."""
        floor = state.finished_at - RECENT if state.finished_at else None
        found = {
            order.customer_id
            async for order in imported.stored(self._db, Resource.ORDERS)
            if order.customer_id is not None
            and (
                order.order_id > state.cursor.get("orders_to", 0)
                or order.status == PanelOrderStatus.PENDING
                or order.placed_at is None
                or (floor is not None and order.placed_at >= floor)
            )
        }
        return sorted(found)

    async def _messages_kept(self, resource: Resource) -> dict[int, PanelTicket]:
        if resource is not Resource.TICKETS:
            return {}
        return {
            ticket.ticket_id: ticket async for ticket in imported.stored(self._db, Resource.TICKETS) if ticket.replies
        }

    # --- not available as lists -----------------------------------------------------------------------------------

    async def credits(self) -> None:
        """Read the credits of customers who have any, or paid an invoice with credit."""
        await self._of_customers(Resource.CREDITS, await self._with_credit(), self._reader.credits)

    async def pay_methods(self) -> None:
        """Read the stored pay methods of customers who ordered, where our role allows it."""

        async def read(customer_id: int) -> Sequence[Record]:
            found = await self._reader.pay_methods(customer_id)
            return [HistoryPayMethods(customer_id=customer_id, methods=found)] if found else []

        ordered = {order.customer_id async for order in imported.stored(self._db, Resource.ORDERS)}
        try:
            await self._of_customers(Resource.PAY_METHODS, {one for one in ordered if one is not None}, read)
        except PanelNotPermitted:
            log.info("import.not_permitted", resource=Resource.PAY_METHODS.value)  # the facts name it as missing

    async def _of_customers(self, resource: Resource, wanted: set[int], read: Read) -> None:
        """Read what belongs to these customers, or to those of them who ordered since the last pass."""
        state = await self._progress(resource)
        top = await self._top()
        if state.finished_at is not None:
            wanted = wanted & set(await self._active_since(state))
        done_to = state.cursor.get("done_to", 0) if state.finished_at is None else 0
        todo = [one for one in sorted(wanted) if one > done_to]
        for start in range(0, len(todo), _CUSTOMERS_AT_ONCE):
            some = todo[start : start + _CUSTOMERS_AT_ONCE]
            found: list[Record] = []
            async with aclosing(one_by_one(some, read)) as answers:
                async for rows in answers:
                    found += rows
            self.done.read[resource] += len(found)
            self._heard(f"{resource.words}, by customer", start + len(some), len(todo))
            async with self._db.begin() as tx:
                await imported.put(tx, found)
                if state.finished_at is None:
                    so_far = Progress(cursor={"done_to": some[-1]}, rows=start + len(some), finished_at=None)
                    await imported.set_progress(tx, resource, so_far, now=self._context.clock())
        await self._finish(resource, {"orders_to": top})

    async def _with_credit(self) -> set[int]:
        found: set[int] = set()
        async for record in imported.stored(self._db, Resource.CUSTOMERS):
            if record.customer.credit is None or record.customer.credit.amount_minor:
                found.add(record.customer.customer_id)
        async for invoice in imported.stored(self._db, Resource.INVOICES):
            if _is_paid_by_credit(invoice) and self._is_kept(invoice):
                found.add(invoice.customer_id)
        return found

    async def messages(self) -> None:
        """Read the full tickets that may have asked for an order entered by staff."""

        async def read(ticket_id: int) -> Sequence[Record]:
            found = await self._reader.ticket(ticket_id)
            return [] if found is None else [found]

        asking = await asking_candidates(self._db)
        await self._one_by_one(Resource.TICKETS, asking, read, step="messages of tickets", counted=False)

    # --- shared ---------------------------------------------------------------------------------------------------

    async def _whole(
        self,
        resource: Resource,
        state: Progress,
        listing: Callable[..., AsyncGenerator[Stretch[Any]]],
        *,
        past: Callable[[Stretch[Any]], bool] | None = None,
    ) -> None:
        """Read a list from its stored position to its end, or until everything that follows is too old."""
        bound = self._bound() if resource is Resource.ORDERS else {}
        place = PanelPlace(**state.cursor["place"]) if state.cursor.get("place") else None
        kept = await self._messages_kept(resource)
        offset = state.rows if place is not None else 0
        async with Batches(self._context, resource) as batches, aclosing(listing(after=place)) as stretches:
            async for stretch in stretches:
                rows = [_with_messages(row, kept) for row in stretch.rows if self._is_kept(row)]
                offset += len(stretch.rows)
                cursor = bound | {"place": None if stretch.place is None else asdict(stretch.place)}
                await batches.add(rows, Progress(cursor=cursor, rows=offset, finished_at=state.finished_at))
                self._count(resource, stretch, len(rows), stretch.total, done=offset)
                if past is not None and past(stretch):
                    break

    async def _one_by_one(
        self, resource: Resource, ids: list[int], read: Read, *, step: str | None = None, counted: bool = True
    ) -> None:
        """Read and store the records of each id; `counted` is false if they were counted before."""
        done = 0
        self._heard(step or resource.value, 0, len(ids))
        async with Batches(self._context, resource) as batches, aclosing(one_by_one(ids, read)) as answers:
            async for rows in answers:
                done += 1
                if counted:
                    self.done.read[resource] += len(rows)
                self._heard(step or resource.value, done, len(ids))
                await batches.add(rows)

    async def _finish(self, resource: Resource, cursor: dict[str, Any]) -> None:
        now = self._context.clock()
        async with self._db.begin() as tx:
            rows = (await imported.counts(tx))[resource]
            await imported.set_progress(tx, resource, Progress(cursor=cursor, rows=rows, finished_at=now), now=now)

    async def _progress(self, resource: Resource) -> Progress:
        async with self._db.read() as connection:
            return await imported.progress(connection, resource)

    async def _top(self) -> int:
        async with self._db.read() as connection:
            return await imported.highest(connection, Resource.ORDERS)

    def _bound(self) -> dict[str, Any]:
        return {"since": None if self._since is None else self._since.isoformat()}

    def _count(
        self, resource: Resource, stretch: Stretch[Any], kept: int, total: int | None, *, done: int | None = None
    ) -> None:
        self.done.read[resource] += kept
        self.done.unreadable += stretch.unreadable
        self._heard(resource.value, self.done.read[resource] if done is None else done, total)

    def _is_kept(self, row: Any) -> bool:
        if isinstance(row, PanelOrder):
            return self._keeps(row)
        return self._kept is None or row.customer_id in self._kept

    def _keeps(self, order: PanelOrder) -> bool:
        return self._since is None or order.placed_at is None or order.placed_at >= self._since

    def _is_past(self, stretch: Stretch[PanelOrder]) -> bool:
        """Return whether all following orders are older than the bound."""
        return bool(stretch.rows) and stretch.newest_first and not any(self._keeps(order) for order in stretch.rows)


def _with_messages(row: Any, kept: dict[int, PanelTicket]) -> Any:
    """Keep the messages read before, because lists have none."""
    known = kept.get(row.ticket_id) if isinstance(row, PanelTicket) else None
    return row if known is None else structs.replace(row, replies=known.replies)


def _is_paid_by_credit(invoice: PanelInvoice) -> bool:
    return invoice.customer_id is not None and (invoice.credit is None or invoice.credit.amount_minor != 0)
