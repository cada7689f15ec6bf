"""Typed actions → WHMCS actions with their exact parameters, and their answers → results. Pure.

Sources: panel.md §2.5 (orders), §2.7 (invoices, credit), §2.8 (tickets), §2.9 (mail), §2.6 (client notes). Everything
that WHMCS would fill with a default of its own is sent.
"""

from __future__ import annotations

from typing import Any, Final

from app.panels.actions import (
    AcceptOrder,
    AddClientNote,
    AddCredit,
    CancelInvoice,
    CancelOrder,
    CreateInvoice,
    FraudOrder,
    OpenTicket,
    PanelAction,
    PendingOrder,
    SendEmail,
)
from app.panels.base import PanelOutcomeUnknown
from app.panels.whmcs import amounts, wire

Call = tuple[str, dict[str, Any]]

#: The status an order has after each action succeeded.
STATUS_AFTER: Final = {AcceptOrder: "Active", PendingOrder: "Pending", CancelOrder: "Cancelled", FraudOrder: "Fraud"}


def call_of(action: PanelAction) -> Call:
    """Return the WHMCS action and its parameters."""
    match action:
        case AcceptOrder():
            flags = {
                "autosetup": action.autosetup,
                "sendemail": action.sendemail,
                "sendregistrar": action.sendregistrar,
            }
            return "AcceptOrder", {"orderid": action.order_id, **flags}
        case PendingOrder():
            return "PendingOrder", {"orderid": action.order_id}
        case CancelOrder():
            return "CancelOrder", {"orderid": action.order_id}
        case FraudOrder():
            return "FraudOrder", {"orderid": action.order_id}
        case CancelInvoice():
            return "UpdateInvoice", {"invoiceid": action.invoice_id, "status": "Cancelled"}
        case _:
            return _creating_call(action)


def _creating_call(action: PanelAction) -> Call:
    match action:
        case CreateInvoice():
            return "CreateInvoice", _invoice(action)
        case AddCredit():
            return "AddCredit", {
                "clientid": action.customer_id,
                "description": f"{action.description} ({_marked(action.reference)})",
                "amount": action.amount,
                "type": "add",
            }
        case OpenTicket():
            return "OpenTicket", _ticket(action)
        case SendEmail():
            return "SendEmail", {
                "customtype": "general",
                "customsubject": action.subject,
                "custommessage": action.message,
                "id": action.customer_id,
            }
        case AddClientNote():
            return "AddClientNote", {"userid": action.customer_id, "notes": action.notes, "sticky": False}
        case _:
            raise TypeError(f"WHMCS has no call for {type(action).__name__}")


def _marked(reference: str) -> str:
    return f"Ref: {reference}"


def _invoice(action: CreateInvoice) -> dict[str, Any]:
    return {
        "userid": action.customer_id,
        "status": "Unpaid",
        "sendinvoice": True,
        "autoapplycredit": False,
        "paymentmethod": action.payment_method,
        "date": action.date,
        "duedate": action.due_date,
        "notes": f"{action.notes}\n{_marked(action.reference)}".lstrip(),
        "itemdescription1": f"{action.description} ({_marked(action.reference)})",
        "itemamount1": action.amount,
        "itemtaxed1": action.taxed,
    }


def _ticket(action: OpenTicket) -> dict[str, Any]:
    """WHMCS honours ``admin`` only for a named local admin; over the API the customer mostly counts as the opener."""
    return {
        "clientid": action.customer_id,
        "deptid": action.department_id,
        "subject": action.subject,
        "message": f"{action.message}\n\n{_marked(action.reference)}",
        "priority": "Medium",
        "admin": True,
    }


def result_of(action: PanelAction, answer: wire.Row) -> dict[str, Any]:
    """Return what the panel made.

    Raises PanelOutcomeUnknown (complete) when it says *success* without naming what it made.
    """
    match action:
        case AcceptOrder() | PendingOrder() | CancelOrder() | FraudOrder():
            return {"order_id": action.order_id, "status": STATUS_AFTER[type(action)]}
        case CreateInvoice():
            status = wire.text(answer.get("status")).strip() or "Unpaid"
            return {"invoice_id": _made(answer, "invoiceid"), "status": status, "total": None, "balance": None}
        case AddCredit():
            return {"credit_id": None, "balance": amounts.as_text(answer.get("newbalance"))}
        case OpenTicket():
            return {"ticket_id": _made(answer, "id"), "ticket_number": wire.text(answer.get("tid")).strip()}
        case AddClientNote():
            return {"note_id": wire.identifier(answer.get("noteid"))}
        case _:
            return {}


def _made(answer: wire.Row, key: str) -> int:
    made = wire.identifier(answer.get(key))
    if made is None:
        raise PanelOutcomeUnknown(f"the panel answered success without {key}", complete=True)
    return made
