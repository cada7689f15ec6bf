"""What a search has found, as the API returns it: what it is, whose, its state, and a link."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.views.filtered import subjects_of
from app.config import Settings
from app.panels.base import PanelLinks
from app.panels.links import links_to
from app.shown import Cut, View, amount, cut
from app.tables.customers import customers
from app.tables.orders import fees, orders, tickets
from app.tables.search import customer_names


class HitKind(StrEnum):
    """What a search has found."""

    ORDER = "order"
    CUSTOMER = "customer"
    INVOICE = "invoice"
    TICKET = "ticket"


class Hit(View):
    """One thing that a search has found."""

    kind: HitKind
    id: Annotated[int, Field(description="The panel's id of what was found.", examples=[100001])]
    customer_id: Annotated[int | None, Field(description="Null for a guest, and while the customer is not known.")]
    name: Annotated[str, Cut(200), Field(description="Whose it is; empty if not known.", examples=["Ada Lovelace"])]
    order_id: Annotated[int | None, Field(description="The order, or that of the invoice.")]
    state: Annotated[
        str,
        Cut(40),
        Field(description="Of an order in Doorman; of a fee; else as the panel shows it.", examples=["held"]),
    ]
    text: Annotated[str, Cut(400), Field(examples=["Order 3735928559, placed 2026-11-03, 15.00 USD"])]
    url: Annotated[str | None, Field(description="Link for staff into the panel; null if its address is not set.")]


@dataclass(frozen=True, slots=True)
class Found:
    """What was found, by its id; of an invoice, with the order that it belongs to."""

    kind: HitKind
    id: int
    order_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """The rows behind hits, by their ids; fees by invoice and order."""

    orders: dict[int, Any]
    customers: dict[int, Any]
    tickets: dict[int, Any]
    fees: dict[tuple[int, int], Any]
    names: dict[int, Any]
    subjects: dict[int, str]


async def hits(connection: AsyncConnection, settings: Settings, found: Sequence[Found]) -> tuple[Hit, ...]:
    """Return what was found, in the same order, with a fixed number of queries; what does not exist is left out."""
    rows, links = await _read(connection, found), links_to(settings.panel_url)
    return tuple(hit for one in found if (hit := _hit(rows, links, one)) is not None)


def _hit(rows: _Rows, links: PanelLinks | None, one: Found) -> Hit | None:
    match one.kind:
        case HitKind.ORDER:
            return _order(rows, links, rows.orders.get(one.id))
        case HitKind.INVOICE:
            return _invoice(rows, links, one.id, rows.orders.get(one.order_id or 0))
        case HitKind.CUSTOMER:
            return _customer(rows, links, rows.customers.get(one.id))
        case HitKind.TICKET:
            return _ticket(rows, links, rows.tickets.get(one.id))


async def _read(connection: AsyncConnection, found: Sequence[Found]) -> _Rows:
    async def rows(table: sa.Table, key: sa.ColumnElement[int], ids: set[int]) -> list[Any]:
        return list((await connection.execute(sa.select(table).where(key.in_(ids)))).all()) if ids else []

    of_orders = {one.order_id for one in found if one.order_id is not None}
    of_orders |= {one.id for one in found if one.kind is HitKind.ORDER}
    invoices = {one.id for one in found if one.kind is HitKind.INVOICE}
    order_rows = await rows(orders, orders.c.order_id, of_orders)
    ticket_rows = await rows(tickets, tickets.c.ticket_id, {one.id for one in found if one.kind is HitKind.TICKET})
    people = {one.id for one in found if one.kind is HitKind.CUSTOMER}
    whose = people | {row.customer_id for row in (*order_rows, *ticket_rows) if row.customer_id is not None}
    names = await rows(customer_names, customer_names.c.customer_id, whose)
    return _Rows(
        orders={row.order_id: row for row in order_rows},
        customers={row.customer_id: row for row in await rows(customers, customers.c.customer_id, people)},
        tickets={row.ticket_id: row for row in ticket_rows},
        fees={(row.invoice_id, row.order_id): row for row in await rows(fees, fees.c.invoice_id, invoices)},
        names={row.customer_id: row for row in names},
        subjects=await subjects_of(connection, [row.ticket_id for row in ticket_rows]) if ticket_rows else {},
    )


def _order(rows: _Rows, links: PanelLinks | None, row: Any) -> Hit | None:
    if row is None:
        return None
    return Hit(
        kind=HitKind.ORDER, id=row.order_id, customer_id=row.customer_id, name=_name(rows, row), order_id=row.order_id,
        state=row.state, text=_sentence(f"Order {_number(row)}", _placed(row), _amount(row)),
        url=links.order_url(row.order_id) if links else None,
    )  # fmt: skip


def _invoice(rows: _Rows, links: PanelLinks | None, invoice_id: int, row: Any) -> Hit | None:
    if row is None:
        return None
    fee = rows.fees.get((invoice_id, row.order_id))
    if fee is None:
        state, text = row.payment_state, _sentence(f"Invoice of order {_number(row)}", _placed(row), _amount(row))
    else:
        asked = f"{amount(fee.amount_minor, fee.currency)} {fee.currency}"
        state, text = fee.state, _sentence(f"Fee of {asked} for order {_number(row)}", cut(fee.work, 200))
    return Hit(
        kind=HitKind.INVOICE, id=invoice_id, customer_id=row.customer_id, name=_name(rows, row), order_id=row.order_id,
        state=state, text=text, url=links.staff_invoice_url(invoice_id) if links else None,
    )  # fmt: skip


def _customer(rows: _Rows, links: PanelLinks | None, row: Any) -> Hit | None:
    if row is None:
        return None
    named = rows.names.get(row.customer_id)
    told = (
        f"Customer {row.customer_id}",
        named.email if named is not None else "",
        f"since {row.signed_up_at:%Y-%m-%d}" if row.signed_up_at else "",
        f"{row.orders} order{'' if row.orders == 1 else 's'}",
        f"merged into customer {row.merged_into}" if row.merged_into else "",
    )
    return Hit(
        kind=HitKind.CUSTOMER, id=row.customer_id, customer_id=row.customer_id, name=_name(rows, row), order_id=None,
        state=row.status, text=_sentence(*told), url=links.customer_url(row.customer_id) if links else None,
    )  # fmt: skip


def _ticket(rows: _Rows, links: PanelLinks | None, row: Any) -> Hit | None:
    if row is None:
        return None
    return Hit(
        kind=HitKind.TICKET, id=row.ticket_id, customer_id=row.customer_id, name=_name(rows, row), order_id=None,
        state=row.state, url=links.ticket_url(row.ticket_id) if links else None,
        text=_sentence(f"Ticket {row.number or row.ticket_id}", cut(rows.subjects.get(row.ticket_id), 200)),
    )  # fmt: skip


def _sentence(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _name(rows: _Rows, row: Any) -> str:
    named = rows.names.get(row.customer_id)
    return "" if named is None else str(named.name)


def _number(row: Any) -> str:
    return str(row.order_number or row.order_id)


def _placed(row: Any) -> str:
    return f"placed {row.placed_at:%Y-%m-%d}" if row.placed_at else ""


def _amount(row: Any) -> str:
    shown = amount(row.amount_minor, row.currency)
    return "" if shown is None else f"{shown} {row.currency}"
