"""A small WHMCS on respx: answers as documented, checks what we send, and can be set to fail."""

import asyncio
import base64
import json
import re
from collections import Counter, deque
from typing import Any
from urllib.parse import parse_qsl

import httpx
import phpserialize
import respx

URL = "https://billing.example/includes/api.php"
IDENTIFIER, SECRET = "fake-identifier", "fake-secret"
FATAL = httpx.Response(500, text="<html><h1>Oops!</h1></html>")


class Refusal(Exception):
    """An error that WHMCS answers with 200 and ``result=error``."""


class MockWhmcs:
    """One customer (93) with orders, invoices, credits and tickets in memory."""

    def __init__(self) -> None:
        self.customer_id = 93
        self.orders: dict[int, dict[str, Any]] = {}
        self.pay_methods: list[dict[str, Any]] = []
        self.invoices: dict[int, dict[str, Any]] = {}
        self.credits: list[dict[str, Any]] = []
        self.tickets: dict[int, dict[str, Any]] = {}
        self.quotes: list[dict[str, Any]] = []
        self.rung: list[tuple[str, dict[str, str]]] = []
        self.mails: list[dict[str, str]] = []
        self.notes: list[dict[str, str]] = []
        self.effects: Counter[str] = Counter()
        self.calls: list[tuple[str, dict[str, str]]] = []
        self._faults: dict[str, deque[str]] = {}

    def install(self, router: respx.Router) -> None:
        router.post(URL).mock(side_effect=self.answer)

    def fail_next(self, action: str, kind: str) -> None:
        self._faults.setdefault(action, deque()).append(kind)

    async def answer(self, request: httpx.Request) -> httpx.Response:
        assert not request.url.query
        assert request.headers["content-type"] == "application/x-www-form-urlencoded"
        fields = dict(parse_qsl(request.content.decode("ascii"), keep_blank_values=True, strict_parsing=True))
        assert (fields.pop("identifier"), fields.pop("secret")) == (IDENTIFIER, SECRET)
        assert fields.pop("responsetype") == "json"
        action = fields.pop("action")
        self.calls.append((action, fields))
        waiting = self._faults.get(action)
        return await self._with_fault(waiting.popleft() if waiting else "", action, fields)

    async def _with_fault(self, kind: str, action: str, fields: dict[str, str]) -> httpx.Response:
        match kind:
            case "error_500_before":
                return FATAL
            case "http_429":
                return httpx.Response(429, text="Too Many Requests", headers={"retry-after": "1"})
            case "http_403_ip":
                return httpx.Response(403, json={"result": "error", "message": "Invalid IP 127.0.0.1"})
            case "http_403_permission":
                message = f'Invalid Permissions: API action "{action.lower()}" is not allowed'
                return httpx.Response(403, json={"result": "error", "message": message})
            case "reset_before":
                raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
            case _:
                pass
        reply = self._apply(action, fields)
        match kind:
            case "error_500_after":
                return FATAL
            case "reset_after":
                raise httpx.ReadError("connection reset")
            case "garbage_after":
                return httpx.Response(200, text='<b>Fatal error</b>: {"result":"succ')
            case "hang_after":
                await asyncio.sleep(5)
            case _:
                pass
        return reply

    def _apply(self, action: str, fields: dict[str, str]) -> httpx.Response:
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", action).lower()
        try:
            reply = getattr(self, f"_{name}")(fields)
        except Refusal as refusal:
            return httpx.Response(200, json={"result": "error", "message": str(refusal)})
        self.effects[action] += 1
        return httpx.Response(200, text=json.dumps({"result": "success", **reply}))

    # --- pay methods ----------------------------------------------------------------------------------------------

    def store_card(self, last_four: str, expires: str, token: str) -> None:
        row = {"id": len(self.pay_methods) + 1, "type": "RemoteCreditCard", "gateway_name": "stripe"}
        card = {"card_last_four": last_four, "expiry_date": expires, "card_type": "Visa", "remote_token": token}
        self.pay_methods.append(row | card)

    def _get_pay_methods(self, fields: dict[str, str]) -> dict[str, Any]:
        if fields["clientid"] != str(self.customer_id):
            raise Refusal("Client Not Found")
        return {"clientid": fields["clientid"], "paymethods": self.pay_methods}

    # --- orders ---------------------------------------------------------------------------------------------------

    def add_order(self) -> int:
        order_id = 800 + len(self.orders)
        self.orders[order_id] = {
            "id": order_id,
            "ordernum": 4471920385,
            "userid": str(self.customer_id),
            "requestor_id": 140,
            "admin_requestor_id": 0,
            "date": "2026-08-14 09:12:44",
            "renewals": "",
            "amount": "49.00",
            "renewalsByType": {"domains": [], "services": [], "addons": []},
            "paymentmethod": "stripe",
            "invoiceid": 2210,
            "status": "Pending",
            "ipaddress": "203.0.113.9",
            "notes": "",
            "currencysuffix": "USD",
            "lineitems": {
                "lineitem": [{"type": "product", "relid": 1402, "billingcycle": "Monthly", "amount": "49.00"}]
            },
        }
        return order_id

    def _get_orders(self, fields: dict[str, str]) -> dict[str, Any]:
        wanted = fields.get("id")
        return _page(
            [row for row in self.orders.values() if wanted in {None, str(row["id"])}], fields, "orders", "order"
        )

    def _set_status(self, fields: dict[str, str], status: str, *, only_pending: bool) -> dict[str, Any]:
        order = self.orders.get(int(fields["orderid"]))
        if only_pending and (order is None or order["status"] != "Pending"):
            raise Refusal("Order ID not found or Status not Pending")
        if order is None:
            raise Refusal("Order ID Not Found")
        order["status"] = status
        return {}

    def _accept_order(self, fields: dict[str, str]) -> dict[str, Any]:
        assert all(fields[flag] in {"0", "1"} for flag in ("autosetup", "sendemail", "sendregistrar"))
        return self._set_status(fields, "Active", only_pending=True)

    def _cancel_order(self, fields: dict[str, str]) -> dict[str, Any]:
        return self._set_status(fields, "Cancelled", only_pending=True)

    def _fraud_order(self, fields: dict[str, str]) -> dict[str, Any]:
        return self._set_status(fields, "Fraud", only_pending=False)

    def _pending_order(self, fields: dict[str, str]) -> dict[str, Any]:
        return self._set_status(fields, "Pending", only_pending=False)

    # --- money ----------------------------------------------------------------------------------------------------

    def _client(self, fields: dict[str, str], key: str) -> None:
        if fields[key] != str(self.customer_id):
            raise Refusal("Client ID Not Found")

    def _create_invoice(self, fields: dict[str, str]) -> dict[str, Any]:
        self._client(fields, "userid")
        assert (fields["status"], fields["sendinvoice"], fields["autoapplycredit"]) == ("Unpaid", "1", "0")
        invoice_id, amount = 2300 + len(self.invoices), fields["itemamount1"]
        self.invoices[invoice_id] = {
            "id": invoice_id,
            "invoiceid": invoice_id,
            "userid": self.customer_id,
            "date": fields["date"],
            "duedate": fields["duedate"],
            "datepaid": "0000-00-00 00:00:00",
            "subtotal": amount,
            "credit": "0.00",
            "total": amount,
            "balance": amount,
            "status": "Unpaid",
            "notes": fields["notes"],
            "transactions": "",
            "items": {"item": {"id": 1, "type": "", "relid": 0, "description": fields["itemdescription1"]}},
        }
        return {"invoiceid": str(invoice_id), "status": "Unpaid"}

    def _get_invoices(self, fields: dict[str, str]) -> dict[str, Any]:
        rows = [row for row in self.invoices.values() if fields["userid"] == str(row["userid"])]
        newest_first = sorted(rows, key=lambda row: -row["id"])
        heads = [{key: row[key] for key in row if key not in {"items", "transactions"}} for row in newest_first]
        return _page(heads, fields, "invoices", "invoice")

    def _invoice(self, fields: dict[str, str]) -> dict[str, Any]:
        if int(fields["invoiceid"]) not in self.invoices:
            raise Refusal("Invoice ID Not Found")
        return self.invoices[int(fields["invoiceid"])]

    _get_invoice = _invoice

    def _update_invoice(self, fields: dict[str, str]) -> dict[str, Any]:
        assert set(fields) == {"invoiceid", "status"}
        self._invoice(fields)["status"] = fields["status"]
        return {"invoiceid": fields["invoiceid"]}

    def pay(self, invoice_id: int) -> None:
        row = self.invoices[invoice_id]
        row |= {"status": "Paid", "balance": "0.00"}
        row["transactions"] = {
            "transaction": [{"id": 1, "transid": "t1", "amountin": row["total"], "amountout": "0.00"}]
        }

    def _add_credit(self, fields: dict[str, str]) -> dict[str, Any]:
        self._client(fields, "clientid")
        if not re.fullmatch(r"\d+(\.\d{1,2})?", fields["amount"]):
            raise Refusal("Amount must be in decimal format: ### or ###.##")
        row = {"id": 650 + len(self.credits), "date": "2026-08-14", "relid": "0"}
        self.credits.append({**row, "description": fields["description"], "amount": fields["amount"]})
        return {"newbalance": fields["amount"]}

    def _get_credits(self, fields: dict[str, str]) -> dict[str, Any]:
        self._client(fields, "clientid")
        flat = {
            f"credits[credit][{index}][{key}]": value
            for index, row in enumerate(self.credits)
            for key, value in row.items()
        }
        return {"totalresults": str(len(self.credits)), "clientid": fields["clientid"], **flat}

    # --- quotes ---------------------------------------------------------------------------------------------------

    def _get_clients_details(self, fields: dict[str, str]) -> dict[str, Any]:
        self._client(fields, "clientid")
        return {"client": {"id": fields["clientid"], "currency_code": "USD"}}

    def _get_configuration_value(self, fields: dict[str, str]) -> dict[str, Any]:
        assert fields == {"setting": "DateFormat"}
        return {"setting": "DateFormat", "value": "DD.MM.YYYY"}

    def _create_quote(self, fields: dict[str, str]) -> dict[str, Any]:
        """WHMCS accepts any client here."""
        day, month, year = fields["validuntil"].split(".")
        [line] = phpserialize.loads(base64.b64decode(fields["lineitems"]), decode_strings=True).values()
        quote_id = 40 + len(self.quotes)
        item = {"id": 1, "description": line["desc"], "quantity": "1.00", "unitprice": line["up"], "discount": "0.00"}
        self.quotes.append(
            {
                "id": quote_id,
                "userid": fields["userid"],
                "subject": fields["subject"],
                "stage": fields["stage"],
                "validuntil": f"{year}-{month}-{day}",
                "total": line["up"],
                "adminnotes": "",  # lost: only the line identifies it
                "customernotes": fields["customernotes"],
                "items": {"item": item},
            }
        )
        return {"quoteid": str(quote_id)}

    def _get_quotes(self, fields: dict[str, str]) -> dict[str, Any]:
        rows = [row for row in self.quotes if row["userid"] == fields["userid"]]
        return _page(rows, fields, "quotes", "quote")

    # --- tickets, mail, notes -------------------------------------------------------------------------------------

    def _open_ticket(self, fields: dict[str, str]) -> dict[str, Any]:
        self._client(fields, "clientid")
        ticket_id = 700 + len(self.tickets)
        self.tickets[ticket_id] = {
            "id": ticket_id,
            "ticketid": ticket_id,
            "tid": "516757",
            "userid": fields["clientid"],
            "deptid": fields["deptid"],
            "subject": fields["subject"],
            "status": "Open",
            "date": "2026-08-14 09:12:44",
            "admin": "",
            "replies": {
                "reply": [{"replyid": "0", "message": fields["message"], "admin": "", "requestor_type": "Owner"}]
            },
        }
        return {"id": ticket_id, "tid": "516757", "c": "KPqH7yG3"}

    def _get_tickets(self, fields: dict[str, str]) -> dict[str, Any]:
        rows = [row for row in self.tickets.values() if row["userid"] == fields["clientid"]]
        return _page([{key: row[key] for key in row if key != "replies"} for row in rows], fields, "tickets", "ticket")

    def _get_ticket(self, fields: dict[str, str]) -> dict[str, Any]:
        if int(fields["ticketid"]) not in self.tickets:
            raise Refusal("Ticket ID Not Found")
        return self.tickets[int(fields["ticketid"])]

    def _add_ticket_reply(self, fields: dict[str, str]) -> dict[str, Any]:
        replies = self._get_ticket(fields)["replies"]["reply"]
        replies.append({"replyid": str(len(replies)), "message": fields["message"], "admin": fields["adminusername"]})
        return {}

    def _trigger_notification_event(self, fields: dict[str, str]) -> dict[str, Any]:
        self.rung.append(("notification", fields))
        return {}

    def _send_admin_email(self, fields: dict[str, str]) -> dict[str, Any]:
        self.rung.append(("mail", fields))
        return {}

    def _send_email(self, fields: dict[str, str]) -> dict[str, Any]:
        assert fields["customtype"] == "general"
        self.mails.append(fields)
        return {}

    def _add_client_note(self, fields: dict[str, str]) -> dict[str, Any]:
        self._client(fields, "userid")
        self.notes.append(fields)
        return {"noteid": len(self.notes)}


def _page(rows: list[dict[str, Any]], fields: dict[str, str], outer: str, inner: str) -> dict[str, Any]:
    start, size = int(fields.get("limitstart", 0)), min(int(fields.get("limitnum", 25)), 2)  # never more than two
    page = rows[start : start + size]
    counters = {"totalresults": str(len(rows)), "startnumber": start, "numreturned": len(page)}
    return {**counters, outer: {inner: page} if page else ""}
