"""Lists of orders, customers and tickets with filters, each read through an index."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.views.customers import CustomerView, customer_view
from app.api.views.orders import OrderSummary
from app.api.views.orders_read import order_summaries
from app.api.views.records import TicketSummary
from app.config import Settings
from app.core.judgement.customer_score import Segment
from app.core.judgement.decide import Outcome
from app.core.policy.document import Policy
from app.core.states import OrderState
from app.core.webhooks import MAX_ID
from app.customers import counts
from app.customers.identities import hashed
from app.customers.names import Findable
from app.paging import Page, Period, SortOrder, Window, read_page
from app.policies import versions
from app.tables.customers import customers, identities
from app.tables.orders import orders, ticket_texts, tickets
from app.tables.search import search_words

_MONTH: Final = timedelta(days=30)
#: Accounts behind one mailbox that are searched, the newest: people have a few, and the cost must stay bounded.
MOST_ACCOUNTS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilter:
    """Which orders are listed; None: any."""

    state: OrderState | None = None
    outcome: Outcome | None = None
    customer_id: int | None = None
    number: str | None = None
    email: str | None = None
    placed: Period


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerFilter:
    """Which customers are listed; None: any."""

    segment: Segment | None = None
    state: str | None = None
    number: str | None = None
    email: str | None = None
    signed_up: Period


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketFilter:
    """Which tickets are listed; None: any."""

    state: str | None = None
    customer_id: int | None = None
    number: str | None = None
    email: str | None = None
    opened: Period


def plain_number(number: str) -> str:
    """Return a number as it is stored: people write a `#` in front of it."""
    return number.strip().lstrip("#").strip()


def id_of(number: str) -> int | None:
    """Return the panel's id that a number may be; None if it can't be one."""
    plain = plain_number(number)
    is_id = plain.isascii() and plain.isdecimal() and len(plain) <= len(str(MAX_ID)) and 0 < int(plain) <= MAX_ID
    return int(plain) if is_id else None


async def accounts_of(connection: AsyncConnection, mailbox: str) -> list[int]:
    """Return the customers with this mailbox (as `canonical_email` writes it), now or before, the newest first."""
    seen = sa.select(identities.c.customer_id).where(
        identities.c.kind == "email", identities.c.hash == hashed("email", mailbox)
    )
    named = sa.select(search_words.c.row_id).where(
        search_words.c.word == mailbox, search_words.c.kind == Findable.CUSTOMER
    )
    found = await connection.scalars(sa.union(seen, named).order_by(sa.desc("customer_id")).limit(MOST_ACCOUNTS))
    return list(found.all())


async def list_orders(
    connection: AsyncConnection, settings: Settings, window: Window, wanted: OrderFilter
) -> Page[OrderSummary]:
    """Return orders, newest first; of a period by the time when they were placed."""
    conditions: list[sa.ColumnElement[bool]] = wanted.placed.holds(orders.c.placed_at)
    for column, value in (
        (orders.c.state, wanted.state), (orders.c.outcome, wanted.outcome),
        (orders.c.customer_id, wanted.customer_id),
        (orders.c.order_number, None if wanted.number is None else plain_number(wanted.number)),
    ):  # fmt: skip
        if value is not None:
            conditions.append(column == value)
    if wanted.email is not None:
        conditions.append(orders.c.customer_id.in_(await accounts_of(connection, wanted.email)))
    order = SortOrder(columns=(orders.c.order_id,), kinds=(int,))
    if wanted.placed:
        order = SortOrder(columns=(orders.c.placed_at, orders.c.order_id), kinds=(datetime, int))
    rows, cursor = await read_page(connection, sa.select(orders).where(*conditions), order, window)
    return Page(items=tuple(await order_summaries(connection, settings, rows)), next_cursor=cursor)


async def list_customers(
    connection: AsyncConnection, window: Window, wanted: CustomerFilter, *, now: datetime
) -> Page[CustomerView]:
    """Return customers by id; of a period by the time when they signed up."""
    policy = (await versions.active(connection)).policy
    conditions: list[sa.ColumnElement[bool]] = wanted.signed_up.holds(customers.c.signed_up_at)
    if wanted.segment is not None:
        conditions.append(_in_segment(wanted.segment, policy, now))
    if wanted.state is not None:
        conditions.append(customers.c.status == _capital(wanted.state))
    if wanted.number is not None:
        conditions.append(customers.c.customer_id == (id_of(wanted.number) or 0))
    if wanted.email is not None:
        conditions.append(customers.c.customer_id.in_(await accounts_of(connection, wanted.email)))
    order = SortOrder(columns=(customers.c.customer_id,), kinds=(int,), falling=False)
    if wanted.signed_up:
        columns = (customers.c.signed_up_at, customers.c.customer_id)
        order = SortOrder(columns=columns, kinds=(datetime, int), falling=False)
    rows, cursor = await read_page(connection, sa.select(customers).where(*conditions), order, window)
    found = [customer_view(row, counts.score_of(row, policy, now=now), now=now) for row in rows]
    return Page(items=tuple(found), next_cursor=cursor)


def _in_segment(segment: Segment, policy: Policy, now: datetime) -> sa.ColumnElement[bool]:
    """Return the rule of `core.customers` as SQL: a pin wins, else a customer is new until known for a while."""
    pinned = customers.c.pinned_segment == segment
    rules = policy.customers
    known = sa.and_(
        sa.func.coalesce(customers.c.signed_up_at, customers.c.first_heard_at, type_=customers.c.signed_up_at.type)
        <= now - rules.standard_after_months * _MONTH,
        sa.func.coalesce(customers.c.paid_invoices, 0) >= rules.standard_after_paid_invoices,
    )
    computed = {Segment.STANDARD: known, Segment.NEW: sa.not_(known)}
    if segment not in computed:
        return pinned
    return sa.or_(pinned, sa.and_(customers.c.pinned_segment.is_(None), computed[segment]))


def _capital(state: str) -> str:
    """Return a panel's word as panels write theirs: *customer-reply* means *Customer-Reply*."""
    word = state.strip()
    return word.title() if word == word.lower() else word


