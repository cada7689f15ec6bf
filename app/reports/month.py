"""A month in figures, each from the stored rows: what came in and waited, what it was worth, what people overruled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from statistics import median
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.judgement.decide import Outcome
from app.core.judgement.reasons import ReasonCode
from app.core.money import Money
from app.core.records import POLICY, Mode
from app.core.states import FeeState, OrderState, Provisioning
from app.history.cases.rows import in_chunks
from app.reports.periods import Period
from app.reports.records import MonthFigures, MonthHolds, MonthHours, MonthMoney, MonthReport
from app.tables.orders import decisions, fees, orders
from app.workflow.decisions import NO_PERSONS, is_review

_HOLDS: Final = (Outcome.HOLD_FOR_FEE.value, Outcome.HOLD_FOR_REVIEW.value)
_STOPS: Final = frozenset({*_HOLDS, Outcome.REJECT.value})
_LET_IN: Final = frozenset({OrderState.AWAITING_PAYMENT, OrderState.RELEASING, OrderState.RELEASED})
_ENDED: Final = (OrderState.REJECTING.value, OrderState.REJECTED.value, OrderState.CANCELLED.value)
#: What a settled fee counts as.
_SETTLED: Final = {
    FeeState.PAID: "fees_paid",
    FeeState.WAIVED: "fees_waived",
    FeeState.CANCELLED: "fees_withdrawn",
}
_HOUR: Final = timedelta(hours=1)

Amounts = Counter[tuple[str, str]]  # minor units, by currency and figure


@dataclass(slots=True, kw_only=True)
class _Read:
    """The figures of one period before they are written out; `saved`: orders whose work was not done for nothing."""

    period: Period
    orders: dict[str, int]
    held: MonthHolds
    hours: MonthHours
    amounts: Amounts
    overruled: int
    good_waits: list[float]
    fraud_orders: int

    def figures(self, currencies: Sequence[str]) -> dict[str, Any]:
        """Return the fields of the report."""
        return {
            "since": self.period.since,
            "until": self.period.until,
            "orders": self.orders,
            "held": self.held,
            "currencies": tuple(self._money(currency) for currency in currencies),
            "hours": self.hours,
            "overruled": self.overruled,
            "good_held": len(self.good_waits),
            "good_held_hours": round(median(self.good_waits), 2) if self.good_waits else None,
            "fraud_orders": self.fraud_orders,
        }

    def _money(self, currency: str) -> MonthMoney:
        names = [name for name in MonthMoney.model_fields if name != "currency"]
        amounts = {name: Money(self.amounts[currency, name], currency).to_text() for name in names}
        return MonthMoney(currency=currency, **amounts)


async def month_report(connection: AsyncConnection, period: Period, *, now: datetime) -> MonthReport:
    """Return the figures of a period and of the one before; `now` is how long those still held have waited."""
    read = [await _read(connection, one, now=now) for one in (period, period.before())]
    currencies = sorted({currency for one in read for currency, _ in one.amounts})
    this, before = (one.figures(currencies) for one in read)
    return MonthReport(**this, before=MonthFigures(**before))


async def _read(connection: AsyncConnection, period: Period, *, now: datetime) -> _Read:
    counted, minutes = await _decided(connection, period)
    waits, held = await _holds(connection, period, now=now)
    amounts: Amounts = Counter()
    paid, charged = await _fees(connection, period, amounts)
    people = await _people(connection, period)
    dropped = {row.order_id for row in people if _says(row, ReasonCode.REQUEST_DROPPED)}
    ended, fraud_orders = await _ended(connection, period, amounts)
    judged = await _judged(connection, people)
    for row in people:
        if _says(row, ReasonCode.WORK_FREE):
            _add(amounts, "work_given_free", judged[row.id].labour["estimate"])
    for cost in await _costs(connection, sorted(paid | dropped | ended)):
        _add(amounts, "labour_saved", cost)
    return _Read(
        period=period,
        orders=counted,
        held=held,
        hours=MonthHours(asked_for=_hours(minutes), charged=_hours(charged)),
        amounts=amounts,
        overruled=_overruled(people, judged),
        good_waits=waits,
        fraud_orders=fraud_orders,
    )


def _within(column: sa.ColumnElement[Any], period: Period) -> sa.ColumnElement[bool]:
    return sa.and_(column >= period.since, column < period.until)


def _hours(minutes: int) -> float:
    return round(minutes / 60, 2)


def _add(amounts: Amounts, figure: str, stored: dict[str, Any] | None) -> None:
    """Add an amount of a stored judgement."""
    if stored is not None:
        amounts[stored["currency"], figure] += int(stored["amount_minor"])


# --- what came in, and what waited ------------------------------------------------------------------------------------


async def _decided(connection: AsyncConnection, period: Period) -> tuple[dict[str, int], int]:
    """Return the orders first decided in the period by their outcome now, and the minutes of work they ask for."""
    query = (
        sa.select(orders.c.outcome, sa.func.count().label("orders"), sa.func.sum(orders.c.counted_minutes).label("all"))
        .select_from(decisions)
        .join(orders, orders.c.order_id == decisions.c.order_id)
        .where(_within(decisions.c.at, period), decisions.c.supersedes.is_(None), orders.c.outcome.is_not(None))
        .group_by(orders.c.outcome)
    )
    counted, minutes = {outcome.value: 0 for outcome in Outcome}, 0
    for outcome, how_many, work in await connection.execute(query):
        counted[outcome] = int(how_many)
        minutes += int(work or 0)
    return counted, minutes


async def _holds(connection: AsyncConnection, period: Period, *, now: datetime) -> tuple[list[float], MonthHolds]:
    """Return how long good orders waited, in hours, and all orders whose first hold began in the period."""
    first, earlier, later = decisions.alias("first"), decisions.alias("earlier"), decisions.alias("later")
    held_before = sa.exists().where(
        earlier.c.order_id == first.c.order_id,
        earlier.c.id < first.c.id,
        earlier.c.mode == Mode.ENFORCE.value,
        earlier.c.outcome.in_(_HOLDS),
    )
    end = (
        sa.select(later.c.at)
        .where(later.c.order_id == first.c.order_id, later.c.id > first.c.id, later.c.outcome.not_in(_HOLDS))
        .order_by(later.c.id)
        .limit(1)
        .scalar_subquery()
    )
    query = (
        sa.select(first.c.at, end.label("ended_at"), orders.c.state, orders.c.outcome, orders.c.fraud)
        .select_from(first)
        .join(orders, orders.c.order_id == first.c.order_id)
        .where(
            _within(first.c.at, period),
            first.c.mode == Mode.ENFORCE.value,
            first.c.outcome.in_(_HOLDS),
            ~held_before,
        )
    )
    rows = (await connection.execute(query)).all()
    waits, good, still = [], [], 0
    for row in rows:
        waits_now = row.state == OrderState.HELD and row.ended_at is None
        still += waits_now
        until = row.ended_at or (now if waits_now else None)
        if until is None:
            continue  # deleted in the panel: when it stopped waiting is not known
        hours = max(timedelta(0), until - row.at) / _HOUR
        waits.append(hours)
        if row.outcome == Outcome.APPROVE and row.state in _LET_IN and not row.fraud:
            good.append(hours)
    return good, MonthHolds(
        orders=len(rows),
        now=still,
        median_hours=round(median(waits), 2) if waits else None,
        p90_hours=round(sorted(waits)[ceil(0.9 * len(waits)) - 1], 2) if waits else None,
    )


# --- money ------------------------------------------------------------------------------------------------------------


async def _fees(connection: AsyncConnection, period: Period, amounts: Amounts) -> tuple[set[int], int]:
    """Add the fees of the period; return the orders whose fee was paid, and the minutes of the work behind these."""
    asked = (
        sa.select(fees.c.currency, sa.func.sum(fees.c.amount_minor))
        .where(_within(fees.c.created_at, period))
        .group_by(fees.c.currency)
    )
    for currency, total in await connection.execute(asked):
        amounts[currency, "fees_asked"] += int(total)
    settled = (
        sa.select(
            fees.c.order_id,
            fees.c.currency,
            fees.c.amount_minor,
            fees.c.state,
            fees.c.minutes,
            orders.c.counted_minutes,
        )
        .join(orders, orders.c.order_id == fees.c.order_id)
        .where(_within(fees.c.settled_at, period), fees.c.state.in_([state.value for state in _SETTLED]))
    )
    paid, minutes = set(), 0
    for row in await connection.execute(settled):
        amounts[row.currency, _SETTLED[FeeState(row.state)]] += int(row.amount_minor)
        if row.state == FeeState.PAID:
            paid.add(row.order_id)
            minutes += row.counted_minutes if row.minutes is None else row.minutes
    return paid, minutes


async def _ended(connection: AsyncConnection, period: Period, amounts: Amounts) -> tuple[set[int], int]:
    """Add the fraud that was stopped; return the orders that ended in the period, and how many of them were fraud."""
    query = (
        sa.select(orders.c.order_id, orders.c.fraud, orders.c.provisioning, orders.c.amount_minor, orders.c.currency)
        .select_from(decisions)
        .join(orders, orders.c.decision_id == decisions.c.id)
        .where(
            _within(decisions.c.at, period),
            decisions.c.outcome == Outcome.REJECT.value,
            orders.c.state.in_(_ENDED),
            orders.c.provisioning == Provisioning.NONE.value,
        )
    )
    ended, stopped = set(), 0
    for row in await connection.execute(query):
        ended.add(row.order_id)
        stopped += row.fraud
        if row.fraud and row.currency is not None and row.amount_minor is not None:
            amounts[row.currency, "fraud_stopped"] += int(row.amount_minor)
    return ended, stopped


async def _costs(connection: AsyncConnection, order_ids: list[int]) -> list[dict[str, Any] | None]:
    """Return what the work of these orders costs, by the policy's newest judgement of each."""
    newest = sa.select(sa.func.max(decisions.c.id).label("id")).where(decisions.c.by == POLICY)
    costs: list[dict[str, Any] | None] = []
    for start in range(0, len(order_ids), 500):
        some = newest.where(decisions.c.order_id.in_(order_ids[start : start + 500])).group_by(decisions.c.order_id)
        query = sa.select(decisions.c.judgement["labour"]["cost"]).where(decisions.c.id.in_(some))
        costs += list(await connection.scalars(query))
    return costs


