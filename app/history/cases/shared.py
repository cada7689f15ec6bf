"""Identities and IP addresses shared by customers of the history, as known at any moment of the past.

Read once before cases are built, one short row per order and identity, so that a million orders fit in memory: 24 bytes
each, and objects only for what more than one customer or order shares.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby

from app.core.facts import BadNeighbour, Neighbours, Regulars
from app.core.judgement.first_orders import DAYS as FIRST_ORDER_DAYS
from app.core.judgement.first_orders import FirstOrders, summed_up
from app.core.judgement.muting import MATURE
from app.core.judgement.neighbours import latest
from app.core.policy.terms import MATURE_DAYS
from app.core.statuses import PanelOrderStatus
from app.customers.newcomers import regulars_of
from app.gathering.newcomers import Newcomer
from app.history.cases.newcomers import Newcomers
from app.panels.records import PanelOrder

_HOUR = 3_600_000_000
_DAY = 24 * _HOUR
_MATURE = MATURE_DAYS * _DAY
#: Identities that the panel shows only as of today; an order's IP is of its own time.
OF_TODAY = ("address", "email", "payment", "phone")


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

    def bad_others(self, customer_id: int, before: int, known: dict[int, int]) -> list[BadNeighbour]:
        """Return bad customers seen before who were known as bad before, too: `known` says since when."""
        return [
            BadNeighbour((before - self.first[other]) // _HOUR, (before - known[other]) // _DAY)
            for other in self.bad
            if other != customer_id and self.first[other] < before and known.get(other, before) < before
        ]


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

    fraud_known: dict[int, int] = field(default_factory=dict)  # customer: since when they are known as bad
    bad: set[int] = field(default_factory=set)  # customers known for fraud or chargebacks today
    first_order: dict[int, int] = field(default_factory=dict)
    last_order: dict[int, int] = field(default_factory=dict)
    first_good: dict[int, int] = field(default_factory=dict)  # customer: first order that is active today
    newcomers: Newcomers = field(default_factory=lambda: Newcomers(youngest=timedelta(days=30)))
    _amounts: dict[str, list[tuple[int, int]]] = field(default_factory=dict)  # of accepted first orders, by currency
    _months: dict[tuple[str, int, int], FirstOrders | None] = field(default_factory=dict)
    _sightings: _Sightings = field(default_factory=_Sightings)
    _groups: dict[int, _Group] = field(default_factory=dict)
    _velocity: dict[int, tuple[int, int]] = field(default_factory=dict)

    def order(self, customer_id: int, order_id: int, at: datetime, ip_hash: str | None, *, good: bool = False) -> None:
        """Add an order, with the customer's own IP address if known; `good`: it is active today."""
        moment = micros(at)
        if good:
            self.first_good[customer_id] = min(moment, self.first_good.get(customer_id, moment))
        self.first_order[customer_id] = min(moment, self.first_order.get(customer_id, moment))
        self.last_order[customer_id] = max(moment, self.last_order.get(customer_id, moment))
        if ip_hash is not None:
            self._sightings.add(key_of(ip_hash), moment, customer_id, order_id)

    def first(self, customer_id: int, order: PanelOrder) -> None:
        """Add a customer's first order, if it was accepted; call this by rising order id, and before `order`."""
        amount = order.amount
        if customer_id in self.first_order or amount is None or amount.amount_minor <= 0 or order.placed_at is None:
            return
        if order.status == PanelOrderStatus.ACTIVE:
            self._amounts.setdefault(amount.currency, []).append((micros(order.placed_at), amount.amount_minor))

    def first_orders(self, currency: str, at: datetime) -> FirstOrders | None:
        """Return the accepted first orders of the year that was old enough when the month of `at` began."""
        key = (currency, at.year, at.month)
        if key not in self._months:
            last = datetime(at.year, at.month, 1, tzinfo=UTC) - MATURE
            since, upto = micros(last - timedelta(days=FIRST_ORDER_DAYS)), micros(last)
            some = self._amounts.get(currency, [])
            placed = slice(bisect_left(some, (since + 1, 0)), bisect_left(some, (upto + 1, 0)))
            self._months[key] = summed_up(amount for _, amount in some[placed])
        return self._months[key]

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
        """Keep what is shared and drop the rest.

        The panel does not date a chargeback: its customer counts as bad from the time on at which the label of the
        last order was mature, as fraud without a date does.
        """
        for customer in self.bad - self.fraud_known.keys():
            if customer in self.last_order:
                self.fraud_known[customer] = self.last_order[customer] + _MATURE
        for amounts in self._amounts.values():
            amounts.sort()
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

    def neighbours(
        self, customer_id: int, known: dict[str, str], payments: Sequence[str] = (), *, before: datetime
    ) -> tuple[Neighbours, ...]:
        """Return who shared an identity before that moment, as `identities.neighbours` would have returned.

        Only customers known as bad then count as bad, whatever the panel says about them today.
        """
        moment, found = micros(before), []
        for kind, hashed in sorted(known.items()):
            group = self._groups.get(key_of(hashed))
            others = group.others(customer_id, moment) if group else 0
            if group and others:
                bad = group.bad_others(customer_id, moment, self.fraud_known)
                found.append(Neighbours(kind=kind, customers=others, bad_customers=len(bad), bad=latest(bad)))
        found += self._paying_alike(customer_id, payments, moment)
        return tuple(sorted(found, key=lambda one: one.kind))

    def _paying_alike(self, customer_id: int, payments: Sequence[str], moment: int) -> list[Neighbours]:
        """Count each customer who shares some means of payment once."""
        groups = [group for value in payments if (group := self._groups.get(key_of(value))) is not None]
        first: dict[int, int] = {}
        for other, at in sorted(pair for group in groups for pair in group.first.items()):
            first.setdefault(other, at)
        seen = {other: at for other, at in first.items() if other != customer_id and at < moment}
        if not seen:
            return []
        both = _Group(seen, sorted(seen.values()), tuple(other for other in seen if other in self.bad))
        bad = both.bad_others(customer_id, moment, self.fraud_known)
        return [Neighbours(kind="payment", customers=len(seen), bad_customers=len(bad), bad=latest(bad))]

    def regulars(self, newcomer: Newcomer, known: dict[str, str]) -> tuple[Regulars, ...]:
        """Return how many good customers had the same IP, phone or pattern of e-mail, as `newcomers.regulars` does.

        As there, a customer is good who is not known as bad when the order is placed.
        """
        own, found = newcomer.sighting, self.newcomers.habits(newcomer)
        placed_at = micros(own.placed_at)
        moment = placed_at - _MATURE
        for kind in ("ip", "phone"):
            group = self._groups.get(key_of(known[kind])) if kind in known else None
            if group is None:
                continue
            found[kind] = sum(
                first <= moment
                and self.first_good.get(other, moment + 1) <= moment
                and self.fraud_known.get(other, placed_at) >= placed_at
                for other, first in group.first.items()
                if other != own.customer_id
            )
        return regulars_of(found)
