"""New accounts that order together: who counts for whom, the same for live orders and for those of the past.

Fraud comes as bursts of new accounts. An account is new without a paid past; others that ordered near it in time and
share its address on the network, payment method, phone or pattern of e-mail address belong to its group, whatever
became of their orders.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from app.core.facts import NewAccount, PaymentState, PlacedBy

#: The farthest apart in time that two orders of a group may be; the policy's windows are at most this.
FARTHEST: Final = timedelta(days=1)
#: This many of a group are in the facts, the nearest in time; points need no more.
MOST_KEPT: Final = 20


class Shares(StrEnum):
    """What new accounts of a group share; the values are stored with facts."""

    IP = "ip"  # IPv6: the /64
    PAYMENT = "payment"
    PHONE = "phone"
    EMAIL = "email"  # a pattern at one domain
    STEM = "stem"  # a stem with a counter, at any domain


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """An order of a new account, as it was placed. `firm` is the same for colleagues at one domain of their own."""

    order_id: int
    customer_id: int
    placed_at: datetime
    signed_up_at: datetime
    firm: str | None = None


def may_count(placed_by: PlacedBy) -> bool:
    """Return whether an order can belong to a group: what staff enter by hand is nobody's burst."""
    return placed_by not in {PlacedBy.STAFF, PlacedBy.STAFF_AS_CUSTOMER}


def is_without_past(*, paid_invoices: int | None, payment: PaymentState, orders_last_day: int) -> bool:
    """Return whether a customer paid nothing before this order and the other orders of the day before it.

    What a burst itself paid with stolen cards is no past. False where the panel does not tell what was paid.
    """
    if paid_invoices is None:
        return False
    return paid_invoices - int(payment is PaymentState.PAID) - orders_last_day <= 0


def gather(own: Sighting, found: Iterable[tuple[str, Sighting]], *, until: datetime) -> tuple[NewAccount, ...]:
    """Return the group of an order from (what is shared, other order) pairs, the nearest first.

    Orders placed after `until`, more than a day apart, or by the same customer don't belong to it. Each customer
    counts once, by the nearest order, with everything that is shared.
    """
    nearest: dict[int, Sighting] = {}
    shares: dict[int, set[str]] = {}
    for kind, other in found:
        if other.customer_id == own.customer_id or other.placed_at > until or _apart(own, other) > FARTHEST:
            continue
        known = nearest.get(other.customer_id)
        if known is None or _nearness(own, other) < _nearness(own, known):
            nearest[other.customer_id] = other
        shares.setdefault(other.customer_id, set()).add(kind)
    ordered = sorted(nearest.values(), key=lambda other: _nearness(own, other))[:MOST_KEPT]
    return tuple(
        NewAccount(
            order_id=other.order_id,
            minutes=_apart(own, other) // timedelta(minutes=1),
            days=max(0, -((other.signed_up_at - other.placed_at) // timedelta(days=1))),  # rounded up
            shares=tuple(sorted(shares[other.customer_id])),
            colleague=own.firm is not None and own.firm == other.firm,
        )
        for other in ordered
    )


def _apart(own: Sighting, other: Sighting) -> timedelta:
    return abs(other.placed_at - own.placed_at)


def _nearness(own: Sighting, other: Sighting) -> tuple[timedelta, int]:
    return _apart(own, other), other.order_id
