"""From what was imported to cases: every order of the past with its facts as of its own time, ready to be judged.

Customers are taken one after the other, each with all of their rows, because an order's facts rest on what came before
it on the same account; what customers share is read beforehand. Each customer's orders go in time order, and so does
what is muted. Nothing is decided here and nobody is told anything: only `cases` and what we know of customers change.
Safe to repeat and to break off: what is written already is found to be the same.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.history import terms_digest
from app.core.policy import Policy
from app.db import Database, insert_into
from app.panels.base import PanelUnavailable
from app.panels.records import PanelProduct
from app.services import policies
from app.services.cases_facts import CaseMaker, Ours, PastCase
from app.services.cases_known import Known, remember
from app.services.cases_live import NO_PERSONS
from app.services.cases_muting import MutedDays
from app.services.cases_rows import absent_resources, count_orders, customer_pages, in_chunks, read_shared
from app.services.cases_shared import Shared
from app.services.context import Context
from app.services.facts_codec import pack, unpack
from app.tables.customers import customers
from app.tables.history import CaseSource, Label, cases
from app.tables.orders import decisions, fees, ticket_orders, tickets

_WRITTEN_AT_ONCE: Final = 5_000
_UPDATED: Final = ("customer_id", "placed_at", "judged_at", "facts", "terms_digest")
_LABELLED: Final = ("label", "staff_minutes", "reviewed")


@dataclass(slots=True, kw_only=True)
class Built:
    """What a pass over the history found. `today` and `absent` count orders by the name of a fact."""

    orders: int = 0
    new: int = 0
    changed: int = 0
    live: int = 0  # decided by us when they happened; their facts stay
    undated: int = 0  # the panel gives no date: can't be judged as of their own time
    labels: Counter[Label] = field(default_factory=Counter)
    today: Counter[str] = field(default_factory=Counter)
    absent: Counter[str] = field(default_factory=Counter)
    muted: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True, kw_only=True)
class _Pass:
    """One pass over the history."""

    db: Database
    policy: Policy
    digest: str
    now: datetime
    shared: Shared
    maker: CaseMaker
    days: MutedDays
    built: Built = field(default_factory=Built)
    written: dict[date, set[tuple[str, ...]]] = field(default_factory=lambda: defaultdict(set))


async def build_cases(context: Context, *, heard: Callable[[int, int], None]) -> Built:
    """Make or renew the case of every imported order; `heard` is told how many of how many orders are done.

    Raises NotFound when no policy is active.
    """
    async with context.db.read() as connection:
        policy = (await policies.active(connection)).policy
    shared = await read_shared(context.db, policy, own_admin_id=context.own_admin_id)
    maker = CaseMaker.of(
        policy,
        shared,
        await _catalogue(context),
        settle_seconds=context.settings.settle_seconds,
        own_admin_id=context.own_admin_id,
        absent=await absent_resources(context.db),
    )
    work = _Pass(
        db=context.db,
        policy=policy,
        digest=terms_digest(policy),
        now=context.clock(),
        shared=shared,
        maker=maker,
        days=MutedDays(policy.muting),
    )
    total = await count_orders(context.db)
    async for page in customer_pages(context.db):
        await _take(work, [Known(rows) for rows in page])
        heard(work.built.orders + work.built.undated, total)
    await _mute(work)
    return work.built


async def _catalogue(context: Context) -> tuple[PanelProduct, ...]:
    """The panel's products of today; without them the facts say that nobody knows what the cart sells."""
    if context.panel is None:
        return ()
    try:
        return await context.catalogue.get(context.panel, urgent=False)
    except PanelUnavailable:
        return ()


async def _take(work: _Pass, page: list[Known]) -> None:
    """Make the cases of a page of customers and write them in one transaction."""
    async with work.db.read() as connection:
        ours = await _ours(connection, [one.rows.customer_id for one in page])
    for one in page:
        one.cases = list(work.maker.cases(one.rows, ours.get(one.rows.customer_id, Ours())))
        work.built.undated += len(one.rows.orders) - len(one.cases)
        for case in one.cases:
            work.days.count(case.placed_at, case.fired)
            work.built.orders += 1
            work.built.labels[case.label] += 1
            work.built.today.update(case.facts.today)
            work.built.absent.update(case.facts.missing)
    async with work.db.begin() as tx:
        await _write(tx, work, [case for one in page for case in one.cases])
        await remember(tx, page, work.shared, work.policy, now=work.now)


async def _ours(connection: AsyncConnection, customer_ids: list[int]) -> dict[int, Ours]:
    """Read which invoices and tickets are of our own making, and who is a white-glove customer."""
    invoices: dict[int, set[int]] = defaultdict(set)
    own_tickets: dict[int, set[int]] = defaultdict(set)
    billed = sa.select(fees.c.customer_id, fees.c.invoice_id).where(fees.c.invoice_id.is_not(None))
    async for row in in_chunks(connection, billed, fees.c.customer_id, customer_ids):
        invoices[row.customer_id].add(row.invoice_id)
    opened = sa.select(tickets.c.customer_id, tickets.c.ticket_id).where(tickets.c.ours)
    async for row in in_chunks(connection, opened, tickets.c.customer_id, customer_ids):
        own_tickets[row.customer_id].add(row.ticket_id)
    glove = sa.select(customers.c.customer_id).where(customers.c.white_glove)
    gloved = {row.customer_id async for row in in_chunks(connection, glove, customers.c.customer_id, customer_ids)}
    return {
        one: Ours(
            invoices=frozenset(invoices.get(one, ())),
            tickets=frozenset(own_tickets.get(one, ())),
            white_glove=one in gloved,
        )
        for one in {*invoices, *own_tickets, *gloved}
    }


