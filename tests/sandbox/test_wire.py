"""The sandbox's wire format: shapes, texts, idempotency, faults, behaviours."""

import asyncio
import base64
import json
from datetime import UTC, datetime

import httpx
import phpserialize
import pytest

from app.sandbox import Behaviours, Item, SandboxPanel
from app.sandbox.models import PayMethod
from app.sandbox.server import create_app, serving

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


class Caller:
    """A minimal WHMCS client."""

    def __init__(self, panel: SandboxPanel, **fields: str) -> None:
        self.panel = panel
        self.fields = {"identifier": panel.identifier, "secret": panel.secret, "responsetype": "json"} | fields
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(create_app(panel)), base_url="http://panel")

    async def raw(self, action: str, **fields: object) -> httpx.Response:
        data = {key: str(value) for key, value in fields.items()}
        return await self.http.post("/includes/api.php", data=self.fields | {"action": action} | data)

    async def __call__(self, action: str, **fields: object) -> dict:
        response = await self.raw(action, **fields)
        assert response.status_code == 200
        return response.json()


@pytest.fixture
def panel() -> SandboxPanel:
    return SandboxPanel(now=lambda: NOON)


@pytest.fixture
def call(panel: SandboxPanel) -> Caller:
    return Caller(panel)


async def test_refusals_have_their_status_and_text(panel: SandboxPanel, call: Caller) -> None:
    wrong = await call.raw("GetOrders", secret="no")
    assert (wrong.status_code, wrong.json()["message"]) == (403, "Invalid or missing credentials")

    panel.allowed_actions = {"GetOrders"}
    barred = await call.raw("AcceptOrder", orderid=999999001)
    assert barred.status_code == 403
    assert barred.json()["message"] == 'Invalid Permissions: API action "acceptorder" is not allowed'

    panel.allowed_actions = None
    panel.allowed_ips = {"10.0.0.1"}
    panel.access_key = "open-sesame"
    assert (await call.raw("GetOrders")).json()["message"] == "Invalid IP 127.0.0.1"
    assert (await call.raw("GetOrders", accesskey="open-sesame")).status_code == 200

    panel.allowed_ips = None
    assert (await call("Nonsense"))["message"] == 'Invalid API Action: "Nonsense" is not a valid API action'
    assert await call("acceptorder", orderid=1) == {
        "result": "error",
        "message": "Order ID not found or Status not Pending",
    }


async def test_an_order_looks_as_documented(panel: SandboxPanel, call: Caller) -> None:
    client = panel.add_client("Jörg", "O'Neil")
    product = panel.add_product("VPS <S>", type="server", options={"OS": ["Debian 13"]})
    await panel.place_order(client.id, [Item(product_id=product.id, options={"OS": "Debian 13"})], notes="a & b")

    answer = await call("GETORDERS", userid=client.id)
    assert (answer["totalresults"], answer["startnumber"], answer["numreturned"]) == (1, 0, 1)
    [order] = answer["orders"]["order"]
    assert order["date"] == "2026-07-01 14:00:00"  # Berlin
    assert order["amount"] == "15.00"
    assert order["ordernum"] > 2**32
    assert order["userid"] == str(client.id)
    assert order["notes"] == "a &amp; b"
    assert order["name"] == "Jörg O&#039;Neil"
    assert order["requestor_id"] == client.user_id
    assert order["paymentstatus"] == "Unpaid"
    [item] = order["lineitems"]["lineitem"]
    assert (item["type"], item["producttype"], item["product"]) == ("product", "Server/VPS", "Hosting - VPS &lt;S&gt;")

    [service] = (await call("GetClientsProducts", serviceid=item["relid"]))["products"]["product"]
    assert (service["orderid"], service["pid"]) == (order["id"], product.id)
    assert service["password"]
    assert service["configoptions"]["configoption"][0]["value"] == "Debian 13"

    invoice = await call("GetInvoice", invoiceid=order["invoiceid"])
    assert invoice["transactions"] == ""
    assert invoice["datepaid"] == "0000-00-00 00:00:00"
    assert (await call("GetOrders", id=1))["orders"] == ""


