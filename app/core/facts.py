"""The input of the judgement: one frozen snapshot per order, stored with its decision so that it can be replayed.

Facts hold findings from texts (which term, where), never the texts. A value that could not be read is ``None``
and its name is in ``Facts.missing``: missing data is a reason, not a zero.
Money is in minor units of the order's currency unless a field says otherwise. Times are aware UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from app.core.reading.kinds import ExpectedUse, HostedFinding, LookAlike, TermFinding


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
    """The verdict of the panel's own fraud check."""

    PASS = "pass"  # noqa: S105
    REVIEW = "review"
    FAIL = "fail"
    UNKNOWN = "unknown"


class ListKind(StrEnum):
    """The provider's own lists."""

    ALLOW = "allow"
    BLOCK = "block"


class Agreement(StrEnum):
    """How the work that this order asks for was agreed."""

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
    product_type: str = ""  # as in the panel: hostingaccount, reselleraccount, server, other
    module: str | None = None  # provisioning module; "" if none; None if unknown
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
    """The answer of the panel's fraud module."""

    module: str  # maxmind, fraudlabs, fraudrecord, other
    verdict: FraudVerdict
    score: float | None  # 0-100 on the module's own scale, normalised to 0-100
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrichmentReport:
    """The report of an external service about an order; evidence, never a verdict."""

    provider: str  # minfraud, fraudrecord; geoip: a database file of anonymisers
    degraded: bool = False  # no usable answer in time: no evidence, reported as missing
    score: float | None = None  # 0-100 on the provider's own scale, normalised to 0-100
    reports: int | None = None  # FraudRecord: how many providers reported this person
    page: str | None = None  # FraudRecord: the code of the page that shows its reports to staff
    marks: tuple[str, ...] = ()  # stable words: anonymous_ip, vpn, hosting_ip, own_rule_reject, …


class Cut(StrEnum):
    """Why a person should read the text."""

    TOO_LONG = "too_long"  # longer than what we read
    TOO_MANY = "too_many"  # more tickets than we read
    REQUEST_LEFT_OUT = "request_left_out"  # text skipped as a quote or mark-up asks for work
    TERM_LEFT_OUT = "term_left_out"  # text skipped as a quote or mark-up holds a term of the policy


@dataclass(frozen=True, slots=True, kw_only=True)
class TextCut:
    """A text that was not read to its end, or partly skipped as not the customer's own words."""

    where: str  # notes, custom_field, ticket, tickets, domain
    why: Cut


class BadNeighbour(NamedTuple):
    """One bad customer who shares an identity, in whole hours and days before this order."""

    seen_hours: int  # since this customer was first seen with the identity
    known_days: int  # since the latest fraud or chargeback of this customer became known


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """Other customers that share an identity with this one, as known before this order."""

    kind: str  # ip, phone, address, similar_address, email, payment
    customers: int
    bad_customers: int
    bad: tuple[BadNeighbour, ...] = ()  # those with the latest evidence; empty in facts of earlier versions


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """Another new account that ordered near this order in time and shares something with its customer.

    See `app.core.judgement.together`.
    """

    order_id: int
    minutes: int  # between the two orders, whichever came first
    days: int  # age of the other account when it ordered
    shares: tuple[str, ...]  # ip, payment, phone, email, stem
    colleague: bool = False  # both addresses read like persons' at one domain of their own


@dataclass(frozen=True, slots=True, kw_only=True)
class Regulars:
    """Customers with a paid past who share an identity with this one: a place that many people share."""

    kind: str  # ip, phone
    customers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerFacts:
    """The customer as the panel and our own history show them at this moment."""

    customer_id: int
    status: str = ""  # Active, Inactive, Closed
    group_id: int | None = None
    signed_up_at: datetime | None = None  # if not `signed_up_exact`, the start of that day in the panel's zone
    signed_up_exact: bool = False
    country: str | None = None  # ISO 3166-1 alpha-2
    phone_country: str | None = None
    ip_country: str | None = None
    email_domain: str | None = None
    email_disposable: bool | None = None
    email_verified: bool | None = None
    active_services: int | None = None
    total_services: int | None = None
    overdue_invoices: int | None = None  # without our own fee invoices
    collections_invoices: int | None = None
    paid_invoices: int | None = None
    revenue: int | None = None
    tickets_total: int | None = None
    tickets_recent: int | None = None  # last 14 days, without those that we caused
    earlier_orders: int = 0  # decided orders known to us, before this one
    earlier_manual_orders: int = 0
    earlier_effortless_orders: int = 0
    earlier_fraud_orders: int = 0
    chargebacks: int = 0
    orders_last_hour: int = 0  # other orders, in the hour before this one; so with the next three
    orders_last_day: int = 0
    ip_orders_last_hour: int = 0
    ip_orders_last_day: int = 0
    neighbours: tuple[Neighbours, ...] = ()
    together: tuple[NewAccount, ...] = ()  # the nearest twenty, if this customer is new without a paid past
    regulars: tuple[Regulars, ...] = ()  # only where `together` has somebody
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
    expected: tuple[ExpectedUse, ...] = ()  # what the customer expects to use, from the same texts
    hosted: tuple[HostedFinding, ...] = ()  # what will be hosted, by signs in the same texts and in domain names
    look_alikes: tuple[LookAlike, ...] = ()  # brands of the policy that the domain names resemble
    cut: tuple[TextCut, ...] = ()  # which of these texts were not fully read
    ours: bool = False  # "#ours" in the notes: our own initiative or fault
    labour_billed: bool = False  # the order's invoice already has a line for labour
    asking_ticket_id: int | None = None  # verified ticket of this customer that asked for this order
    fraud_check: FraudCheck | None = None
    fraud_check_ran: bool = False
    outside: tuple[EnrichmentReport, ...] = ()
    first_order_rank: int | None = None  # percentage of the provider's accepted first orders that were smaller
    first_orders: int = 0  # how many those are, in this currency; only for customers without a paid past
    ip_asn: int | None = None  # autonomous system of the customer's own IP address, where a database file is set


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The complete input of one decision."""

    order: OrderFacts
    customer: CustomerFacts | None
    agreement: Agreement = Agreement.NONE
    muted: tuple[str, ...] = ()  # risk signals that fire on too many orders to be meaningful
    missing: tuple[str, ...] = field(default=())
    # Imported history: names of facts known only as of today (``customer.country``, ``order.ip_asn``, or a neighbour's
    # ``neighbours.phone``); all others are as of the order's time. Empty for orders that were decided live.
    today: tuple[str, ...] = ()