async def list_tickets(connection: AsyncConnection, window: Window, wanted: TicketFilter) -> Page[TicketSummary]:
    """Return tickets, newest first."""
    conditions: list[sa.ColumnElement[bool]] = wanted.opened.holds(tickets.c.opened_at)
    if wanted.state is not None:
        conditions.append(tickets.c.state == _capital(wanted.state))
    if wanted.customer_id is not None:
        conditions.append(tickets.c.customer_id == wanted.customer_id)
    if wanted.number is not None:
        conditions.append(tickets.c.number == plain_number(wanted.number).upper())
    if wanted.email is not None:
        theirs = tickets.c.customer_id.in_(await accounts_of(connection, wanted.email))
        conditions.append(sa.or_(theirs, tickets.c.guest_email_hash == hashed("email", wanted.email)))
    order = SortOrder(columns=(tickets.c.opened_at, tickets.c.ticket_id), kinds=(datetime, int))
    rows, cursor = await read_page(connection, sa.select(tickets).where(*conditions), order, window)
    subjects = await subjects_of(connection, [row.ticket_id for row in rows])
    found = [TicketSummary.of(row, subject=subjects.get(row.ticket_id, "")) for row in rows]
    return Page(items=tuple(found), next_cursor=cursor)


async def subjects_of(connection: AsyncConnection, ticket_ids: list[int]) -> dict[int, str]:
    """Return the subjects of tickets."""
    query = sa.select(ticket_texts.c.ticket_id, ticket_texts.c.subject).where(ticket_texts.c.ticket_id.in_(ticket_ids))
    return {row.ticket_id: row.subject for row in await connection.execute(query)}
