"""WHMCS's status words → our statuses; custom order statuses and other unknown words stay as written."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from app.core.statuses import PanelInvoiceStatus, PanelOrderStatus, PanelServiceStatus
from app.panels.whmcs import wire


def _by_word(statuses: Iterable[StrEnum]) -> dict[str, str]:
    """Our names are WHMCS's own; only the case of its words may differ, which its database ignores."""
    return {status.value.lower(): status.value for status in statuses}


_ORDERS: Final = _by_word(PanelOrderStatus)
_SERVICES: Final = _by_word(PanelServiceStatus)
_INVOICES: Final = _by_word(PanelInvoiceStatus)


def order_status(value: object) -> str:
    """Return the status of an order."""
    return _ours(value, _ORDERS)


def service_status(value: object) -> str:
    """Return the status of a service, an addon, a domain, or a line of an order."""
    return _ours(value, _SERVICES)


def invoice_status(value: object) -> str:
    """Return the status of an invoice."""
    return _ours(value, _INVOICES)


def _ours(value: object, by_word: dict[str, str]) -> str:
    word = wire.text(value).strip()
    return by_word.get(word.lower(), word)
