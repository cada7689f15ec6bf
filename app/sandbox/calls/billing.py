"""API actions on invoices, payments and credit."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from app.sandbox import billing, clients
from app.sandbox.calls.table import read, write
from app.sandbox.context import API, BusinessError, Context
from app.sandbox.ledger import Invoice, Line, Transaction
from app.sandbox.models import money
from app.sandbox.wire import NO_TIME, FieldError, Fields, Rows, decimal, paged

OK: dict[str, Any] = {"result": "success"}
STATUSES = ("Draft", "Unpaid", "Paid", "Cancelled", "Refunded", "Collections", "Payment Pending")
IMMUTABLE = "Invoices cannot be modified after they have been issued"
_DECIMAL = re.compile(r"\d+(\.\d{1,2})?")


@read("GetInvoices")
async def get_invoices(ctx: Context, fields: Fields) -> Mapping[str, Any]:
    state = ctx.state
    if client_id := fields.number("userid"):
        found = [state.invoices[i] for i in state.invoices_of.get(client_id, [])]
    else:
        found = list(state.invoices.values())
    if status := fields.text("status"):
        today = ctx.today()
        found = [
            row
            for row in found
            if row.status == status or (status == "Overdue" and row.status == "Unpaid" and row.due < today)
        ]
    columns = {"invoicenumber": "number", "date": "date", "duedate": "due", "total": "total", "status": "status"}
    column = columns.get(fields.text("orderby"), "id")
    if fields.text("orderby") and (client_id or column != "id"):  # all are sorted by id
        found.sort(key=lambda row: getattr(row, column))
    if fields.text("order").lower() == "desc":
        found.reverse()
    page, counters = paged(found, fields)
    return {**OK, **counters, "invoices": Rows("invoice", [_row(ctx, invoice) for invoice in page])}


def _row(ctx: Context, invoice: Invoice) -> dict[str, Any]:
    client = ctx.state.clients[invoice.client_id]
    currency = ctx.state.currencies[client.currency]
    return {
        "id": invoice.id,
        "userid": invoice.client_id,
        "firstname": client.firstname,
        "lastname": client.lastname,
        "companyname": client.companyname,
        **_head(invoice),
        "last_capture_attempt": invoice.last_capture or NO_TIME,
        "date_refunded": invoice.refunded_at or NO_TIME,
        "date_cancelled": invoice.cancelled_at or NO_TIME,
        "paymethodid": None,
        "created_at": invoice.created_at,
        "updated_at": invoice.updated_at or invoice.created_at,
        "currencycode": client.currency,
        "currencyprefix": currency.prefix,
        "currencysuffix": currency.suffix,
    }


def _head(invoice: Invoice) -> dict[str, Any]:
    """The fields common to GetInvoices and GetInvoice."""
    return {
        "invoicenum": invoice.number,
        "date": invoice.date,
        "duedate": invoice.due,
        "datepaid": invoice.paid_at or NO_TIME,
        "subtotal": invoice.subtotal,
        "credit": invoice.credit,
        "tax": invoice.tax,
        "tax2": Decimal(0),
        "total": invoice.total,
        "taxrate": invoice.tax_rate,
        "taxrate2": Decimal(0),
        "status": invoice.status,
        "paymentmethod": invoice.payment_method,
        "notes": invoice.notes,
    }


@read("GetInvoice")
async def get_invoice(ctx: Context, fields: Fields) -> Mapping[str, Any]:
    invoice = billing.find(ctx, fields.number("invoiceid"))
    items = [
        {
            "id": line.id,
            "type": line.type,
            "relid": line.relid,
            "description": line.description,
            "amount": line.amount,
            "taxed": int(line.taxed),
        }
        for line in invoice.lines
    ]
    return {
        **OK,
        "invoiceid": invoice.id,
        "userid": invoice.client_id,
        **_head(invoice),
        "lastcaptureattempt": invoice.last_capture or NO_TIME,
        "balance": invoice.balance,
        "ccgateway": invoice.payment_method == "stripe",
        "items": Rows("item", items),
        "transactions": Rows("transaction", [_transaction(invoice, row) for row in invoice.transactions]),
    }


def _transaction(invoice: Invoice, row: Transaction) -> dict[str, Any]:
    return {
        "id": row.id,
        "userid": invoice.client_id,
        "currency": row.currency_id,
        "gateway": row.gateway,
        "date": row.at,
        "description": row.description,
        "amountin": row.amount_in,
        "fees": Decimal(0),
        "amountout": row.amount_out,
        "rate": "1.00000",
        "transid": row.transid,
        "invoiceid": row.invoice_id,
        "refundid": row.refund_id,
    }


def _lines(ctx: Context, fields: Fields) -> list[Line]:
    """`itemdescription1`, `itemamount1`, `itemtaxed1`, then 2: numeric suffixes, not brackets."""
    numbers = sorted(int(name[15:]) for name in fields.plain if re.fullmatch(r"itemdescription\d+", name))
    return [
        Line(
            id=next(ctx.state.next.line),
            type="",
            relid=0,
            description=fields.text(f"itemdescription{number}"),
            amount=money(fields.amount(f"itemamount{number}") or 0),
            taxed=bool(fields.flag(f"itemtaxed{number}")),
        )
        for number in numbers
    ]


@write("CreateInvoice")
async def create_invoice(ctx: Context, fields: Fields) -> Mapping[str, Any]:
    """Each call creates another invoice, linked to no order: paying it runs only `InvoicePaid`."""
    client = clients.find(ctx, fields.number("userid"))
    draft = bool(fields.flag("draft")) or fields.text("status") == "Draft"
    if draft and fields.flag("sendinvoice"):
        raise BusinessError("Cannot create and send a draft invoice in a single API request")
    invoice = billing.new_invoice(
        ctx,
        client,
        _lines(ctx, fields),
        gateway=fields.text("paymentmethod"),
        on=fields.day("date"),
        due=fields.day("duedate"),
        status="Draft" if draft else fields.text("status") or "Unpaid",
        notes=fields.text("notes"),
        tax_rate=fields.amount("taxrate"),
    )
    if fields.flag("sendinvoice"):
        ctx.mail(client.id, "Invoice Created", related_id=invoice.id)
    ctx.state.api_invoices_of[client.id].append(invoice.id)
    ctx.log(f"Created Invoice - Invoice ID: {invoice.id}", API, client_id=client.id)
    if fields.flag("autoapplycredit") and not draft:
        await billing.use_credit(ctx, invoice, API)
    paid = invoice.status == "Paid" and not ctx.behaviours.create_invoice_reports_paid
    return {**OK, "invoiceid": invoice.id, "status": "Unpaid" if paid else invoice.status}


@write("UpdateInvoice")
async def update_invoice(ctx: Context, fields: Fields) -> Mapping[str, Any]:
    """Set semantics, except for new lines; WHMCS 9 does not allow changes to issued invoices."""
    invoice = billing.find(ctx, fields.number("invoiceid"))
    status = fields.text("status")
    if status and status not in STATUSES:
        raise BusinessError(f"Invalid status {status}")
    _refuse_frozen(ctx, invoice, fields)
    _edit_head(invoice, fields)
    _edit_lines(ctx, invoice, fields)
    if fields.flag("publish") or fields.flag("publishandsendemail"):
        if invoice.status != "Draft":
            raise BusinessError("Invoice must be in Draft status to be published")
        invoice.status = "Unpaid"
        if fields.flag("publishandsendemail"):
            ctx.mail(invoice.client_id, "Invoice Created", related_id=invoice.id)
    if status == "Cancelled" and invoice.status != "Cancelled":
        await billing.cancel_invoice(ctx, invoice, API)
    elif status:
        invoice.status = status
    invoice.updated_at = ctx.now()
    return {**OK, "invoiceid": invoice.id}


def _refuse_frozen(ctx: Context, invoice: Invoice, fields: Fields) -> None:
    mode = ctx.behaviours.issued_invoices
    if invoice.status == "Draft" or mode == "editable":
        return
    line_fields = {"itemdescription", "itemamount", "newitemdescription", "newitemamount", "deletelineids"}
    changes = bool(line_fields & fields.arrays.keys()) or any(
        fields.has(name) for name in ("taxrate", "taxrate2", "credit", "date", "duedate")
    )
    if changes or mode == "frozen":
        raise BusinessError(IMMUTABLE)


def _edit_head(invoice: Invoice, fields: Fields) -> None:
    invoice.notes = fields.text("notes", invoice.notes)
    invoice.payment_method = fields.text("paymentmethod", invoice.payment_method)
    invoice.date = fields.day("date") or invoice.date
    invoice.due = fields.day("duedate") or invoice.due
    rate = fields.amount("taxrate")
    invoice.tax_rate = invoice.tax_rate if rate is None else rate


def _edit_lines(ctx: Context, invoice: Invoice, fields: Fields) -> None:
    gone = {int(line_id) for line_id in fields.array("deletelineids") if line_id.isdigit()}
    invoice.lines = [line for line in invoice.lines if line.id not in gone]
    descriptions, amounts = fields.arrays.get("itemdescription", {}), fields.arrays.get("itemamount", {})
    for line in invoice.lines:
        key = str(line.id)
        if key in descriptions:
            if key not in amounts:
                raise BusinessError("Missing Variables: itemamount")
            line.description, line.amount = descriptions[key], money(decimal(amounts[key], "itemamount"))
    for text, amount in zip(fields.array("newitemdescription"), fields.array("newitemamount"), strict=False):
        line_id = next(ctx.state.next.line)
        invoice.lines.append(
            Line(id=line_id, type="", relid=0, description=text, amount=money(decimal(amount, "newitemamount")))
        )


@write("AddCredit")
async def add_credit(ctx: Context, fields: Fields) -> Mapping[str, Any]:
    """The amount is always positive; `type=remove` subtracts it. Each call adds again."""
    kind = fields.text("type") or "add"
    if kind not in {"add", "remove"}:
        raise BusinessError("Type can only be add or remove")
    client = clients.find(ctx, fields.number("clientid"))
    if fields.number("adminid") and fields.number("adminid") not in ctx.state.admins:
        raise BusinessError("Admin ID Not Found")
    amount = fields.text("amount")
    if not amount:
        raise BusinessError("No Amount Provided")
    if not _DECIMAL.fullmatch(amount):
        raise BusinessError("Amount must be in decimal format: ### or ###.##")
    try:
        on = fields.day("date")
    except FieldError as error:
        raise BusinessError("Date Format is not Valid") from error
    signed = money(amount) if kind == "add" else -money(amount)
    billing.add_credit(ctx, client.id, signed, fields.text("description"), on=on)
    ctx.log(f"Added Credit - {fields.text('description')}", API, client_id=client.id)
    return {**OK, "newbalance": client.credit}


@read("GetCredits")
async def get_credits(ctx: Context, fields: Fields) -> Mapping[str, Any]:
    client = clients.find(ctx, fields.number("clientid"))
    rows = [
        {"id": row.id, "date": row.date, "description": row.description, "amount": row.amount, "relid": row.relid}
        for row in ctx.state.credits_of.get(client.id, [])
    ]
    return {**OK, "totalresults": len(rows), "clientid": client.id, "credits": Rows("credit", rows)}
