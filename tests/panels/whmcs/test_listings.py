"""Whole lists: orders by id while rows move, who changed an order, what carries a reference."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.core.actions import AcceptOrder, AddCredit, CreateInvoice, CreateQuote, OpenTicket, ReplyTicket
from app.core.statuses import PanelOrderStatus
from app.panels.base import PanelUnavailable
from tests.contract.samples import ORDER
from tests.contract.script import Script, listed, panel

REFERENCE = "doorman:fee:5d2f"
MORNING = datetime(2026, 8, 14, 7, 0, tzinfo=UTC)


def order(order_id: int, **fields: Any) -> dict[str, Any]:
    return ORDER | {"id": order_id} | fields


def book(*ids: int, page: int = 3) -> tuple[list[int], Callable[[dict[str, str]], dict[str, Any]]]:
    """Return a panel's order list, newest first, that a test can change while it is read."""
    rows = list(ids)

    def answer(fields: dict[str, str]) -> dict[str, Any]:
        start = int(fields["limitstart"])
        some = rows[start : start + page]
        counters = {"totalresults": len(rows), "startnumber": start, "numreturned": len(some)}
        return {**counters, "orders": {"order": [order(one) for one in some]} if some else ""}

    return rows, answer


async def ids_above(script: Script, order_id: int, **how: int) -> list[int]:
    return [one.order_id for one in await panel(script).orders_above(order_id, **how)]


# --- orders by id -------------------------------------------------------------------------------------------------


async def test_reading_stops_at_the_id_while_ids_fall() -> None:
    _, answer = book(*range(30, 0, -1))
    script = Script(GetOrders=answer)
    assert await ids_above(script, 25) == [26, 27, 28, 29, 30]
    assert script.count("GetOrders") == 3


async def test_an_order_book_in_any_order_is_read_whole() -> None:
    _, answer = book(3, 9, 1, 8, 2, 7)
    script = Script(GetOrders=answer)
    assert await ids_above(script, 2) == [3, 7, 8, 9]
    assert await ids_above(script, 100) == []


async def test_the_limit_cuts_off_the_highest() -> None:
    _, answer = book(*range(20, 0, -1))
    assert await ids_above(Script(GetOrders=answer), 10, limit=4) == [11, 12, 13, 14]
    assert await ids_above(Script(GetOrders=answer), 10, limit=0) == []


async def test_no_orders_at_all() -> None:
    _, answer = book()
    assert await ids_above(Script(GetOrders=answer), 0) == []
    assert await panel(Script(GetOrders=answer)).last_placed_before(MORNING) == 0


@pytest.mark.parametrize("page", [1, 2, 3, 100])
async def test_pages_of_any_size(page: int) -> None:
    _, answer = book(*range(10, 0, -1), page=page)
    assert await ids_above(Script(GetOrders=answer), 0) == list(range(1, 11))


async def test_an_order_that_comes_in_between_two_pages_hides_none() -> None:
    rows, answer = book(*range(10, 0, -1))

    def moving(fields: dict[str, str]) -> dict[str, Any]:
        page = answer(fields)
        if fields["limitstart"] == "0":
            rows.insert(0, 11)
        return page

    assert await ids_above(Script(GetOrders=moving), 0) == list(range(1, 11))


async def test_an_order_deleted_between_two_pages_hides_none() -> None:
    rows, answer = book(*range(10, 0, -1))
    deleted = []

    def moving(fields: dict[str, str]) -> dict[str, Any]:
        page = answer(fields)
        if not deleted:
            deleted.append(rows.pop(0))
        return page

    script = Script(GetOrders=moving)
    assert await ids_above(script, 0) == list(range(1, 10))


async def test_an_order_book_that_never_stands_still_is_no_answer() -> None:
    rows, answer = book(*range(400, 0, -1))

    def moving(fields: dict[str, str]) -> dict[str, Any]:
        page = answer(fields)
        del rows[0]
        return page

    with pytest.raises(PanelUnavailable):
        await ids_above(Script(GetOrders=moving), 0)


async def test_a_panel_that_ignores_the_offset_is_no_answer() -> None:
    def first_page(_fields: dict[str, str]) -> dict[str, Any]:
        return {"totalresults": 50, "startnumber": 0, "numreturned": 2, "orders": {"order": [order(50), order(49)]}}

    with pytest.raises(PanelUnavailable):
        await ids_above(Script(GetOrders=first_page), 0)


async def test_rows_without_an_id_are_no_answer() -> None:
    with pytest.raises(PanelUnavailable):
        await ids_above(Script(GetOrders=listed("orders", "order", order(3), ORDER | {"id": "x"})), 0)


async def test_listing_asks_for_no_customer() -> None:
    script = Script(GetOrders=listed("orders", "order", order(3, currencysuffix="", currencyprefix="")))
    (one,) = await panel(script).orders_above(0)
    assert one.amount is None
    assert script.count("GetClientsDetails") == 0


