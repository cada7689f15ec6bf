"""A backtest: the history decided again by a policy and by the active one, stored with every decision."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.clock import utc_now
from app.core.judgement.decide import ENGINE_VERSION
from app.core.policy.document import Policy, canonical, parse_policy, parse_published, policy_hash
from app.core.policy.terms import terms_digest
from app.db import Database
from app.errors import NotFound, RequestRunning, WrongState
from app.evaluation.backtest import examples
from app.evaluation.backtest.counting import Tally
from app.evaluation.backtest.judging import BacktestFailed, Bench, Job, Terms, places
from app.evaluation.backtest.pool import judge_parts
from app.evaluation.backtest.records import BacktestReport
from app.evaluation.backtest.report import Named, build_report, muted_signals
from app.history.cases.muting import MutedDays
from app.history.cases.texts import find_again
from app.installation import facts as installation
from app.policies.versions import active, get
from app.tables.history import backtest_decisions, backtests, cases
from app.tables.policies import policies

log = structlog.get_logger()

#: How many backtests are kept with their decisions; older ones are deleted.
KEPT: Final = 20
#: A backtest whose process has been silent for this long is over, for whatever reason.
DEAD_AFTER: Final = timedelta(seconds=30)

_BEAT_SECONDS: Final = 2.0
_LONGEST_ERROR: Final = 500
_TURN: Final = "backtest:turn"  # a row to lock, so that starts take turns

_OWN_TERMS: Final = Terms(digest=terms_digest, again=find_again)

#: Called with the number of orders judged and the total.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to try: a document or a published version, on the orders placed since `since` (None: all orders)."""

    document: str | None = None
    version: int | None = None
    since: datetime | None = None
    with_today: bool = False


async def begin(
    tx: AsyncConnection, wanted: Wanted, *, by: str, now: datetime, read: Policy | None = None
) -> uuid.UUID:
    """Store a requested backtest, and return its id; only one runs at a time.

    `read`: the requested document, if it was read before the transaction.

    Raises PolicyError, NotFound for an unknown version, WrongState for a version that is no longer valid and without
    history, RequestRunning.
    """
    document = wanted.document if wanted.version is None else await _published(tx, wanted.version)
    if wanted.version is None:
        policy = read or parse_policy(document or "")
    else:
        policy = await get(tx, wanted.version)
    await installation.locked(tx, _TURN, now=now)
    if await _running(tx, now=now) is not None:
        raise RequestRunning("another backtest is running; see GET /v1/backtests")
    await require_cases(tx, since=wanted.since)
    made = uuid.uuid4()
    await tx.execute(
        backtests.insert().values(
            id=made,
            policy_hash=policy_hash(policy),
            active_version=(await active(tx)).version,
            engine_version=ENGINE_VERSION,
            options={
                "document": document or "",
                "version": wanted.version,
                "since": wanted.since.isoformat() if wanted.since else None,
                "with_today": wanted.with_today,
            },
            by=by,
            created_at=now,
            alive_at=now,
        )
    )
    return made


async def _published(tx: AsyncConnection, version: int) -> str:
    document: str | None = await tx.scalar(sa.select(policies.c.document).where(policies.c.version == version))
    if document is None:
        raise NotFound(f"there is no policy version {version}")
    return document


async def _running(tx: AsyncConnection, *, now: datetime) -> uuid.UUID | None:
    living = sa.and_(backtests.c.finished_at.is_(None), backtests.c.alive_at > now - DEAD_AFTER)
    found: uuid.UUID | None = await tx.scalar(sa.select(backtests.c.id).where(living).limit(1))
    return found


async def require_cases(connection: AsyncConnection, *, since: datetime | None) -> None:
    """Raise WrongState if there is nothing to judge."""
    query = sa.select(cases.c.order_id).limit(1)
    if await connection.scalar(query) is None:
        raise WrongState("there is no history to judge yet; run `doorman import` first")
    if since is not None and await connection.scalar(query.where(cases.c.placed_at >= since)) is None:
        raise WrongState(f"the history has no orders placed since {since:%Y-%m-%d}")


async def run(
    db: Database,
    backtest_id: uuid.UUID,
    *,
    terms: Terms | None = _OWN_TERMS,
    zone: tzinfo | None = None,
    processes: int | None = None,
    progress: Progress = lambda _done, _of: None,
) -> BacktestReport:
    """Run a stored backtest, and store its report.

    `zone` is that of calendar months; None: the offset learned from the panel, or UTC. If it fails, only the reason is
    kept. Raises BacktestFailed.
    """
    try:
        report = await _run(db, backtest_id, terms=terms, zone=zone, processes=processes, progress=progress)
    except BacktestFailed as error:
        await fail(db, backtest_id, str(error))
        raise
    except BaseException as error:
        await fail(db, backtest_id, f"it was interrupted ({type(error).__name__})")
        raise
    log.info("backtest.finished", backtest_id=str(backtest_id), orders=report.cases.total)
    return report


async def fail(db: Database, backtest_id: uuid.UUID, why: str) -> None:
    """Record why a backtest failed, unless it is already finished."""
    async with db.begin() as tx:
        mine = sa.and_(backtests.c.id == backtest_id, backtests.c.finished_at.is_(None))
        ended = await tx.execute(
            backtests.update().where(mine).values(finished_at=utc_now(), error=why[:_LONGEST_ERROR])
        )
        if ended.rowcount:
            await tx.execute(backtest_decisions.delete().where(backtest_decisions.c.backtest_id == backtest_id))
    if ended.rowcount:
        log.warning("backtest.failed", backtest_id=str(backtest_id), why=why)