async def test_money_is_text_and_missing_cycles_are_minus_one(panel: SandboxPanel, call: Caller) -> None:
    client = panel.add_client()
    panel.add_product(pricing={"USD": {"monthly": "5", "msetupfee": "1"}})
    [product] = (await call("GetProducts"))["products"]["product"]
    usd = product["pricing"]["USD"]
    assert (usd["monthly"], usd["msetupfee"], usd["annually"]) == ("5.00", "1.00", "-1.00")
    assert product["pricing"]["EUR"]["monthly"] == "-1.00"

    details = await call("GetClientsDetails", clientid=client.id, stats=1)
    assert details["email"] == details["client"]["email"]
    assert details["stats"]["creditbalance"] == "$0.00 USD"


async def test_creating_calls_create_another_one_each_time(panel: SandboxPanel, call: Caller) -> None:
    client = panel.add_client()
    fee = {"userid": client.id, "itemdescription1": "Work", "itemamount1": "50.00", "notes": "doorman:fee:1"}
    first, second = await call("CreateInvoice", **fee), await call("CreateInvoice", **fee)
    assert first["invoiceid"] != second["invoiceid"]
    assert isinstance(first["invoiceid"], str)
    for _ in range(2):
        credit = await call("AddCredit", clientid=client.id, description="doorman:credit:1", amount="2.50")
    assert credit["newbalance"] == "5.00"
    assert panel.effects["CreateInvoice"] == panel.effects["AddCredit"] == 2
    assert [write.action for write in panel.writes] == ["CreateInvoice"] * 2 + ["AddCredit"] * 2
    assert "secret" not in panel.writes[0].params

    refused = await call("AddCredit", clientid=client.id, description="x", amount="-1.00")
    assert refused["message"] == "Amount must be in decimal format: ### or ###.##"
    assert panel.counts["AddCredit"] == 3
    assert panel.effects["AddCredit"] == 2


async def test_credit_pays_what_it_covers(panel: SandboxPanel, call: Caller) -> None:
    client = panel.add_client()
    panel.add_credit(client.id, "30.00")
    fee = {"userid": client.id, "itemdescription1": "Work", "itemamount1": "50.00"}
    invoice_id = (await call("CreateInvoice", **fee, autoapplycredit=1))["invoiceid"]
    invoice = await call("GetInvoice", invoiceid=invoice_id)
    assert (invoice["credit"], invoice["total"], invoice["balance"]) == ("30.00", "20.00", "20.00")

    await call("UpdateInvoice", invoiceid=invoice_id, status="Cancelled")
    assert panel.state.clients[client.id].credit == 30


async def test_quotes_take_serialized_lines(panel: SandboxPanel, call: Caller) -> None:
    client = panel.add_client()
    lines = phpserialize.dumps({0: {"desc": "Work", "qty": 2, "up": "50.00", "discount": "0", "taxable": False}})
    quote = {"userid": client.id, "subject": "Custom", "stage": "Draft", "validuntil": "2026-08-01"}
    encoded = base64.b64encode(lines).decode()
    quote_id = (await call("CreateQuote", **quote, lineitems=encoded))["quoteid"]
    [row] = (await call("GetQuotes", quoteid=quote_id))["quotes"]["quote"]
    assert (row["total"], row["validuntil"], row["items"]["item"][0]["description"]) == ("100.00", "2026-08-01", "Work")

    panel.configure(date_format="d/m/Y")
    assert (await call("CreateQuote", **quote))["message"] == "Invalid value for validuntil"
    assert (await call("CreateQuote", **quote | {"validuntil": "01/08/2026"}))["result"] == "success"


async def test_issued_invoices_are_frozen_drafts_are_not(panel: SandboxPanel, call: Caller) -> None:
    client = panel.add_client()
    issued = panel.add_invoice(client.id, [("Work", "50.00")])
    draft = panel.add_invoice(client.id, [("Work", "50.00")], status="Draft")
    line = {"newitemdescription[0]": "More", "newitemamount[0]": "5.00"}
    assert (await call("UpdateInvoice", invoiceid=issued.id, **line))["result"] == "error"
    assert (await call("UpdateInvoice", invoiceid=draft.id, **line, publish=1))["result"] == "success"
    assert (draft.status, draft.total) == ("Unpaid", 55)


