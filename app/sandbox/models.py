"""The rows of the pretend panel, named as in WHMCS; times are aware UTC, money is Decimal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

ZERO = Decimal("0.00")
CENT = Decimal("0.01")

PlacedBy = Literal["customer", "staff", "staff_as_customer", "api"]
Autosetup = Literal["order", "payment", "accept", "never"]
ProductType = Literal["hostingaccount", "reselleraccount", "server", "other"]
Money = Decimal | str | int

CYCLES: dict[str, tuple[str, str, int]] = {
    "Monthly": ("monthly", "msetupfee", 1),
    "Quarterly": ("quarterly", "qsetupfee", 3),
    "Semi-Annually": ("semiannually", "ssetupfee", 6),
    "Annually": ("annually", "asetupfee", 12),
    "Biennially": ("biennially", "bsetupfee", 24),
    "Triennially": ("triennially", "tsetupfee", 36),
}
"""Billing cycle → its price column, its set-up column and its months."""

PRODUCT_TYPES: dict[str, str] = {
    "hostingaccount": "Hosting Account",
    "reselleraccount": "Reseller Account",
    "server": "Server/VPS",
    "other": "Other Product/Service",
}


def money(value: Money) -> Decimal:
    """Return the value with two decimals, as WHMCS always writes it."""
    return Decimal(value).quantize(CENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who caused something, as far as the addon can tell; sent as `actor`."""

    kind: Literal["customer", "staff", "api", "cron"]
    admin_id: int = 0
    user_id: int = 0
    masquerade: bool = False

    def wire(self) -> dict[str, Any]:
        known: dict[str, Any] = {"kind": self.kind}
        if self.admin_id:
            known["admin_id"] = self.admin_id
        if self.user_id:
            known["user_id"] = self.user_id
        if self.masquerade:
            known["masquerade"] = True
        return known


CRON = Actor(kind="cron")


@dataclass(slots=True, kw_only=True)
class Currency:
    id: int
    code: str
    prefix: str
    suffix: str
    rate: Decimal = Decimal("1.00000")

    def format(self, amount: Decimal) -> str:
        """The formatted text of `stats`, such as ``$12.00 USD``."""
        return f"{self.prefix}{amount:.2f}{self.suffix}"


@dataclass(slots=True, kw_only=True)
class Admin:
    id: int
    username: str
    name: str


@dataclass(slots=True, kw_only=True)
class PayMethod:
    id: int
    last_four: str
    expires: str
    """MM/YY, as the panel shows it."""
    brand: str = "Visa"
    gateway: str = "stripe"
    token: str = ""
    """The gateway's token; without one the card is stored in the panel."""


@dataclass(slots=True, kw_only=True)
class Client:
    id: int
    user_id: int
    firstname: str
    lastname: str
    email: str
    created_at: datetime
    companyname: str = ""
    address1: str = ""
    address2: str = ""
    city: str = ""
    state: str = ""
    postcode: str = ""
    country: str = "US"
    phone: str = ""
    tax_id: str = ""
    currency: str = "USD"
    group_id: int = 0
    status: Literal["Active", "Inactive", "Closed"] = "Active"
    credit: Decimal = ZERO
    email_verified: bool = True
    stored_card: bool = False
    pay_methods: list[PayMethod] = field(default_factory=list)
    gateway: str = "stripe"
    notes: str = ""
    custom_fields: dict[int, str] = field(default_factory=dict)
    last_login: datetime | None = None
    last_ip: str = ""

    @property
    def fullname(self) -> str:
        return f"{self.firstname} {self.lastname}"


@dataclass(slots=True, kw_only=True)
class Choice:
    id: int
    name: str
    monthly: dict[str, Decimal] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class ConfigOption:
    id: int
    name: str
    choices: list[Choice]


@dataclass(slots=True, kw_only=True)
class ProductGroup:
    id: int
    name: str


@dataclass(slots=True, kw_only=True)
class Product:
    id: int
    group_id: int
    name: str
    type: ProductType = "hostingaccount"
    module: str = ""
    pay_type: Literal["recurring", "onetime", "free"] = "recurring"
    autosetup: Autosetup = "payment"
    pricing: dict[str, dict[str, Decimal]] = field(default_factory=dict)
    """Currency → column (``monthly``, ``msetupfee``, …) → amount; missing entries are not offered."""
    options: list[ConfigOption] = field(default_factory=list)
    custom_fields: dict[int, str] = field(default_factory=dict)
    hidden: bool = False
    addon: bool = False
    description: str = ""
    module_error: str = ""
    """If not empty, every module create fails with this error."""


