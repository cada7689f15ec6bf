"""Reading imported rows in pages: at most one page, or the rows of one customer, in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import UTC, tzinfo
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.facts import PlacedBy
from app.core.judgement.rulebook import rulebook
from app.core.judgement.together import may_count
from app.core.policy.document import Policy
from app.core.statuses import PanelInvoiceStatus, PanelOrderStatus
from app.customers.identities import canonical_ip, hashed, identities_of
from app.customers.links import payment_hashes
from app.customers.newcomers import ip_trait, traits_of
from app.db import Database
from app.gathering.facts import OwnKnowledge, who_placed
from app.gathering.newcomers import KEPT_AS_NEW
from app.history.cases.newcomers import Newcomers
from app.history.cases.shared import Shared
from app.history.cases.timeline import Rows, fraud_known_at, midnight
from app.history.imported import Resource, load
from app.tables.customers import customers
from app.tables.history import imports, panel_rows

_PAGE: Final = 10_000
#: Rows of a span. With more rows the pages of random indexes are rewritten less often; with fewer, processes wait less
#: for the last one, and the intake on SQLite waits less for a transaction.
_SPAN_LEAST, _SPAN_MOST = 1_000, 6_000
_SPANS_EACH: Final = 8
_ROWS_OF_AN_ORDER: Final = 4  # with its customer, service and invoice
_IDS_AT_ONCE: Final = 5_000  # databases accept about ten thousand parameters in a query
_UNUSED: Final = "credits"  # no fact is based on them
#: The stored form of an invoice contains this if it is in collections: the database searches for it, so that we need
#: not read a million invoices to find a few.
_COLLECTIONS: Final = f'"status":"{PanelInvoiceStatus.COLLECTIONS.value}"'.encode()

#: Customers after the first id and up to the second; None: all after.
Span = tuple[int, int | None]


async def absent_resources(db: Database) -> frozenset[str]:
    """Return the resources that were never imported; one imported without any rows is not among them."""
    async with db.read() as connection:
        finished = await connection.execute(sa.select(imports.c.resource).where(imports.c.finished_at.is_not(None)))
        known = set(finished.scalars())
        for resource in {one.value for one in Resource} - known:
            some = sa.select(panel_rows.c.row_id).where(panel_rows.c.resource == resource).limit(1)
            if (await connection.execute(some)).first() is not None:
                known.add(resource)
    return frozenset(one.value for one in Resource) - known


async def count_orders(db: Database) -> int:
    """Return how many orders were imported."""
    query = sa.select(sa.func.count()).select_from(panel_rows).where(panel_rows.c.resource == "orders")
    async with db.read() as connection:
        return int((await connection.execute(query)).scalar_one())


async def records(db: Database, resource: str) -> AsyncIterator[Any]:
    """Yield every record of a resource, by its id."""
    after = -1
    while True:
        query = (
            sa.select(panel_rows.c.row_id, panel_rows.c.data)
            .where(panel_rows.c.resource == resource, panel_rows.c.row_id > after)
            .order_by(panel_rows.c.row_id)
            .limit(_PAGE)
        )
        async with db.read() as connection:
            found = (await connection.execute(query)).all()
        for _, data in found:
            yield load(resource, data)
        if len(found) < _PAGE:
            return
        after = found[-1].row_id


async def read_sightings(db: Database, policy: Policy, *, own_admin_id: int | None, zone: tzinfo = UTC) -> Shared:
    """Read which customer had which identity and when, from customers and orders."""
    youngest = max(KEPT_AS_NEW, rulebook(policy).new_account)
    shared = Shared(newcomers=Newcomers(youngest=youngest))
    nobody = OwnKnowledge(placed_by=PlacedBy.UNKNOWN, own_admin_id=own_admin_id)
    async for order in records(db, "orders"):
        if order.placed_at is None or order.customer_id is None:
            continue
        placed_by = who_placed(order, nobody, policy)
        theirs = placed_by in {PlacedBy.CUSTOMER, PlacedBy.UNKNOWN}
        ip = canonical_ip(order.ip) if theirs else None
        good = order.status == PanelOrderStatus.ACTIVE
        shared.first(order.customer_id, order)
        shared.order(order.customer_id, order.order_id, order.placed_at, hashed("ip", ip) if ip else None, good=good)
        if may_count(placed_by) and not order.is_renewal:
            trait = ip_trait(order.ip or "", policy) if theirs else None
            shared.newcomers.order(order.order_id, order.customer_id, order.placed_at, trait, good=good)
        known_at = fraud_known_at(order, order.placed_at)
        if known_at is not None:
            shared.fraud(order.customer_id, known_at)
    methods = {one.customer_id: one.methods async for one in records(db, "pay_methods")}
    async for listed in records(db, "customers"):
        signed_up_at = midnight(listed.signed_up_on, zone) if listed.signed_up_on else None
        own = methods.get(listed.customer.customer_id, ())
        payments = payment_hashes(listed.customer, own)
        for value in (*identities_of(listed.customer, None).values(), *payments):
            shared.identity(listed.customer.customer_id, value, signed_up_at)
        if signed_up_at is not None and listed.customer.group_id not in rulebook(policy).resellers:
            traits = traits_of(listed.customer, None, own, policy)
            shared.newcomers.customer(listed.customer.customer_id, signed_up_at, traits)
    return shared


async def bad_today(db: Database) -> set[int]:
    """Return customers with an invoice in collections, and those known as bad from live decisions."""
    data = panel_rows.c.data
    pattern = sa.literal(_COLLECTIONS, sa.LargeBinary)
    place = sa.func.instr(data, pattern) if db.is_sqlite else sa.func.position(pattern.op("IN")(data))
    disputed = sa.select(panel_rows.c.customer_id).where(
        panel_rows.c.resource == "invoices", panel_rows.c.customer_id.is_not(None), place > 0
    )
    async with db.read() as connection:
        found = set((await connection.execute(disputed.distinct())).scalars())
        live = sa.select(customers.c.customer_id).where(customers.c.bad)
        return found | set((await connection.execute(live)).scalars())


async def spans(db: Database, *, orders: int, processes: int) -> list[Span]:
    """Split the customers into spans of some thousand rows each, without rows that belong to no customer."""
    size = orders * _ROWS_OF_AN_ORDER // (processes * _SPANS_EACH)
    size = min(max(size, _SPAN_LEAST), _SPAN_MOST)
    rows, found, after = panel_rows.c, [], -1
    async with db.read() as connection:
        while True:
            further = sa.select(rows.customer_id).where(rows.customer_id > after).order_by(rows.customer_id)
            upto = (await connection.execute(further.offset(size).limit(1))).scalar()
            found.append((after, upto))
            if upto is None:
                return found
            after = upto


async def rows_of(db: Database, span: Span) -> list[Rows]:
    """Return the customers of a span with all of their rows.

    Filtered by customer alone: with a filter by resource, too, SQLite would read all of its rows for each span.
    """
    rows, (after, upto) = panel_rows.c, span
    query = sa.select(rows.customer_id, rows.resource, rows.data).where(rows.customer_id > after)
    if upto is not None:
        query = query.where(rows.customer_id <= upto)
    async with db.read() as connection:
        found = (await connection.execute(query.order_by(rows.customer_id, rows.resource))).all()
    return _grouped(found)


async def in_chunks(
    connection: AsyncConnection, query: sa.Select[Any], column: sa.ColumnElement[Any], ids: list[int]
) -> AsyncIterator[Any]:
    """Yield the rows of a query whose column is in a long list of ids."""
    for start in range(0, len(ids), _IDS_AT_ONCE):
        for row in await connection.execute(query.where(column.in_(ids[start : start + _IDS_AT_ONCE]))):
            yield row


async def without_customer(db: Database) -> AsyncIterator[list[Rows]]:
    """Yield the orders that belong to no customer, in pages."""
    after = -1
    while True:
        query = (
            sa.select(panel_rows.c.row_id, panel_rows.c.data)
            .where(panel_rows.c.resource == "orders", panel_rows.c.customer_id.is_(None), panel_rows.c.row_id > after)
            .order_by(panel_rows.c.row_id)
            .limit(_PAGE)
        )
        async with db.read() as connection:
            found = (await connection.execute(query)).all()
        if not found:
            return
        yield [Rows(customer_id=0, orders=[load(Resource.ORDERS, row.data)]) for row in found]
        after = found[-1].row_id


def _grouped(found: Iterable[Any]) -> list[Rows]:
    grouped: dict[int, Rows] = {}
    for customer_id, resource, data in found:
        if resource == _UNUSED:
            continue
        rows = grouped.get(customer_id)
        if rows is None:
            rows = grouped[customer_id] = Rows(customer_id=customer_id)
        record = load(resource, data)
        match resource:
            case "customers":
                rows.customer = record
            case "orders":
                rows.orders.append(record)
            case "services":
                rows.services[record.service_id] = record
            case "invoices":
                rows.invoices[record.invoice_id] = record
            case "pay_methods":
                rows.pay_methods = record.methods
            case _:
                rows.tickets.append(record)
    return list(grouped.values())
