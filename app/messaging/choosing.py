"""Which of the events that are due a worker handles next: who waits for the gate first, and nobody's orders before all
others'.

An urgent event never waits for a place: some places are for them alone. Of the others, the longest overdue goes first,
but events of customers who have one in hand, or were served just now, wait until nobody else's is due. So a customer
with 500 orders at once takes all places while nobody else orders, and no more than is left when somebody does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import Database
from app.tables.inbox import WAITING, events

EventKey = tuple[str, int]

_WINDOW: Final = 4  # candidates read for each event claimed, as several may concern one order

#: Events that are due, of orders and customers that are not busy.
_DUE: Final = sa.and_(
    sa.text(WAITING),
    events.c.owner.is_(None),
    events.c.due_at <= sa.bindparam("now"),
    sa.or_(events.c.order_id.is_(None), events.c.order_id.not_in(sa.bindparam("busy_orders", expanding=True))),
    sa.or_(
        events.c.order_id.is_not(None),
        events.c.customer_id.is_(None),
        events.c.customer_id.not_in(sa.bindparam("busy_customers", expanding=True)),
    ),
)
_URGENT: Final = sa.and_(_DUE, events.c.urgent)
_ORDINARY: Final = sa.and_(_DUE, ~events.c.urgent)
_SERVED: Final[sa.BindParameter[Any]] = sa.bindparam("served", expanding=True)
_OF_OTHERS: Final = sa.and_(_ORDINARY, sa.or_(events.c.customer_id.is_(None), events.c.customer_id.not_in(_SERVED)))
_OF_SERVED: Final = sa.and_(_ORDINARY, events.c.customer_id.in_(_SERVED))
_ANY_URGENT: Final = sa.exists(sa.select(events.c.id).where(_URGENT).limit(1))
_ANY_ORDINARY: Final = sa.exists(sa.select(events.c.id).where(_ORDINARY).limit(1))
_ANYTHING_URGENT: Final = sa.select(_ANY_URGENT)
_ANYTHING: Final = sa.select(sa.or_(_ANY_URGENT, _ANY_ORDINARY))


def _reading(which: sa.ColumnElement[bool]) -> sa.Select[Any]:
    columns = (events.c.id, events.c.type, events.c.order_id, events.c.customer_id, events.c.claimed_at)
    return (
        sa.select(*columns, events.c.deaths)
        .where(which)
        .order_by(events.c.due_at, events.c.id)
        .limit(sa.bindparam("most", type_=sa.Integer))
        .with_for_update(skip_locked=True)
    )


_READ_URGENT: Final = _reading(_URGENT)
_READ_OTHERS: Final = _reading(_OF_OTHERS)
_READ_SERVED: Final = _reading(_OF_SERVED)


def key_of(order_id: int | None, customer_id: int | None) -> EventKey | None:
    """Return the subject of an event."""
    if order_id is not None:
        return ("order", order_id)
    return None if customer_id is None else ("customer", customer_id)


class OfCustomer(Protocol):
    """An event or a call."""

    @property
    def customer_id(self) -> int | None: ...


_Item = TypeVar("_Item", bound=OfCustomer)


class InHand(OfCustomer, Protocol):
    """An event that is being handled."""

    @property
    def key(self) -> EventKey | None: ...
    @property
    def urgent(self) -> bool: ...


class Served:
    """The customers whose events, or calls, a worker has in hand or took last: it is the others' turn."""

    def __init__(self, last: int) -> None:
        self._last: deque[int] = deque(maxlen=last)

    def note(self, taken: list[_Item]) -> list[_Item]:
        """Remember what was taken just now, and return it."""
        self._last.extend(_customers(taken))
        return taken

    def beside(self, in_hand: Iterable[OfCustomer]) -> set[int]:
        """Return the customers."""
        return {*self._last, *_customers(in_hand)}


def _customers(items: Iterable[OfCustomer]) -> Iterator[int]:
    return (item.customer_id for item in items if item.customer_id is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """How many events a worker can take now, and what it has in hand.

    `urgent` places are for urgent events only, which may take the ordinary ones too.
    """

    ordinary: int
    urgent: int = 0
    busy: Collection[EventKey] = ()
    served: Collection[int] = ()  # customers

    @classmethod
    def beside(cls, in_hand: Collection[InHand], served: Served, *, ordinary: int, urgent: int) -> Places:
        """Return what is left of so many places beside the events in hand; urgent ones take the urgent places first."""
        hurried = min(sum(event.urgent for event in in_hand), urgent)
        return cls(
            ordinary=ordinary - (len(in_hand) - hurried), urgent=urgent - hurried,
            busy={event.key for event in in_hand if event.key is not None},
            served=served.beside(in_hand),
        )  # fmt: skip

    @property
    def any(self) -> bool:
        """True if there is a place."""
        return self.ordinary > 0 or self.urgent > 0


@dataclass(slots=True)
class _Chosen:
    rows: list[sa.Row[Any]] = field(default_factory=list)
    keys: set[EventKey] = field(default_factory=set)

    def add(self, rows: Sequence[sa.Row[Any]], limit: int) -> None:
        """Choose from these rows, one for each key, until there are `limit` in all."""
        for row in rows:
            key = key_of(row.order_id, row.customer_id)
            if len(self.rows) < limit and key not in self.keys:
                self.rows.append(row)
                if key is not None:
                    self.keys.add(key)


async def anything_due(db: Database, places: Places, *, now: datetime) -> bool:
    """Check without the write lock, which the intake needs more."""
    query = _ANYTHING if places.ordinary > 0 else _ANYTHING_URGENT
    async with db.read() as connection:
        return bool(await connection.scalar(query, _given(places, now)))


async def choose(tx: AsyncConnection, places: Places, *, now: datetime) -> list[sa.Row[Any]]:
    """Return the next events, locked: at most one per key and none whose key is busy."""
    chosen, given = _Chosen(), _given(places, now)
    most = max(0, places.ordinary) + places.urgent
    chosen.add((await tx.execute(_READ_URGENT, given | {"most": most * _WINDOW})).all(), most)
    limit = min(most, len(chosen.rows) + max(0, places.ordinary))
    if places.ordinary <= 0 or len(chosen.rows) >= limit:
        return chosen.rows
    given |= {"most": limit * _WINDOW, "served": list(places.served)}
    chosen.add((await tx.execute(_READ_OTHERS, given)).all(), limit)
    if places.served and len(chosen.rows) < limit:
        chosen.add((await tx.execute(_READ_SERVED, given)).all(), limit)
    return chosen.rows


def _given(places: Places, now: datetime) -> dict[str, Any]:
    return {
        "now": now,
        "busy_orders": [number for kind, number in places.busy if kind == "order"],
        "busy_customers": [number for kind, number in places.busy if kind == "customer"],
    }
