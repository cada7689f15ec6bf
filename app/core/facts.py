"""What the judgement sees: one frozen snapshot per order, stored with its decision so that it can be replayed.

Facts hold findings of texts (which term, where), never the texts. A value that could not be learned is ``None``
and its name stands in ``Facts.missing``: missing data is a reason, not a zero.
Money is in minor units of the order's currency unless a field says otherwise. Times are aware UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from app.core.reading.kinds import ExpectedUse
from app.core.reading.requests import TermFinding


class PlacedBy(StrEnum):
    """Who entered the order."""

    CUSTOMER = "customer"
    STAFF = "staff"
    STAFF_AS_CUSTOMER = "staff_as_customer"
    API = "api"
    UNKNOWN = "unknown"


class OrderKind(StrEnum):
    """What the order is for."""

    NEW = "new"
    ADDON = "addon"
    UPGRADE = "upgrade"
    RENEWAL = "renewal"
    DOMAIN = "domain"
    MIXED = "mixed"


class PaymentState(StrEnum):
    """How far the order's own invoice is paid."""

    NONE = "none"  # no invoice, nothing to pay
    UNPAID = "unpaid"
    PARTLY_PAID = "partly_paid"
    PENDING = "pending"  # the panel waits for the gateway to confirm
    PAID = "paid"
    REFUNDED = "refunded"
    CANCELLED = "cancelled"
    DISPUTED = "disputed"  # Collections: charged back or handed over
    UNKNOWN = "unknown"


class FraudVerdict(StrEnum):
    """What the panel's own fraud check said."""

    PASS = "pass"  # noqa: S105
    REVIEW = "review"
    FAIL = "fail"
    UNKNOWN = "unknown"


class ListKind(StrEnum):
    """Which of the provider's own lists an entry stands on."""

    ALLOW = "allow"
    BLOCK = "block"


