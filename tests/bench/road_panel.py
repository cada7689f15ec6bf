# ruff: noqa: T201
"""The panel of the benches of whole orders: ``road_panel.py CUSTOMERS`` prints its port and answers like WHMCS.

Each customer has one order, Pending and Paid, and nothing in common with another that would count as a sign of fraud.
With ``--one-customer N``, so many more orders from `ONE` on are by a single customer; with ``--slow SECONDS``, each
answer takes so long. The answers are made beforehand, so that the panel costs the machine little. ``POST /begin``
places all orders anew, now; ``POST /seen`` tells what was called since then, ``POST /accepted`` which order when.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import socket
import time
from collections import Counter
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

import uvicorn

#: The field that names the object of a call; a call without it gets an empty answer.
NAMED_BY = {
    "GetOrders": "id", "GetClientsDetails": "clientid", "GetClients": "search", "GetClientsProducts": "serviceid",
    "GetInvoice": "invoiceid", "GetPayMethods": "clientid", "AcceptOrder": "orderid",
}  # fmt: skip


#: Orders from this number on are by one customer.
ONE = 90_001


def _some(number: int, what: str) -> int:
    """Return a number that differs from customer to customer and says nothing of its neighbours."""
    return int.from_bytes(sha256(f"{what} {number}".encode()).digest()[:6], "big")


def customer_id(number: int) -> int:
    """Return the client id of the order with this number."""
    return 100_000 + (number if number < ONE else 0)


def invoice_id(number: int) -> int:
    """Return the invoice of the order with this number."""
    return 200_000 + number


def ip_of(number: int) -> str:
    """Return a public address of its own."""
    return (
        f"{11 + number // 250 % 80}.{number % 250 + 1}.{_some(number, 'net') % 250}.{_some(number, 'host') % 250 + 1}"
    )


def postcode(number: int) -> str:
    """Return the postcode of the customer of this order."""
    return f"{_some(number, 'post') % 90_000 + 10_000}"


def names(number: int) -> dict[str, str]:
    """Return what each action calls the objects of the order with this number."""
    service, client = str(300_000 + number), str(customer_id(number))
    email = f"{_some(number, 'mailbox'):x}@{_some(number, 'domain'):x}.example.com"
    return {
        "GetOrders": str(number), "AcceptOrder": str(number), "GetClientsDetails": client, "GetPayMethods": client,
        "GetClients": email, "GetClientsProducts": service, "GetInvoice": str(invoice_id(number)),
    }  # fmt: skip


def _packed(answer: dict[str, Any]) -> bytes:
    return json.dumps({"result": "success", **answer}).encode()


def _listed(outer: str, inner: str, row: dict[str, Any]) -> bytes:
    return _packed({"totalresults": 1, "startnumber": 0, "numreturned": 1, outer: {inner: [row]}})


def _order(number: int, status: str, placed: str) -> bytes:
    line = {
        "type": "product", "relid": int(names(number)["GetClientsProducts"]), "producttype": "Hosting Account",
        "product": "Web - Starter", "domain": f"{_some(number, 'domain'):x}.example.com", "billingcycle": "Monthly",
        "amount": "$49.00 USD", "status": status,
    }  # fmt: skip
    row = {
        "id": number, "ordernum": 4471920385 + number, "userid": customer_id(number), "contactid": 0,
        "requestor_id": customer_id(number), "admin_requestor_id": 0, "date": placed, "nameservers": "",
        "transfersecret": "", "renewals": "", "promocode": "", "promotype": "", "promovalue": "", "orderdata": "[]",
        "amount": "49.00", "paymentmethod": "stripe", "invoiceid": invoice_id(number), "status": status,
        "ipaddress": ip_of(number), "fraudmodule": "", "fraudoutput": "", "notes": "", "paymentmethodname": "Card",
        "paymentstatus": "Paid", "name": f"Ada Byron{number}", "currencyprefix": "$", "currencysuffix": " USD",
        "frauddata": "", "validationdata": "", "lineitems": {"lineitem": [line]},
    }  # fmt: skip
    return _listed("orders", "order", row)


def _client(number: int) -> bytes:
    client = {
        "id": customer_id(number), "client_id": customer_id(number), "userid": customer_id(number),
        "firstname": "Ada", "lastname": f"Byron{number}", "companyname": "", "email": names(number)["GetClients"],
        "address1": f"{_some(number, 'house') % 900 + 1} {_some(number, 'street'):x} Row", "address2": "",
        "city": f"{_some(number, 'city'):x}", "state": "", "postcode": postcode(number),
        "country": "GB", "countrycode": "GB", "phonecc": 44,
        "phonenumber": f"+44.20{_some(number, 'phone') % 90_000_000 + 10_000_000}", "currency": 1,
        "currency_code": "USD", "groupid": 0, "status": "Active", "credit": "0.00", "email_verified": True,
        "customfields": [], "notes": "", "language": "", "lastlogin": "No Login Logged",
    }  # fmt: skip
    stats = {
        "numoverdueinvoices": 0, "numcollectionsinvoices": 0, "numpaidinvoices": 4, "productsnumactive": 1,
        "productsnumtotal": 2, "numtickets": 0, "income": "$120.00 USD",
    }  # fmt: skip
    return _packed({"client": client, **client, "stats": stats})


def _service(number: int, status: str, placed: str) -> bytes:
    row = {
        "id": int(names(number)["GetClientsProducts"]), "clientid": customer_id(number), "orderid": number, "pid": 7,
        "regdate": placed[:10], "name": "Starter", "translated_name": "Starter", "groupname": "Web",
        "domain": f"{_some(number, 'domain'):x}.example.com", "firstpaymentamount": "49.00",
        "recurringamount": "49.00", "billingcycle": "Monthly", "nextduedate": placed[:10], "status": status,
        "username": "ada", "password": "hunter2", "customfields": {"customfield": []},
        "configoptions": {"configoption": []},
    }  # fmt: skip
    return _listed("products", "product", row)


def _invoice(number: int, placed: str) -> bytes:
    line = {
        "id": number, "type": "Hosting", "relid": int(names(number)["GetClientsProducts"]), "description": "Starter",
        "amount": "49.00", "taxed": 0,
    }  # fmt: skip
    payment = {
        "id": number, "transid": f"ch_{number}", "amountin": "49.00", "amountout": "0.00", "gateway": "stripe",
        "date": placed, "fees": "0.00",
    }  # fmt: skip
    return _packed({
        "invoiceid": str(invoice_id(number)), "id": invoice_id(number), "invoicenum": "",
        "userid": str(customer_id(number)), "date": placed[:10], "duedate": placed[:10], "datepaid": placed,
        "subtotal": "49.00", "credit": "0.00", "tax": "0.00", "tax2": "0.00", "total": "49.00", "balance": "0.00",
        "status": "Paid", "paymentmethod": "stripe", "notes": "", "items": {"item": [line]},
        "transactions": {"transaction": [payment]},
    })  # fmt: skip


def _card(number: int) -> bytes:
    row = {
        "id": number, "type": "RemoteCreditCard", "description": "", "gateway_name": "stripe", "contact_type": "Client",
        "contact_id": customer_id(number), "card_last_four": f"{_some(number, 'card') % 10_000:04}",
        "expiry_date": f"{number % 12 + 1:02}/{30 + number % 9}", "card_type": "Visa",
        "remote_token": f"pm_{_some(number, 'token'):x}{_some(number, 'more of it'):x}",
    }  # fmt: skip
    return _packed({"clientid": customer_id(number), "paymethods": [row]})


def _head(number: int) -> bytes:
    row = {
        "id": customer_id(number), "firstname": "Ada", "lastname": f"Byron{number}", "companyname": "",
        "email": names(number)["GetClients"], "datecreated": "2020-01-05", "groupid": 0, "status": "Active",
    }  # fmt: skip
    return _listed("clients", "client", row)


def _catalogue() -> bytes:
    price = {"USD": {"prefix": "$", "suffix": " USD", "msetupfee": "0.00", "monthly": "49.00", "annually": "-1.00"}}
    row = {
        "pid": "7", "gid": "2", "type": "hostingaccount", "name": "Starter", "module": "cpanel", "paytype": "recurring",
        "pricing": price,
    }  # fmt: skip
    return _packed({"totalresults": 1, "products": {"product": [row]}})


class Panel:
    """Answers, and counts what was asked."""

    def __init__(self, numbers: list[int], *, slow: float) -> None:
        self._numbers = numbers
        self._slow = slow
        self._empty = {
            "GetOrders": _packed({"totalresults": 0, "startnumber": 0, "numreturned": 0, "orders": ""}),
            "GetProducts": _catalogue(),
            "GetModuleQueue": _packed({"count": 0, "queue": []}),
        }
        self._begin()

    def _begin(self) -> None:
        self._placed = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        self._answers: dict[tuple[str, str], bytes] = {}
        self._calls: Counter[str] = Counter()
        self._active: dict[str, bool] = {}  # accepted orders, and whether they were read since
        self._accepted_at: dict[str, float] = {}
        for number in self._numbers:
            self._set_status(number, "Pending")
            made = {
                "GetClientsDetails": _client(number), "GetClients": _head(number), "GetPayMethods": _card(number),
                "GetInvoice": _invoice(number, self._placed), "AcceptOrder": _packed({}),
            }  # fmt: skip
            self._answers |= {(action, names(number)[action]): answer for action, answer in made.items()}

    def _set_status(self, number: int, status: str) -> None:
        named = names(number)
        self._answers["GetOrders", named["GetOrders"]] = _order(number, status, self._placed)
        self._answers["GetClientsProducts", named["GetClientsProducts"]] = _service(number, status, self._placed)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        said = self._told(scope["path"])
        if said is None:
            said = self._answer(dict(parse_qsl(body.decode("ascii"))))
            if self._slow:
                await asyncio.sleep(self._slow)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(said))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": said})

    def _told(self, path: str) -> bytes | None:
        if path not in {"/begin", "/seen", "/accepted"}:
            return None
        if path == "/accepted":
            return json.dumps(self._accepted_at).encode()
        if path == "/begin":
            self._begin()
        last = max(self._accepted_at.values(), default=0.0)
        seen = {
            "calls": self._calls, "accepted": len(self._active), "accepted_at": last,
            "read_back": sum(self._active.values()),
        }  # fmt: skip
        return json.dumps(seen).encode()

    def _answer(self, fields: dict[str, str]) -> bytes:
        action = fields["action"]
        self._calls[action] += 1
        name = fields.get(NAMED_BY.get(action, ""), "")
        if action == "AcceptOrder":
            number = int(name)
            self._set_status(number, "Active")
            self._active.setdefault(name, False)
            self._accepted_at[name] = time.monotonic()
        elif action == "GetOrders" and name in self._active:
            self._active[name] = True
        elif action == "GetAdminDetails":
            now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
            return _packed({"adminid": 9, "requesttime": now, "whmcs": {"version": "9.0.1"}})
        found = self._answers.get((action, name)) or self._empty.get(action)
        return found or _packed({"totalresults": 0, "numreturned": 0})


def main() -> None:
    """Serve it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("customers", type=int)
    parser.add_argument("--one-customer", type=int, default=0)
    parser.add_argument("--slow", type=float, default=0.0)
    options = parser.parse_args()
    numbers = [*range(1, 1 + options.customers), *range(ONE, ONE + options.one_customer)]
    panel = Panel(numbers, slow=options.slow)
    gc.collect()
    gc.freeze()
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        print(listener.getsockname()[1], flush=True)
        config = uvicorn.Config(
            panel, loop="uvloop", http="httptools", lifespan="off", access_log=False, log_level="warning"
        )
        asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))


if __name__ == "__main__":
    main()
