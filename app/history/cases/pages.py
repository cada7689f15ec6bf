"""A page of customers: reads their rows, builds their cases and writes them in one transaction, in any process.

Pages hold different customers, so they can be processed concurrently and in any order.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.policy.sections.judging import Muting
from app.core.policy.terms import terms_digest
from app.db import Database, insert_into
from app.history.cases.known import Known, remember
from app.history.cases.maker import CaseMaker, Ours, PastCase
from app.history.cases.muting import MutedDays
from app.history.cases.rows import Span, in_chunks, rows_of
from app.history.cases.timeline import Rows
from app.orders.facts_codec import pack, unpack
from app.tables.customers import customers
from app.tables.history import CaseSource, Label, cases
from app.tables.orders import decisions, fees, ticket_orders, tickets
from app.workflow.decisions import NO_PERSONS, is_review

_UPDATED: Final = ("customer_id", "placed_at", "judged_at", "facts", "terms_digest")
_LABELLED: Final = ("label", "staff_minutes", "reviewed")


@dataclass(slots=True, kw_only=True)
class Built:
    """The result of a pass over the history. `today` and `absent` count orders by the name of a fact."""

    orders: int = 0
    new: int = 0
    changed: int = 0
    live: int = 0  # decided live by us; their facts stay
    undated: int = 0  # without a date in the panel: can't be judged as of their own time
    labels: Counter[Label] = field(default_factory=Counter)
    today: Counter[str] = field(default_factory=Counter)
    absent: Counter[str] = field(default_factory=Counter)
    muted: Counter[str] = field(default_factory=Counter)

    def add(self, other: Built) -> None:
        """Add the result of another part of the history."""
        for name in ("orders", "new", "changed", "live", "undated"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("labels", "today", "absent", "muted"):
            getattr(self, name).update(getattr(other, name))


@dataclass(slots=True, kw_only=True)
class PagePart:
    """The result of some pages, and what muting needs of them: which signals fired, and what is written by day."""

    days: MutedDays
    built: Built = field(default_factory=Built)
    written: dict[date, set[tuple[str, ...]]] = field(default_factory=lambda: defaultdict(set))

    @classmethod
    def empty(cls, rules: Muting) -> PagePart:
        """Return a part of no pages."""
        return cls(days=MutedDays(rules))

    def add(self, other: PagePart) -> None:
        """Add another part."""
        self.built.add(other.built)
        self.days.add(other.days)
        for day, muted in other.written.items():
            self.written[day] |= muted


@dataclass(frozen=True, slots=True, kw_only=True)
class PageWork:
    """One pass over the history: all that a process needs to work on a page."""

    maker: CaseMaker
    now: datetime

    def on(self, db: Database) -> Callable[[Span], Coroutine[Any, Any, PagePart]]:
        """Return the function that takes a span, in any process."""
        return partial(take_span, self, db)


async def take_span(work: PageWork, db: Database, span: Span) -> PagePart:
    """Build and write the cases of the customers of a span."""
    return await take(work, db, await rows_of(db, span))


async def take(work: PageWork, db: Database, page: list[Rows]) -> PagePart:
    """Build and write the cases of a page of customers."""
    known, part = [Known(rows) for rows in page], PagePart.empty(work.maker.policy.muting)
    async with db.read() as connection:
        ours = await _ours(connection, [rows.customer_id for rows in page])
        reviewed = await _reviewed(connection, [order.order_id for rows in page for order in rows.orders])
    for one in known:
        one.cases = list(work.maker.cases(one.rows, ours.get(one.rows.customer_id, Ours())))
        part.built.undated += len(one.rows.orders) - len(one.cases)
        for case in one.cases:
            approved = reviewed.get(case.order.order_id)
            part.days.count(case.placed_at, case.fired, label=case.label, reviewed=approved)
            part.built.orders += 1
            part.built.labels[case.label] += 1
            part.built.today.update(case.facts.today)
            part.built.absent.update(case.facts.missing)
    async with db.begin() as tx:
        await _write(tx, work, part, [case for one in known for case in one.cases], reviewed)
        await remember(tx, known, work.maker.shared, work.maker.policy, now=work.now)
    return part


async def _ours(connection: AsyncConnection, customer_ids: list[int]) -> dict[int, Ours]:
    """Read which invoices and tickets we created, and who is a white-glove customer."""
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


async def _write(
    tx: AsyncConnection, work: PageWork, part: PagePart, found: list[PastCase], reviewed: dict[int, str]
) -> None:
    """Write new and changed cases; of a live case only its label."""
    ids = [case.order.order_id for case in found]
    stored = {row.order_id: row async for row in in_chunks(tx, sa.select(cases), cases.c.order_id, ids)}
    minutes = await _staff_minutes(tx, ids)
    digest = terms_digest(work.maker.policy)
    rows, labels = [], []
    for case in found:
        order_id = case.order.order_id
        was = stored.get(order_id)
        known = {"label": case.label, "staff_minutes": minutes.get(order_id), "reviewed": reviewed.get(order_id)}
        relabelled = was is None or any(getattr(was, name) != known[name] for name in _LABELLED)
        if was is not None and was.source == CaseSource.LIVE:
            part.built.live += 1
            if relabelled:
                labels.append({"of": order_id, "labelled_at": work.now, **known})
            continue
        facts, muted = _stored_form(case, was)
        part.written[case.placed_at.date()].add(muted)
        row = _row(case, facts, digest) | known
        if relabelled or any(getattr(was, name) != row[name] for name in _UPDATED):
            since = was.labelled_at if was is not None and was.label == case.label else work.now
            rows.append(row | {"labelled_at": since})
            part.built.new += was is None
            part.built.changed += was is not None
    await _store(tx, rows, labels)


def _stored_form(case: PastCase, was: Any) -> tuple[bytes, tuple[str, ...]]:
    """Return the facts as bytes, with the muted signals as last written: muting is settled at the end."""
    facts = pack(case.facts)
    if was is None or was.facts == facts or b'"muted":[]' in was.facts:
        return facts, ()
    muted = unpack(was.facts).muted
    return pack(replace(case.facts, muted=muted)), muted


def _row(case: PastCase, facts: bytes, digest: str) -> dict[str, Any]:
    return {
        "order_id": case.order.order_id,
        "customer_id": case.order.customer_id,
        "source": CaseSource.IMPORTED.value,
        "placed_at": case.placed_at,
        "judged_at": case.judged_at,
        "facts": facts,
        "terms_digest": digest,
    }


async def _store(tx: AsyncConnection, rows: list[dict[str, Any]], labels: list[dict[str, Any]]) -> None:
    if rows:
        new = insert_into(tx, cases)
        renewed = new.on_conflict_do_update(
            index_elements=[cases.c.order_id],
            set_={name: new.excluded[name] for name in (*_UPDATED, *_LABELLED, "labelled_at")},
            where=cases.c.source == CaseSource.IMPORTED.value,  # decided live in the meantime: its facts stay
        )
        await tx.execute(renewed, rows)
    if labels:
        values: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in (*_LABELLED, "labelled_at")}
        update = cases.update().where(cases.c.order_id == sa.bindparam("of")).values(**values)
        await tx.execute(
            update, [{name if name == "of" else f"new_{name}": value for name, value in row.items()} for row in labels]
        )


async def _staff_minutes(tx: AsyncConnection, order_ids: list[int]) -> dict[int, int]:
    """Read the actual minutes, not estimates, that staff logged on tickets that asked for an order."""
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
    """Read the latest decision of a person on each order."""
    query = sa.select(decisions.c.order_id, decisions.c.outcome, decisions.c.by, decisions.c.reasons)
    by_time = query.where(decisions.c.by.not_in(NO_PERSONS)).order_by(decisions.c.id)
    return {
        row.order_id: row.outcome
        async for row in in_chunks(tx, by_time, decisions.c.order_id, order_ids)
        if is_review(row.by, [reason["code"] for reason in row.reasons])
    }
