"""Did an action take effect? One look-up per class of action.

Findable actions are found by their reference, state-guarded ones by the object's own state. All lists are read
strictly: a shape that could hide our reference is PanelUnavailable, never *absent*.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Final

from app.core.actions import (
    AcceptOrder,
    AddCredit,
    CancelInvoice,
    CancelOrder,
    CreateInvoice,
    CreateQuote,
    FraudOrder,
    OpenTicket,
    PanelAction,
    PendingOrder,
    ReplyTicket,
)
from app.panels.base import LookUp, Standing
from app.panels.whmcs import amounts, wire
from app.panels.whmcs.client import WhmcsClient
from app.panels.whmcs.mapping import billing
from app.panels.whmcs.paging import Listing, newest, pages, read_or_none, require_list, rows_of

#: Our invoice is not older than its requested date; two days allow for the panel's zone and for staff who change the
#: date. The search ends after a page of invoices that are all older.
INVOICE_AGE: Final = timedelta(days=2)
_TICKETS: Final = 50
_LINES_NAMED: Final = 6

_APPLIED, _ABSENT, _MOOT = Standing.APPLIED, Standing.ABSENT, Standing.MOOT

#: What each order status means for each action; a status that is not listed was set by staff and means MOOT.
_ORDER_STANDINGS: Final[dict[type[PanelAction], dict[str, Standing]]] = {
    AcceptOrder: {"active": _APPLIED, "pending": _ABSENT},
    CancelOrder: {"cancelled": _APPLIED, "pending": _ABSENT},
    FraudOrder: {"fraud": _APPLIED, "pending": _ABSENT},
    PendingOrder: {"pending": _APPLIED, "active": _ABSENT, "cancelled": _ABSENT, "fraud": _ABSENT},
}
#: Line statuses: built (by the module or by hand), and not built yet.
_BUILT: Final = frozenset({"active", "completed"})
_NOT_BUILT: Final = frozenset({"pending", "pending registration", "pending transfer"})
_PAYABLE: Final = frozenset({"unpaid", "draft", "overdue"})


async def look_up(client: WhmcsClient, action: PanelAction) -> LookUp:
    """Return whether the action took effect. Raises PanelUnavailable, and TypeError for courtesy actions."""
    match action:
        case AcceptOrder():
            return await _accepted(client, action)
        case CancelOrder() | FraudOrder() | PendingOrder():
            return _order(action, await order_row(client, action.order_id))
        case CancelInvoice():
            return await _cancelled_invoice(client, action)
        case CreateInvoice():
            return await _created_invoice(client, action)
        case AddCredit():
            return await _credit(client, action)
        case CreateQuote():
            return await _quote(client, action)
        case OpenTicket():
            return await _ticket(client, action)
        case ReplyTicket():
            return await _reply(client, action)
        case _:
            raise TypeError(f"{type(action).__name__} can't be looked up")


async def order_row(client: WhmcsClient, order_id: int, *, urgent: bool = False) -> wire.Row | None:
    """Return the GetOrders row of one order; None when the panel doesn't list it."""
    if order_id <= 0:
        return None  # WHMCS reads 0 as *no filter*
    answer = await read_or_none(client, "GetOrders", {"id": order_id}, absent="order-not-found", urgent=urgent)
    if answer is None:
        return None
    require_list(answer, "orders")
    rows = rows_of(answer, "orders", "order", strict=True)
    row = next((row for row in rows if wire.identifier(row.get("id")) == order_id), None)
    if row is None and rows:
        raise wire.AnswerError("the panel listed other orders than the requested one")
    return row


async def invoice_answer(client: WhmcsClient, invoice_id: int, *, urgent: bool = False) -> wire.Row | None:
    """Return the GetInvoice answer; None when there is no such invoice."""
    if invoice_id <= 0:
        return None
    params = {"invoiceid": invoice_id}
    answer = await read_or_none(client, "GetInvoice", params, absent="invoice-not-found", urgent=urgent)
    if answer is None:
        return None
    if wire.identifier(answer.get("invoiceid")) != invoice_id:
        raise wire.AnswerError("the panel answered with another invoice than the requested one")
    return answer


def _order(action: AcceptOrder | CancelOrder | FraudOrder | PendingOrder, row: wire.Row | None) -> LookUp:
    order_id = action.order_id
    if row is None:
        return LookUp(
            standing=_MOOT, result={"order_id": order_id, "status": None}, detail="the order no longer exists"
        )
    status = order_status(row)
    standing = _ORDER_STANDINGS[type(action)].get(status.lower(), _MOOT)
    return LookUp(standing=standing, result={"order_id": order_id, "status": status}, detail=f"the order is {status}")


