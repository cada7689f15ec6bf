"""The statuses that a panel gives its orders, services and invoices, by our names.

Each adapter translates its panel's words into these. A word that it doesn't know stays as the panel writes it, so a
status is a plain text wherever it is stored or shown, and equals one of these members if we know it.
"""

from __future__ import annotations

from enum import StrEnum


class PanelOrderStatus(StrEnum):
    """The status of an order in the panel."""

    PENDING = "Pending"
    ACTIVE = "Active"
    CANCELLED = "Cancelled"
    FRAUD = "Fraud"


class PanelServiceStatus(StrEnum):
    """The status of a service, or of a line of an order."""

    PENDING = "Pending"
    ACTIVE = "Active"
    COMPLETED = "Completed"  # delivered, and nothing recurs
    SUSPENDED = "Suspended"
    TERMINATED = "Terminated"
    CANCELLED = "Cancelled"
    FRAUD = "Fraud"
    FAILED = "Failed"


class PanelInvoiceStatus(StrEnum):
    """The status of an invoice; one that is partly paid is still unpaid."""

    DRAFT = "Draft"
    UNPAID = "Unpaid"
    OVERDUE = "Overdue"
    PAYMENT_PENDING = "Payment Pending"  # the gateway has yet to confirm
    PAID = "Paid"
    CANCELLED = "Cancelled"
    REFUNDED = "Refunded"
    COLLECTIONS = "Collections"  # charged back, or handed over to collect


#: Such an order was decided.
DECIDED = frozenset({PanelOrderStatus.ACTIVE, PanelOrderStatus.CANCELLED, PanelOrderStatus.FRAUD})
#: A service or line with one of these was delivered and is in use.
BUILT = frozenset({PanelServiceStatus.ACTIVE, PanelServiceStatus.COMPLETED})
