"""Rows of the provider's history: which record each resource holds, and its stored form."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import msgspec

from app.core.money import Money
from app.panels.records import PanelCustomer, PanelInvoice, PanelOrder, PanelService, PanelTicket


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryCustomer:
    """A customer with the day of signing up, which only the list of customers tells."""

    customer: PanelCustomer
    signed_up_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelCredit:
    """A row of a customer's credit log; the amount is negative where credit was used."""

    credit_id: int
    customer_id: int
    date: date | None
    description: str
    amount: Money | None
    invoice_id: int | None


#: The record of each resource.
RESOURCES: Final[dict[str, type[Any]]] = {
    "customers": HistoryCustomer,
    "orders": PanelOrder,
    "services": PanelService,
    "invoices": PanelInvoice,
    "credits": PanelCredit,
    "tickets": PanelTicket,
}
_ENCODER = msgspec.json.Encoder()
_DECODERS = {resource: msgspec.json.Decoder(record) for resource, record in RESOURCES.items()}


def dump(record: Any) -> bytes:
    """Return a record as it is stored."""
    return _ENCODER.encode(record)


def load(resource: str, data: bytes) -> Any:
    """Return a stored record. Raises KeyError for an unknown resource, msgspec.DecodeError for what `dump` never
    wrote.
    """
    return _DECODERS[resource].decode(data)