async def _accepted(client: WhmcsClient, action: AcceptOrder) -> LookUp:
    """A Pending order with only some lines built may be the result of an accept that failed half-way."""
    row = await order_row(client, action.order_id)
    found = _order(action, row)
    seen = None if row is None or found.standing is not _ABSENT else built_in_part(row)
    return found if seen is None else replace(found, partial=True, detail=f"{found.detail}; {seen}")


def order_status(row: wire.Row) -> str:
    """Return the status of an order. Raises AnswerError without one."""
    status = wire.text(row.get("status")).strip()
    if not status:
        raise wire.AnswerError("the panel listed the order without a status")
    return status


def built_in_part(row: wire.Row) -> str | None:
    """Describe which lines are built and which are not, if an order has both; else None."""
    lines = wire.as_list(row.get("lineitems"), "lineitem", strict=True)
    statuses = [wire.text(line.get("status")).strip() for line in lines]
    some = {status.lower() for status in statuses}
    if not (some & _BUILT and some & _NOT_BUILT):
        return None
    said = [f"{_line_name(line)} is {status}" for line, status in zip(lines, statuses, strict=True)]
    return ", ".join(said[:_LINES_NAMED]) + (" …" if len(said) > _LINES_NAMED else "")


def _line_name(line: wire.Row) -> str:
    return f"{wire.text(line.get('type')).strip() or 'line'} {wire.identifier(line.get('relid')) or '?'}"


async def _cancelled_invoice(client: WhmcsClient, action: CancelInvoice) -> LookUp:
    answer = await invoice_answer(client, action.invoice_id)
    if answer is None:
        gone = {"invoice_id": action.invoice_id, "status": None}
        return LookUp(standing=_MOOT, result=gone, detail="the invoice no longer exists")
    status = invoice_status(answer)
    if status.lower() == "cancelled":
        standing = _APPLIED
    elif cancellable(answer):
        standing = _ABSENT
    else:
        standing = _MOOT
    result = {"invoice_id": action.invoice_id, "status": status}
    return LookUp(standing=standing, result=result, detail=f"the invoice is {status}")


def invoice_status(answer: wire.Row) -> str:
    """Return the status of an invoice. Raises AnswerError without one."""
    status = wire.text(answer.get("status")).strip()
    if not status:
        raise wire.AnswerError("the panel answered with an invoice without a status")
    return status


def cancellable(answer: wire.Row) -> bool:
    """True if the invoice awaits payment and nothing was paid on it."""
    return invoice_status(answer).lower() in _PAYABLE and not billing.money_moved(answer)


async def _created_invoice(client: WhmcsClient, action: CreateInvoice) -> LookUp:
    """Look for the reference in the notes of the customer's invoices, newest first, then in lines of the same sum."""
    filters = {"userid": action.customer_id, "orderby": "id", "order": "desc"}
    listing = Listing(action="GetInvoices", outer="invoices", inner="invoice", filters=filters)
    ordered_for = wire.day(action.date)
    oldest = None if ordered_for is None else ordered_for - INVOICE_AGE
    candidates: list[int] = []
    ids: list[int] = []
    async with aclosing(pages(client, listing, strict=True)) as listed:
        async for page in listed:
            for invoice_id, row in page.items():
                if wire.mentions(row.get("notes"), action.reference):
                    return await _found_invoice(client, invoice_id)
                if not _older(row, oldest) and _may_match(row, action):
                    candidates.append(invoice_id)
            ids += page
            if ids == sorted(ids, reverse=True) and all(_older(row, oldest) for row in page.values()):
                break
    for invoice_id in candidates:
        answer = await invoice_answer(client, invoice_id)
        if answer is not None and _carries(answer, action.reference):
            return _invoice_found(answer)
    return LookUp(standing=_ABSENT, result={})


def _older(row: wire.Row, oldest: date | None) -> bool:
    made = wire.day(row.get("created_at")) or wire.day(row.get("date"))
    return oldest is not None and made is not None and made < oldest


def _may_match(row: wire.Row, action: CreateInvoice) -> bool:
    subtotal, wanted = amounts.number(row.get("subtotal")), amounts.number(action.amount)
    return subtotal is None or subtotal == wanted


def _carries(answer: wire.Row, reference: str) -> bool:
    lines = wire.as_list(answer.get("items"), "item", strict=True)
    return wire.mentions(answer.get("notes"), reference) or any(
        wire.mentions(line.get("description"), reference) for line in lines
    )


async def _found_invoice(client: WhmcsClient, invoice_id: int) -> LookUp:
    answer = await invoice_answer(client, invoice_id)
    if answer is None:
        raise wire.AnswerError("the invoice with our reference is listed but can't be read")
    return _invoice_found(answer)