async def test_pages_do_not_overlap(panel: SandboxPanel, call: Caller) -> None:
    client = panel.add_client()
    product = panel.add_product()
    for _ in range(5):
        await panel.place_order(client.id, [product.id])
    pages = [(await call("GetOrders", limitstart=start, limitnum=2)) for start in (0, 2, 4, 6)]
    ids = [[row["id"] for row in page["orders"]["order"]] if page["orders"] else [] for page in pages]
    assert [len(page) for page in ids] == [2, 2, 1, 0]
    assert [row for page in ids for row in page] == sorted(panel.state.orders, reverse=True)


async def test_tickets_keep_the_opening_message_as_reply_zero(panel: SandboxPanel, call: Caller) -> None:
    client = panel.add_client()
    opened = await call("OpenTicket", deptid=1, clientid=client.id, subject="Your order", message="doorman:ask:7 why?")
    await call("AddTicketReply", ticketid=opened["id"], message="ping", adminusername="doorman")
    ticket = await call("GetTicket", ticketid=opened["id"])
    first, second = ticket["replies"]["reply"]
    assert (first["replyid"], "rating" in first, first["message"]) == (0, False, "doorman:ask:7 why?")
    assert (second["admin"], second["rating"], ticket["status"]) == ("Doorman API", 0, "Answered")
    assert (await call("GetTickets", clientid=client.id))["tickets"]["ticket"][0]["attachments"] == [[]]


@pytest.mark.parametrize(
    ("form", "expected"), [("text", ""), ("list", []), ("object", {}), ("missing", None), ("nested", {"order": []})]
)
async def test_empty_lists_come_in_all_forms(form: str, expected: object) -> None:
    call = Caller(SandboxPanel(behaviours=Behaviours(empty_list=form)))
    assert (await call("GetOrders")).get("orders") == expected


async def test_other_wire_behaviours(panel: SandboxPanel, call: Caller) -> None:
    client = panel.add_client()
    await panel.place_order(client.id, [panel.add_product().id])
    panel.configure(single_item="object", numbers="text", timezone="UTC")
    order = (await call("GetOrders"))["orders"]["order"]
    assert (order["userid"], order["id"][0], order["date"]) == (str(client.id), "1", "2026-07-01 12:00:00")

    panel.configure(noise="notice")
    assert (await call.raw("GetOrders")).text.startswith("<br />")
    panel.configure(noise="bom")
    assert (await call.raw("GetOrders")).content.startswith(b"\xef\xbb\xbf{")
    with pytest.raises(TypeError):
        panel.configure(no_such_switch=True)


async def test_faults_before_and_after(panel: SandboxPanel, call: Caller) -> None:
    client = panel.add_client()
    credit = {"clientid": client.id, "description": "x", "amount": "1.00"}
    for kind in ("error_500_before", "error_500_after", "garbage_after", "http_429", "http_403_permission"):
        panel.faults.add(kind, action="AddCredit")
    panel.faults.add("error_500_before", action="GetOrders")
    statuses = [(await call.raw("AddCredit", **credit)).status_code for _ in range(5)]
    assert statuses == [500, 500, 200, 429, 403]
    assert panel.state.clients[client.id].credit == 2

    panel.faults.add("reset_before")
    panel.faults.add("reset_after")
    for _ in range(2):
        with pytest.raises(httpx.RemoteProtocolError):
            await call.raw("AddCredit", **credit)
    assert panel.state.clients[client.id].credit == 3

    panel.faults.add("late", seconds=0.01)
    assert (await call.raw("AddCredit", **credit)).status_code == 504
    assert panel.state.clients[client.id].credit == 3
    await panel.settled()
    assert panel.state.clients[client.id].credit == 4
    assert (await call.raw("GetOrders")).status_code == 500


async def test_php_goes_on_after_the_caller_hung_up(panel: SandboxPanel, call: Caller) -> None:
    client = panel.add_client()
    panel.faults.add("hang_before", seconds=0.05)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await call.raw("AddCredit", clientid=client.id, description="x", amount="1.00")
    await panel.settled()
    assert panel.state.clients[client.id].credit == 1


