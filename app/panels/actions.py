"""The actions that change something in a panel: their parameters, and how each behaves when an answer is lost."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, ClassVar

from app.tables.outbox import CallClass


class Action(StrEnum):
    """The actions that change something in the panel."""

    ACCEPT_ORDER = "accept_order"
    PENDING_ORDER = "pending_order"
    CANCEL_ORDER = "cancel_order"
    FRAUD_ORDER = "fraud_order"
    CREATE_INVOICE = "create_invoice"
    CANCEL_INVOICE = "cancel_invoice"
    ADD_CREDIT = "add_credit"
    CREATE_QUOTE = "create_quote"
    OPEN_TICKET = "open_ticket"
    REPLY_TICKET = "reply_ticket"
    SEND_EMAIL = "send_email"
    ADD_CLIENT_NOTE = "add_client_note"
    NOTIFY_STAFF = "notify_staff"


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelAction:
    """One thing wanted of the panel. Subclasses are its parameters; class attributes say how it behaves."""

    action: ClassVar[Action]
    call_class: ClassVar[CallClass]
    money: ClassVar[bool] = False
    lifecycle: ClassVar[bool] = False

    def to_params(self) -> dict[str, Any]:
        """Write the parameters for the outbox."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptOrder(PanelAction):
    """Accept a Pending order; payment is not checked by the panel."""

    action = Action.ACCEPT_ORDER
    call_class = CallClass.GUARDED
    lifecycle = True
    order_id: int
    autosetup: bool
    sendemail: bool
    sendregistrar: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingOrder(PanelAction):
    """Set an order back to Pending."""

    action = Action.PENDING_ORDER
    call_class = CallClass.GUARDED
    lifecycle = True
    order_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder(PanelAction):
    """Cancel a Pending order."""

    action = Action.CANCEL_ORDER
    call_class = CallClass.GUARDED
    lifecycle = True
    order_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FraudOrder(PanelAction):
    """Mark an order as fraud."""

    action = Action.FRAUD_ORDER
    call_class = CallClass.GUARDED
    lifecycle = True
    order_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateInvoice(PanelAction):
    """Create one unpaid invoice with one line; `reference` stands in notes and line."""

    action = Action.CREATE_INVOICE
    call_class = CallClass.FINDABLE
    money = True
    customer_id: int
    reference: str
    description: str
    notes: str
    amount: str  # plain decimal in the customer's currency
    taxed: bool
    date: str  # YYYY-MM-DD, in the panel's zone
    due_date: str
    payment_method: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelInvoice(PanelAction):
    """Cancel an invoice of ours that nobody paid; a paid one is left alone (refused, code ``invoice-paid``)."""

    action = Action.CANCEL_INVOICE
    call_class = CallClass.GUARDED
    money = True
    customer_id: int
    invoice_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AddCredit(PanelAction):
    """Add to a customer's credit balance; `reference` stands in the description."""

    action = Action.ADD_CREDIT
    call_class = CallClass.FINDABLE
    money = True
    customer_id: int
    reference: str
    description: str
    amount: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateQuote(PanelAction):
    """Draft a quote with one line; `reference` stands in its notes for staff and in the line. Nobody is told yet."""

    action = Action.CREATE_QUOTE
    call_class = CallClass.FINDABLE
    money = True
    customer_id: int
    reference: str
    subject: str
    description: str
    notes: str  # for the customer
    amount: str  # net, plain decimal in the customer's currency
    taxed: bool
    valid_until: str  # YYYY-MM-DD, in the panel's zone


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTicket(PanelAction):
    """Open a ticket to the customer; `reference` stands at the end of the message."""

    action = Action.OPEN_TICKET
    call_class = CallClass.FINDABLE
    customer_id: int
    reference: str
    department_id: int
    subject: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyTicket(PanelAction):
    """Answer in a ticket as staff; `reference` stands at the end of the message."""

    action = Action.REPLY_TICKET
    call_class = CallClass.FINDABLE
    ticket_id: int
    reference: str
    message: str
    signed: str  # the name that the customer sees


@dataclass(frozen=True, slots=True, kw_only=True)
class SendEmail(PanelAction):
    """Mail a customer; can't be looked up, so it goes out at most once. `message` is HTML."""

    action = Action.SEND_EMAIL
    call_class = CallClass.COURTESY
    customer_id: int
    subject: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddClientNote(PanelAction):
    """Leave a note for staff at the customer; at most once."""

    action = Action.ADD_CLIENT_NOTE
    call_class = CallClass.COURTESY
    customer_id: int
    notes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyStaff(PanelAction):
    """Ring for staff by the panel's own notifications, else by its mail to admins; at most once. Plain text."""

    action = Action.NOTIFY_STAFF
    call_class = CallClass.COURTESY
    title: str
    message: str
    url: str  # where to look; may be empty


_ACTIONS: dict[Action, type[PanelAction]] = {
    kind.action: kind
    for kind in (
        AcceptOrder, PendingOrder, CancelOrder, FraudOrder, CreateInvoice, CancelInvoice, AddCredit,
        CreateQuote, OpenTicket, ReplyTicket, SendEmail, AddClientNote, NotifyStaff,
    )
}  # fmt: skip


def action_from_params(action: str, params: dict[str, Any]) -> PanelAction:
    """Rebuild an action from its outbox row; parameters of a later version are left out."""
    kind = _ACTIONS[Action(action)]
    names = {item.name for item in fields(kind)}
    return kind(**{name: value for name, value in params.items() if name in names})
