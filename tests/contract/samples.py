"""Realistic answers of WHMCS with its quirks, and matching actions."""

from typing import Any

from app.core.actions import AddCredit, CancelInvoice, CreateInvoice

CLIENT: dict[str, Any] = {
    "id": 93,
    "client_id": 93,
    "userid": 93,
    "firstname": "Zo&euml;",
    "lastname": "O&#039;Hara",
    "companyname": "A &amp; B",
    "email": "zoe@example.com",
    "email_verified": True,
    "address1": "1 High St",
    "address2": "",
    "city": "Bath",
    "state": "SOM",
    "fullstate": "Somerset",
    "postcode": "BA1",
    "country": "GB",
    "countrycode": "GB",
    "phonecc": 44,
    "phonenumber": "1225123456",
    "phonenumberformatted": "+44.1225123456",
    "currency": "2",
    "currency_code": "GBP",
    "groupid": "0",
    "status": "Active",
    "credit": "1,012.50",
    "lastlogin": "Date: x<br>IP Address: 1.2.3.4<br>Host: h",
    "customfields": [{"id": 3, "value": "VAT &lt;1&gt;"}, {"id": 4, "value": ""}],
}
STATS: dict[str, Any] = {
    "numoverdueinvoices": "1",
    "numpaidinvoices": 12,
    "productsnumactive": 2,
    "isAffiliate": False,
    "income": "&pound;1,200.00",
    "grossRevenue": "£1,300.00",
    "paidinvoicesamount": "£1,300.00",
    "incredit": "1",
    "creditbalance": "£1.00",
}
ORDER: dict[str, Any] = {
    "id": "812",
    "ordernum": 4471920385,
    "userid": "93",
    "contactid": 0,
    "requestor_id": "140",
    "admin_requestor_id": 0,
    "date": "2026-08-14 09:12:44",
    "renewals": "",
    "renewalsByType": {"domains": [], "services": [], "addons": []},
    "promocode": "",
    "amount": "49.00",
    "paymentmethod": "stripe",
    "invoiceid": 2210,
    "status": "Pending",
    "ipaddress": "203.0.113.9",
    "fraudmodule": "maxmind",
    "fraudoutput": '{"riskScore":"12"}',
    "frauddata": "",
    "notes": "please install Ubuntu &amp; stuff",
    "currencyprefix": "$",
    "currencysuffix": "USD",
    "lineitems": {
        "lineitem": [
            {
                "type": "product",
                "relid": 1402,
                "producttype": "Server/VPS",
                "product": "Servers - Big",
                "domain": "h.example",
                "billingcycle": "Semi-Annually",
                "amount": "$49.00 USD",
                "status": "Pending",
            },
        ]
    },
}
INVOICE: dict[str, Any] = {
    "invoiceid": 2210,
    "invoicenum": "",
    "userid": 93,
    "date": "2026-08-14",
    "duedate": "2026-08-28",
    "datepaid": "2026-08-14 09:20:00",
    "subtotal": "49.00",
    "credit": "0.00",
    "total": "49.00",
    "balance": "0.00",
    "status": "Paid",
    "paymentmethod": "stripe",
    "notes": "a &amp; b",
    "items": {
        "item": [{"id": 1, "type": "Hosting", "relid": 1402, "description": "Big &quot;x&quot;", "amount": "49.00"}]
    },
    "transactions": {
        "transaction": {"id": 1, "transid": "ch_1", "amountin": "49.00", "amountout": "0.00", "refundid": 0}
    },
}
TICKET: dict[str, Any] = {
    "id": "5",
    "ticketid": "5",
    "tid": "516757",
    "deptid": "1",
    "userid": "93",
    "name": "Zoe",
    "email": "zoe@example.com",
    "requestor_type": "Owner",
    "date": "2026-08-14 06:26:29",
    "subject": "Install &amp; go",
    "status": "Open",
    "admin": "",
    "replies": {
        "reply": [
            {
                "replyid": "2",
                "message": "done",
                "admin": "Bob",
                "date": "2026-08-14 07:00:00",
                "requestor_type": "Operator",
            },
            {
                "replyid": "0",
                "message": "please &lt;b&gt;",
                "admin": "",
                "date": "2026-08-14 06:26:29",
                "requestor_type": "Owner",
            },
        ]
    },
}
SERVICE: dict[str, Any] = {
    "id": "1402",
    "clientid": "93",
    "orderid": "812",
    "pid": "7",
    "regdate": "2026-08-14",
    "name": "Big",
    "groupname": "Servers",
    "domain": "h.example",
    "status": "Pending",
    "billingcycle": "Monthly",
    "firstpaymentamount": "59.00",
    "recurringamount": "49.00",
    "username": "u",
    "password": "hunter2",
    "customfields": {"customfield": [{"id": "1", "name": "Hostname", "value": "h &amp; i"}]},
    "configoptions": {"configoption": [{"id": "9", "option": "OS", "type": "dropdown", "value": "Debian"}]},
}
PRODUCT: dict[str, Any] = {
    "pid": 7,
    "gid": "2",
    "type": "server",
    "name": "Big",
    "module": "",
    "paytype": "recurring",
    "pricing": {
        "USD": {
            "prefix": "$",
            "suffix": " USD",
            "msetupfee": "10.00",
            "monthly": "49.00",
            "quarterly": "-1.00",
            "semiannually": "280.00",
            "ssetupfee": "0.00",
        },
        "JPY": {"monthly": "7000.00", "annually": "-1.00"},
        "??": {"monthly": "1.00"},
        "EUR": "odd",
    },
    "customfields": {"customfield": [{"id": 1, "name": "Hostname"}]},
    "configoptions": {
        "configoption": [
            {
                "id": 4,
                "name": "OS|Operating System",
                "options": {"option": [{"id": 1, "name": "Debian 12"}, {"name": "Ubuntu"}]},
            },
            {"id": 5, "name": "", "options": ""},
        ]
    },
}
DETAILS: dict[str, Any] = {**CLIENT, "client": CLIENT, "stats": STATS}
ADMIN: dict[str, Any] = {"adminid": "9", "requesttime": "2026-08-14 17:31:04", "whmcs": {"version": "9.0.3"}}

REF = "doorman:fee:5e0c8f0e-6f1c-4a3e-9d53-2f6d4f9b1a77"
FEE = CreateInvoice(
    customer_id=93,
    reference=REF,
    description="One hour of work",
    notes="As agreed",
    amount="50.00",
    taxed=True,
    date="2026-08-14",
    due_date="2026-08-28",
    payment_method="banktransfer",
)


CANCEL = CancelInvoice(customer_id=93, invoice_id=2210)
OPEN: dict[str, Any] = INVOICE | {
    "status": "Unpaid",
    "datepaid": "0000-00-00 00:00:00",
    "balance": "49.00",
    "transactions": "",
}
CREDIT = AddCredit(customer_id=93, reference=REF, description="Thanks", amount="7.50")