@dataclass(slots=True, kw_only=True)
class Item:
    """One item of an order: a product, an add-on to a service, a domain, an upgrade."""

    product_id: int = 0
    domain: str = ""
    cycle: str = "Monthly"
    options: Mapping[str, str] = field(default_factory=dict)
    custom_fields: Mapping[str, str] = field(default_factory=dict)
    addon_to: int = 0
    upgrade_of: int = 0
    register: bool = False
    years: int = 1
    price: Money | None = None
    """A price override; only staff and the API can set one."""


@dataclass(slots=True, kw_only=True)
class Service:
    """A service, or (in its own table, with its own ids) an add-on."""

    id: int
    kind: Literal["product", "addon"]
    order_id: int
    client_id: int
    product_id: int
    created_at: datetime
    cycle: str
    first_amount: Decimal
    recurring: Decimal
    parent_id: int = 0
    domain: str = ""
    status: str = "Pending"
    next_due: date | None = None
    username: str = ""
    password: str = ""
    dedicated_ip: str = ""
    server_id: int = 0
    notes: str = ""
    subscription_id: str = ""
    payment_method: str = "stripe"
    options: dict[str, str] = field(default_factory=dict)
    custom_fields: dict[str, str] = field(default_factory=dict)
    creates: int = 0
    """How often the module created it; more than once is double provisioning."""
    terminations: int = 0


@dataclass(slots=True, kw_only=True)
class Domain:
    id: int
    order_id: int
    client_id: int
    name: str
    created_at: datetime
    years: int
    first_amount: Decimal
    recurring: Decimal
    status: str = "Pending"
    registrar: str = "enom"
    payment_method: str = "stripe"
    expires: date | None = None
    registrations: int = 0


@dataclass(slots=True, kw_only=True)
class Upgrade:
    id: int
    service_id: int
    product_id: int
    amount: Decimal
    recurring: Decimal
    cycle: str
    status: str = "Pending"


@dataclass(slots=True, kw_only=True)
class Order:
    id: int
    number: int
    client_id: int
    placed_at: datetime
    placed_by: PlacedBy
    amount: Decimal
    currency: str
    payment_method: str
    requestor_id: int = 0
    admin_requestor_id: int = 0
    status: str = "Pending"
    invoice_id: int = 0
    ip: str = ""
    notes: str = ""
    promo_code: str = ""
    fraud_module: str = ""
    fraud_output: str = ""
    service_ids: list[int] = field(default_factory=list)
    addon_ids: list[int] = field(default_factory=list)
    domain_ids: list[int] = field(default_factory=list)
    upgrades: list[Upgrade] = field(default_factory=list)
    accepting: bool = False


@dataclass(slots=True, kw_only=True)
class Reply:
    id: int
    at: datetime
    message: str
    client_id: int = 0
    admin: str = ""
    name: str = ""
    email: str = ""


@dataclass(slots=True, kw_only=True)
class Ticket:
    id: int
    tid: str
    c: str
    department_id: int
    client_id: int
    name: str
    email: str
    subject: str
    opened_at: datetime
    last_reply_at: datetime
    status: str = "Open"
    priority: str = "Medium"
    service: str = ""
    opened_by: Literal["customer", "staff"] = "customer"
    admin: str = ""
    replies: list[Reply] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class QueueEntry:
    """A failed module action."""

    id: int
    service_type: str
    service_id: int
    module: str
    action: str
    error: str
    created_at: datetime
    updated_at: datetime
    retries: int = 0
    completed: bool = False


@dataclass(slots=True, kw_only=True)
class Activity:
    id: int
    at: datetime
    description: str
    client_id: int = 0
    user_id: int = 0
    admin_id: int = 0
    username: str = "System"
    ip: str = ""


@dataclass(slots=True, kw_only=True)
class ClientNote:
    id: int
    client_id: int
    at: datetime
    text: str
    sticky: bool


@dataclass(slots=True, kw_only=True)
class Mail:
    at: datetime
    to: str
    template: str
    subject: str
    body: str
    related_id: int = 0
    custom_type: str = ""


@dataclass(slots=True, kw_only=True)
class Notification:
    at: datetime
    identifier: str
    title: str
    message: str
    url: str = ""
