"""The adapter's request for each action, and its look-up of the effect."""

import base64
from typing import Any

import httpx
import phpserialize
import pytest

from app.core.actions import (
    AcceptOrder,
    AddClientNote,
    AddCredit,
    CreateQuote,
    FraudOrder,
    NotifyStaff,
    OpenTicket,
    PanelAction,
    PendingOrder,
    ReplyTicket,
    SendEmail,
)
from app.panels.base import PanelOutcomeUnknown, PanelRejected, PanelUnavailable, Standing
from tests.contract.samples import (
    CANCEL,
    CREDIT,
    FEE,
    OPEN,
    ORDER,
    REF,
)
from tests.contract.script import Script, listed, panel

# --- writes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "name", "fields", "result"),
    [
        (
            AcceptOrder(order_id=812, autosetup=True, sendemail=False, sendregistrar=True),
            "AcceptOrder",
            {"orderid": "812", "autosetup": "1", "sendemail": "0", "sendregistrar": "1"},
            {"order_id": 812, "status": "Active"},
        ),
        (PendingOrder(order_id=812), "PendingOrder", {"orderid": "812"}, {"order_id": 812, "status": "Pending"}),
        (FraudOrder(order_id=812), "FraudOrder", {"orderid": "812"}, {"order_id": 812, "status": "Fraud"}),
        (
            FEE,
            "CreateInvoice",
            {
                "userid": "93", "status": "Unpaid", "sendinvoice": "1", "autoapplycredit": "0",
                "paymentmethod": "banktransfer", "date": "2026-08-14", "duedate": "2026-08-28",
                "notes": f"As agreed\nRef: {REF}", "itemdescription1": f"One hour of work (Ref: {REF})",
                "itemamount1": "50.00", "itemtaxed1": "1",
            },
            {"invoice_id": 2211, "status": "Unpaid", "total": None, "balance": None},
        ),
        (
            AddCredit(customer_id=93, reference=REF, description="Thank you", amount="7.50"),
            "AddCredit",
            {"clientid": "93", "description": f"Thank you (Ref: {REF})", "amount": "7.50", "type": "add"},
            {"credit_id": None, "balance": "1007.50"},
        ),
        (
            OpenTicket(customer_id=93, reference=REF, department_id=2, subject="Hi", message="Text"),
            "OpenTicket",
            {"clientid": "93", "deptid": "2", "subject": "Hi", "message": f"Text\n\nRef: {REF}", "priority": "Medium",
             "admin": "1"},
            {"ticket_id": 5, "ticket_number": "516757"},
        ),
        (
            ReplyTicket(ticket_id=5, reference=REF, message="Text", signed="The team"),
            "AddTicketReply",
            {"ticketid": "5", "message": f"Text\n\nRef: {REF}", "adminusername": "The team"},
            {"ticket_id": 5, "reply_id": None},
        ),
        (
            NotifyStaff(title="2 orders wait", message="Order 8 & 9", url=""),
            "TriggerNotificationEvent",
            {"notification_identifier": "doorman", "title": "2 orders wait", "message": "Order 8 & 9"},
            {"told_by": "notification"},
        ),
        (
            SendEmail(customer_id=93, subject="Hi", message="<p>Text</p>"),
            "SendEmail",
            {"customtype": "general", "customsubject": "Hi", "custommessage": "<p>Text</p>", "id": "93"},
            {},
        ),
        (
            AddClientNote(customer_id=93, notes="Held"),
            "AddClientNote",
            {"userid": "93", "notes": "Held", "sticky": "0"},
            {"note_id": 4},
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
async def test_each_action_sends_exactly_this(
    action: PanelAction, name: str, fields: dict[str, str], result: dict[str, Any]
) -> None:
    answers = {
        "CreateInvoice": {"invoiceid": "2211", "status": "Unpaid"},
        "AddCredit": {"newbalance": "1,007.50"},
        "OpenTicket": {"id": "5", "tid": "516757"},
        "AddClientNote": {"noteid": "4"},
    }
    script = Script(**{name: answers.get(name, {})})
    assert await panel(script).perform(action) == result
    assert script.sent == [(name, fields)]


QUOTE = CreateQuote(
    customer_id=93, reference=REF, subject="Work", description="Ten hours", notes="As agreed", amount="500.00",
    taxed=True, valid_until="2026-09-04",
)  # fmt: skip
BARRED = httpx.Response(403, json={"result": "error", "message": 'Invalid Permissions: API action "x" is not allowed'})


@pytest.mark.parametrize(
    ("setting", "written"),
    [
        ({"value": "DD/MM/YYYY"}, "04/09/2026"),
        ({"value": "MM/DD/YYYY"}, "09/04/2026"),
        ({"value": "DD.MM.YYYY"}, "04.09.2026"),
        ({"value": "YYYY/MM/DD"}, "2026/09/04"),
        ({"value": "fancy"}, "2026-09-04"),
        (BARRED, "2026-09-04"),
    ],
)
async def test_a_quote_writes_its_date_as_the_panel_does(setting: Any, written: str) -> None:
    script = Script(GetClientsDetails={"client": {"id": 93}}, GetConfigurationValue=setting, CreateQuote={"quoteid": 7})
    made = await panel(script).perform(QUOTE)
    assert made == {"quote_id": 7, "stage": "Draft", "total": None, "valid_until": None}
    name, fields = script.sent[-1]
    [line] = phpserialize.loads(base64.b64decode(fields.pop("lineitems")), decode_strings=True).values()
    assert line == {"desc": f"Ten hours (Ref: {REF})", "qty": 1, "up": "500.00", "discount": "0.00", "taxable": True}
    assert (name, fields) == (
        "CreateQuote",
        {"userid": "93", "subject": "Work", "stage": "Draft", "validuntil": written, "customernotes": "As agreed",
         "adminnotes": f"Ref: {REF}"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "code"), [({"customer_id": 0}, "customer-not-found"), ({"valid_until": "soon"}, "bad-date")]
)
async def test_a_quote_that_can_not_be_right_is_not_made(change: dict[str, Any], code: str) -> None:
    script = Script(GetClientsDetails={"client": {"id": 93}}, GetConfigurationValue={"value": "DD/MM/YYYY"})
    with pytest.raises(PanelRejected) as refusal:
        await panel(script).perform(CreateQuote(**QUOTE.to_params() | change))
    assert refusal.value.code == code


async def test_a_ring_by_mail_is_html() -> None:
    script = Script(TriggerNotificationEvent=BARRED, SendAdminEmail={})
    ring = NotifyStaff(title="2 orders wait", message="Order 8 <held>\nOrder 9", url="https://d.example/?a&b")
    assert await panel(script).perform(ring) == {"told_by": "email"}
    link = '<a href="https://d.example/?a&amp;b">https://d.example/?a&amp;b</a>'
    body = f"Order 8 &lt;held&gt;<br>\nOrder 9<br>\n{link}"
    assert script.sent[-1] == (
        "SendAdminEmail", {"customsubject": "2 orders wait", "custommessage": body, "type": "system"}
    )  # fmt: skip


async def test_a_ring_that_is_refused_in_words_goes_by_mail() -> None:
    script = Script(TriggerNotificationEvent="No notification rule matches", SendAdminEmail="The template is missing")
    with pytest.raises(PanelRejected) as refusal:
        await panel(script).perform(NotifyStaff(title="a", message="b", url=""))
    assert "No notification rule matches" in refusal.value.message
    assert "The template is missing" in refusal.value.message


# --- accepting ----------------------------------------------------------------------------------------------------

ACCEPT = AcceptOrder(order_id=812, autosetup=True, sendemail=True, sendregistrar=True)


def order_of(status: str, *lines: str) -> Any:
    """Return a GetOrders answer with this order, and its lines in these states."""
    rows = [{"type": "product", "relid": 1400 + n, "status": line} for n, line in enumerate(lines)]
    return listed("orders", "order", ORDER | {"status": status, "lineitems": {"lineitem": rows}})


async def test_an_accept_that_a_module_complains_of_is_done_where_the_order_is_active() -> None:
    script = Script(AcceptOrder="vps1 refused", GetOrders=order_of("Active", "Active", "Pending"))
    done = await panel(script).perform(ACCEPT)
    assert (done["status"], "vps1 refused" in done["warning"]) == ("Active", True)


async def test_an_accept_that_was_built_in_part_is_for_a_person() -> None:
    script = Script(AcceptOrder="vps1 refused", GetOrders=order_of("Pending", "Active", "Pending"))
    with pytest.raises(PanelRejected) as refusal:
        await panel(script).perform(ACCEPT)
    assert refusal.value.code == "partly-accepted"
    assert "vps1 refused; product 1400 is Active, product 1401 is Pending" in refusal.value.message


@pytest.mark.parametrize("read_back", [order_of("Pending", "Pending", "Pending"), httpx.Response(502), order_of("")])
async def test_an_accept_that_a_module_refused_is_unknown_and_complete(read_back: Any) -> None:
    script = Script(AcceptOrder="vps1 refused", GetOrders=read_back)
    with pytest.raises(PanelOutcomeUnknown) as unknown:
        await panel(script).perform(ACCEPT)
    assert (unknown.value.complete, unknown.value.refused) == (True, True)
    assert "vps1 refused" in str(unknown.value)


@pytest.mark.parametrize(
    ("status", "lines", "partial"),
    [
        ("Pending", ("Active", "Pending"), True),
        ("Pending", ("Active", "Active"), False),
        ("Pending", ("Pending", "Pending"), False),
        ("Pending", ("Active", "Cancelled"), False),
        ("Active", ("Active", "Pending"), False),
    ],
)
async def test_a_look_up_tells_of_an_order_that_is_built_in_part(
    status: str, lines: tuple[str, ...], partial: bool
) -> None:
    found = await panel(Script(GetOrders=order_of(status, *lines))).look_up(ACCEPT)
    assert (found.standing, found.partial) == (Standing.APPLIED if status == "Active" else Standing.ABSENT, partial)


# --- other writes -------------------------------------------------------------------------------------------------


async def test_success_that_names_nothing_made_is_unknown() -> None:
    script = Script(CreateInvoice={"status": "Unpaid"})
    with pytest.raises(PanelOutcomeUnknown) as unknown:
        await panel(script).perform(FEE)
    assert unknown.value.complete


@pytest.mark.parametrize(
    ("change", "cancellable"),
    [
        ({}, True),
        ({"status": "Draft"}, True),
        ({"credit": None}, True),
        ({"transactions": {"transaction": []}, "balance": ""}, True),
        ({"status": "Paid"}, False),
        ({"status": "Payment Pending"}, False),
        ({"status": "Collections"}, False),
        ({"status": "Refunded"}, False),
        ({"status": "Custom"}, False),
        ({"credit": "10.00"}, False),
        ({"credit": "odd"}, False),
        ({"balance": "39.00"}, False),
        ({"transactions": {"transaction": {"amountin": "10.00"}}}, False),
        ({"transactions": {"transaction": {"amountin": "odd"}}}, False),
        ({"transactions": {"transaction": {"id": 1}}}, False),
    ],
)
async def test_only_an_invoice_without_any_payment_is_cancelled(change: dict[str, Any], cancellable: bool) -> None:
    state = OPEN | change

    def update(fields: dict[str, str]) -> dict[str, Any]:
        assert fields == {"invoiceid": "2210", "status": "Cancelled"}
        state["status"] = "Cancelled"
        return {"invoiceid": 2210}

    script = Script(GetInvoice=lambda _: state, UpdateInvoice=update)
    whmcs = panel(script)
    assert (await whmcs.look_up(CANCEL)).standing is (Standing.ABSENT if cancellable else Standing.MOOT)
    if cancellable:
        assert await whmcs.perform(CANCEL) == {"invoice_id": 2210, "status": "Cancelled"}
    else:
        with pytest.raises(PanelRejected) as refusal:
            await whmcs.perform(CANCEL)
        assert refusal.value.code == "invoice-paid"
    assert script.count("UpdateInvoice") == int(cancellable)


async def test_a_payment_that_overtakes_the_cancelling_shows_in_the_result() -> None:
    states = iter([OPEN, OPEN | {"status": "Paid"}])
    script = Script(GetInvoice=lambda _: next(states), UpdateInvoice={})
    assert await panel(script).perform(CANCEL) == {"invoice_id": 2210, "status": "Paid"}


@pytest.mark.parametrize("after", [httpx.Response(502), OPEN | {"status": ""}])
async def test_cancelled_and_not_read_back_is_unknown(after: Any) -> None:
    states = iter([OPEN, after])
    script = Script(GetInvoice=lambda _: next(states), UpdateInvoice={})
    with pytest.raises(PanelOutcomeUnknown) as unknown:
        await panel(script).perform(CANCEL)
    assert unknown.value.complete


# --- look-ups -----------------------------------------------------------------------------------------------------


def invoice_rows(*changes: dict[str, Any]) -> list[dict[str, Any]]:
    head = {key: value for key, value in OPEN.items() if key not in {"items", "transactions"}}
    return [head | {"id": 3000 - n, "subtotal": "50.00", "notes": ""} | change for n, change in enumerate(changes)]


async def test_the_reference_is_found_in_a_line_where_the_notes_lost_it() -> None:
    line = {"item": {"description": f"Work (Ref: {REF})", "amount": "50.00"}}
    script = Script(
        GetInvoices=listed("invoices", "invoice", *invoice_rows({"subtotal": "12.00"}, {}, {"date": "2020-01-01"})),
        GetInvoice=lambda fields: OPEN | {"invoiceid": fields["invoiceid"], "items": line, "notes": None},
    )
    found = await panel(script).look_up(FEE)
    assert (found.standing, found.result["invoice_id"]) == (Standing.APPLIED, 2999)
    assert script.count("GetInvoice") == 1


async def test_the_search_ends_where_invoices_are_older_than_the_wish() -> None:
    rows = invoice_rows({"subtotal": "1.00"}, {"subtotal": "1.00"}, *[{"date": "2026-08-01"}] * 40)
    script = Script(GetInvoices=listed("invoices", "invoice", *rows))
    assert (await panel(script).look_up(FEE)).standing is Standing.ABSENT
    assert script.count("GetInvoices") == 2


async def test_the_search_goes_on_where_the_panel_does_not_sort() -> None:
    rows = invoice_rows(*[{"date": "2026-08-01"}] * 5, {"notes": f"x {REF}"})
    rows.insert(0, rows.pop(2))
    script = Script(GetInvoices=listed("invoices", "invoice", *rows), GetInvoice=OPEN | {"invoiceid": 2995})
    assert (await panel(script).look_up(FEE)).result["invoice_id"] == 2995


OLD_CREDIT = {"id": 1, "description": "x", "amount": "1.00"}


@pytest.mark.parametrize(
    "answer",
    [
        {"totalresults": 1, "credits": ""},
        {"totalresults": "3", "credits": {"credit": [OLD_CREDIT]}},
        {"credits": {"credits": [OLD_CREDIT]}},
        {"credits": {"credit": [OLD_CREDIT, "odd"]}},
        {"credits": "odd"},
        {"credits": 7},
        {"credits": True},
    ],
)
async def test_a_credit_is_never_absent_in_a_list_that_could_hide_it(answer: dict[str, Any]) -> None:
    with pytest.raises(PanelUnavailable):
        await panel(Script(GetCredits=answer)).look_up(CREDIT)


@pytest.mark.parametrize(
    "answer", [{"totalresults": 0, "credits": ""}, {"credits": {"credit": []}}, {}, {"credits": [[]]}]
)
async def test_a_customer_without_credits(answer: dict[str, Any]) -> None:
    assert (await panel(Script(GetCredits=answer)).look_up(CREDIT)).standing is Standing.ABSENT


async def test_an_order_in_a_status_of_the_providers_own_is_left_to_people() -> None:
    script = Script(GetOrders=listed("orders", "order", ORDER | {"status": "Awaiting Papers"}))
    accept = AcceptOrder(order_id=812, autosetup=True, sendemail=True, sendregistrar=True)
    for action in (accept, FraudOrder(order_id=812), PendingOrder(order_id=812)):
        found = await panel(script).look_up(action)
        assert (found.standing, found.result["status"]) == (Standing.MOOT, "Awaiting Papers")
    nameless = Script(GetOrders=listed("orders", "order", ORDER | {"status": None}))
    with pytest.raises(PanelUnavailable):
        await panel(nameless).look_up(accept)
