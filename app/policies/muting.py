"""Mute risk signals that fire on so many orders that ended well that they carry no information at this provider.

They are counted by a round of the worker (`app.upkeep.muting`), which stores the result; judgements read that.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.facts import PaymentState
from app.core.judgement.muting import MATURE, Firings
from app.core.judgement.outcome import Outcome
from app.core.policy.document import Policy
from app.core.policy.sections.judging import Muting
from app.core.states import OrderState
from app.installation import facts as installation
from app.tables.customers import signal_firings
from app.tables.history import Label, cases
from app.tables.orders import orders

#: The name under which the latest count is stored.
COUNTED: Final = "muting"
#: A stored count older than this is counted again by whoever needs it: no worker keeps it up to date.
_TOO_OLD: Final = timedelta(hours=1)
_CACHED_SECONDS = 600.0
_ENDED_BADLY: Final = (Label.FRAUD, Label.DISPUTED, Label.REFUNDED, Label.CANCELLED_UNPAID)
_UNDONE: Final = (PaymentState.DISPUTED, PaymentState.REFUNDED)


@dataclass(slots=True)
class MutedCache:
    """The muted signals, read every ten minutes and when the policy's rules change."""

    codes: tuple[str, ...] = ()
    rules: Muting | None = None
    read_at: float = -_CACHED_SECONDS

    async def get(self, connection: AsyncConnection, policy: Policy, *, now: datetime) -> tuple[str, ...]:
        """Return the codes of the signals that are muted under this policy."""
        rules = policy.muting
        if rules != self.rules or time.monotonic() - self.read_at >= _CACHED_SECONDS:
            self.codes = (await firings(connection, rules, now=now)).muted(rules)
            self.rules, self.read_at = rules, time.monotonic()
        return self.codes


async def firings(connection: AsyncConnection, rules: Muting, *, now: datetime) -> Firings:
    """Return the stored count, or count now if it is too old or by other rules."""
    stored = await installation.get(connection, COUNTED)
    if stored and stored["days"] == rules.days and now - datetime.fromisoformat(stored["at"]) < _TOO_OLD:
        return Firings(orders=stored["orders"], fired=stored["fired"])
    return await count(connection, rules, now=now)


def as_stored(counted: Firings, rules: Muting, *, now: datetime) -> dict[str, Any]:
    """Return a count as it is stored under `COUNTED`."""
    muted = list(counted.muted(rules))
    days, fired = rules.days, dict(counted.fired)
    return {"days": days, "at": now.isoformat(), "orders": counted.orders, "fired": fired, "muted": muted}


async def count(connection: AsyncConnection, rules: Muting, *, now: datetime) -> Firings:
    """Count the orders that ended well in the days before, and the risk signals that fired on them."""
    since, ended = now - timedelta(days=rules.days) - MATURE, ended_well(rules.days, now=now)
    known = cases.outerjoin(orders, orders.c.order_id == cases.c.order_id)
    placed = sa.and_(cases.c.placed_at > since, cases.c.placed_at <= now)
    total = sa.select(sa.func.count()).select_from(known).where(placed, ended)
    fired = (
        sa.select(signal_firings.c.code, sa.func.count().label("orders"))
        .select_from(known_endings(signal_firings, signal_firings.c.order_id))
        .where(signal_firings.c.placed_at > since, signal_firings.c.placed_at <= now, ended)
        .group_by(signal_firings.c.code)
    )
    rows = {row.code: row.orders for row in await connection.execute(fired)}
    return Firings(orders=int((await connection.execute(total)).scalar_one()), fired=rows)


def known_endings(table: sa.Table, order_id: sa.ColumnElement[int]) -> sa.FromClause:
    """Return a table with orders joined to what is known of their endings, as `ended_well` needs it."""
    imported = table.join(cases, cases.c.order_id == order_id)
    return imported.outerjoin(orders, orders.c.order_id == cases.c.order_id)


def ended_well(within_days: int, *, now: datetime) -> sa.ColumnElement[bool]:
    """Return the condition for orders that ended well in the days before; see `app.core.judgement.muting`."""
    days = timedelta(days=within_days)
    placed_at, approved = cases.c.placed_at, sa.func.coalesce(cases.c.reviewed, "") == Outcome.APPROVE.value
    bad = sa.or_(
        cases.c.label.in_(_ENDED_BADLY),
        sa.func.coalesce(orders.c.fraud, sa.false()),
        sa.func.coalesce(orders.c.payment_state, "").in_(_UNDONE),
    )
    accepted = sa.or_(cases.c.label == Label.GOOD, sa.func.coalesce(orders.c.state, "") == OrderState.RELEASED)
    mature = sa.and_(accepted, sa.not_(approved), placed_at > now - days - MATURE, placed_at <= now - MATURE)
    by_person = sa.and_(approved, placed_at > now - days)
    return sa.and_(sa.not_(bad), sa.or_(mature, by_person))
