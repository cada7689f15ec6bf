"""How much bad neighbours weigh: evidence ages, and the accounts of one burst count as one neighbour.

An IP address, a postal address and a phone number change hands, so what others did there counts less from day to day.
A mailbox and a means of payment are a person's own: like the customer's own past, they do not age.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from app.core.facts import BadNeighbour, Neighbours
from app.core.judgement.rulebook import Rulebook

#: The kinds of identity that change hands.
AGEING: Final = frozenset({"ip", "phone", "address", "similar_address"})
#: The most bad neighbours of one kind in the facts: those with the latest evidence.
MOST_NAMED: Final = 50
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)


def bad_neighbour(*, seen_at: datetime, known_at: datetime | None, before: datetime) -> BadNeighbour:
    """Return how long before an order a bad customer was first seen, and the latest evidence became known.

    Evidence that became known after the order, or at an unknown time, is as fresh as can be.
    """
    known = before if known_at is None else known_at
    return BadNeighbour(max(0, (before - seen_at) // _HOUR), max(0, (before - known) // _DAY))


def latest(found: Iterable[BadNeighbour]) -> tuple[BadNeighbour, ...]:
    """Return those with the latest evidence, in a fixed order, as they are stored in facts."""
    return tuple(sorted(found, key=lambda one: (one.known_days, one.seen_hours))[:MOST_NAMED])


class Weighed(NamedTuple):
    """What the bad neighbours of one kind add. `days`: how old the latest evidence is; `share`: what it counts."""

    points: int
    bad_customers: int
    bursts: int
    days: int
    share: float


def weigh(found: list[Neighbours], rules: Rulebook, *, first: int) -> Weighed:
    """Return what these entries, all of one kind, add; `first`: points of the first neighbour."""
    return max(_weigh(entry, rules, first) for entry in found if entry.bad_customers > 0)


def _weigh(entry: Neighbours, rules: Rulebook, first: int) -> Weighed:
    if not entry.bad:  # facts of earlier versions have no ages: each customer counts in full
        count = entry.bad_customers
        return Weighed(min(100, first + rules.risk.each_further * (count - 1)), count, count, 0, 1.0)
    ages = _bursts(entry.bad, rules.burst_hours)
    shares = [0.5 ** (days / rules.half_life_days) for days in ages] if entry.kind in AGEING else [1.0] * len(ages)
    exact = first * shares[0] + rules.risk.each_further * sum(shares[1:])
    return Weighed(min(100, int(exact + 0.5)), entry.bad_customers, len(ages), ages[0], shares[0])


def _bursts(bad: tuple[BadNeighbour, ...], hours: int) -> list[int]:
    """Return the age in days of the latest evidence of each burst, the youngest first.

    Accounts belong to one burst if each was first seen at most this many hours after the one before it.
    """
    ages: list[int] = []
    before: int | None = None
    for one in sorted(bad):
        if before is not None and one.seen_hours - before <= hours:
            ages[-1] = min(ages[-1], one.known_days)
        else:
            ages.append(one.known_days)
        before = one.seen_hours
    return sorted(ages)