async def _run(
    db: Database,
    backtest_id: uuid.UUID,
    *,
    terms: Terms | None,
    zone: tzinfo | None,
    processes: int | None,
    progress: Progress,
) -> BacktestReport:
    row, given, in_force = await _begun(db, backtest_id)
    since = datetime.fromisoformat(row.options["since"]) if row.options["since"] else None
    job = Job(
        given=canonical(given.policy),
        active=canonical(in_force.policy),
        as_of=row.created_at,
        zone=zone or await _learned_zone(db),
        with_today=row.options["with_today"],
        terms=terms,
    )
    starts, orders = await places(db, since=since)
    days = MutedDays(given.policy.muting), MutedDays(in_force.policy.muting)
    missing: Counter[str] = Counter()
    tally = await _judge(
        db, backtest_id, job, starts, (days, missing), orders=orders, processes=processes, progress=progress
    )
    if not tally.counts:
        raise BacktestFailed("the history to judge is gone")
    muted = days[0].muted(), days[1].muted()
    if any(codes for each in muted for codes in each.values()):
        # what a policy mutes is known only once all orders were judged by it, so they are judged again
        job = replace(job, muted=muted)
        await _forget_parts(db, backtest_id)
        again = lambda done, of: progress(done + of, 2 * of)  # noqa: E731
        tally = await _judge(db, backtest_id, job, starts, None, orders=orders, processes=processes, progress=again)
    report = build_report(
        tally,
        given=given,
        active=in_force,
        as_of=row.created_at,
        zone=job.zone,
        since=since,
        with_today=job.with_today,
        missing=missing,
        muted=(*muted_signals("given", days[0], muted[0]), *muted_signals("active", days[1], muted[1])),
        examples=await examples.examples(Bench(job, db), tally.changed, given=given, active=in_force),
        replay=await examples.replay(db),
    )
    await _finish(db, backtest_id, report)
    return report


async def _learned_zone(db: Database) -> tzinfo:
    async with db.read() as connection:
        return installation.zone_of(await installation.get(connection, installation.OFFSET))


async def _begun(db: Database, backtest_id: uuid.UUID) -> tuple[Any, Named, Named]:
    """Return the row of a backtest, the policy to try, and the policy that was active when it started."""
    async with db.read() as connection:
        row = (await connection.execute(sa.select(backtests).where(backtests.c.id == backtest_id))).one()
        same = sa.select(policies.c.version).where(policies.c.hash == row.policy_hash)
        version = row.options["version"] or await connection.scalar(same)
        in_force = parse_published(await _published(connection, row.active_version))
    given = Named(policy=parse_published(row.options["document"]), version=version)
    return row, given, Named(policy=in_force, version=row.active_version)


async def _judge(
    db: Database,
    backtest_id: uuid.UUID,
    job: Job,
    starts: list[Any],
    first: tuple[tuple[MutedDays, MutedDays], Counter[str]] | None,
    *,
    orders: int,
    processes: int | None,
    progress: Progress,
) -> Tally:
    tally, done, beat = Tally(), 0, time.monotonic()
    waiting: list[dict[str, Any]] = []
    parts = judge_parts(job, db, starts, orders=orders, processes=processes)
    try:
        async for part in parts:
            tally.add(part.tally)
            if first is not None:
                for all_days, some in zip(first[0], part.days, strict=True):
                    all_days.add(some)
                first[1].update(part.missing)
            waiting.append({"backtest_id": backtest_id, "part": part.number, "decisions": part.decisions})
            done += part.orders
            progress(done, orders)
            if time.monotonic() - beat >= _BEAT_SECONDS:
                await _store(db, backtest_id, waiting)
                waiting, beat = [], time.monotonic()
    finally:
        await parts.aclose()
    await _store(db, backtest_id, waiting)
    return tally


async def _forget_parts(db: Database, backtest_id: uuid.UUID) -> None:
    async with db.begin() as tx:
        await tx.execute(backtest_decisions.delete().where(backtest_decisions.c.backtest_id == backtest_id))


async def _store(db: Database, backtest_id: uuid.UUID, parts: list[dict[str, Any]]) -> None:
    """Store some parts and a sign of life. Raises BacktestFailed if the backtest was given up in the meantime."""
    async with db.begin() as tx:
        mine = sa.and_(backtests.c.id == backtest_id, backtests.c.finished_at.is_(None))
        if (await tx.execute(backtests.update().where(mine).values(alive_at=utc_now()))).rowcount == 0:
            raise BacktestFailed("it was ended by another process")
        if parts:
            await tx.execute(backtest_decisions.insert(), parts)


async def _finish(db: Database, backtest_id: uuid.UUID, report: BacktestReport) -> None:
    """Store the report, and delete all but the newest backtests."""
    newest = sa.select(backtests.c.id).order_by(backtests.c.created_at.desc(), backtests.c.id.desc()).limit(KEPT)
    async with db.begin() as tx:
        mine = sa.and_(backtests.c.id == backtest_id, backtests.c.finished_at.is_(None))
        values = {"report": report.model_dump(mode="json"), "finished_at": utc_now()}
        if (await tx.execute(backtests.update().where(mine).values(values))).rowcount == 0:
            raise BacktestFailed("it was ended by another process")
        kept = set((await tx.execute(newest)).scalars())
        await tx.execute(backtests.delete().where(backtests.c.id.not_in(kept)))
