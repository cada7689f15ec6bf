"""What the import stores: the panel's records as read, and the progress of each list."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import Database, insert_into
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
from app.panels.whmcs.mapping.stored import from_columns, has_columns
from app.tables.history import imports, panel_rows

#: Rows in one transaction: fast to write, and few enough that the intake on SQLite need not wait.
BATCH: Final = 1_000
_PARAMETERS: Final = 5_000  # ids in one query
#: Rows in one statement on SQLite: its driver releases and reacquires the GIL at each row of an executemany, which next
#: to a busy event loop takes a thousand times as long as the rows.
_ROWS_IN_STATEMENT: Final = 500
_IN_BOTH: Final = ("first_name", "last_name", "company", "email", "group_id", "status")
_PLACES: Final = "(?, ?, ?, ?, ?)"


class Resource(StrEnum):
    """The kinds of rows; the values are stored in the database."""

    CUSTOMERS = "customers"
    ORDERS = "orders"
    SERVICES = "services"
    INVOICES = "invoices"
    CREDITS = "credits"
    TICKETS = "tickets"
    PAY_METHODS = "pay_methods"

    @property
    def words(self) -> str:
        """Return its name for people."""
        return self.value.replace("_", " ")


class HistoryCustomer(msgspec.Struct, frozen=True, kw_only=True):
    """A customer without the panel's statistics, with the day of sign-up, which only the panel's list has."""

    customer: PanelCustomer
    signed_up_on: date | None

    @classmethod
    def of(cls, customer: PanelCustomer, head: PanelCustomerHead) -> HistoryCustomer:
        """Join details and list; fields of both are taken from the list, because changes are detected there."""
        told = {name: getattr(head, name) for name in _IN_BOTH}
        return cls(customer=msgspec.structs.replace(customer, **told), signed_up_on=head.signed_up_on)


class HistoryPayMethods(msgspec.Struct, frozen=True, kw_only=True):
    """The stored pay methods of a customer, as of today; no card numbers, no tokens."""

    customer_id: int
    methods: tuple[PanelPayMethod, ...]


Record = HistoryCustomer | PanelOrder | PanelService | PanelInvoice | PanelCredit | PanelTicket | HistoryPayMethods

_ENCODER: Final = msgspec.json.Encoder()
_DECODERS: Final[Mapping[str, msgspec.json.Decoder[Any]]] = {
    Resource.CUSTOMERS: msgspec.json.Decoder(HistoryCustomer),
    Resource.ORDERS: msgspec.json.Decoder(PanelOrder),
    Resource.SERVICES: msgspec.json.Decoder(PanelService),
    Resource.INVOICES: msgspec.json.Decoder(PanelInvoice),
    Resource.CREDITS: msgspec.json.Decoder(PanelCredit),
    Resource.TICKETS: msgspec.json.Decoder(PanelTicket),
    Resource.PAY_METHODS: msgspec.json.Decoder(HistoryPayMethods),
}


def dump(record: Record) -> dict[str, Any]:
    """Return the row of a record."""
    resource, row_id, customer_id, order_id = _keys(record)
    return {
        "resource": resource.value,
        "row_id": row_id,
        "customer_id": customer_id,
        "order_id": order_id,
        "data": _ENCODER.encode(record),
    }


def load(resource: str, data: bytes) -> Any:
    """Return the record of a row, of the type that belongs to `resource` (one of `Resource`)."""
    if resource == Resource.ORDERS and has_columns(data):
        return from_columns(data)
    return _DECODERS[resource].decode(data)


def _keys(record: Record) -> tuple[Resource, int, int | None, int | None]:
    match record:
        case HistoryCustomer():
            return Resource.CUSTOMERS, record.customer.customer_id, record.customer.customer_id, None
        case PanelOrder():
            return Resource.ORDERS, record.order_id, record.customer_id, record.order_id
        case PanelService():
            return Resource.SERVICES, record.service_id, record.customer_id, record.order_id
        case PanelInvoice():
            return Resource.INVOICES, record.invoice_id, record.customer_id, None
        case PanelCredit():
            return Resource.CREDITS, record.credit_id, record.customer_id, None
        case PanelTicket():
            return Resource.TICKETS, record.ticket_id, record.customer_id, None
        case HistoryPayMethods():
            return Resource.PAY_METHODS, record.customer_id, record.customer_id, None


# --- writing ------------------------------------------------------------------------------------------------------


async def put(tx: AsyncConnection, records: Iterable[Record]) -> None:
    """Write records over those with the same ids; unchanged rows are not touched."""
    rows = [dump(record) for record in records]
    if not rows:
        return
    insert = insert_into(tx, panel_rows)
    new = insert.excluded
    upsert = insert.on_conflict_do_update(
        index_elements=[panel_rows.c.resource, panel_rows.c.row_id],
        set_={"customer_id": new.customer_id, "order_id": new.order_id, "data": new.data},
        where=panel_rows.c.data != new.data,
    )
    if tx.dialect.name != "sqlite":
        await tx.execute(upsert, rows)
        return
    one = str(upsert.compile(dialect=tx.dialect, column_keys=list(rows[0])))
    for start in range(0, len(rows), _ROWS_IN_STATEMENT):
        some = rows[start : start + _ROWS_IN_STATEMENT]
        many = one.replace(_PLACES, ", ".join([_PLACES] * len(some)), 1)
        await tx.exec_driver_sql(many, tuple(value for row in some for value in row.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The import progress of one resource. `cursor` belongs to the import; `finished_at` is of the last full pass."""

    cursor: dict[str, Any]
    rows: int
    finished_at: datetime | None


