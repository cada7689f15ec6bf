"""New accounts of the past that ordered together, counted by the same functions as live ones.

Orders are read before customers, so they are kept as short numbers until it is known whose account was new. What the
panel shows of e-mail and phone is as of today; two accounts would have to be changed to something alike to mislead.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from app.core.facts import NewAccount
from app.core.judgement.together import FARTHEST, Sighting, gather
from app.customers.newcomers import HABIT_FROM, HABIT_SINCE, HABIT_UNTIL, MAIL, Traits
from app.gathering.newcomers import Newcomer

_DAY: Final = 86_400_000_000
_FARTHEST: Final = FARTHEST // timedelta(microseconds=1)
_SINCE, _UNTIL = (span // timedelta(microseconds=1) for span in (HABIT_SINCE, HABIT_UNTIL))
_EPOCH: Final = datetime.fromtimestamp(0, UTC)
#: Of orders that share one thing, this many on either side in time are looked at.
_MOST_READ: Final = 60


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def _key(kind: str, value: str) -> int:
    """Return the short key of a trait: 63 of its 256 bits, different for each kind."""
    return (int(value[:16], 16) >> 1) ^ (sum(kind.encode()) << 40)


@dataclass(slots=True)
class Newcomers:
    """Orders of new accounts by what they share. Fill with `order` and `customer`, then `close`, then query."""

    youngest: timedelta
    _ids: array[int] = field(default_factory=lambda: array("q"))
    _customers: array[int] = field(default_factory=lambda: array("q"))
    _times: array[int] = field(default_factory=lambda: array("q"))
    _ips: array[int] = field(default_factory=lambda: array("q"))  # key of the trait, 0 without one
    _ended_well: bytearray = field(default_factory=bytearray)
    _good: dict[int, int] = field(default_factory=dict)  # customer: when their first order that ended well was placed
    _accounts: dict[int, tuple[int, str | None, tuple[int, ...]]] = field(default_factory=dict)
    _groups: dict[int, list[tuple[int, int]]] = field(default_factory=dict)  # by trait: (placed at, place), in time
    _fine: dict[int, array[int]] = field(default_factory=dict)  # by trait: when its orders that ended well were placed
    _known: dict[int, Sighting] = field(default_factory=dict)  # by place

    def order(
        self, order_id: int, customer_id: int, placed_at: datetime, ip: tuple[str, str] | None, *, good: bool
    ) -> None:
        """Add an order that its customer placed; `ip` is their trait, `good` whether it is active today."""
        moment = _micros(placed_at)
        self._ids.append(order_id)
        self._customers.append(customer_id)
        self._times.append(moment)
        self._ips.append(0 if ip is None else _key(*ip))
        self._ended_well.append(good)
        if good:
            self._good[customer_id] = min(moment, self._good.get(customer_id, moment))

    def customer(self, customer_id: int, signed_up_at: datetime, traits: Traits) -> None:
        """Add a customer who can be new, with the traits of the account."""
        keys = tuple(_key(*one) for one in traits.shared)
        self._accounts[customer_id] = _micros(signed_up_at), traits.firm, keys

    def close(self) -> None:
        """Keep the orders of new accounts that share something, and drop the rest."""
        groups: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for place, customer_id in enumerate(self._customers):
            account = self._accounts.get(customer_id)
            if account is None or not self._is_new(place, account[0]):
                continue
            for key in {*account[2], self._ips[place]} - {0}:
                groups[key].append((self._times[place], place))
        for key, found in groups.items():
            if len({self._customers[place] for _, place in found}) > 1:
                self._groups[key] = sorted(found)
                fine = sorted(moment for moment, place in found if self._ended_well[place])
                if len(fine) >= HABIT_FROM:
                    self._fine[key] = array("q", fine)
        kept = {place for found in self._groups.values() for _, place in found}
        self._known = {place: self._sighting(place) for place in kept}
        self._ids, self._customers, self._times, self._ips = (array("q") for _ in range(4))
        self._accounts, self._good, self._ended_well = {}, {}, bytearray()

    def _is_new(self, place: int, signed_up_at: int) -> bool:
        """True if the account was young and no order of more than a day before had ended well."""
        moment = self._times[place]
        age = moment - signed_up_at
        first_good = self._good.get(self._customers[place])
        return age <= self.youngest // timedelta(microseconds=1) and (first_good is None or first_good > moment - _DAY)

    def _sighting(self, place: int) -> Sighting:
        signed_up_at, firm, _ = self._accounts[self._customers[place]]
        return Sighting(
            order_id=self._ids[place],
            customer_id=self._customers[place],
            placed_at=_EPOCH + timedelta(microseconds=self._times[place]),
            signed_up_at=_EPOCH + timedelta(microseconds=signed_up_at),
            firm=firm,
        )

    def group_of(self, newcomer: Newcomer, *, until: datetime) -> tuple[NewAccount, ...]:
        """Return the group of an order until a moment, as a live judgement would have seen it."""
        own = newcomer.sighting
        moment = _micros(own.placed_at)
        found: list[tuple[str, Sighting]] = []
        for kind, value in newcomer.traits.shared:
            group = self._groups.get(_key(kind, value))
            if group is None:
                continue
            middle = bisect_left(group, (moment, 0))
            first = max(bisect_left(group, (moment - _FARTHEST, 0)), middle - _MOST_READ)
            last = min(bisect_right(group, (moment + _FARTHEST, len(group) and group[-1][1])), middle + _MOST_READ)
            found += [(kind, self._known[place]) for _, place in group[first:last]]
        return gather(own, found, until=until)

    def habits(self, newcomer: Newcomer) -> dict[str, int]:
        """Return by kind how many accounts of the month before had the same pattern of e-mail and ended well."""
        moment, found = _micros(newcomer.sighting.placed_at), dict[str, int]()
        for kind, value in newcomer.traits.shared:
            fine = self._fine.get(_key(kind, value)) if kind in MAIL else None
            if fine is not None:
                count = bisect_left(fine, moment - _UNTIL) - bisect_right(fine, moment - _SINCE)
                found[kind] = max(count, found.get(kind, 0))
        return found
