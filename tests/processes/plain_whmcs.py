"""A WHMCS-like server, independent of our sandbox: standard library only, answers like the published samples."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

CLIENT = {
    "id": 93, "client_id": 93, "userid": 93, "firstname": "Ada", "lastname": "Byron", "companyname": "",
    "email": "ada@example.org", "address1": "12 Analytical Row", "city": "London", "state": "", "postcode": "N1 9GU",
    "country": "GB", "countrycode": "GB", "phonenumber": "+44.2071234567", "phonecc": 44, "currency": 1,
    "currency_code": "USD", "groupid": 0, "status": "Active", "credit": "0.00", "email_verified": True,
}  # fmt: skip


class PlainWhmcs:
    """One customer with two orders; `calls` holds every action with its fields."""

    def __init__(self, notes: dict[int, str]) -> None:
        self.calls: list[tuple[str, dict[str, str]]] = []
        self.lock = threading.Lock()
        self.orders = {order_id: self._order(order_id, text) for order_id, text in notes.items()}
        self.invoices = {2000 + i: self._invoice(2000 + i, "Paid", "49.00", "") for i in self.orders}

    @staticmethod
    def _order(order_id: int, notes: str) -> dict[str, Any]:
        line = {
            "type": "product", "relid": 1000 + order_id, "producttype": "Hosting Account", "product": "Web - Starter",
            "domain": "ada.example", "billingcycle": "Monthly", "amount": "49.00", "status": "Pending",
        }  # fmt: skip
        return {
            "id": order_id, "ordernum": 4471920385 + order_id, "userid": 93, "contactid": 0, "requestor_id": 140,
            "admin_requestor_id": 0, "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S"), "promocode": "",
            "amount": "49.00", "paymentmethod": "stripe", "invoiceid": 2000 + order_id, "status": "Pending",
            "ipaddress": "203.0.113.9", "fraudmodule": "", "fraudoutput": "", "notes": notes,
            "paymentstatus": "Paid", "currencyprefix": "$", "currencysuffix": "USD",
            "lineitems": {"lineitem": [line]},
        }  # fmt: skip

    @staticmethod
    def _invoice(invoice_id: int, status: str, total: str, notes: str) -> dict[str, Any]:
        paid = {"transaction": [{"id": 1, "transid": "t", "amountin": total, "amountout": "0.00"}]}
        return {
            "invoiceid": str(invoice_id), "id": invoice_id, "userid": "93", "date": "2026-08-14", "status": status,
            "datepaid": "2026-08-14 09:13:00" if status == "Paid" else "0000-00-00 00:00:00", "total": total,
            "subtotal": total, "credit": "0.00", "balance": "0.00" if status == "Paid" else total, "notes": notes,
            "items": {"item": [{"id": 1, "type": "Hosting", "relid": 1, "description": "x", "amount": total}]},
            "transactions": paid if status == "Paid" else "",
        }  # fmt: skip

    def answer(self, action: str, fields: dict[str, str]) -> dict[str, Any]:
        with self.lock:
            self.calls.append((action, fields))
            return {"result": "success", **self._reply(action, fields)}

    def _reply(self, action: str, fields: dict[str, str]) -> dict[str, Any]:
        match action:
            case "GetAdminDetails":
                return {
                    "adminid": 9,
                    "requesttime": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S"),
                    "whmcs": {"version": "9.0.1"},
                }
            case "GetOrders":
                found = [self.orders[int(fields["id"])]] if int(fields.get("id", 0)) in self.orders else []
                return {
                    "totalresults": len(found),
                    "numreturned": len(found),
                    "orders": {"order": found} if found else "",
                }
            case "GetClientsDetails":
                stats = {
                    "numoverdueinvoices": 0,
                    "productsnumactive": 1,
                    "productsnumtotal": 2,
                    "numtickets": 0,
                    "income": "$120.00 USD",
                }
                return {"client": CLIENT, **CLIENT, "stats": stats}
            case "GetClients":
                row = {key: CLIENT[key] for key in ("id", "firstname", "lastname", "email", "status")}
                return {
                    "totalresults": 1,
                    "numreturned": 1,
                    "clients": {"client": [{**row, "datecreated": "2020-01-05"}]},
                }
            case "GetClientsProducts":
                return {
                    "totalresults": 1,
                    "numreturned": 1,
                    "products": {"product": [self._service(int(fields["serviceid"]))]},
                }
            case "GetInvoice":
                return self.invoices[int(fields["invoiceid"])]
            case "GetInvoices":
                ours = [row for row in self.invoices.values() if row["notes"]]
                page = ours if fields.get("limitstart", "0") == "0" else []
                return {
                    "totalresults": len(ours),
                    "numreturned": len(page),
                    "invoices": {"invoice": page} if page else "",
                }
            case "GetProducts":
                price = {
                    "USD": {
                        "prefix": "$",
                        "suffix": " USD",
                        "msetupfee": "0.00",
                        "monthly": "49.00",
                        "annually": "-1.00",
                    }
                }
                row = {
                    "pid": "7",
                    "gid": "2",
                    "type": "hostingaccount",
                    "name": "Starter",
                    "module": "cpanel",
                    "paytype": "recurring",
                    "pricing": price,
                }
                return {"totalresults": 1, "products": {"product": [row]}}
            case "AcceptOrder":
                self.orders[int(fields["orderid"])]["status"] = "Active"
                return {}
            case "CreateInvoice":
                self.invoices[9001] = self._invoice(9001, "Unpaid", fields["itemamount1"], fields["notes"])
                return {"invoiceid": "9001", "status": "Unpaid"}
            case _:
                return {"totalresults": 0, "numreturned": 0}

    def _service(self, service_id: int) -> dict[str, Any]:
        return {
            "id": service_id, "clientid": 93, "orderid": service_id - 1000, "pid": 7, "regdate": "2026-08-14",
            "name": "Starter", "groupname": "Web", "domain": "ada.example", "firstpaymentamount": "49.00",
            "recurringamount": "49.00", "billingcycle": "Monthly", "status": "Pending", "password": "hunter2",
            "customfields": {"customfield": []}, "configoptions": {"configoption": []},
        }  # fmt: skip


@contextmanager
def serving(panel: PlainWhmcs) -> Iterator[str]:
    """Serve it on a free port of the loopback address; yields the base address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            fields = dict(parse_qsl(body, keep_blank_values=True))
            known = fields.pop("identifier", ""), fields.pop("secret", "")
            action = fields.pop("action", "")
            if known != ("plain-identifier", "plain-secret") or self.path != "/billing/includes/api.php":
                self._send(403, {"result": "error", "message": "Invalid or missing credentials"})
                return
            self._send(200, panel.answer(action, fields))

        def _send(self, status: int, answer: dict[str, Any]) -> None:
            payload = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/billing"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