async def progress(connection: AsyncConnection, resource: Resource) -> Progress:
    """Return the progress of a resource; empty if it was never started."""
    found = (await connection.execute(sa.select(imports).where(imports.c.resource == resource.value))).first()
    if found is None:
        return Progress(cursor={}, rows=0, finished_at=None)
    return Progress(cursor=dict(found.cursor), rows=found.rows, finished_at=found.finished_at)


async def set_progress(tx: AsyncConnection, resource: Resource, state: Progress, *, now: datetime) -> None:
    """Write the progress of a resource, in the transaction of its rows."""
    dialect = sqlite if tx.dialect.name == "sqlite" else postgresql
    values = {
        "cursor": state.cursor, "rows": state.rows, "finished_at": state.finished_at, "changed_at": now
    }  # fmt: skip
    insert = dialect.insert(imports).values(resource=resource.value, **values)
    await tx.execute(insert.on_conflict_do_update(index_elements=[imports.c.resource], set_=values))


# --- reading ------------------------------------------------------------------------------------------------------


async def stored(db: Database, resource: Resource) -> AsyncIterator[Any]:
    """Yield all records of a resource by rising id, about a thousand in each read."""
    last = 0
    while True:
        query = (
            sa.select(panel_rows.c.row_id, panel_rows.c.data)
            .where(panel_rows.c.resource == resource.value, panel_rows.c.row_id > last)
            .order_by(panel_rows.c.row_id)
            .limit(BATCH)
        )
        async with db.read() as connection:
            rows = (await connection.execute(query)).all()
        for row in rows:
            yield load(resource, row.data)
        if not rows:
            return
        last = rows[-1].row_id


async def of_customers(
    connection: AsyncConnection, resource: Resource, customer_ids: Sequence[int]
) -> dict[int, list[Any]]:
    """Return the records of some customers, by customer, each customer's by rising id.

    Sorted in the order of the index by customer: sorted by id alone, SQLite would read all rows of the resource.
    """
    found: dict[int, list[Any]] = {customer_id: [] for customer_id in customer_ids}
    for start in range(0, len(customer_ids), _PARAMETERS):
        some = customer_ids[start : start + _PARAMETERS]
        query = (
            sa.select(panel_rows.c.customer_id, panel_rows.c.data)
            .where(panel_rows.c.resource == resource.value, panel_rows.c.customer_id.in_(some))
            .order_by(panel_rows.c.customer_id, panel_rows.c.row_id)
        )
        for row in await connection.execute(query):
            found[row.customer_id].append(load(resource, row.data))
    return found


async def counts(connection: AsyncConnection) -> dict[Resource, int]:
    """Return how many rows of each resource are stored."""
    query = sa.select(panel_rows.c.resource, sa.func.count()).group_by(panel_rows.c.resource)
    found = {row[0]: row[1] for row in await connection.execute(query)}
    return {resource: found.get(resource.value, 0) for resource in Resource}


async def highest(connection: AsyncConnection, resource: Resource) -> int:
    """Return the highest id of a resource; 0 if there is none."""
    query = sa.select(sa.func.max(panel_rows.c.row_id)).where(panel_rows.c.resource == resource.value)
    return (await connection.execute(query)).scalar_one() or 0
