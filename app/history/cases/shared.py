"""Identities and IP addresses shared by customers of the history, as known at any moment of the past.

Read once before cases are built, one short row per order and identity, so that a million orders fit in memory: 24 bytes
each, and objects only for what more than one customer or order shares.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby

from app.core.facts import Neighbours, Regulars
from app.core.policy.terms import MATURE_DAYS
from app.customers.newcomers import regulars_of
from app.gathering.newcomers import Newcomer
from app.history.cases.newcomers import Newcomers

_HOUR = 3_600_000_000
_DAY = 24 * _HOUR
#: Identities that the panel shows only as of today; an order's IP is of its own time.
OF_TODAY = ("address", "email", "phone")


def micros(at: datetime) -> int:
    """Return a time as whole microseconds since 1970."""
    return round(at.timestamp() * 1_000_000)


def key_of(hashed: str) -> int:
    """Return the short key of a hashed identity: 63 of its 256 bits, enough that millions don't collide."""
    return int(hashed[:16], 16) >> 1


@dataclass(slots=True)
class _Group:
    """Customers who share one identity: when each was first seen with it."""

    first: dict[int, int]
    times: list[int]
    bad: tuple[int, ...]

    def others(self, customer_id: int, before: int) -> int:
        return bisect_left(self.times, before) - (customer_id in self.first and self.first[customer_id] < before)

    def bad_others(self, customer_id: int, before: int, known: dict[int, int] | None) -> int:
        """Count bad customers seen before; with `known`, only those who were known as bad before, too."""
        return sum(
            1
            for other in self.bad
            if other != customer_id
            and self.first[other] < before
            and (known is None or known.get(other, before) < before)
        )


@dataclass(slots=True)
class _Sightings:
    keys: array[int] = field(default_factory=lambda: array("q"))
    times: array[int] = field(default_factory=lambda: array("q"))
    customers: array[int] = field(default_factory=lambda: array("q"))
    orders: array[int] = field(default_factory=lambda: array("q"))

    def add(self, key: int, at: int, customer_id: int, order_id: int) -> None:
        self.keys.append(key)
        self.times.append(at)
        self.customers.append(customer_id)
        self.orders.append(order_id)

    def shared(self) -> Iterator[tuple[int, list[int]]]:
        """Yield each key with more than one sighting, and the indexes of its sightings in time order."""
        for key, places in groupby(sorted(range(len(self.keys)), key=self.keys.__getitem__), self.keys.__getitem__):
            found = list(places)
            if len(found) > 1:
                found.sort(key=lambda place: (self.times[place], self.orders[place]))
                yield key, found


@dataclass(slots=True)
class Shared:
    """Who shares what with whom. Fill with `order` and `identity`, then call `close`, then query."""

    fraud_known: dict[int, int] = field(default_factory=dict)  # customer: when their first fraud became known
    bad: set[int] = field(default_factory=set)  # customers known for fraud or chargebacks today
    first_order: dict[int, int] = field(default_factory=dict)
    first_good: dict[int, int] = field(default_factory=dict)  # customer: first order that is active today
    newcomers: Newcomers = field(default_factory=lambda: Newcomers(youngest=timedelta(days=30)))
    _sightings: _Sightings = field(default_factory=_Sightings)
    _groups: dict[int, _Group] = field(default_factory=dict)
    _velocity: dict[int, tuple[int, int]] = field(default_factory=dict)

    def order(self, customer_id: int, order_id: int, at: datetime, ip_hash: str | None, *, good: bool = False) -> None:
        """Add an order, with the customer's own IP address if known; `good`: it is active today."""
        moment = micros(at)
        if good:
            self.first_good[customer_id] = min(moment, self.first_good.get(customer_id, moment))
        self.first_order[customer_id] = min(moment, self.first_order.get(customer_id, moment))
        if ip_hash is not None:
            self._sightings.add(key_of(ip_hash), moment, customer_id, order_id)

    def fraud(self, customer_id: int, known_at: datetime) -> None:
        """Add that an order of this customer was fraud, and since when that was known."""
        moment = micros(known_at)
        self.fraud_known[customer_id] = min(moment, self.fraud_known.get(customer_id, moment))
        self.bad.add(customer_id)

    def first_seen(self, customer_id: int, signed_up_at: datetime | None) -> int | None:
        """Return when a customer first signed up or ordered; all orders must be added before."""
        known = [self.first_order[customer_id]] if customer_id in self.first_order else []
        return min([*known, micros(signed_up_at)] if signed_up_at else known, default=None)

    def identity(self, customer_id: int, hashed: str, signed_up_at: datetime | None) -> None:
        """Add an identity of today; it counts since the customer's first sign-up or order, as in live judgements."""
        moment = self.first_seen(customer_id, signed_up_at)
        if moment is not None:
            self._sightings.add(key_of(hashed), moment, customer_id, 0)

    def close(self) -> None:
        """Keep what is shared and drop the rest."""
        self.newcomers.close()
        for key, places in self._sightings.shared():
            self._count_velocity(places)
            first: dict[int, int] = {}
            for place in places:
                first.setdefault(self._sightings.customers[place], self._sightings.times[place])
            if len(first) > 1:
                bad = tuple(sorted(customer for customer in first if customer in self.bad))
                self._groups[key] = _Group(first, sorted(first.values()), bad)
        self._sightings = _Sightings()

    def _count_velocity(self, places: list[int]) -> None:
        seen = self._sightings
        hour = day = 0
        for index, place in enumerate(places):
            if seen.orders[place] == 0:
                return  # an identity of today, not the IP of an order
            at = seen.times[place]
            while seen.times[places[hour]] <= at - _HOUR:
                hour += 1
            while seen.times[places[day]] <= at - _DAY:
                day += 1
            if index > day:
                self._velocity[seen.orders[place]] = (index - hour, index - day)

    def ip_velocity(self, order_id: int) -> tuple[int, int]:
        """Return how many orders came from the same IP in the hour and in the day before this one."""
        return self._velocity.get(order_id, (0, 0))

    def neighbours(self, customer_id: int, known: dict[str, str], *, before: datetime) -> tuple[Neighbours, ...]:
        """Return who shared an identity before that moment, as `identities.neighbours` would have returned.

        For IPs only customers known as bad then count as bad; for identities of today, those known as bad today.
        """
        moment, found = micros(before), []
        for kind, hashed in sorted(known.items()):
            group = self._groups.get(key_of(hashed))
            others = group.others(customer_id, moment) if group else 0
            if group and others:
                dated = None if kind in OF_TODAY else self.fraud_known
                bad = group.bad_others(customer_id, moment, dated)
                found.append(Neighbours(kind=kind, customers=others, bad_customers=bad))
        return tuple(found)

    def regulars(self, newcomer: Newcomer, known: dict[str, str]) -> tuple[Regulars, ...]:
        """Return how many good customers had the same IP, phone or pattern of e-mail, as `newcomers.regulars` does."""
        own = newcomer.sighting
        moment, found = micros(own.placed_at) - MATURE_DAYS * _DAY, self.newcomers.habits(newcomer)
        for kind in ("ip", "phone"):
            group = self._groups.get(key_of(known[kind])) if kind in known else None
            if group is None:
                continue
            found[kind] = sum(
                first <= moment and self.first_good.get(other, moment + 1) <= moment and other not in self.bad
                for other, first in group.first.items()
                if other != own.customer_id
            )
        return regulars_of(found)