async def test_the_last_order_before_a_moment() -> None:
    rows = [order(n, date=f"2026-08-14 {n:02}:00:00") for n in range(20, 0, -1)]
    script = Script(GetOrders=listed("orders", "order", *rows))
    assert await panel(script).last_placed_before(MORNING + timedelta(minutes=1)) == 9  # nine o'clock in Berlin
    assert script.count("GetOrders") < 20
    assert await panel(script).last_placed_before(MORNING - timedelta(days=1)) == 0
    assert await panel(script).last_placed_before(MORNING + timedelta(days=1)) == 20


async def test_an_order_without_a_time_is_of_the_past() -> None:
    script = Script(GetOrders=listed("orders", "order", order(3, date=""), order(2)))
    assert await panel(script).last_placed_before(MORNING - timedelta(days=1)) == 3


async def test_pending_orders_with_their_payment() -> None:
    script = Script(GetOrders=listed("orders", "order", order(3, paymentstatus="Paid"), order(2, paymentstatus="")))
    told: list[tuple[int, int | None]] = []
    found = await panel(script).pending_orders(progress=lambda read, total: told.append((read, total)))
    assert [(one.order_id, amount, paid) for one, amount, paid in found] == [(2, "49.00", ""), (3, "49.00", "Paid")]
    assert told == [(2, 2)]
    assert script.sent[0][1]["status"] == "Pending"


# --- the first pages ----------------------------------------------------------------------------------------------


async def newest(script: Script, **how: Any) -> tuple[list[int], int | None]:
    found = await panel(script).newest_orders(**{"down_to": 1, "pages": 2, "currencies": {}} | how)
    return [one.order.order_id for one in found.orders], found.complete_from


async def test_the_newest_orders_down_to_one_or_for_some_pages() -> None:
    _, answer = book(*range(20, 0, -1))
    assert await newest(Script(GetOrders=answer), down_to=17) == ([20, 19, 18, 17, 16, 15], 15)
    assert await newest(Script(GetOrders=answer), down_to=19) == ([20, 19, 18], 18)
    assert await newest(Script(GetOrders=answer)) == ([20, 19, 18, 17, 16, 15], 15)
    assert await newest(Script(GetOrders=answer), pages=9) == (list(range(20, 0, -1)), 0)
    assert await newest(Script(GetOrders=book()[1])) == ([], 0)


async def test_pages_in_another_order_are_complete_only_at_the_end() -> None:
    _, answer = book(*range(1, 9))
    assert await newest(Script(GetOrders=answer), down_to=4) == ([1, 2, 3, 4, 5, 6], None)
    assert await newest(Script(GetOrders=answer), down_to=4, pages=3) == (list(range(1, 9)), 0)


async def test_a_list_that_moves_while_its_first_pages_are_read_is_not_read_again() -> None:
    rows, answer = book(*range(9, 0, -1))

    def moving(fields: dict[str, str]) -> dict[str, Any]:
        page = answer(fields)
        rows.pop(0)
        return page

    script = Script(GetOrders=moving)
    assert await newest(script, pages=2) == ([9, 8, 7, 5, 4, 3], 3)
    assert script.count("GetOrders") == 2


async def test_the_newest_orders_show_status_payment_and_amounts_in_a_known_currency() -> None:
    rows = (order(3, paymentstatus="unpaid", currencysuffix="", currencyprefix="$"), order(2))
    script = Script(GetOrders=listed("orders", "order", *rows))
    found = await panel(script).newest_orders(
        down_to=1, pages=1, currencies={3: "USD", 2: "EUR"}, status=PanelOrderStatus.PENDING
    )
    assert [one.payment for one in found.orders] == ["Unpaid", rows[1].get("paymentstatus", "")]
    assert [str(one.order.amount) for one in found.orders] == ["49.00 USD", "49.00 USD"]
    assert script.sent == [("GetOrders", {"status": "Pending", "limitstart": "0", "limitnum": "100"})]


async def test_unpaid_invoices_are_those_that_are_unpaid_in_the_list() -> None:
    rows = [{"id": 9, "status": "Unpaid"}, {"id": 8, "status": "Paid"}]
    script = Script(GetInvoices=listed("invoices", "invoice", *rows))
    found = await panel(script).unpaid_invoices(down_to=5, pages=1)
    assert (found.ids, found.complete_from) == ({9}, 0)


# --- the actor ----------------------------------------------------------------------------------------------------


def entry(entry_id: int, **fields: Any) -> dict[str, Any]:
    row = {"id": entry_id, "adminId": 0, "userId": 0, "date": "2026-08-14 12:00:00", "description": ""}
    return row | {"description": "Order Accepted - Order ID: 812"} | fields