def _invoice_found(answer: wire.Row) -> LookUp:
    result: dict[str, Any] = {
        "invoice_id": wire.identifier(answer.get("invoiceid")),
        "status": invoice_status(answer),
        "total": amounts.as_text(answer.get("total")),
        "balance": amounts.as_text(answer.get("balance")),
    }
    return LookUp(standing=_APPLIED, result=result, detail=f"invoice {result['invoice_id']} carries the reference")


async def _credit(client: WhmcsClient, action: AddCredit) -> LookUp:
    """Look for the reference in all credits of the customer; GetCredits is not paged."""
    answer = await read_or_none(client, "GetCredits", {"clientid": action.customer_id})
    if answer is None:
        return LookUp(standing=_MOOT, result={}, detail="the customer no longer exists")
    rows = rows_of(answer, "credits", "credit", strict=True)
    total = wire.integer(answer.get("totalresults"))
    for row in rows:
        if wire.mentions(row.get("description"), action.reference):
            result = {"credit_id": wire.identifier(row.get("id")), "balance": None}
            return LookUp(standing=_APPLIED, result=result, detail="a credit carries the reference")
    if total is not None and total > len(rows):
        raise wire.AnswerError("the panel counts more credits than it lists")
    return LookUp(standing=_ABSENT, result={})


async def _quote(client: WhmcsClient, action: CreateQuote) -> LookUp:
    """Look for the reference in notes and lines of all the customer's quotes, as GetQuotes can't sort."""
    listing = Listing(
        action="GetQuotes", outer="quotes", inner="quote", filters={"userid": action.customer_id}
    )  # not by subject: the panel may have changed its spelling
    async with aclosing(pages(client, listing, strict=True)) as listed:
        async for page in listed:
            for quote_id, row in page.items():
                if _quote_carries(row, action.reference):
                    return _quote_found(quote_id, row)
    return LookUp(standing=_ABSENT, result={})


def _quote_carries(row: wire.Row, reference: str) -> bool:
    lines = wire.as_list(row.get("items"), "item", strict=True)
    texts = [row.get("adminnotes"), row.get("customernotes"), *(line.get("description") for line in lines)]
    return any(wire.mentions(text, reference) for text in texts)


def _quote_found(quote_id: int, row: wire.Row) -> LookUp:
    until = wire.day(row.get("validuntil"))
    result: dict[str, Any] = {
        "quote_id": quote_id,
        "stage": wire.text(row.get("stage")).strip(),
        "total": amounts.as_text(row.get("total")),
        "valid_until": None if until is None else until.isoformat(),
    }
    return LookUp(standing=_APPLIED, result=result, detail=f"quote {quote_id} carries the reference")


async def _reply(client: WhmcsClient, action: ReplyTicket) -> LookUp:
    answer = await ticket_answer(client, action.ticket_id)
    if answer is None:
        return LookUp(standing=_MOOT, result={}, detail="the ticket no longer exists")
    for message in wire.as_list(answer.get("replies"), "reply", strict=True):
        if wire.mentions(message.get("message"), action.reference):
            result = {"ticket_id": action.ticket_id, "reply_id": wire.identifier(message.get("replyid"))}
            return LookUp(standing=_APPLIED, result=result, detail="a reply carries the reference")
    return LookUp(standing=_ABSENT, result={})


async def _ticket(client: WhmcsClient, action: OpenTicket) -> LookUp:
    """Look for the reference in the customer's newest tickets of the same subject, merged ones included."""
    filters = {"clientid": action.customer_id, "ignore_dept_assignments": True}
    listing = Listing(action="GetTickets", outer="tickets", inner="ticket", filters=filters)
    for row in await newest(client, listing, limit=_TICKETS, strict=True):
        if _subject(row.get("subject")) != _subject(action.subject):
            continue
        answer = await ticket_answer(client, wire.identifier(row.get("id")) or 0)
        messages = wire.as_list((answer or {}).get("replies"), "reply", strict=True)
        if any(wire.mentions(message.get("message"), action.reference) for message in messages):
            result = {"ticket_id": wire.identifier(row.get("id")), "ticket_number": wire.text(row.get("tid")).strip()}
            return LookUp(standing=_APPLIED, result=result, detail="a ticket carries the reference")
    return LookUp(standing=_ABSENT, result={})


def _subject(value: object) -> str:
    return " ".join(wire.text(value).split()).casefold()


async def ticket_answer(client: WhmcsClient, ticket_id: int, *, urgent: bool = False) -> wire.Row | None:
    """Return the GetTicket answer; None when there is no such ticket."""
    if ticket_id <= 0:
        return None
    params = {"ticketid": ticket_id}
    answer = await read_or_none(client, "GetTicket", params, absent="ticket-not-found", urgent=urgent)
    if answer is None:
        return None
    if wire.identifier(answer.get("ticketid")) != ticket_id:
        raise wire.AnswerError("the panel answered with another ticket than the requested one")
    return answer