class Agreement(StrEnum):
    """How what this order asks for came to be agreed."""

    NONE = "none"
    FEE_PAID = "fee_paid"
    FEE_WAIVED = "fee_waived"
    QUOTE_ACCEPTED = "quote_accepted"
    REQUEST_DROPPED = "request_dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of the order."""

    kind: str  # product, addon, domain, upgrade, renewal
    relid: int | None  # the panel's service, addon or domain id
    product_id: int | None = None
    product: str = ""
    group_id: int | None = None
    group: str = ""
    product_type: str = ""  # panel's word: hostingaccount, reselleraccount, server, other
    module: str | None = None  # provisioning module; "" where nothing builds it; None unknown
    cycle: str = ""  # lower case: monthly, quarterly, …, free, onetime
    first_amount: int | None = None
    recurring_amount: int | None = None
    list_first: int | None = None  # catalogue price of the first payment (set-up and options included where known)
    list_recurring: int | None = None
    listed: bool | None = None  # the catalogue has the product
    cycle_offered: bool | None = None
    price_override: bool | None = None
    service_status: str = ""
    domain_terms: tuple[TermFinding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FraudCheck:
    """The panel's fraud module's answer."""

    module: str  # maxmind, fraudlabs, fraudrecord, other
    verdict: FraudVerdict
    score: float | None  # 0-100 on the module's own scale, normalised to 0-100
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideReport:
    """What a service outside says about an order; evidence, never a verdict."""

    provider: str  # minfraud, fraudrecord; geoip: a database file of anonymisers
    degraded: bool = False  # asked, and no usable answer came in time: says nothing, and is named
    score: float | None = None  # 0-100 on the provider's own scale, normalised to 0-100
    reports: int | None = None  # FraudRecord: how many providers reported this person
    page: str | None = None  # FraudRecord: the code of the page that shows its reports to staff
    marks: tuple[str, ...] = ()  # stable words: anonymous_ip, vpn, hosting_ip, own_rule_reject, …


class Cut(StrEnum):
    """Why a person should read what was written."""

    TOO_LONG = "too_long"  # there is more of it than is read
    TOO_MANY = "too_many"  # there are more tickets than are read
    REQUEST_LEFT_OUT = "request_left_out"  # what was taken for another's words, or for mark-up, asks for work
    TERM_LEFT_OUT = "term_left_out"  # or holds a term of the policy


@dataclass(frozen=True, slots=True, kw_only=True)
class TextCut:
    """A place that was not read to its end, or not as the customer's own words."""

    where: str  # notes, custom_field, ticket, tickets, domain
    why: Cut


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """Other customers who share one identity with this one, as known before this order."""

    kind: str  # ip, phone, address, similar_address, email, payment
    customers: int
    bad_customers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerFacts:
    """The customer as the panel and our own history show them at this moment."""

    customer_id: int
    status: str = ""  # Active, Inactive, Closed
    group_id: int | None = None
    signed_up_at: datetime | None = None
    country: str | None = None  # ISO 3166-1 alpha-2
    phone_country: str | None = None
    ip_country: str | None = None
    email_domain: str | None = None
    email_disposable: bool | None = None
    email_verified: bool | None = None
    active_services: int | None = None
    total_services: int | None = None
    overdue_invoices: int | None = None  # our own fee invoices taken out
    collections_invoices: int | None = None
    paid_invoices: int | None = None
    revenue: int | None = None
    tickets_total: int | None = None
    tickets_recent: int | None = None  # last 14 days, caused by the customer, ours taken out
    earlier_orders: int = 0  # decided orders known to us, before this one
    earlier_manual_orders: int = 0
    earlier_effortless_orders: int = 0
    earlier_fraud_orders: int = 0
    chargebacks: int = 0
    orders_last_hour: int = 0
    orders_last_day: int = 0
    ip_orders_last_hour: int = 0
    ip_orders_last_day: int = 0
    neighbours: tuple[Neighbours, ...] = ()
    lists: tuple[tuple[ListKind, str], ...] = ()  # (list, the entry that matched)
    white_glove: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFacts:
    """The order as the panel shows it."""

    order_id: int
    placed_at: datetime
    placed_by: PlacedBy
    staff_id: int | None = None
    kind: OrderKind = OrderKind.NEW
    panel_status: str = "Pending"
    currency: str | None = None  # ISO 4217
    amount: int | None = None
    payment: PaymentState = PaymentState.UNKNOWN
    payment_method: str = ""
    invoice_id: int | None = None
    promo_code: str = ""
    items: tuple[Item, ...] = ()
    requests: tuple[TermFinding, ...] = ()  # special requests in notes, custom fields, the asking ticket
    acceptable_use: tuple[TermFinding, ...] = ()
    vetting: tuple[TermFinding, ...] = ()  # terms of the policy's vetting list in notes, custom fields, domain names
    fit: tuple[TermFinding, ...] = ()  # terms of the policy's vetting rules, in the same places
    expected: tuple[ExpectedUse, ...] = ()  # what the customer expects to use, by the same texts
    cut: tuple[TextCut, ...] = ()  # what of these texts was not read
    ours: bool = False  # "#ours" in the notes: our own initiative or fault
    labour_billed: bool = False  # the order's invoice already has a line for labour
    asking_ticket_id: int | None = None  # verified ticket of this customer that asked for this order
    fraud_check: FraudCheck | None = None
    fraud_check_ran: bool = False
    outside: tuple[OutsideReport, ...] = ()
    ip_asn: int | None = None  # autonomous system of the customer's own IP address, where a database file is set


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that one decision sees, and nothing else."""

    order: OrderFacts
    customer: CustomerFacts | None
    agreement: Agreement = Agreement.NONE
    muted: tuple[str, ...] = ()  # risk signals that fire on too many orders to say anything
    missing: tuple[str, ...] = field(default=())
    # Imported history: names of what is known only as it is today (``customer.country``, ``order.ip_asn``, or a
    # neighbour's ``neighbours.phone``), while all else is as it was then. Empty for orders that were decided live.
    today: tuple[str, ...] = ()