@pytest.mark.parametrize(
    ("rows", "admin"),
    [
        ([], None),
        ([entry(1, adminId="7")], 7),
        ([entry(1, adminId=7), entry(2, adminId=8)], 8),
        ([entry(2, adminId=8), entry(1, adminId=7)], 8),
        ([entry(1)], 0),
        ([entry(1, userId=140)], None),
        ([entry(1, adminId=None)], None),
        ([entry(1, adminId=7, description="Order Accepted - Order ID: 8123")], None),
        ([entry(1, adminId=7, description="Order Cancelled - Order ID: 812")], None),
        ([entry(1, adminId=7, description="Order Status set to Active - Order ID: 812")], 7),
        ([entry(1, adminId=7, date="2026-08-14 08:00:00")], None),
        ([entry(1, adminId=7, date="")], None),
    ],
)
async def test_who_accepted(rows: list[dict[str, Any]], admin: int | None) -> None:
    script = Script(GetActivityLog={"totalresults": len(rows), "startnumber": 0, "activity": {"entry": rows}})
    assert await panel(script).changed_by(812, "Active", since=MORNING) == admin


async def test_who_it_was_is_not_asked_for_an_own_status() -> None:
    script = Script()
    assert await panel(script).changed_by(812, "On Loan", since=MORNING) is None
    assert script.sent == []


# --- what carries our reference -----------------------------------------------------------------------------------


def invoice(**fields: Any) -> dict[str, Any]:
    return {"userid": 93, "status": "Unpaid", "subtotal": "50.00", "notes": "", "date": "2026-08-14"} | fields


FEE = CreateInvoice(
    customer_id=93, reference=REFERENCE, description="Work", notes="", amount="50.00", taxed=True,
    date="2026-08-14", due_date="2026-09-01",
)  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "count"),
    [
        ([], 0),
        ([invoice(id=1, notes=REFERENCE)], 1),
        ([invoice(id=1, notes=f"x {REFERENCE}"), invoice(id=2, notes=REFERENCE, status="Paid")], 2),
        ([invoice(id=1, notes=REFERENCE, status="Cancelled")], 0),
        ([invoice(id=1, notes=REFERENCE + "0")], 0),
        ([invoice(id=4)], 1),  # only this one's line contains it
        ([invoice(id=4, subtotal="51.00")], 0),
        ([invoice(id=4, date="2026-01-01")], 0),
    ],
)
async def test_invoices_with_the_reference(rows: list[dict[str, Any]], count: int) -> None:
    lines = {"item": [{"id": 1, "description": f"Work {REFERENCE}"}]}

    def whole(fields: dict[str, str]) -> dict[str, Any]:
        return {"invoiceid": int(fields["invoiceid"]), "items": lines if fields["invoiceid"] == "4" else ""}

    script = Script(GetInvoices=listed("invoices", "invoice", *rows), GetInvoice=whole)
    assert await panel(script).copies(FEE) == count


async def test_credits_with_the_reference() -> None:
    rows = [{"id": n, "description": text} for n, text in enumerate([f"a {REFERENCE}", "b", f"{REFERENCE} c"], 1)]
    script = Script(GetCredits={"totalresults": 3, "credits": {"credit": rows}})
    action = AddCredit(customer_id=93, reference=REFERENCE, description="", amount="5.00")
    assert await panel(script).copies(action) == 2
    assert await panel(Script(GetCredits="Client ID Not Found")).copies(action) == 0


async def test_quotes_with_the_reference() -> None:
    rows = [{"id": 1, "items": {"item": [{"description": REFERENCE}]}}, {"id": 2, "adminnotes": REFERENCE}, {"id": 3}]
    action = CreateQuote(
        customer_id=93, reference=REFERENCE, subject="", description="", notes="", amount="5.00", taxed=True,
        valid_until="2026-09-01",
    )  # fmt: skip
    assert await panel(Script(GetQuotes=listed("quotes", "quote", *rows))).copies(action) == 2


async def test_messages_with_the_reference() -> None:
    heads = [{"id": 5, "subject": "Your  order"}, {"id": 6, "subject": "Another"}]
    replies = {"reply": [{"replyid": 0, "message": REFERENCE}, {"replyid": 9, "message": f"merged {REFERENCE}"}]}
    script = Script(GetTickets=listed("tickets", "ticket", *heads), GetTicket={"ticketid": 5, "replies": replies})
    opened = OpenTicket(customer_id=93, reference=REFERENCE, department_id=1, subject="your order", message="")
    assert await panel(script).copies(opened) == 2
    reply = ReplyTicket(ticket_id=5, reference=REFERENCE, message="", signed="Ops")
    assert await panel(script).copies(reply) == 2


async def test_what_carries_no_reference_can_not_be_counted() -> None:
    action = AcceptOrder(order_id=1, autosetup=True, sendemail=True, sendregistrar=True)
    with pytest.raises(TypeError):
        await panel(Script()).copies(action)
