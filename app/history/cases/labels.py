"""Labels of orders: how they ended, as the panel shows now."""

from __future__ import annotations

from collections.abc import Iterable

from app.core.statuses import BUILT, PanelInvoiceStatus, PanelOrderStatus, PanelServiceStatus
from app.panels.records import PanelInvoice, PanelOrder, PanelService
from app.tables.history import Label

_RUNS = BUILT | {PanelServiceStatus.SUSPENDED}
_ENDED = frozenset({PanelServiceStatus.TERMINATED, PanelServiceStatus.CANCELLED})


def label_of(order: PanelOrder, invoice: PanelInvoice | None, services: Iterable[PanelService]) -> Label:
    """Label an order by its own status, invoice and services; the worst one wins.

    An order that was paid and cancelled later is good: it ended in an orderly way. One without its invoice is open.
    """
    built = {service.status for service in services}
    billed = "" if invoice is None else invoice.status
    if order.status == PanelOrderStatus.FRAUD or PanelServiceStatus.FRAUD in built:
        return Label.FRAUD
    if billed == PanelInvoiceStatus.COLLECTIONS:
        return Label.DISPUTED
    if billed == PanelInvoiceStatus.REFUNDED:
        return Label.REFUNDED
    paid = is_paid(invoice)
    if order.status == PanelOrderStatus.CANCELLED:
        return Label.GOOD if paid else Label.CANCELLED_UNPAID
    settled = paid or not order.invoice_id
    if settled and (order.status == PanelOrderStatus.ACTIVE or built & _RUNS or (paid and built & _ENDED)):
        return Label.GOOD
    return Label.OPEN


def is_paid(invoice: PanelInvoice | None) -> bool:
    """Return whether the invoice was ever paid, even if the money was returned later."""
    if invoice is None:
        return False
    return invoice.paid_at is not None or invoice.status == PanelInvoiceStatus.PAID
