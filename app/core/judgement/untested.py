"""Which signals past orders could not test, or not fully, and why: what a backtest says nothing about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from app.core.judgement.signals.catalogue import CATALOGUE, SignalEntry

#: Facts that no import can have: they are asked for, or computed, only about live orders.
ONLY_LIVE: Final = ("customer.ip_country", "neighbours.similar_address", "order.ip_asn", "order.outside")
#: Names of reads that failed (`Facts.missing`) and the facts that come from them, where the names differ.
_READS: Final[Mapping[str, tuple[str, ...]]] = {
    "asking_ticket": ("order.asking_ticket_id",),
    "catalogue": ("items.listed", "items.cycle_offered", "items.price_override"),
    "invoice": ("order.payment",),
    "invoices": ("customer.paid_invoices", "customer.overdue_invoices", "customer.collections_invoices"),
    "services": ("customer.active_services", "items.listed", "items.cycle_offered", "items.price_override"),
    "signed_up_on": ("customer.signed_up_at",),
    "tickets": ("customer.tickets_recent", "order.asking_ticket_id"),
}
_UNREAD: Final[Mapping[str, str]] = {
    "catalogue": "the catalogue could not be read (API action GetProducts)",
    "neighbours.payment": "pay methods could not be read (API action GetPayMethods)",
}
_LIVE: Final = "only live orders have what it needs"
_TODAY: Final = "the panel shows what it needs only as of today"


@dataclass(frozen=True, slots=True, kw_only=True)
class Untested:
    """A signal that could not fire, or only in part, on this many orders for this reason."""

    signal: str
    orders: int
    why: str


def untested(*, imported: int, missing: Mapping[str, int], today: Mapping[str, int]) -> tuple[Untested, ...]:
    """Return every signal that could not be tested, in the order of the catalogue, each with its main reason.

    `imported`: how many orders were imported; `missing` and `today`: orders by the names in `Facts`.
    """
    causes = [(facts_of(name), count, _UNREAD.get(name, f"{name} is not known")) for name, count in missing.items()]
    causes += [((name,), imported, _LIVE) for name in ONLY_LIVE]
    causes += [((name,), count, _TODAY) for name, count in today.items()]
    found = (_worst(entry, causes) for entry in CATALOGUE)
    return tuple(one for one in found if one is not None and one.orders)


def facts_of(name: str) -> tuple[str, ...]:
    """Return the facts that are unknown if this name is missing."""
    return _READS.get(name, (name,))


def _worst(entry: SignalEntry, causes: Iterable[tuple[tuple[str, ...], int, str]]) -> Untested | None:
    """Return why most orders could not test a signal; of reasons for equally many, the first."""
    needs = set(entry.needs)
    found = [(count, why) for facts, count, why in causes if needs.intersection(facts)]
    if not found:
        return None
    orders, why = max(found, key=lambda one: one[0])
    return Untested(signal=entry.code, orders=orders, why=why)
