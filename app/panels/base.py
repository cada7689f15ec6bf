"""What Doorman needs of a billing panel: the things it reads, the actions it takes, and three kinds of failure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from app.core.money import Money
from app.tables.outbox import CallClass

# --- failures ---------------------------------------------------------------------------------------------------


class PanelError(Exception):
    """Something went wrong between us and the panel."""


class PanelRejected(PanelError):
    """The panel understood and refused; asking again changes nothing."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class PanelUnavailable(PanelError):
    """Surely not applied: refused connection, DNS, TLS, 429, failed authentication; try later.

    `retry_after` is in seconds where the panel named a time. `alarm` marks what will not heal by itself
    (credentials, permissions, IP list).
    """

    def __init__(self, message: str, *, retry_after: float | None = None, alarm: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.alarm = alarm


class PanelOutcomeUnknown(PanelError):
    """Bytes were sent and no clear answer came back.

    `complete` is true when PHP itself answered (a 500, an unreadable 200): what was not applied by then never will
    be. After time-outs, resets and proxy errors PHP goes on, and the effect may come later.
    """

    def __init__(self, message: str, *, complete: bool = False) -> None:
        super().__init__(message)
        self.complete = complete


# --- what can be read -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelLine:
    """One line of an order."""

    kind: str  # product, addon, domain, upgrade, renewal
    relid: int | None
    product_type: str
    product: str
    domain: str
    cycle: str  # as the panel writes it, lower case
    amount: Money | None
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelOrder:
    """An order as the panel lists it. Texts are decoded (HTML entities) and untrusted."""

    order_id: int
    order_number: str
    customer_id: int | None
    requestor_id: int
    admin_requestor_id: int
    placed_at: datetime | None
    amount: Money | None
    currency: str | None
    payment_method: str
    promo_code: str
    invoice_id: int | None
    status: str
    ip: str | None
    notes: str
    fraud_module: str
    fraud_output: str
    lines: tuple[PanelLine, ...]
    is_renewal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelService:
    """A service (or addon) of a customer, without its password."""

    service_id: int
    customer_id: int
    order_id: int | None
    product_id: int | None
    name: str
    group: str
    domain: str
    status: str
    cycle: str
    first_amount: Money | None
    recurring_amount: Money | None
    registered_on: date | None
    custom_fields: tuple[tuple[str, str], ...]
    options: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelCustomer:
    """A customer with the panel's own statistics. Personal data: never logged, never stored with facts."""

    customer_id: int
    status: str
    group_id: int | None
    first_name: str
    last_name: str
    company: str
    email: str
    email_verified: bool | None
    address: tuple[str, ...]  # street lines, city, state, postcode
    country: str | None
    phone: str  # +CC.NNN where the panel formats it
    phone_cc: str
    currency: str | None
    credit: Money | None
    stats: dict[str, int]  # the panel's counters by its own names: numoverdueinvoices, productsnumactive …
    revenue: Money | None
    custom_fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelInvoice:
    """An invoice with its lines and payments."""

    invoice_id: int
    customer_id: int | None
    status: str  # Draft, Unpaid, Paid, Cancelled, Refunded, Collections, Payment Pending
    created_on: date | None
    due_on: date | None
    paid_at: datetime | None
    subtotal: Money | None
    credit: Money | None
    total: Money | None
    balance: Money | None
    currency: str | None
    payment_method: str
    notes: str
    items: tuple[PanelInvoiceItem, ...]
    transactions: tuple[PanelTransaction, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelInvoiceItem:
    """A line of an invoice."""

    kind: str  # Hosting, Addon, Domain, Invoice (mass payment) …
    relid: int | None
    description: str
    amount: Money | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelTransaction:
    """A payment or refund on an invoice."""

    transaction_id: str
    amount_in: Money | None
    amount_out: Money | None
    refund_of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelProduct:
    """A product of the catalogue; only cycles that are offered have a price."""

    product_id: int
    group_id: int | None
    kind: str  # hostingaccount, reselleraccount, server, other
    name: str
    module: str
    pay_type: str  # free, onetime, recurring
    prices: dict[str, dict[str, Money]]  # currency → cycle → price
    setup_fees: dict[str, dict[str, Money]]
    options: tuple[str, ...]  # names of everything that can be chosen, lower case


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelReply:
    """One message of a ticket; the opening one has id 0."""

    reply_id: int
    by_staff: bool
    at: datetime | None
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelTicket:
    """A ticket; `replies` is empty in lists. `verified` means that a logged-in customer opened it."""

    ticket_id: int
    number: str
    customer_id: int | None
    email: str
    verified: bool
    department_id: int | None
    opened_at: datetime | None
    opened_by_staff: bool
    subject: str
    status: str
    replies: tuple[PanelReply, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelIdentity:
    """Who we are to the panel, and its clock."""

    admin_id: int | None
    version: str
    clock: datetime | None  # the panel's local time, without a zone
    answered_at: datetime


class PanelReader(Protocol):
    """Reads. Each raises PanelUnavailable when no trustworthy answer came; `urgent` goes first in the rate limit."""

    async def order(self, order_id: int, *, urgent: bool = False) -> PanelOrder | None: ...
    async def customer(self, customer_id: int, *, urgent: bool = False) -> PanelCustomer | None: ...
    async def signed_up_on(self, customer_id: int, email: str, *, urgent: bool = False) -> date | None: ...
    async def services(
        self, *, customer_id: int | None = None, service_id: int | None = None, urgent: bool = False
    ) -> tuple[PanelService, ...]: ...
    async def invoice(self, invoice_id: int, *, urgent: bool = False) -> PanelInvoice | None: ...
    async def customer_orders(self, customer_id: int, *, limit: int = 100) -> tuple[PanelOrder, ...]: ...
    async def catalogue(self, *, urgent: bool = False) -> tuple[PanelProduct, ...]: ...
    async def tickets(self, customer_id: int, *, limit: int = 50, urgent: bool = False) -> tuple[PanelTicket, ...]: ...
    async def ticket(self, ticket_id: int, *, urgent: bool = False) -> PanelTicket | None: ...
    async def identity(self) -> PanelIdentity: ...


# --- what can be done -------------------------------------------------------------------------------------------


class Action(StrEnum):
    """The actions that change something in the panel."""

    ACCEPT_ORDER = "accept_order"
    PENDING_ORDER = "pending_order"
    CANCEL_ORDER = "cancel_order"
    FRAUD_ORDER = "fraud_order"
    CREATE_INVOICE = "create_invoice"
    CANCEL_INVOICE = "cancel_invoice"
    ADD_CREDIT = "add_credit"
    OPEN_TICKET = "open_ticket"
    SEND_EMAIL = "send_email"
    ADD_CLIENT_NOTE = "add_client_note"


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


_ACTIONS: dict[Action, type[PanelAction]] = {
    kind.action: kind
    for kind in (
        AcceptOrder, PendingOrder, CancelOrder, FraudOrder, CreateInvoice,
        CancelInvoice, AddCredit, OpenTicket, SendEmail, AddClientNote,
    )
}  # fmt: skip


def action_from_params(action: str, params: dict[str, Any]) -> PanelAction:
    """Rebuild an action from its outbox row; parameters of a later version are left out."""
    kind = _ACTIONS[Action(action)]
    names = {item.name for item in fields(kind)}
    return kind(**{name: value for name, value in params.items() if name in names})


class Standing(StrEnum):
    """What a look-up says about a wanted action."""

    APPLIED = "applied"  # the effect is there
    ABSENT = "absent"  # it is not there, and the action is possible
    MOOT = "moot"  # it is not there and can't be any more (the order was deleted, the invoice paid …)


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUp:
    """The answer of a look-up; `result` as `perform` would have given it, `detail` for people."""

    standing: Standing
    result: dict[str, Any]
    detail: str = ""


class PanelWriter(Protocol):
    """Acts. Only the outbox calls it."""

    async def perform(self, action: PanelAction) -> dict[str, Any]:
        """Do it once. Raises PanelRejected, PanelUnavailable or PanelOutcomeUnknown.

        The result holds what the panel made: ``invoice_id``, ``ticket_id``, ``status``, ``balance`` …
        """
        ...

    async def look_up(self, action: PanelAction) -> LookUp:
        """Say whether the effect is there. Raises PanelUnavailable. Not for courtesy actions."""
        ...


class Panel(PanelReader, PanelWriter, Protocol):
    """A whole panel."""

    async def aclose(self) -> None: ...