async def _write(tx: AsyncConnection, work: _Pass, found: list[PastCase]) -> None:
    """Write what is new or different; of a live case only what became of it."""
    ids = [case.order.order_id for case in found]
    stored = {row.order_id: row async for row in in_chunks(tx, sa.select(cases), cases.c.order_id, ids)}
    minutes, reviewed = await _staff_minutes(tx, ids), await _reviewed(tx, ids)
    rows, labels = [], []
    for case in found:
        order_id = case.order.order_id
        was = stored.get(order_id)
        known = {"label": case.label, "staff_minutes": minutes.get(order_id), "reviewed": reviewed.get(order_id)}
        relabelled = was is None or any(getattr(was, name) != known[name] for name in _LABELLED)
        if was is not None and was.source == CaseSource.LIVE:
            work.built.live += 1
            if relabelled:
                labels.append({"of": order_id, "labelled_at": work.now, **known})
            continue
        facts, muted = _stored_form(case, was)
        work.written[case.placed_at.date()].add(muted)
        row = _row(case, facts, work) | known
        if relabelled or any(getattr(was, name) != row[name] for name in _UPDATED):
            since = was.labelled_at if was is not None and was.label == case.label else work.now
            rows.append(row | {"labelled_at": since})
            work.built.new += was is None
            work.built.changed += was is not None
    await _store(tx, rows, labels)


def _stored_form(case: PastCase, was: Any) -> tuple[bytes, tuple[str, ...]]:
    """Return the facts as bytes, with what was muted as it was written last: that is settled at the end."""
    facts = pack(case.facts)
    if was is None or was.facts == facts or b'"muted":[]' in was.facts:
        return facts, ()
    muted = unpack(was.facts).muted
    return pack(replace(case.facts, muted=muted)), muted


def _row(case: PastCase, facts: bytes, work: _Pass) -> dict[str, Any]:
    return {
        "order_id": case.order.order_id,
        "customer_id": case.order.customer_id,
        "source": CaseSource.IMPORTED.value,
        "placed_at": case.placed_at,
        "judged_at": case.judged_at,
        "facts": facts,
        "terms_digest": work.digest,
    }


async def _store(tx: AsyncConnection, rows: list[dict[str, Any]], labels: list[dict[str, Any]]) -> None:
    if rows:
        new = insert_into(tx, cases)
        renewed = new.on_conflict_do_update(
            index_elements=[cases.c.order_id],
            set_={name: new.excluded[name] for name in (*_UPDATED, *_LABELLED, "labelled_at")},
            where=cases.c.source == CaseSource.IMPORTED.value,  # decided live meanwhile: its facts stay
        )
        await tx.execute(renewed, rows)
    if labels:
        values: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in (*_LABELLED, "labelled_at")}
        update = cases.update().where(cases.c.order_id == sa.bindparam("of")).values(**values)
        await tx.execute(
            update, [{name if name == "of" else f"new_{name}": value for name, value in row.items()} for row in labels]
        )


async def _staff_minutes(tx: AsyncConnection, order_ids: list[int]) -> dict[int, int]:
    """Read the minutes that staff logged themselves on tickets that asked for an order: actual ones, no estimates."""
    query = (
        sa.select(ticket_orders.c.order_id, tickets.c.minutes)
        .join(tickets, tickets.c.ticket_id == ticket_orders.c.ticket_id)
        .where(tickets.c.corrected_by.is_not(None), ticket_orders.c.kind == "asked")
    )
    found: dict[int, int] = Counter()
    async for row in in_chunks(tx, query, ticket_orders.c.order_id, order_ids):
        found[row.order_id] += row.minutes
    return found


async def _reviewed(tx: AsyncConnection, order_ids: list[int]) -> dict[int, str]:
    """Read what a person decided last about each order."""
    query = sa.select(decisions.c.order_id, decisions.c.outcome).where(decisions.c.by.not_in(NO_PERSONS))
    by_time = query.order_by(decisions.c.id)
    return {row.order_id: row.outcome async for row in in_chunks(tx, by_time, decisions.c.order_id, order_ids)}


async def _mute(work: _Pass) -> None:
    """Write into the cases of each day what was muted on it, where it is not there yet."""
    for day, muted in work.days.muted().items():
        work.built.muted.update(dict.fromkeys(muted, work.days.orders[day]))
        if work.written[day] - {muted}:
            await _mute_day(work.db, day, muted)


async def _mute_day(db: Database, day: date, muted: tuple[str, ...]) -> None:
    start, after = datetime.combine(day, time.min, tzinfo=UTC), -1
    update = cases.update().where(cases.c.order_id == sa.bindparam("of")).values(facts=sa.bindparam("new_facts"))
    while True:
        query = (
            sa.select(cases.c.order_id, cases.c.facts)
            .where(
                cases.c.placed_at >= start,
                cases.c.placed_at < start + timedelta(days=1),
                cases.c.source == CaseSource.IMPORTED.value,
                cases.c.order_id > after,
            )
            .order_by(cases.c.order_id)
            .limit(_WRITTEN_AT_ONCE)
        )
        async with db.begin() as tx:
            found = (await tx.execute(query)).all()
            news = [(row, pack(replace(unpack(row.facts), muted=muted))) for row in found]
            changes = [{"of": row.order_id, "new_facts": facts} for row, facts in news if facts != row.facts]
            if changes:
                await tx.execute(update, changes)
        if len(found) < _WRITTEN_AT_ONCE:
            return
        after = found[-1].order_id
