"""The adapter's reads, field by field, in ordinary and unusual answers."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from app.config import Settings
from app.core.facts import FraudCheck, FraudVerdict, PlacedBy
from app.core.money import Money
from app.panels.base import PanelUnavailable
from app.panels.records import CustomerStats
from app.panels.whmcs.opening import open_panel
from tests.contract.samples import (
    ADMIN,
    CLIENT,
    DETAILS,
    INVOICE,
    ORDER,
    PRODUCT,
    SERVICE,
    TICKET,
)
from tests.contract.script import NOON, Script, listed, panel
from tests.panels.whmcs import server


def fraud_check(score: float | None = None) -> FraudCheck:
    return FraudCheck(module="maxmind", verdict=FraudVerdict.UNKNOWN, score=score)


# --- reads --------------------------------------------------------------------------------------------------------


async def test_an_order_is_read_whole() -> None:
    script = Script(GetOrders=listed("orders", "order", ORDER))
    order = await panel(script).order(812)
    assert order is not None
    assert (order.order_id, order.order_number, order.customer_id) == (812, "4471920385", 93)
    assert (order.placed_by, order.staff_id) == (PlacedBy.CUSTOMER, None)
    assert order.placed_at == datetime(2026, 8, 14, 7, 12, 44, tzinfo=UTC)
    assert (order.amount, order.currency) == (Money(4900, "USD"), "USD")
    assert (order.status, order.ip, order.invoice_id) == ("Pending", "203.0.113.9", 2210)
    assert order.notes == "please install Ubuntu & stuff"
    assert order.fraud_check == fraud_check(score=12.0)
    (line,) = order.lines
    assert (line.kind, line.relid, line.cycle, line.amount) == ("product", 1402, "semi-annually", Money(4900, "USD"))
    assert not order.is_renewal
    assert script.sent == [("GetOrders", {"id": "812"})]


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ({"currencysuffix": "", "currencyprefix": "£"}, "amount", Money(4900, "GBP")),
        ({"currencysuffix": "", "userid": 0}, "amount", None),
        ({"userid": 0}, "customer_id", None),
        ({"date": "0000-00-00 00:00:00"}, "placed_at", None),
        ({"ipaddress": "123.456.789.110"}, "ip", None),
        ({"ipaddress": ""}, "ip", None),
        ({"invoiceid": ""}, "invoice_id", None),
        ({"fraudoutput": {"riskScore": 12}}, "fraud_check", fraud_check(score=12.0)),
        ({"fraudoutput": "{&quot;score&quot;:1}"}, "fraud_check", fraud_check(score=1.0)),
        ({"fraudoutput": ""}, "fraud_check", fraud_check()),
        ({"fraudoutput": "", "fraudmodule": ""}, "fraud_check", None),
        ({"admin_requestor_id": "2"}, "staff_id", 2),
        ({"admin_requestor_id": "2"}, "placed_by", PlacedBy.STAFF),
        ({"requestor_id": None}, "placed_by", PlacedBy.UNKNOWN),
        ({"amount": "49.00 EUR"}, "amount", None),
        ({"notes": "a\0b\ud800"}, "notes", "ab\ufffd"),
        ({"lineitems": ""}, "lines", ()),
        ({"renewals": "5=1", "lineitems": {"lineitem": {"type": "renewal"}}}, "is_renewal", True),
        ({"renewalsByType": {"domains": {"5": 1}}, "lineitems": ""}, "is_renewal", True),
        ({"renewals": "5=1"}, "is_renewal", False),
    ],
)
async def test_odd_fields_of_an_order(change: dict[str, Any], field: str, value: Any) -> None:
    script = Script(GetOrders=listed("orders", "order", ORDER | change), GetClientsDetails=DETAILS)
    order = await panel(script).order(812)
    assert getattr(order, field) == value


async def test_an_order_that_is_not_listed() -> None:
    assert await panel(Script(GetOrders=listed("orders", "order"))).order(812) is None
    assert await panel(Script(GetOrders="Order ID Not Found")).order(812) is None
    assert await panel(Script()).order(0) is None


@pytest.mark.parametrize(
    "answer",
    [
        {"orders": {"order": [ORDER | {"id": 999}]}},
        {"totalresults": 1, "numreturned": 1, "orders": ""},
        {"totalresults": 1, "orders": {}},
        {"orders": "odd"},
        {"orders": {"order": [ORDER | {"id": "x"}]}},
        httpx.Response(200, json={"orders": {"order": [ORDER]}}),
        httpx.Response(502),
        "Something else",
        "Client ID Not Found",
    ],
)
async def test_an_answer_that_can_not_be_trusted_is_not_an_order(answer: Any) -> None:
    with pytest.raises(PanelUnavailable):
        await panel(Script(GetOrders=answer)).order(812)


async def test_a_customer_is_read_whole() -> None:
    script = Script(GetClientsDetails=DETAILS)
    customer = await panel(script).customer(93)
    assert customer is not None
    assert (customer.first_name, customer.last_name, customer.company) == ("Zoë", "O'Hara", "A & B")
    assert customer.address == ("1 High St", "", "Bath", "Somerset", "BA1")
    assert (customer.country, customer.phone, customer.phone_cc) == ("GB", "+44.1225123456", "44")
    assert (customer.currency, customer.credit, customer.revenue) == ("GBP", Money(101250, "GBP"), Money(120000, "GBP"))
    assert customer.stats == CustomerStats(overdue_invoices=1, paid_invoices=12, active_services=2)
    assert (customer.group_id, customer.email_verified) == (None, True)
    assert customer.custom_fields == (("3", "VAT <1>"), ("4", ""))
    assert script.sent == [("GetClientsDetails", {"clientid": "93", "stats": "1"})]


async def test_customers_in_other_shapes() -> None:
    flat = {**CLIENT, "email_verified": "", "currency_code": "?", "country": "United Kingdom", "countrycode": ""}
    customer = await panel(Script(GetClientsDetails=flat)).customer(93)
    assert customer is not None
    assert (customer.email_verified, customer.currency, customer.credit, customer.country) == (None, None, None, None)
    assert (customer.stats, customer.revenue) == (CustomerStats(), None)
    assert await panel(Script(GetClientsDetails="Client Not Found")).customer(93) is None
    with pytest.raises(PanelUnavailable):
        await panel(Script(GetClientsDetails=CLIENT | {"id": 94})).customer(93)


async def test_the_sign_up_date_is_found_by_email_and_id() -> None:
    rows = [{"id": number, "datecreated": f"2020-01-{number:02}"} for number in (1, 2, 3, 4, 5)]
    script = Script(GetClients=listed("clients", "client", *rows))
    assert await panel(script).signed_up_on(5, " zoe@example.com ") == date(2020, 1, 5)
    assert script.sent[0] == ("GetClients", {"search": "zoe@example.com", "limitstart": "0", "limitnum": "100"})
    assert [fields["limitstart"] for _, fields in script.sent] == ["0", "2", "4"]
    assert await panel(script).signed_up_on(6, "zoe@example.com") is None
    assert await panel(Script()).signed_up_on(5, " ") is None


async def test_a_sign_up_to_the_minute_is_that_of_the_user_who_owns_the_client() -> None:
    guest = {"id": 3, "datecreated": "2020-01-01 08:00:00", "clients": [{"id": 93, "isOwner": False}]}
    owner = {
        "id": 4,
        "datecreated": "2020-12-15 15:29:49",
        "clients": [{"id": 7, "isOwner": True}, {"id": 93, "isOwner": True}],
    }
    script = Script(GetUsers={"totalresults": 2, "numreturned": 2, "users": [guest, owner]})
    assert await panel(script).signed_up_at(93, " zoe@example.com ") == datetime(2020, 12, 15, 14, 29, 49, tzinfo=UTC)
    assert script.sent[0] == ("GetUsers", {"search": "zoe@example.com", "limitnum": "25"})
    assert await panel(script).signed_up_at(94, "zoe@example.com") is None
    assert await panel(Script(GetUsers={"totalresults": 0, "users": ""})).signed_up_at(93, "zoe@example.com") is None
    assert await panel(Script()).signed_up_at(93, " ") is None


async def test_services_come_without_password_and_with_the_clients_currency() -> None:
    script = Script(GetClientsProducts=listed("products", "product", SERVICE), GetClientsDetails=DETAILS)
    whmcs = panel(script)
    (service,) = await whmcs.services(service_id=1402)
    assert "hunter2" not in repr(service)
    assert (service.service_id, service.customer_id, service.order_id, service.product_id) == (1402, 93, 812, 7)
    assert (service.first_amount, service.recurring_amount) == (Money(5900, "GBP"), Money(4900, "GBP"))
    assert (service.custom_fields, service.options) == ((("Hostname", "h & i"),), (("OS", "Debian"),))
    assert (service.registered_on, service.cycle, service.group) == (date(2026, 8, 14), "monthly", "Servers")
    assert len(await whmcs.services(customer_id=93)) == 1
    assert script.count("GetClientsDetails") == 1
    assert await whmcs.services(customer_id=94) == ()
    assert await whmcs.services(customer_id=0) == ()
    with pytest.raises(ValueError, match="id is needed"):
        await whmcs.services()


async def test_an_invoice_is_read_whole() -> None:
    script = Script(GetInvoice=INVOICE, GetClientsDetails=DETAILS)
    invoice = await panel(script).invoice(2210)
    assert invoice is not None
    assert (invoice.status, invoice.total, invoice.balance) == ("Paid", Money(4900, "GBP"), Money(0, "GBP"))
    assert invoice.paid_at == datetime(2026, 8, 14, 7, 20, tzinfo=UTC)
    assert (invoice.created_on, invoice.due_on, invoice.notes) == (date(2026, 8, 14), date(2026, 8, 28), "a & b")
    assert [(item.kind, item.description) for item in invoice.items] == [("Hosting", 'Big "x"')]
    assert [(paid.transaction_id, paid.amount_in) for paid in invoice.transactions] == [("ch_1", Money(4900, "GBP"))]


async def test_invoices_in_other_shapes() -> None:
    assert await panel(Script(GetInvoice="Invoice ID Not Found")).invoice(2210) is None
    assert await panel(Script()).invoice(-1) is None
    for odd in ({"invoiceid": 7}, {"transactions": "odd"}, {"items": 5}):
        with pytest.raises(PanelUnavailable):
            await panel(Script(GetInvoice=INVOICE | odd, GetClientsDetails=DETAILS)).invoice(2210)
    gone = Script(GetInvoice=INVOICE | {"transactions": ""}, GetClientsDetails="Client Not Found")
    invoice = await panel(gone).invoice(2210)
    assert invoice is not None
    assert (invoice.currency, invoice.total, invoice.transactions) == (None, None, ())


async def test_all_pages_are_read_each_row_once() -> None:
    shifting = [ORDER | {"id": number} for number in (9, 8, 8, 7, 6, 5)]
    script = Script(GetOrders=listed("orders", "order", *shifting))
    orders = await panel(script).customer_orders(93)
    assert [order.order_id for order in orders] == [9, 8, 7, 6, 5]
    assert script.sent[0] == ("GetOrders", {"userid": "93", "limitstart": "0", "limitnum": "100"})


async def test_the_limit_ends_the_reading_only_where_the_newest_come_first() -> None:
    newest_first = Script(GetOrders=listed("orders", "order", *(ORDER | {"id": n} for n in range(9, 0, -1))))
    assert [order.order_id for order in await panel(newest_first).customer_orders(93, limit=2)] == [9, 8]
    assert newest_first.count("GetOrders") == 1
    oldest_first = Script(GetOrders=listed("orders", "order", *(ORDER | {"id": n} for n in range(1, 10))))
    assert [order.order_id for order in await panel(oldest_first).customer_orders(93, limit=2)] == [9, 8]
    assert await panel(Script()).customer_orders(93, limit=0) == ()


async def test_a_panel_that_ignores_the_offset_does_not_hold_us_for_ever() -> None:
    same = {"totalresults": 9, "numreturned": 1, "orders": {"order": [ORDER]}}
    script = Script(GetOrders=same)
    assert len(await panel(script).customer_orders(93)) == 1
    assert script.count("GetOrders") == 2


async def test_other_peoples_rows_are_left_out() -> None:
    script = Script(GetOrders=listed("orders", "order", ORDER, ORDER | {"id": 813, "userid": 94}))
    assert [order.order_id for order in await panel(script).customer_orders(93)] == [812]


async def test_the_catalogue() -> None:
    once = {"pid": "8", "paytype": "onetime", "pricing": {"USD": {"monthly": "8.00", "msetupfee": "1.00"}}}
    free = {"pid": 9, "paytype": "free", "pricing": {"USD": {"monthly": "-1.00"}}}
    script = Script(GetProducts={"totalresults": 3, "products": {"product": [PRODUCT, once, free, {"pid": "x"}]}})
    big, single, gift = await panel(script).catalogue()
    assert big.prices == {
        "USD": {"monthly": Money(4900, "USD"), "semiannually": Money(28000, "USD")},
        "JPY": {"monthly": Money(7000, "JPY")},
    }
    assert big.setup_fees == {"USD": {"monthly": Money(1000, "USD")}, "JPY": {}}
    assert big.options == ("hostname", "os", "operating system", "debian 12", "ubuntu")
    assert (single.prices, single.setup_fees) == (
        {"USD": {"onetime": Money(800, "USD")}},
        {"USD": {"onetime": Money(100, "USD")}},
    )
    assert gift.prices == {"USD": {"free": Money(0, "USD")}}


async def test_tickets_and_their_messages() -> None:
    head = {key: value for key, value in TICKET.items() if key not in {"replies", "ticketid"}}
    guest = head | {"id": 6, "userid": "0", "requestor_type": "Guest"}
    script = Script(GetTickets=listed("tickets", "ticket", head, guest), GetTicket=TICKET)
    (short,) = await panel(script).tickets(93)
    assert (short.ticket_id, short.subject, short.replies, short.verified) == (5, "Install & go", (), True)
    assert script.sent[0][1]["ignore_dept_assignments"] == "1"
    ticket = await panel(script).ticket(5)
    assert ticket is not None
    assert [(reply.reply_id, reply.by_staff, reply.message) for reply in ticket.replies] == [
        (0, False, "please <b>"),
        (2, True, "done"),
    ]
    assert (ticket.opened_by_staff, ticket.verified, ticket.department_id) == (False, True, 1)
    assert ticket.opened_at == datetime(2026, 8, 14, 4, 26, 29, tzinfo=UTC)


@pytest.mark.parametrize(
    ("change", "verified", "by_staff"),
    [
        ({"userid": "0"}, False, False),
        ({"requestor_type": "Guest", "replies": ""}, False, False),
        ({"admin": "Bob", "replies": ""}, False, True),
        ({"replies": {"reply": {"replyid": 0, "admin": "Bob", "message": "x"}}}, False, True),
        ({"replies": {"reply": {"replyid": 0, "requestor_type": "Operator"}}}, False, True),
        ({"admin": "Bob"}, True, False),
    ],
)
async def test_who_opened_a_ticket(change: dict[str, Any], verified: bool, by_staff: bool) -> None:
    ticket = await panel(Script(GetTicket=TICKET | change)).ticket(5)
    assert ticket is not None
    assert (ticket.verified, ticket.opened_by_staff) == (verified, by_staff)


# --- the panel's clock --------------------------------------------------------------------------------------------


async def test_identity_names_version_and_clock() -> None:
    identity = await panel(Script(GetAdminDetails=ADMIN), zone=False).identity()
    assert (identity.admin_id, identity.version, identity.answered_at) == (9, "9.0.3", NOON)
    assert identity.clock == datetime.fromisoformat("2026-08-14 17:31:04")
    bare = await panel(Script(GetAdminDetails={"whmcs.version": "8.13"}), zone=False).identity()
    assert (bare.admin_id, bare.version, bare.clock) == (None, "8.13", None)


async def test_the_zone_is_learned_once_before_times_are_read() -> None:
    script = Script(GetOrders=listed("orders", "order", ORDER), GetAdminDetails=ADMIN)
    whmcs = panel(script, zone=False)
    for _ in range(3):
        order = await whmcs.order(812)
        assert order is not None
        assert order.placed_at == datetime(2026, 8, 14, 9, 12, 44, tzinfo=UTC) - timedelta(hours=5, minutes=30)
    assert script.count("GetAdminDetails") == 1


async def test_without_permission_to_ask_times_are_unknown_and_with_the_panel_down_nothing_is_read() -> None:
    barred = httpx.Response(403, json={"result": "error", "message": "Invalid Permissions: API action"})
    script = Script(GetOrders=listed("orders", "order", ORDER), GetAdminDetails=barred)
    order = await panel(script, zone=False).order(812)
    assert order is not None
    assert order.placed_at is None
    script.answers["GetAdminDetails"] = httpx.Response(502)
    with pytest.raises(PanelUnavailable):
        await panel(script, zone=False).order(812)


# --- the factory --------------------------------------------------------------------------------------------------


async def test_the_factory_opens_the_panel_that_the_settings_name() -> None:
    async with server.serving([server.answer(json.dumps({"result": "success", **ADMIN}).encode())]) as (url, seen):
        settings = Settings(
            panel_url=url.removesuffix("/api"), panel_identifier=SecretStr("id"), panel_secret=SecretStr("secret"),
            panel_timezone="Europe/Berlin",
        )  # fmt: skip
        opened = open_panel(settings)
        assert (await opened.identity()).version == "9.0.3"
        await opened.aclose()
    assert seen == [1]
    with pytest.raises(ValueError, match="not configured"):
        open_panel(Settings())


# --- the module queue ---------------------------------------------------------------------------------------------

QUEUE_ROW: dict[str, Any] = {
    "id": "3", "serviceType": "service", "serviceId": "1402", "moduleName": "virtualizor",
    "moduleAction": "CreateAccount", "lastAttempt": "2026-08-14 14:00:00",
    "lastAttemptError": "vps1 &amp; vps2\nrefused", "numRetries": 0, "completed": "0",
}  # fmt: skip


@pytest.mark.parametrize(
    "queue",
    [[QUEUE_ROW], {"queue": [QUEUE_ROW]}, QUEUE_ROW, {"0": QUEUE_ROW}, [QUEUE_ROW, QUEUE_ROW | {"completed": 1}]],
)
async def test_module_actions_that_failed(queue: Any) -> None:
    [entry] = await panel(Script(GetModuleQueue={"count": 1, "queue": queue})).module_queue()
    assert (entry.entry_id, entry.kind, entry.relid, entry.module) == (3, "service", 1402, "virtualizor")
    assert (entry.action, entry.error) == ("CreateAccount", "vps1 & vps2 refused")
    assert entry.attempted_at == datetime(2026, 8, 14, 12, 0, tzinfo=UTC)


async def test_an_empty_module_queue() -> None:
    for queue in ("", [], {}, None):
        assert await panel(Script(GetModuleQueue={"count": 0, "queue": queue})).module_queue() == ()


async def test_a_module_queue_that_can_not_be_read_is_not_empty() -> None:
    with pytest.raises(PanelUnavailable):
        await panel(Script(GetModuleQueue={"count": "2", "queue": ""})).module_queue()
    barred = httpx.Response(403, json={"result": "error", "message": "Invalid Permissions: not allowed"})
    with pytest.raises(PanelUnavailable) as unavailable:
        await panel(Script(GetModuleQueue=barred)).module_queue()
    assert unavailable.value.alarm


# --- pay methods --------------------------------------------------------------------------------------------------

CARD: dict[str, Any] = {
    "id": 1, "type": "RemoteCreditCard", "description": "Default Card", "gateway_name": "stripe",
    "contact_type": "Client", "contact_id": 93, "card_last_four": "4242", "expiry_date": "02/25", "start_date": "",
    "issue_number": "", "card_type": "Visa", "remote_token": '{"customer":"cus_1","method":"pm_1"}',
    "last_updated": "17/05/2019 10:01",
}  # fmt: skip


@pytest.mark.parametrize("listed_as", [[CARD], CARD, {"0": CARD}, {"paymethods": [CARD]}])
async def test_a_stored_card_without_its_token(listed_as: Any) -> None:
    script = Script(GetPayMethods={"clientid": "93", "paymethods": listed_as})
    [card] = await panel(script).pay_methods(93)
    assert (card.gateway, card.brand, card.last_four, card.expires) == ("stripe", "visa", "4242", "0225")
    assert card.token_digest is not None
    assert "pm_1" not in repr(card)
    assert script.sent == [("GetPayMethods", {"clientid": "93"})]


@pytest.mark.parametrize(
    ("change", "digest"),
    [({"remote_token": ""}, False), ({"remote_token": None}, False), ({"remote_token": "short"}, False), ({}, True)],
)
async def test_a_token_is_told_by_its_digest(change: dict[str, Any], digest: bool) -> None:
    [card] = await panel(Script(GetPayMethods={"clientid": 93, "paymethods": [CARD | change]})).pay_methods(93)
    assert (card.token_digest is not None) is digest


async def test_what_says_nothing_and_what_is_anothers_is_no_pay_method() -> None:
    empty = CARD | {"card_last_four": "", "remote_token": ""}
    for answer in (
        {"clientid": 93, "paymethods": [empty]},
        {"clientid": 93, "paymethods": ""},
        {"clientid": 93},
        {"clientid": 94, "paymethods": [CARD]},
    ):
        assert await panel(Script(GetPayMethods=answer)).pay_methods(93) == ()
    assert await panel(Script()).pay_methods(0) == ()


async def test_pay_methods_that_we_may_not_read_are_an_alarm() -> None:
    barred = httpx.Response(403, json={"result": "error", "message": "Invalid Permissions: not allowed"})
    with pytest.raises(PanelUnavailable) as unavailable:
        await panel(Script(GetPayMethods=barred)).pay_methods(93)
    assert unavailable.value.alarm
