"""Each hook becomes the right event with the right ids; nothing else that a hook receives ever leaves WHMCS."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook

from app.core.webhooks import parse_event
from tests.addon.conftest import KEY, connect
from tests.addon.pretend_doorman import PretendDoorman
from tests.addon.service import SECRET, Service, until
from tests.addon.whmcs_request import API, CALLBACK, CRON, CUSTOMER, MASQUERADE, STAFF, Answer, Whmcs, hook

#: What WHMCS's hooks contain besides ids according to the documentation; none of it may be forwarded.
SECRETS: dict[str, Any] = {
    "password": "MARKER-1", "password2": "MARKER-2", "ccnumber": "MARKER-4111111111111111", "cccvv": "MARKER-3",
    "authmodule": "MARKER-4", "authdata": "MARKER-5", "serverpassword": "MARKER-6", "serveraccesshash": "MARKER-7",
    "serverusername": "MARKER-8", "subject": "MARKER-9", "message": "MARKER-10", "notes": "MARKER-11",
    "email": "MARKER-12@example.com", "clientdetails": {"password": "MARKER-13"}, "olddata": {"authdata": "MARKER-14"},
    "customfields": {"7": "MARKER-15"}, "reason": "MARKER-16", "deptname": "MARKER-17", "admin": "MARKER-18",
    "PaymentMethod": "MARKER-19", "fraudresults": {"x": "MARKER-20"}, "failureResponseMessage": "MARKER-21",
}  # fmt: skip

#: hook, its parameters, the event type, the required `data`
EVENTS: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("AfterShoppingCartCheckout", {"OrderID": 41, "OrderNumber": 4471920385, "InvoiceID": 2041, "ServiceIDs": [5]},
     "order.created",
     {"order_id": 41, "invoice_id": 2041, "customer_id": 101, "placed_by": "customer", "ip": "192.0.2.9"}),
    ("OrderPaid", {"orderId": 41, "userId": 101, "invoiceId": 2041},
     "order.paid", {"order_id": 41, "customer_id": 101, "invoice_id": 2041}),
    ("AfterFraudCheck", {"orderid": 41, "isfraud": False}, "order.fraud_checked", {"order_id": 41}),
    ("FraudCheckPassed", {"orderid": 41, "isfraud": []}, "order.fraud_checked", {"order_id": 41}),
    ("FraudCheckFailed", {"orderid": 41, "isfraud": ["x"]}, "order.fraud_checked", {"order_id": 41}),
    ("AcceptOrder", {"orderid": 41}, "order.status_changed", {"order_id": 41, "to": "accepted"}),
    ("CancelOrder", {"orderid": 41}, "order.status_changed", {"order_id": 41, "to": "cancelled"}),
    ("CancelAndRefundOrder", {"orderid": 41}, "order.status_changed", {"order_id": 41, "to": "cancelled"}),
    ("FraudOrder", {"orderid": 41}, "order.status_changed", {"order_id": 41, "to": "fraud"}),
    ("PendingOrder", {"orderid": 41}, "order.status_changed", {"order_id": 41, "to": "pending"}),
    ("DeleteOrder", {"orderid": 41}, "order.status_changed", {"order_id": 41, "to": "deleted"}),
    ("InvoicePaid", {"invoiceid": 2041, "invoice": {"__object": 1}}, "invoice.paid", {"invoice_id": 2041}),
    ("InvoiceRefunded", {"invoiceid": 2041}, "invoice.refunded", {"invoice_id": 2041}),
    ("InvoiceCancelled", {"invoiceid": 2041}, "invoice.cancelled", {"invoice_id": 2041}),
    ("TicketOpen", {"ticketid": 7, "ticketmask": "ABC-123456", "userid": 101, "deptid": 2},
     "ticket.opened", {"ticket_id": 7, "customer_id": 101, "opened_by": "customer"}),
    ("TicketOpen", {"ticketid": 8, "userid": 0}, "ticket.opened", {"ticket_id": 8, "opened_by": "customer"}),
    ("TicketOpenAdmin", {"ticketid": 7, "userid": 101},
     "ticket.opened", {"ticket_id": 7, "customer_id": 101, "opened_by": "staff"}),
    ("TicketUserReply", {"ticketid": 7, "replyid": 70, "userid": 101},
     "ticket.replied", {"ticket_id": 7, "by": "customer"}),
    ("TicketAdminReply", {"ticketid": 7, "replyid": 71}, "ticket.replied", {"ticket_id": 7, "by": "staff"}),
    ("TicketClose", {"ticketid": 7}, "ticket.closed", {"ticket_id": 7}),
    ("AcceptQuote", {"quoteid": 30, "invoiceid": 2042}, "quote.accepted", {"quote_id": 30, "invoice_id": 2042}),
    ("AcceptQuote", {"quoteid": 30, "invoiceid": ""}, "quote.accepted", {"quote_id": 30}),
    ("QuoteStatusChange", {"quoteid": 31, "status": "Accepted"}, "quote.accepted", {"quote_id": 31}),
    ("AfterModuleCreate", {"params": {"serviceid": 5, **SECRETS}},
     "service.provisioned", {"service_id": 5, "order_id": 41}),
    ("AfterModuleCreate", {"params": {"serviceid": 5, "addonId": 9, **SECRETS}},
     "service.provisioned", {"service_id": 5, "order_id": 42}),
    ("AfterModuleCreateFailed", {"params": {"serviceid": 5, **SECRETS}},
     "service.failed", {"service_id": 5, "order_id": 41}),
    ("AfterModuleCreateFailed", {"params": {"serviceid": 555}}, "service.failed", {"service_id": 555}),
    ("ClientEdit", {"userid": 101}, "customer.changed", {"customer_id": 101}),
    ("UserEmailVerificationComplete", {"userId": 50001}, "customer.changed", {"customer_id": 101}),
    ("PreDeleteClient", {"userid": 101}, "customer.closed", {"customer_id": 101}),
    ("ClientClose", {"userid": 101}, "customer.closed", {"customer_id": 101}),
    ("AfterClientMerge", {"toUserID": 101, "fromUserID": 102}, "customer.merged", {"from": 102, "to": 101}),
]  # fmt: skip
IDS = [f"{row[0]}-{number}" for number, row in enumerate(EVENTS)]


@pytest.fixture
def shop(whmcs: Whmcs, doorman: PretendDoorman) -> Whmcs:
    """A WHMCS with one order of client 101: service 5, addon 9 of a later order, and domain 6."""
    connect(whmcs, doorman.url)
    fill(whmcs)
    return whmcs


def fill(whmcs: Whmcs) -> None:
    whmcs.add_order(41)
    whmcs.add_order(42, ip="")
    whmcs.insert("tblhosting", id=5, userid=101, orderid=41)
    whmcs.insert("tblhostingaddons", id=9, hostingid=5, userid=101, orderid=42)
    whmcs.insert("tbldomains", id=6, userid=101, orderid=41)
    whmcs.insert("tblusers_clients", auth_user_id=50001, client_id=101)


def leaks(whmcs: Whmcs, doorman: PretendDoorman, *answers: Answer) -> list[str]:
    """Return the places where a marker appears that must not leave the hook."""
    kept = json.dumps(whmcs.events() + whmcs.sql("SELECT * FROM mod_doorman_gate"))
    places = {"row": kept, **{f"request {n}": sent.everything() for n, sent in enumerate(doorman.got)}}
    for number, answer in enumerate(answers):
        said = [answer.activity, answer.module_log, answer.local_calls, answer.steps, answer.errors, answer.session]
        places[f"answer {number}"] = json.dumps(said)
    places["secrets"] = "".join(text for place, text in places.items() if SECRET[6:] in text or KEY in text)
    places["secrets"] = "MARKER" if places["secrets"] else ""
    return [place for place, text in places.items() if "MARKER" in text]


@pytest.mark.parametrize(("point", "given", "kind", "data"), EVENTS, ids=IDS)
def test_hook_becomes_its_event(
    shop: Whmcs, doorman: PretendDoorman, point: str, given: dict[str, Any], kind: str, data: dict[str, Any]
) -> None:
    answer = shop.request(hook(point, **{**SECRETS, **given}), **CUSTOMER)
    assert answer.returned() == [None]
    assert answer.printed == ""
    [sent] = doorman.webhooks
    parsed = parse_event(sent.body)
    assert (parsed.type, parsed.known) == (kind, True)
    assert parsed.data == data
    assert parsed.actor == {"kind": "customer", "admin_id": None, "user_id": 50001, "masquerade": False}
    assert abs(parsed.occurred_at - datetime.now(UTC)) < timedelta(seconds=30)
    assert set(sent.event["data"]) <= {*data, "actor"}
    [row] = shop.events()
    assert (row["event_id"], row["body"].encode()) == (sent.headers["webhook-id"], sent.body)
    assert row["delivered_at"] is not None
    assert leaks(shop, doorman, answer) == []


def test_signature_is_what_the_public_library_verifies(shop: Whmcs, doorman: PretendDoorman) -> None:
    shop.hook("InvoicePaid", invoiceid=2041)
    [sent] = doorman.webhooks
    assert Webhook(SECRET).verify(sent.body, sent.headers) == sent.event
    assert sent.headers["content-type"] == "application/json"
    assert "expect" not in sent.headers


def test_while_secrets_rotate_the_first_one_signs(shop: Whmcs, doorman: PretendDoorman) -> None:
    newer = "whsec_" + base64.b64encode(b"the newer secret of the two, 32 b").decode()
    connect(shop, doorman.url, webhook_secret=f"{newer} {SECRET}")
    shop.hook("InvoicePaid", invoiceid=2041)
    [sent] = doorman.webhooks
    assert Webhook(newer).verify(sent.body, sent.headers) == sent.event


def test_every_event_is_accepted_by_the_real_endpoint(whmcs: Whmcs, service: Service) -> None:
    connect(whmcs, service.url, key=service.key)
    fill(whmcs)
    steps = [hook(point, **{**SECRETS, **given}) for point, given, _, _ in EVENTS]
    for first in range(0, len(steps), 8):  # as many as fit into one request's two seconds on a busy machine
        whmcs.request(*steps[first : first + 8], **CUSTOMER)
    whmcs.make_due()
    whmcs.cron()
    assert whmcs.waiting() == []
    merges = until(lambda: service.stored("customer.merged"), "the merge is stored")
    assert merges[0]["data"]["from"] == 102


def test_hooks_of_the_list_are_registered_and_no_others(shop: Whmcs) -> None:
    registered = set(shop.request(**CUSTOMER).hooks)
    gate = {"PreModuleCreate", "PreRegistrarRegisterDomain", "PreRegistrarTransferDomain"}
    expected = {row[0] for row in EVENTS} | gate | {"AfterCronJob"}
    assert expected <= registered
    extra = registered - expected
    carries_secrets = {
        "ClientAdd", "UserAdd", "PreUserAdd", "ClientChangePassword", "UserChangePassword", "CCUpdate",
        "AfterModuleChangePassword", "ShoppingCartValidateCheckout", "RunFraudCheck", "LogActivity", "EmailPreSend",
    }  # fmt: skip
    assert not extra & carries_secrets
    assert extra <= {"FraudCheckAwaitingUserInput", "AdminAreaFooterOutput", "AdminAreaPage", "AdminAreaHeadOutput",
                     "ViewOrderDetailsPage", "AdminHomeWidgets", "AdminAreaHeaderOutput"}  # fmt: skip


@pytest.mark.parametrize(
    ("scenario", "placed_by", "staff_id", "actor"),
    [
        (CUSTOMER, "customer", None, {"kind": "customer", "user_id": 50001}),
        (STAFF, "staff", 1, {"kind": "staff", "admin_id": 1}),
        (MASQUERADE, "staff_as_customer", 1, {"kind": "staff", "admin_id": 1, "user_id": 50001, "masquerade": True}),
        ({**CUSTOMER, "admin": 1}, "customer", None, {"kind": "customer", "user_id": 50001}),
        (API, "api", None, {"kind": "api"}),
        ({**API, "admin": 1}, "api", None, {"kind": "api"}),
        ({**API, "adminarea": True, "admin": 1}, "api", None, {"kind": "api"}),
        ({**STAFF, "user": 50001}, "staff", 1, {"kind": "staff", "admin_id": 1, "user_id": 50001}),
        (CALLBACK, None, None, {}),
        ({"script": "/cart.php", "broken_session": True}, None, None, {}),
    ],
    ids=["customer", "staff", "masquerade", "admin-also-logged-in", "api", "api-as-admin", "api-with-adminarea",
         "staff-also-logged-in-as-user", "gateway-callback", "no-session"],
)  # fmt: skip
def test_who_ordered_is_told(
    shop: Whmcs,
    doorman: PretendDoorman,
    scenario: dict[str, Any],
    placed_by: str | None,
    staff_id: int | None,
    actor: dict[str, Any],
) -> None:
    shop.request(hook("AfterShoppingCartCheckout", OrderID=41, InvoiceID=2041), **scenario)
    parsed = parse_event(doorman.webhooks[0].body)
    assert (parsed.data.get("placed_by"), parsed.data.get("staff_id")) == (placed_by, staff_id)
    assert {key: value for key, value in parsed.actor.items() if value} == actor


def test_cron_is_told_as_cron(shop: Whmcs, doorman: PretendDoorman) -> None:
    shop.request(hook("AcceptOrder", orderid=41), **CRON)
    assert doorman.webhooks[0].event["data"]["actor"]["kind"] == "cron"
    assert "staff_id" not in doorman.webhooks[0].event["data"]


def test_staff_who_accept_are_named(shop: Whmcs, doorman: PretendDoorman) -> None:
    shop.request(hook("AcceptOrder", orderid="41"), **STAFF)
    assert parse_event(doorman.webhooks[0].body).data == {"order_id": 41, "to": "accepted", "staff_id": 1}


def test_one_fraud_check_is_one_event_though_two_hooks_speak(shop: Whmcs, doorman: PretendDoorman) -> None:
    shop.request(hook("FraudCheckPassed", orderid=41), hook("AfterFraudCheck", orderid=41), **CUSTOMER)
    assert len(doorman.webhooks) == 1


def test_a_quote_that_is_only_sent_is_no_event(shop: Whmcs, doorman: PretendDoorman) -> None:
    shop.hook("QuoteStatusChange", quoteid=31, status="Delivered")
    assert doorman.got == []


def test_a_login_of_several_clients_is_an_event_for_each(shop: Whmcs, doorman: PretendDoorman) -> None:
    shop.insert("tblusers_clients", auth_user_id=50001, client_id=107)
    shop.hook("UserEmailVerificationComplete", userId=50001)
    assert [sent.event["data"]["customer_id"] for sent in doorman.webhooks] == [101, 107]


#: What hooks may receive instead of what is documented.
ODD: dict[str, Any] = {
    "text": "41", "zeros": "041", "spaces": " 41 ", "missing": None, "empty": "", "zero": 0, "negative": -1,
    "float": 41.0, "fraction": 41.5, "huge": "99999999999999999999999",
    "beyond 63 bits": "9223372036854775808", "huge float": 1e30, "words": "'; DROP TABLE x",
    "entity": "&#039;41&#039;", "list": [41], "object": {"__object": 1}, "bulk": {"__megabytes": 10}, "true": True,
    "not UTF-8": {"__bytes": base64.b64encode(b"\xff\xfe41").decode()}, "null byte": "41\x00",
}  # fmt: skip


@pytest.mark.parametrize("odd", ODD, ids=[name.replace(" ", "-") for name in ODD])
def test_odd_ids_throw_nothing_and_send_only_what_is_one(shop: Whmcs, doorman: PretendDoorman, odd: str) -> None:
    names = [
        "OrderID", "orderId", "orderid", "userId", "userid", "invoiceId", "invoiceid", "InvoiceID", "ticketid",
        "quoteid", "toUserID", "fromUserID", "status", "serviceid", "domainid", "addonId",
    ]  # fmt: skip
    given = dict.fromkeys(names, ODD[odd])
    points = sorted({row[0] for row in EVENTS} | {"PreModuleCreate", "PreRegistrarRegisterDomain"})
    steps = [hook(point, **given, params=given if number % 2 else ODD[odd]) for number, point in enumerate(points)]
    doorman.gate(provision=True, reason="approved")
    answer = shop.request(*steps, hook("AfterShoppingCartCheckout"), **CUSTOMER)
    assert {str(value) for step in answer.steps for value in step["returned"]} == {"None"}
    for sent in doorman.webhooks:
        assert parse_event(sent.body).known
        assert 41 in sent.event["data"].values() or sent.event["data"].get("customer_id") == 101
    assert bool(doorman.webhooks) is (odd in {"text", "zeros", "spaces", "float", "null byte"})
    assert len(answer.activity) <= 1
    assert leaks(shop, doorman, answer) == []
    assert answer.memory < 100 * 2**20


@pytest.mark.parametrize("point", ["AfterShoppingCartCheckout", "AfterModuleCreate", "ClientEdit", "TicketOpen"])
def test_bulky_and_hostile_vars_beside_good_ids_do_no_harm(shop: Whmcs, doorman: PretendDoorman, point: str) -> None:
    ids = {"OrderID": "41", "userid": "101", "ticketid": "7"}
    bulk = {"notes": {"__megabytes": 10}, "invoice": {"__object": 1}, "subject": "&amp;&lt;b&gt;MARKER"}
    answer = shop.request(hook(point, **ids, **bulk, params={"serviceid": "5", **bulk}), **CUSTOMER)
    [sent] = doorman.webhooks
    assert parse_event(sent.body).known
    assert len(sent.body) < 1000
    assert leaks(shop, doorman, answer) == []


@pytest.mark.parametrize("given", [None, "text", 41, {"__object": 1}], ids=["null", "text", "number", "object"])
def test_vars_that_are_no_array_throw_nothing(shop: Whmcs, doorman: PretendDoorman, given: Any) -> None:
    points = sorted({row[0] for row in EVENTS} | {"PreModuleCreate", "PreRegistrarRegisterDomain", "AfterCronJob"})
    shop.request(*({"do": "hook", "point": point, "vars": given} for point in points), **CUSTOMER)
    assert doorman.webhooks == []


@pytest.mark.parametrize("script", [None, [], "", "C:\\whmcs\\admin\\orders.php", "/includes/api.php/../x"])
def test_odd_server_variables_throw_nothing(shop: Whmcs, doorman: PretendDoorman, script: Any) -> None:
    given = {"script": script, "get": {"action": ["view"], "id": {"a": "1"}}}
    shop.request(hook("AfterShoppingCartCheckout", OrderID=41), hook("AdminAreaFooterOutput"), **given)
    assert parse_event(doorman.webhooks[0].body).data["order_id"] == 41


@pytest.mark.parametrize("script", ["/includes/api.php", "/billing/includes/api.php", "\\billing\\includes\\api.php"])
def test_the_api_is_known_wherever_whmcs_is_installed(shop: Whmcs, doorman: PretendDoorman, script: str) -> None:
    shop.request(hook("AfterShoppingCartCheckout", OrderID=41), **{**STAFF, "script": script})
    assert doorman.webhooks[0].event["data"]["placed_by"] == "api"
