"""The actions that change something in a panel: their parameters, and how to handle a lost answer of each."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, ClassVar

from app.core.records import CallClass


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
    """A change to make in the panel. Subclasses hold the parameters; class attributes describe the behaviour."""

    action: ClassVar[Action]
    call_class: ClassVar[CallClass]
    money: ClassVar[bool] = False
    lifecycle: ClassVar[bool] = False

    def to_params(self) -> dict[str, Any]:
        """Write the parameters for the outbox."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptOrder(PanelAction):
    """Accept a Pending order; the panel does not check payment."""

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
    """Create an unpaid invoice with one line; notes and line contain `reference`."""

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
    """Cancel an unpaid invoice of ours; a paid one is not touched (refused, code ``invoice-paid``)."""

    action = Action.CANCEL_INVOICE
    call_class = CallClass.GUARDED
    money = True
    customer_id: int
    invoice_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AddCredit(PanelAction):
    """Add to a customer's credit balance; the description contains `reference`."""

    action = Action.ADD_CREDIT
    call_class = CallClass.FINDABLE
    money = True
    customer_id: int
    reference: str
    description: str
    amount: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateQuote(PanelAction):
    """Draft a quote with one line; staff notes and line contain `reference`. Nothing is sent to the customer yet."""

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
    """Open a ticket for the customer; the message ends with `reference`."""

    action = Action.OPEN_TICKET
    call_class = CallClass.FINDABLE
    customer_id: int
    reference: str
    department_id: int
    subject: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyTicket(PanelAction):
    """Reply to a ticket as staff; the message ends with `reference`."""

    action = Action.REPLY_TICKET
    call_class = CallClass.FINDABLE
    ticket_id: int
    reference: str
    message: str
    signed: str  # the name that the customer sees


@dataclass(frozen=True, slots=True, kw_only=True)
class SendEmail(PanelAction):
    """Send an e-mail to a customer; can't be looked up, so it is sent at most once. `message` is HTML."""

    action = Action.SEND_EMAIL
    call_class = CallClass.COURTESY
    customer_id: int
    subject: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddClientNote(PanelAction):
    """Add a note for staff to the customer; sent at most once."""

    action = Action.ADD_CLIENT_NOTE
    call_class = CallClass.COURTESY
    customer_id: int
    notes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyStaff(PanelAction):
    """Notify staff by the panel's own notifications, else by its mail to admins; at most once. Plain text."""

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
    """Rebuild an action from its outbox row; parameters of a later version are ignored."""
    kind = _ACTIONS[Action(action)]
    names = {item.name for item in fields(kind)}
    return kind(**{name: value for name, value in params.items() if name in names})
