"""The records read from a panel: plain data with decoded, untrusted texts.

They are msgspec structs, not dataclasses, because an import creates, stores, reloads and changes millions of them.
"""

from __future__ import annotations

from datetime import date, datetime

from msgspec import Struct

from app.core.facts import FraudCheck, PlacedBy
from app.core.money import Money


class PanelLine(Struct, frozen=True, kw_only=True):
    """One line of an order."""

    kind: str  # product, addon, domain, upgrade, renewal
    relid: int | None
    product_type: str
    product: str
    domain: str
    cycle: str  # as the panel writes it, lower case
    amount: Money | None
    status: str  # a PanelServiceStatus, or the panel's own word


class PanelOrder(Struct, frozen=True, kw_only=True):
    """An order as the panel lists it. Texts are decoded (HTML entities) and untrusted."""

    order_id: int
    order_number: str
    customer_id: int | None
    placed_by: PlacedBy  # STAFF also for programs that use a staff account
    staff_id: int | None  # the staff account that entered it
    placed_at: datetime | None
    amount: Money | None
    currency: str | None
    payment_method: str
    promo_code: str
    invoice_id: int | None
    status: str  # a PanelOrderStatus, or the panel's own word
    ip: str | None
    notes: str
    fraud_check: FraudCheck | None  # None if the panel checked nothing
    lines: tuple[PanelLine, ...]
    is_renewal: bool = False


class ListedOrder(Struct, frozen=True, kw_only=True):
    """An order in a list, which names the status of its invoice."""

    order: PanelOrder
    payment: str  # a PanelInvoiceStatus, or the panel's own word; empty without an invoice


class NewestOrders(Struct, frozen=True, kw_only=True):
    """The first pages of a list of orders.

    All orders of the list with this id or a higher one are here, except those that moved while the pages were read;
    None if the list has another order.
    """

    orders: tuple[ListedOrder, ...]
    complete_from: int | None


class UnpaidInvoices(Struct, frozen=True, kw_only=True):
    """The first pages of the list of unpaid invoices; `complete_from` as in `NewestOrders`."""

    ids: frozenset[int]
    complete_from: int | None


class PanelService(Struct, frozen=True, kw_only=True):
    """A service (or addon) of a customer, without its password."""

    service_id: int
    customer_id: int
    order_id: int | None
    product_id: int | None
    name: str
    group: str
    domain: str
    status: str  # a PanelServiceStatus, or the panel's own word
    cycle: str
    first_amount: Money | None
    recurring_amount: Money | None
    registered_on: date | None
    custom_fields: tuple[tuple[str, str], ...]
    options: tuple[tuple[str, str], ...]


class CustomerStats(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the panel counts for a customer today; None where it doesn't say."""

    active_services: int | None = None
    total_services: int | None = None
    paid_invoices: int | None = None
    overdue_invoices: int | None = None
    collections_invoices: int | None = None
    tickets: int | None = None


class PanelCustomer(Struct, frozen=True, kw_only=True):
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
    stats: CustomerStats
    revenue: Money | None
    custom_fields: tuple[tuple[str, str], ...]


class PanelPayMethod(Struct, frozen=True, kw_only=True):
    """A stored pay method, with what distinguishes it from others. The gateway's token never leaves the adapter."""

    gateway: str
    brand: str  # lower case: visa, mastercard …; empty if it is not a card
    last_four: str
    expires: str  # digits only: 0225
    token_digest: str | None  # SHA-256 of the gateway's token


class PanelInvoice(Struct, frozen=True, kw_only=True):
    """An invoice with its lines and payments."""

    invoice_id: int
    customer_id: int | None
    status: str  # a PanelInvoiceStatus, or the panel's own word
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
    refunded_at: datetime | None = None  # only set in lists, which have neither lines nor payments
    cancelled_at: datetime | None = None


class PanelInvoiceItem(Struct, frozen=True, kw_only=True):
    """A line of an invoice."""

    kind: str  # Hosting, Addon, Domain, Invoice (mass payment) …
    relid: int | None
    description: str
    amount: Money | None


class PanelTransaction(Struct, frozen=True, kw_only=True):
    """A payment or refund on an invoice."""

    transaction_id: str
    amount_in: Money | None
    amount_out: Money | None
    refund_of: int


class PanelProduct(Struct, frozen=True, kw_only=True):
    """A product of the catalogue; only offered cycles have a price."""

    product_id: int
    group_id: int | None
    kind: str  # hostingaccount, reselleraccount, server, other
    name: str
    module: str
    pay_type: str  # free, onetime, recurring
    prices: dict[str, dict[str, Money]]  # currency → cycle → price
    setup_fees: dict[str, dict[str, Money]]
    options: tuple[str, ...]  # names of all options and choices, lower case


class PanelReply(Struct, frozen=True, kw_only=True):
    """One message of a ticket; the opening message has id 0."""

    reply_id: int
    by_staff: bool
    at: datetime | None
    message: str


class PanelTicket(Struct, frozen=True, kw_only=True):
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


class PanelIdentity(Struct, frozen=True, kw_only=True):
    """Our admin account in the panel, and the panel's clock."""

    admin_id: int | None
    version: str
    clock: datetime | None  # the panel's local time, without a zone
    answered_at: datetime


class PanelQueueEntry(Struct, frozen=True, kw_only=True):
    """A failed module action that waits for staff; the panel does not retry it automatically."""

    entry_id: int
    kind: str  # service, domain, addon
    relid: int  # id of the service, domain or addon
    module: str
    action: str
    error: str
    attempted_at: datetime | None


class PanelCustomerHead(Struct, frozen=True, kw_only=True):
    """A customer as in the panel's list, which is the only source of the sign-up date."""

    customer_id: int
    first_name: str
    last_name: str
    company: str
    email: str
    group_id: int | None
    status: str
    signed_up_on: date | None


class PanelCredit(Struct, frozen=True, kw_only=True):
    """A change of a customer's credit; negative if credit was removed or used."""

    credit_id: int
    customer_id: int
    on: date | None
    description: str
    amount: Money | None
    invoice_id: int | None
