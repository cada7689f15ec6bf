"""How far an order and an invoice are paid, as the panel shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from app.core.consequences.invoices import TURNS
from app.core.facts import PaymentState
from app.core.money import Money
from app.core.states import InvoiceTurn
from app.core.statuses import PanelInvoiceStatus
from app.panels.records import PanelInvoice, PanelOrder

_STATES: Final[Mapping[str, PaymentState]] = {
    PanelInvoiceStatus.PAID: PaymentState.PAID,
    PanelInvoiceStatus.CANCELLED: PaymentState.CANCELLED,
    PanelInvoiceStatus.REFUNDED: PaymentState.REFUNDED,
    PanelInvoiceStatus.COLLECTIONS: PaymentState.DISPUTED,
    PanelInvoiceStatus.PAYMENT_PENDING: PaymentState.PENDING,
}
_UNPAID: Final = frozenset({PanelInvoiceStatus.UNPAID, PanelInvoiceStatus.DRAFT, PanelInvoiceStatus.OVERDUE})


def payment_state(order: PanelOrder, invoice: PanelInvoice | None) -> PaymentState:
    """Return how far the order's invoice is paid; an order without an invoice has nothing to pay."""
    if not order.invoice_id:
        return PaymentState.NONE
    if invoice is None:
        return PaymentState.UNKNOWN
    return invoice_state(invoice)


def invoice_state(invoice: PanelInvoice) -> PaymentState:
    """Return how far an invoice is paid; Unpaid with some money on it is partly paid."""
    state = status_state(invoice.status)
    paid = paid_on(invoice) if state is PaymentState.UNPAID else None
    return PaymentState.PARTLY_PAID if paid is not None and paid.amount_minor > 0 else state


def status_state(status: str) -> PaymentState:
    """Return how far an invoice of this status is paid; without its payments, partly paid is unpaid."""
    return PaymentState.UNPAID if status in _UNPAID else _STATES.get(status, PaymentState.UNKNOWN)


def turn_of(invoice: PanelInvoice | None) -> InvoiceTurn | None:
    """Return the state that an invoice was found in; None for a status that we don't know."""
    return InvoiceTurn.GONE if invoice is None else TURNS.get(invoice_state(invoice))


def paid_on(invoice: PanelInvoice) -> Money | None:
    """Return the money on an invoice: payments and credit, less refunds; None if nothing can be read."""
    currency = invoice.currency or (invoice.total.currency if invoice.total else None)
    if currency is None:
        return None
    amount = sum(
        (t.amount_in.amount_minor if t.amount_in else 0) - (t.amount_out.amount_minor if t.amount_out else 0)
        for t in invoice.transactions
    )
    return Money(amount + (invoice.credit.amount_minor if invoice.credit else 0), currency)