async def test_served_on_a_port_it_resets_connections_and_takes_control_calls(panel: SandboxPanel) -> None:
    async with serving(panel, cron=False) as url, httpx.AsyncClient(base_url=url) as http:
        client = (await http.post("/sandbox/api/add_client", json={"firstname": "Ada"})).json()["result"]
        product = (await http.post("/sandbox/api/add_product", json={"autosetup": "payment"})).json()["result"]
        body = {"client_id": client["id"], "items": [product["id"]], "pay": True}
        order = (await http.post("/sandbox/api/place_order", json=body)).json()["result"]
        assert (order["status"], order["paid"], order["services"][0]["status"]) == ("Pending", "Paid", "Active")
        assert (await http.get(f"/sandbox/api/orders/{order['id']}")).json()["id"] == order["id"]
        assert (await http.get("/sandbox/api/state")).json()["totals"]["orders"] == {"Pending": 1}
        assert (await http.post("/sandbox/api/place_order", json={"nonsense": 1})).status_code == 422
        assert (await http.post("/sandbox/api/staff_delete", json={"order_id": order["id"]})).status_code == 409

        await http.post("/sandbox/api/faults", json={"kind": "reset_after", "action": "AcceptOrder"})
        form = {"identifier": panel.identifier, "secret": panel.secret, "action": "AcceptOrder", "orderid": order["id"]}
        with pytest.raises(httpx.RemoteProtocolError):
            await http.post("/includes/api.php", data=form)
        assert panel.state.orders[order["id"]].status == "Active"
        log = (await http.get("/sandbox/api/calls")).json()
        assert log["effects"] == {"AcceptOrder": 1}
        assert json.dumps(log).count(panel.secret) == 0
        assert "<title>" in (await http.get("/")).text


async def test_a_role_can_lack_an_action(panel: SandboxPanel, call: Caller) -> None:
    panel.behaviours.role_lacks.add("getmodulequeue")
    barred = await call.raw("GetModuleQueue")
    assert (barred.status_code, barred.json()["message"]) == (
        403, 'Invalid Permissions: API action "getmodulequeue" is not allowed'
    )  # fmt: skip
    assert (await call("GetOrders"))["result"] == "success"


async def test_pay_methods_show_no_number(panel: SandboxPanel, call: Caller) -> None:
    client = panel.add_client(pay_methods=[PayMethod(id=1, last_four="4242", expires="02/27", token="cus_1|pm_1")])
    answer = await call("GetPayMethods", clientid=client.id)
    [card] = answer["paymethods"]
    assert (card["type"], card["card_last_four"], card["expiry_date"]) == ("RemoteCreditCard", "4242", "02/27")
    assert (await call("GetPayMethods", clientid=client.id, paymethodid=7))["paymethods"] == []
    assert (await call("GetPayMethods", clientid=424242))["message"] == "Client Not Found"


async def test_a_call_that_is_kept_is_applied_when_told(panel: SandboxPanel, call: Caller) -> None:
    client = panel.add_client()
    panel.faults.add("kept", action="AddCredit")
    assert (await call.raw("AddCredit", clientid=client.id, description="x", amount="1.00")).status_code == 504
    await panel.settled()
    assert (panel.counts["AddCredit"], panel.effects["AddCredit"]) == (1, 0)
    assert await panel.apply_kept() == 1
    assert (panel.effects["AddCredit"], await panel.apply_kept()) == (1, 0)


async def test_an_accept_can_hide_what_its_modules_did(panel: SandboxPanel, call: Caller) -> None:
    client, product = panel.add_client(), panel.add_product(autosetup="accept")
    product.module_error = "no such server"
    placed = await panel.place_order(client.id, [product.id])
    panel.configure(accept_reports_failures=False)
    assert (await call("AcceptOrder", orderid=placed.id, autosetup=1))["result"] == "success"
    assert placed.status == "Active"
    [entry] = (await call("GetModuleQueue"))["queue"]
    assert (entry["serviceId"], entry["lastAttemptError"]) == (placed.service_ids[0], "no such server")


async def test_a_registrar_can_refuse(panel: SandboxPanel, call: Caller) -> None:
    panel.state.registrar_error = "no funds"
    client = panel.add_client()
    placed = await panel.place_order(client.id, [Item(domain="example.com", register=True)])
    refused = await call("AcceptOrder", orderid=placed.id, sendregistrar=1)
    assert refused["message"] == "no funds"
    [entry] = (await call("GetModuleQueue", serviceType="domain"))["queue"]
    assert entry["serviceId"] == placed.domain_ids[0]
