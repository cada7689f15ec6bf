"""Labels of orders: how they ended, as the panel shows now."""

from __future__ import annotations

from collections.abc import Iterable

from app.panels.records import PanelInvoice, PanelOrder, PanelService
from app.tables.history import Label

_RUNS = frozenset({"active", "completed", "suspended"})
_ENDED = frozenset({"terminated", "cancelled"})


def label_of(order: PanelOrder, invoice: PanelInvoice | None, services: Iterable[PanelService]) -> Label:
    """Label an order by its own status, invoice and services; the worst one wins.

    An order that was paid and cancelled later is good: it ended in an orderly way. One without its invoice is open.
    """
    status = order.status.strip().lower()
    built = {service.status.strip().lower() for service in services}
    billed = "" if invoice is None else invoice.status.strip().lower()
    if status == "fraud" or "fraud" in built:
        return Label.FRAUD
    if billed == "collections":
        return Label.DISPUTED
    if billed == "refunded":
        return Label.REFUNDED
    paid = is_paid(invoice)
    if status == "cancelled":
        return Label.GOOD if paid else Label.CANCELLED_UNPAID
    settled = paid or not order.invoice_id
    if settled and (status == "active" or built & _RUNS or (paid and built & _ENDED)):
        return Label.GOOD
    return Label.OPEN


def is_paid(invoice: PanelInvoice | None) -> bool:
    """Return whether the invoice was ever paid, even if the money was returned later."""
    if invoice is None:
        return False
    return invoice.paid_at is not None or invoice.status.strip().lower() == "paid"
