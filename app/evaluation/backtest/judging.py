"""The work of one process of a backtest: reads cases, judges each by both policies, and counts. It writes nothing."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, tzinfo
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.facts import Facts
from app.core.judgement.provenance import hindsight, leave_out_hindsight, without_hindsight
from app.core.judgement.quick import QuickJudge, Verdict
from app.core.judgement.signals.base import FAMILIES
from app.core.policy.document import Policy, from_canonical
from app.db import Database
from app.evaluation.backtest.counting import Tally, count
from app.evaluation.backtest.parts import COLUMNS, COLUMNS_TODAY, CaseRow, Decided, PartWriter, StoredPart, encode
from app.history.cases.muting import MutedDays
from app.orders import facts_codec
from app.tables.history import cases

#: How many orders are read, judged and stored at a time.
PART: Final = 1_000

#: The columns read of a case. Times and states are read as stored, because SQLAlchemy's conversion takes longer than
#: all of the counting. `_moment` converts a time.
_COLUMNS: Final = (
    cases.c.order_id,
    sa.type_coerce(cases.c.placed_at, sa.types.NULLTYPE).label("placed_at"),
    sa.type_coerce(cases.c.judged_at, sa.types.NULLTYPE).label("judged_at"),
    cases.c.facts,
    cases.c.terms_digest,
    sa.type_coerce(cases.c.source, sa.String).label("source"),
    sa.type_coerce(cases.c.label, sa.String).label("label"),
    cases.c.staff_minutes,
    cases.c.reviewed,
)

#: The signals that one policy mutes on each day (UTC).
MutedOn = Mapping[date, tuple[str, ...]]
#: Where a part begins: the time and id of its first order.
Place = tuple[datetime, int]
#: A part's number, where it begins, and where the next one does.
Part = tuple[int, Place, Place | None]


class BacktestFailed(Exception):
    """The backtest can't be run; the text says why. Nothing of it is kept."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How to find a policy's own terms in texts, for cases whose findings are based on other terms.

    Both are module-level functions, so that another process can import them. `digest` returns a digest of a policy's
    terms, as `cases.terms_digest` does; `again` returns, in order, the facts of these orders with the policy's own
    findings, as far as their texts still exist.
    """

    digest: Callable[[Policy], str]
    again: Callable[[AsyncConnection, Policy, Sequence[tuple[int, Facts]]], Awaitable[list[Facts]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a process needs to know to judge. Policies are in their canonical form; months are those of `zone`."""

    given: str
    active: str
    as_of: datetime
    zone: tzinfo = UTC
    with_today: bool = False
    terms: Terms | None = None
    muted: tuple[MutedOn, MutedOn] | None = None  # by the policy to try and the active one; None: nothing is muted

    def on(self, db: Database) -> Callable[[Part], Coroutine[Any, Any, Judged]]:
        """Return the function that judges a part, in any process."""
        bench = Bench(self, db)
        return lambda part: bench.judge(*part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One part, ready to be stored and counted."""

    number: int
    orders: int
    decisions: bytes
    tally: Tally
    days: tuple[MutedDays, MutedDays]  # what each policy would mute, by these orders
    missing: Counter[str]  # how many imported orders lack a fact altogether, by its name


@dataclass(frozen=True, slots=True)
class _Tried:
    policy: Policy
    judge: QuickJudge
    muted: MutedOn
    digest: str | None  # None: findings are used as they are


class Bench:
    """Judges the parts of one job, with its own database connections."""

    def __init__(self, job: Job, db: Database) -> None:
        self._job = job
        self._db = db
        muted = job.muted or ({}, {})
        self._tried = tuple(self._try(text, on) for text, on in zip((job.given, job.active), muted, strict=True))
        self._columns = COLUMNS_TODAY if job.with_today else COLUMNS

    def _try(self, canonical: str, muted: MutedOn) -> _Tried:
        policy = from_canonical(canonical)
        terms = self._job.terms
        return _Tried(policy, QuickJudge(policy), muted, None if terms is None else terms.digest(policy))

    async def judge(self, number: int, first: Place, end: Place | None) -> Judged:
        """Judge the cases from `first` up to, and without, `end`. Raises BacktestFailed."""
        with _uncollected():  # everything read here is freed at the end
            return await self._judge(number, first, end)

    async def _judge(self, number: int, first: Place, end: Place | None) -> Judged:
        async with self._db.read() as connection:
            rows, facts = _read((await connection.execute(_between(first, end))).all())
            seen = [await self._as_seen(connection, tried, rows, facts) for tried in self._tried]
        missing = Counter(name for row, one in zip(rows, facts, strict=True) if row.is_imported for name in one.missing)
        part, days = self._judged(rows, facts, seen)
        tally = count(part, as_of=self._job.as_of, tried=self._tried[0].policy, zone=self._job.zone)
        return Judged(number=number, orders=len(rows), decisions=encode(part), tally=tally, days=days, missing=missing)

    async def _as_seen(
        self, connection: AsyncConnection, tried: _Tried, rows: Sequence[CaseRow], facts: list[Facts]
    ) -> list[Facts]:
        """Return the facts with this policy's own findings."""
        terms = self._job.terms
        if terms is None:
            return facts
        other = [place for place, row in enumerate(rows) if row.terms_digest != tried.digest]
        if not other:
            return facts
        found = await terms.again(connection, tried.policy, [(rows[place].order_id, facts[place]) for place in other])
        seen = list(facts)
        for place, again in zip(other, found, strict=True):
            seen[place] = again
        return seen

    def _judged(
        self, rows: Sequence[CaseRow], facts: list[Facts], seen: list[list[Facts]]
    ) -> tuple[StoredPart, tuple[MutedDays, MutedDays]]:
        """Judge with all facts of today, if wanted, then without hindsight; that changes `facts`, used only here."""
        part, days = PartWriter(self._columns), [MutedDays(tried.policy.muting) for tried in self._tried]
        decided, with_today = part.decided, self._job.with_today
        for row, plain, *each in zip(rows, facts, *seen, strict=True):
            today = hindsight(plain.today)
            known: tuple[Decided, ...] = ()
            if with_today and today:
                known = tuple([decided(verdict) for verdict in self._verdicts(row, each)])
            for one in each:
                leave_out_hindsight(one)
            verdicts = self._verdicts(row, each)
            then = tuple([decided(verdict) for verdict in verdicts])
            for counted, verdict in zip(days, verdicts, strict=True):
                fired = (code for code, _ in verdict.points if code in FAMILIES)
                counted.count(row.placed_at, fired, label=row.label, reviewed=row.reviewed)
            if with_today:
                then += known or then
            part.add(row, each[0].order, today=today, decided=then)
        return part.part, (days[0], days[1])

    def _verdicts(self, row: CaseRow, each: Sequence[Facts]) -> list[Verdict]:
        """Judge by both policies, each with what it would have muted on that day, whatever was muted then."""
        found = []
        for tried, facts in zip(self._tried, each, strict=True):
            mute(facts, tried.muted.get(row.placed_at.date(), ()))
            found.append(tried.judge.verdict(facts, now=row.judged_at))
        return found

    async def facts_of(self, order_ids: Sequence[int]) -> dict[int, tuple[datetime, Facts, Facts]]:
        """Return some orders' time of judgement and facts as both policies see them, without hindsight."""
        async with self._db.read() as connection:
            found = (await connection.execute(sa.select(*_COLUMNS).where(cases.c.order_id.in_(order_ids)))).all()
            rows, facts = _read(found)
            seen = [await self._as_seen(connection, tried, rows, facts) for tried in self._tried]
        judged: dict[int, tuple[datetime, Facts, Facts]] = {}
        for row, *each in zip(rows, *seen, strict=True):
            given, active = [
                replace(without_hindsight(facts), muted=tried.muted.get(row.placed_at.date(), ()))
                for tried, facts in zip(self._tried, each, strict=True)
            ]
            judged[row.order_id] = row.judged_at, given, active
        return judged


async def places(db: Database, *, since: datetime | None) -> tuple[list[Place], int]:
    """Return where each part begins, in time order, and the total number of orders."""
    numbered = sa.select(
        cases.c.placed_at,
        cases.c.order_id,
        (sa.func.row_number().over(order_by=(cases.c.placed_at, cases.c.order_id)) - 1).label("place"),
    )
    total = sa.select(sa.func.count()).select_from(cases)
    if since is not None:
        numbered, total = numbered.where(cases.c.placed_at >= since), total.where(cases.c.placed_at >= since)
    inner = numbered.subquery()
    query = sa.select(inner.c.placed_at, inner.c.order_id).where(inner.c.place % PART == 0).order_by(inner.c.place)
    async with db.read() as connection:
        found = (await connection.execute(query)).all()
        return [(row.placed_at, row.order_id) for row in found], int(await connection.scalar(total) or 0)


def mute(facts: Facts, muted: tuple[str, ...]) -> None:
    """Set what is muted, in place, for facts just read and not shared with other code; see `leave_out_hindsight`."""
    if facts.muted != muted:
        object.__setattr__(facts, "muted", muted)


def _between(first: Place, end: Place | None) -> sa.Select[Any]:
    key = sa.tuple_(cases.c.placed_at, cases.c.order_id)
    query = sa.select(*_COLUMNS).where(key >= _literal(first)).order_by(cases.c.placed_at, cases.c.order_id)
    return query if end is None else query.where(key < _literal(end))


def _literal(place: Place) -> Any:
    return sa.tuple_(sa.literal(place[0], cases.c.placed_at.type), sa.literal(place[1], cases.c.order_id.type))


def _read(found: Sequence[Any]) -> tuple[list[CaseRow], list[Facts]]:
    rows = [
        CaseRow(order_id, _moment(placed_at), _moment(judged_at), *others)
        for order_id, placed_at, judged_at, *others in found
    ]
    return rows, [_unpacked(row) for row in rows]


def _moment(stored: str | datetime) -> datetime:
    """Convert a time: text from SQLite, a datetime from PostgreSQL's driver; both in UTC."""
    return datetime.fromisoformat(stored) if isinstance(stored, str) else stored


def _unpacked(row: CaseRow) -> Facts:
    try:
        return facts_codec.unpack(row.facts)
    except msgspec.DecodeError as error:
        raise BacktestFailed(f"the stored facts of order {row.order_id} can't be read: {error}") from error


@contextmanager
def _uncollected() -> Iterator[None]:
    """Disable the cyclic garbage collector: there are no cycles, and scanning a part takes a fifth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
