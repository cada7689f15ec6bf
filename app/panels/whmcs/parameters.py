"""Typed actions → WHMCS actions with their exact parameters, and their answers → results. Pure.

The parameters are those of the WHMCS API reference. A parameter that WHMCS would fill with a default is always sent.
"""

from __future__ import annotations

import html
from base64 import b64encode
from typing import Any, Final

import phpserialize

from app.core.actions import (
    AcceptOrder,
    AddClientNote,
    AddCredit,
    CancelInvoice,
    CancelOrder,
    CreateInvoice,
    CreateQuote,
    FraudOrder,
    NotifyStaff,
    OpenTicket,
    PanelAction,
    PendingOrder,
    ReplyTicket,
    SendEmail,
)
from app.core.statuses import PanelOrderStatus
from app.panels.base import PanelOutcomeUnknown
from app.panels.whmcs import amounts, wire

Call = tuple[str, dict[str, Any]]

#: The name of our alerts in the provider's notification rules.
NOTIFICATION: Final = "doorman"
#: The General Settings date formats (configuration value ``DateFormat``) → their `strftime` formats.
DATE_FORMATS: Final = {
    "DD/MM/YYYY": "%d/%m/%Y",
    "DD.MM.YYYY": "%d.%m.%Y",
    "DD-MM-YYYY": "%d-%m-%Y",
    "MM/DD/YYYY": "%m/%d/%Y",
    "YYYY/MM/DD": "%Y/%m/%d",
    "YYYY-MM-DD": "%Y-%m-%d",
}
#: An order's status after each action succeeded.
STATUS_AFTER: Final = {
    AcceptOrder: PanelOrderStatus.ACTIVE.value,
    PendingOrder: PanelOrderStatus.PENDING.value,
    CancelOrder: PanelOrderStatus.CANCELLED.value,
    FraudOrder: PanelOrderStatus.FRAUD.value,
}


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
        case CreateQuote():
            return "CreateQuote", _quote(action)
        case OpenTicket():
            return "OpenTicket", _ticket(action)
        case ReplyTicket():
            return "AddTicketReply", {
                "ticketid": action.ticket_id,
                "message": _signed(action.message, action.reference),
                "adminusername": action.signed,
            }
        case _:
            return _courtesy_call(action)


def _courtesy_call(action: PanelAction) -> Call:
    match action:
        case SendEmail():
            return "SendEmail", {
                "customtype": "general",
                "customsubject": action.subject,
                "custommessage": action.message,
                "id": action.customer_id,
            }
        case AddClientNote():
            return "AddClientNote", {"userid": action.customer_id, "notes": action.notes, "sticky": False}
        case NotifyStaff():
            return "TriggerNotificationEvent", {
                "notification_identifier": NOTIFICATION,
                "title": action.title,
                "message": action.message,
                "url": action.url or None,
            }
        case _:
            raise TypeError(f"WHMCS has no call for {type(action).__name__}")


def admin_mail(action: NotifyStaff) -> Call:
    """Return the call that notifies staff by e-mail; its message is HTML."""
    lines = [html.escape(line) for line in action.message.splitlines()]
    if action.url:
        address = html.escape(action.url)
        lines.append(f'<a href="{address}">{address}</a>')
    return "SendAdminEmail", {"customsubject": action.title, "custommessage": "<br>\n".join(lines), "type": "system"}


def _marked(reference: str) -> str:
    return f"Ref: {reference}"


def _signed(message: str, reference: str) -> str:
    return f"{message}\n\n{_marked(reference)}"


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


def _quote(action: CreateQuote) -> dict[str, Any]:
    """`validuntil` is copied from the action: the caller rewrites it in the panel's date format."""
    line = {
        "desc": f"{action.description} ({_marked(action.reference)})",
        "qty": 1,
        "up": action.amount,
        "discount": "0.00",
        "taxable": action.taxed,
    }
    return {
        "userid": action.customer_id,
        "subject": action.subject,
        "stage": "Draft",
        "validuntil": action.valid_until,
        "lineitems": serialized([line]),
        "customernotes": action.notes,
        "adminnotes": _marked(action.reference),
    }


def serialized(value: Any) -> str:
    """Return PHP's ``base64(serialize(array))``, the form in which WHMCS takes nested parameters."""
    return b64encode(phpserialize.dumps(value)).decode("ascii")


def _ticket(action: OpenTicket) -> dict[str, Any]:
    """WHMCS honours ``admin`` only for a named local admin; over the API the customer usually counts as the opener."""
    return {
        "clientid": action.customer_id,
        "deptid": action.department_id,
        "subject": action.subject,
        "message": _signed(action.message, action.reference),
        "priority": "Medium",
        "admin": True,
    }


def result_of(action: PanelAction, answer: wire.Row) -> dict[str, Any]:
    """Return what the panel created.

    Raises PanelOutcomeUnknown (complete) if it reports *success* without naming what it created.
    """
    match action:
        case AcceptOrder() | PendingOrder() | CancelOrder() | FraudOrder():
            return {"order_id": action.order_id, "status": STATUS_AFTER[type(action)]}
        case CreateInvoice():
            status = wire.text(answer.get("status")).strip() or "Unpaid"
            return {"invoice_id": _made(answer, "invoiceid"), "status": status, "total": None, "balance": None}
        case AddCredit():
            return {"credit_id": None, "balance": amounts.as_text(answer.get("newbalance"))}
        case CreateQuote():
            return {"quote_id": _made(answer, "quoteid"), "stage": "Draft", "total": None, "valid_until": None}
        case ReplyTicket():
            return {"ticket_id": action.ticket_id, "reply_id": None}
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