# --- people -----------------------------------------------------------------------------------------------------------


async def _people(connection: AsyncConnection, period: Period) -> list[Any]:
    """Return what people decided in the period, the oldest first."""
    columns = (decisions.c.id, decisions.c.order_id, decisions.c.by, decisions.c.outcome, decisions.c.reasons)
    query = sa.select(*columns).where(_within(decisions.c.at, period), decisions.c.by.not_in(NO_PERSONS))
    return list((await connection.execute(query.order_by(decisions.c.id))).all())


def _says(row: Any, code: ReasonCode) -> bool:
    return any(reason["code"] == code for reason in row.reasons)


async def _judged(connection: AsyncConnection, people: Iterable[Any]) -> dict[int, Any]:
    """Return for each decision of a person what the policy had decided before it: outcome and labour."""
    judged, person = decisions.alias("judged"), decisions.alias("person")
    newest = (
        sa.select(sa.func.max(decisions.c.id))
        .where(decisions.c.order_id == person.c.order_id, decisions.c.id < person.c.id, decisions.c.by == POLICY)
        .correlate(person)
        .scalar_subquery()
    )
    query = (
        sa.select(person.c.id, judged.c.outcome, judged.c.judgement["labour"].label("labour"))
        .select_from(person)
        .join(judged, judged.c.id == newest)
    )
    return {row.id: row async for row in in_chunks(connection, query, person.c.id, [one.id for one in people])}


def _overruled(people: Iterable[Any], judged: dict[int, Any]) -> int:
    """Count the orders whose last verdict of a person in the period is not the policy's, on letting them in or not."""
    last = {row.order_id: row for row in people if is_review(row.by, [reason["code"] for reason in row.reasons])}
    pairs = [(judged[row.id].outcome, row.outcome) for row in last.values() if row.id in judged]
    return sum((said in _STOPS) is not (decided in _STOPS) for said, decided in pairs)
