"""GetInvoice, GetInvoices → `PanelInvoice`; GetCredits → `PanelCredit`."""

from __future__ import annotations

from datetime import tzinfo

from app.panels.records import PanelCredit, PanelInvoice, PanelInvoiceItem, PanelTransaction
from app.panels.whmcs import amounts, wire
from app.panels.whmcs.mapping.statuses import invoice_status


def invoice(answer: wire.Row, *, currency: str | None, zone: tzinfo | None) -> PanelInvoice | None:
    """Return the invoice; None without an id. Raises AnswerError where lines or payments could be hidden."""
    invoice_id = wire.identifier(answer.get("invoiceid", answer.get("id")))
    if invoice_id is None:
        return None
    return PanelInvoice(
        invoice_id=invoice_id,
        customer_id=wire.identifier(answer.get("userid")),
        status=invoice_status(answer.get("status")),
        created_on=wire.day(answer.get("date")),
        due_on=wire.day(answer.get("duedate")),
        paid_at=wire.moment(answer.get("datepaid"), zone),
        subtotal=amounts.amount(answer.get("subtotal"), currency),
        credit=amounts.amount(answer.get("credit"), currency),
        total=amounts.amount(answer.get("total"), currency),
        balance=amounts.amount(answer.get("balance"), currency),
        currency=currency,
        payment_method=wire.text(answer.get("paymentmethod")).strip(),
        notes=wire.text(answer.get("notes")),
        items=tuple(_item(row, currency) for row in wire.as_list(answer.get("items"), "item", strict=True)),
        transactions=tuple(_transaction(row, currency) for row in payments(answer)),
        refunded_at=wire.moment(answer.get("date_refunded"), zone),
        cancelled_at=wire.moment(answer.get("date_cancelled"), zone),
    )


def credit(row: wire.Row, *, customer_id: int, currency: str | None) -> PanelCredit | None:
    """Return the credit of a row; None without an id."""
    credit_id = wire.identifier(row.get("id"))
    if credit_id is None:
        return None
    return PanelCredit(
        credit_id=credit_id,
        customer_id=customer_id,
        on=wire.day(row.get("date")),
        description=wire.text(row.get("description")),
        amount=amounts.amount(row.get("amount"), currency),
        invoice_id=wire.identifier(row.get("relid")),
    )


def payments(answer: wire.Row) -> list[wire.Row]:
    """Return the transactions of an invoice as WHMCS writes them."""
    return wire.as_list(answer.get("transactions"), "transaction", strict=True)


def money_moved(answer: wire.Row) -> bool:
    """True if the invoice was ever paid in part or full, by money or credit; an unreadable amount counts as paid."""
    for row in payments(answer):
        received = amounts.number(row.get("amountin"))
        if received is None or received > 0:
            return True
    credit = 0 if wire.missing(answer.get("credit")) else amounts.number(answer.get("credit"))
    if credit is None or credit > 0:
        return True
    total, balance = amounts.number(answer.get("total")), amounts.number(answer.get("balance"))
    return total is not None and balance is not None and balance < total


def _item(row: wire.Row, currency: str | None) -> PanelInvoiceItem:
    return PanelInvoiceItem(
        kind=wire.text(row.get("type")).strip(),
        relid=wire.identifier(row.get("relid")),
        description=wire.text(row.get("description")),
        amount=amounts.amount(row.get("amount"), currency),
    )


def _transaction(row: wire.Row, currency: str | None) -> PanelTransaction:
    return PanelTransaction(
        transaction_id=wire.text(row.get("transid")).strip(),
        amount_in=amounts.amount(row.get("amountin"), currency),
        amount_out=amounts.amount(row.get("amountout"), currency),
        refund_of=wire.identifier(row.get("refundid")) or 0,
    )
