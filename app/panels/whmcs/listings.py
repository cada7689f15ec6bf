"""Whole lists for `reconcile`: orders by id, objects with our reference, who changed an order.

Rows can move between two pages while they are read. So each page overlaps the last row of the previous page, and if
that row has gone, reading starts again. No row is missed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, tzinfo
from itertools import pairwise
from typing import Any, Final

from app.core.actions import AddCredit, CreateInvoice, CreateQuote, OpenTicket, PanelAction, ReplyTicket
from app.panels.base import PanelUnavailable
from app.panels.whmcs import amounts, wire
from app.panels.whmcs.client import WhmcsClient
from app.panels.whmcs.lookups import INVOICE_AGE, invoice_answer, ticket_answer
from app.panels.whmcs.paging import PAGE, Listing, newest, pages, read_or_none, rows_of

#: The invoices that await payment; the order in which GetOrders lists orders can't be chosen.
UNPAID: Final = Listing(
    action="GetInvoices", outer="invoices", inner="invoice",
    filters={"status": "Unpaid", "orderby": "id", "order": "desc"},
)  # fmt: skip
_MOST_PAGES: Final = 2_000
_TRIES: Final = 3
_TICKETS: Final = 50
_LOG_ROWS: Final = 25

#: How the activity log words each status change of an order.
_VERBS: Final = {
    "active": ("accept", "active"),
    "cancelled": ("cancel",),
    "fraud": ("fraud",),
    "pending": ("pending",),
}

#: Called after each page with the rows so far, in listed order, and the panel's total if it gives one. True ends the
#: reading.
Enough = Callable[[dict[int, wire.Row], int | None], bool]


# --- orders -------------------------------------------------------------------------------------------------------


async def orders_above(client: WhmcsClient, order_id: int, *, limit: int) -> list[wire.Row]:
    """Return the rows of orders with higher ids, lowest first; `limit` drops the highest.

    The sort order of GetOrders is not documented. Reading stops at the id only while ids fall; else it reads the whole
    list.
    """

    def enough(rows: dict[int, wire.Row], _total: int | None) -> bool:
        return min(rows) <= order_id and _falling(rows)

    rows = await _orders(client, {}, enough)
    return [rows[one] for one in sorted(rows) if one > order_id][: max(limit, 0)]


async def last_placed_before(client: WhmcsClient, moment: datetime, *, zone: tzinfo | None) -> int:
    """Return the highest id of an order placed before `moment`, 0 if there is none.

    An order whose time can't be read counts as placed before.
    """

    def before(row: wire.Row) -> bool:
        placed_at = wire.moment(row.get("date"), zone)
        return placed_at is None or placed_at < moment

    def enough(rows: dict[int, wire.Row], _total: int | None) -> bool:
        return _falling(rows) and before(rows[min(rows)])

    rows = await _orders(client, {}, enough)
    return max((one for one, row in rows.items() if before(row)), default=0)


async def pending_orders(client: WhmcsClient, *, progress: Callable[[int, int | None], None]) -> list[wire.Row]:
    """Return the rows of all Pending orders, lowest id first; `progress` gets the number read and the total."""

    def enough(rows: dict[int, wire.Row], total: int | None) -> bool:
        progress(len(rows), total)
        return False

    rows = await _orders(client, {"status": "Pending"}, enough)
    return [rows[one] for one in sorted(rows)]


async def newest_rows(
    client: WhmcsClient, listing: Listing, *, down_to: int, most: int
) -> tuple[dict[int, wire.Row], int | None]:
    """Return the rows of the first pages down to this id, `most` pages at most, and from which id they are complete.

    Rows that move while the pages are read may be missing or outdated.
    """
    rows: dict[int, wire.Row] = {}
    start = 0
    for _ in range(most):
        window = {"limitstart": start, "limitnum": PAGE}
        answer = await read_or_none(client, listing.action, {**listing.filters, **window}, absent="order-not-found")
        page = [] if answer is None else _by_id(rows_of(answer, listing.outer, listing.inner, strict=True))
        total = None if answer is None else wire.integer(answer.get("totalresults"))
        known = len(rows)
        rows |= {row_id: row for row_id, row in page if row_id not in rows}
        start += len(page)
        if not page if total is None else start >= total:
            return rows, 0
        if len(rows) == known or (_falling(rows) and min(rows) <= down_to):
            break
    return rows, min(rows) if rows and _falling(rows) else None


def _falling(rows: dict[int, wire.Row]) -> bool:
    return all(later < earlier for earlier, later in pairwise(rows))


async def _orders(client: WhmcsClient, filters: Mapping[str, Any], enough: Enough) -> dict[int, wire.Row]:
    for _ in range(_TRIES):
        rows = await _read_through(client, filters, enough)
        if rows is not None:
            return rows
    raise wire.AnswerError("the order list changed during every attempt to read it")


async def _read_through(client: WhmcsClient, filters: Mapping[str, Any], enough: Enough) -> dict[int, wire.Row] | None:
    """Return the rows of all pages; None if rows moved and one may be missing."""
    seen: dict[int, wire.Row] = {}
    start, overlap = 0, False
    for _ in range(_MOST_PAGES):
        window = {"limitstart": start, "limitnum": PAGE}
        answer = await read_or_none(client, "GetOrders", {**filters, **window}, absent="order-not-found")
        page = [] if answer is None else _by_id(rows_of(answer, "orders", "order", strict=True))
        total = None if answer is None else wire.integer(answer.get("totalresults"))
        if overlap and (not page or page[0][0] not in seen):
            return None
        known = len(seen)
        seen |= {row_id: row for row_id, row in page if row_id not in seen}
        if len(seen) == known:
            return None if total is not None and total > known else seen
        if enough(seen, total) or (total is not None and start + len(page) >= total):
            return seen
        overlap = len(page) > 1
        start += len(page) - overlap
    raise wire.AnswerError("GetOrders returns page after page without an end")


def _by_id(rows: list[wire.Row]) -> list[tuple[int, wire.Row]]:
    found = [(row_id, row) for row in rows if (row_id := wire.identifier(row.get("id"))) is not None]
    if len(found) < len(rows):
        raise wire.AnswerError("the panel lists rows without an id")
    return found


# --- who it was ---------------------------------------------------------------------------------------------------


async def changed_by(
    client: WhmcsClient, order_id: int, status: str, *, since: datetime, zone: tzinfo | None
) -> int | None:
    """Return the id of the admin who set this status, from the activity log; 0 if the system did.

    None if the log (GetActivityLog) doesn't say: no entry since then, an entry of a customer, or no permission to read.
    """
    verbs = _VERBS.get(status.strip().lower())
    if verbs is None:
        return None
    params = {"description": f"Order ID: {order_id}", "limitstart": 0, "limitnum": _LOG_ROWS}
    try:
        answer = await read_or_none(client, "GetActivityLog", params)
    except PanelUnavailable as error:
        if error.alarm:
            return None  # our role lacks this permission, which is optional
        raise
    rows = [] if answer is None else rows_of(answer, "activity", "entry", strict=False)
    about = re.compile(rf"\bOrder ID:?\s*#?{order_id}(?!\d)", re.IGNORECASE)
    matching = [row for row in rows if _tells(row, about, verbs) and _is_since(row, since, zone)]
    return _admin_of(max(matching, key=lambda row: wire.identifier(row.get("id")) or 0)) if matching else None


def _tells(row: wire.Row, about: re.Pattern[str], verbs: tuple[str, ...]) -> bool:
    said = wire.text(row.get("description"))
    return about.search(said) is not None and any(verb in said.lower() for verb in verbs)


def _is_since(row: wire.Row, since: datetime, zone: tzinfo | None) -> bool:
    at = wire.moment(row.get("date"), zone)
    return at is not None and at >= since


def _admin_of(row: wire.Row) -> int | None:
    admin = wire.integer(row.get("adminId"))
    return None if admin == 0 and wire.identifier(row.get("userId")) else admin


# --- what carries our reference -----------------------------------------------------------------------------------


async def copies(client: WhmcsClient, action: PanelAction) -> int:
    """Count the panel's objects with the reference of a findable action, without cancelled invoices.

    Raises PanelUnavailable, and TypeError for actions that carry no reference.
    """
    match action:
        case CreateInvoice():
            return await _invoices(client, action)
        case AddCredit():
            answer = await read_or_none(client, "GetCredits", {"clientid": action.customer_id})
            rows = [] if answer is None else rows_of(answer, "credits", "credit", strict=True)
            return sum(wire.mentions(row.get("description"), action.reference) for row in rows)
        case CreateQuote():
            return await _quotes(client, action)
        case OpenTicket():
            return await _messages(client, action)
        case ReplyTicket():
            return await _mentions_in(client, action.ticket_id, action.reference)
        case _:
            raise TypeError(f"{type(action).__name__} carries no reference")


async def _invoices(client: WhmcsClient, action: CreateInvoice) -> int:
    """Count by notes; an invoice of the same sum without notes is read in full, as its line may hold the reference."""
    ordered_for = wire.day(action.date)
    oldest = None if ordered_for is None else ordered_for - INVOICE_AGE
    filters = {"userid": action.customer_id, "orderby": "id", "order": "desc"}
    listing = Listing(action="GetInvoices", outer="invoices", inner="invoice", filters=filters)
    count = 0
    async for page in pages(client, listing, strict=True):
        for invoice_id, row in page.items():
            if wire.text(row.get("status")).strip().lower() == "cancelled":
                continue
            if wire.mentions(row.get("notes"), action.reference):
                count += 1
            elif not _older(row, oldest) and amounts.number(row.get("subtotal")) == amounts.number(action.amount):
                count += await _line_mentions(client, invoice_id, action.reference)
    return count


def _older(row: wire.Row, oldest: date | None) -> bool:
    made = wire.day(row.get("created_at")) or wire.day(row.get("date"))
    return oldest is not None and made is not None and made < oldest


async def _line_mentions(client: WhmcsClient, invoice_id: int, reference: str) -> bool:
    answer = await invoice_answer(client, invoice_id)
    lines = [] if answer is None else wire.as_list(answer.get("items"), "item", strict=True)
    return any(wire.mentions(line.get("description"), reference) for line in lines)


async def _quotes(client: WhmcsClient, action: CreateQuote) -> int:
    listing = Listing(action="GetQuotes", outer="quotes", inner="quote", filters={"userid": action.customer_id})
    count = 0
    async for page in pages(client, listing, strict=True):
        for row in page.values():
            lines = wire.as_list(row.get("items"), "item", strict=True)
            texts = [row.get("adminnotes"), row.get("customernotes"), *(line.get("description") for line in lines)]
            count += any(wire.mentions(text, action.reference) for text in texts)
    return count


async def _messages(client: WhmcsClient, action: OpenTicket) -> int:
    """Count messages, not tickets: staff may have merged two of ours."""
    filters = {"clientid": action.customer_id, "ignore_dept_assignments": True}
    listing = Listing(action="GetTickets", outer="tickets", inner="ticket", filters=filters)
    count = 0
    for row in await newest(client, listing, limit=_TICKETS, strict=True):
        if _subject(row.get("subject")) == _subject(action.subject):
            count += await _mentions_in(client, wire.identifier(row.get("id")) or 0, action.reference)
    return count


async def _mentions_in(client: WhmcsClient, ticket_id: int, reference: str) -> int:
    answer = await ticket_answer(client, ticket_id)
    messages = wire.as_list((answer or {}).get("replies"), "reply", strict=True)
    return sum(wire.mentions(message.get("message"), reference) for message in messages)


def _subject(value: object) -> str:
    return " ".join(wire.text(value).split()).casefold()
