"""The money rows: invoices with their lines and transactions, credits, quotes."""

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal

from app.sandbox.models import CENT, ZERO


@dataclass(slots=True, kw_only=True)
class Line:
    id: int
    type: str
    relid: int
    description: str
    amount: Decimal
    taxed: bool = False


@dataclass(slots=True, kw_only=True)
class Transaction:
    id: int
    invoice_id: int
    currency_id: int
    at: dt.datetime
    gateway: str
    description: str
    transid: str
    amount_in: Decimal = ZERO
    amount_out: Decimal = ZERO
    refund_id: int = 0


@dataclass(slots=True, kw_only=True)
class Invoice:
    id: int
    client_id: int
    created_at: dt.datetime
    date: dt.date
    due: dt.date
    payment_method: str
    status: str = "Unpaid"
    number: str = ""
    lines: list[Line] = field(default_factory=list)
    credit: Decimal = ZERO
    tax_rate: Decimal = ZERO
    notes: str = ""
    order_id: int = 0
    """The order whose first invoice this is; 0 for renewals, quotes and invoices from CreateInvoice."""
    paid_at: dt.datetime | None = None
    refunded_at: dt.datetime | None = None
    cancelled_at: dt.datetime | None = None
    last_capture: dt.datetime | None = None
    updated_at: dt.datetime | None = None
    transactions: list[Transaction] = field(default_factory=list)

    @property
    def subtotal(self) -> Decimal:
        return sum((line.amount for line in self.lines), ZERO)

    @property
    def tax(self) -> Decimal:
        taxed = sum((line.amount for line in self.lines if line.taxed), ZERO)
        return (taxed * self.tax_rate / 100).quantize(CENT)

    @property
    def total(self) -> Decimal:
        """The amount to pay: WHMCS subtracts applied credit from the total."""
        return self.subtotal + self.tax - self.credit

    @property
    def received(self) -> Decimal:
        return sum((row.amount_in - row.amount_out for row in self.transactions), ZERO)

    @property
    def balance(self) -> Decimal:
        return self.total - self.received


@dataclass(slots=True, kw_only=True)
class Credit:
    id: int
    client_id: int
    date: dt.date
    description: str
    amount: Decimal
    relid: int = 0


@dataclass(slots=True, kw_only=True)
class QuoteLine:
    id: int
    description: str
    quantity: Decimal
    unit_price: Decimal
    discount: Decimal = ZERO
    taxed: bool = False

    @property
    def amount(self) -> Decimal:
        return (self.quantity * self.unit_price * (1 - self.discount / 100)).quantize(CENT)


@dataclass(slots=True, kw_only=True)
class Quote:
    id: int
    subject: str
    stage: str
    client_id: int
    created: dt.date
    valid_until: dt.date
    modified_at: dt.datetime
    lines: list[QuoteLine] = field(default_factory=list)
    proposal: str = ""
    customer_notes: str = ""
    admin_notes: str = ""
    sent_at: dt.datetime | None = None
    accepted_at: dt.datetime | None = None
    invoice_ids: list[int] = field(default_factory=list)

    @property
    def total(self) -> Decimal:
        return sum((line.amount for line in self.lines), ZERO)
