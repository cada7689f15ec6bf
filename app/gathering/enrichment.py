"""Answers of enrichment services about an order: asked while it can be decided, stored, and never paid for twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from app.context import Context
from app.core.facts import EnrichmentReport
from app.core.statuses import PanelOrderStatus
from app.customers.identities import canonical_email, public_ip
from app.db import insert_new
from app.enrichment.asking import AskedSource, Enrichment, no_answer
from app.enrichment.base import EnrichmentQuestion
from app.panels.records import PanelCustomer, PanelOrder
from app.tables.orders import outside_answers

SECONDS: Final = 2.0  # for all services together
URGENT_SECONDS: Final = 0.6  # since the look began: the gate answers within 1.5 s, with a verdict or without
MOST_TRIES: Final = 3  # per order and service: a request without an answer may have been billed too
_LEAST_SECONDS: Final = 0.1  # a shorter time is not worth a request
_UNDER_WAY: Final = timedelta(seconds=5)  # a request that began within this time may still be answered
_POLL_SECONDS: Final = 0.05
#: The error of a row from just before the request is sent until the answer is stored.
_STOPPED: Final = "stopped while asking"


def seconds_left(began: float, *, urgent: bool) -> float:
    """Return the seconds left for enrichment services in a look that began at `began` (`time.monotonic`)."""
    return URGENT_SECONDS - (time.monotonic() - began) if urgent else SECONDS


async def reports(
    context: Context,
    order: PanelOrder,
    customer: PanelCustomer | None,
    *,
    own_ip: str | None,
    seconds: float,
    now: datetime,
) -> tuple[EnrichmentReport, ...]:
    """Return one report per configured service, degraded if it gave no usable answer.

    Earlier answers come from the table. An order that is no longer Pending and was never asked about has no report.
    `own_ip` is the customer's own address, or None.
    """
    enrichment = context.enrichment
    if enrichment is None or not enrichment.sources:
        return ()
    kept = await _kept(context, order.order_id, enrichment.sources)
    found = {name: row.report for name, row in kept.items() if not row.report.degraded}
    open_names = [name for name in sorted(enrichment.sources) if name not in found]
    if open_names and order.status == PanelOrderStatus.PENDING and not order.is_renewal:
        question = _question(order, customer, own_ip, now)
        found |= {name: no_answer(name, "not asked").report for name in open_names}
        if question is not None and seconds >= _LEAST_SECONDS:
            found |= await _ask(context, enrichment, question, {name: kept.get(name) for name in open_names}, seconds)
    return tuple(found[name] for name in sorted(found))


async def _ask(
    context: Context,
    enrichment: Enrichment,
    question: EnrichmentQuestion,
    kept: Mapping[str, _Kept | None],
    seconds: float,
) -> dict[str, EnrichmentReport]:
    """Count the attempt, ask, store the answer; a crash in between costs one attempt, so requests are never endless.

    If another worker is asking about the same order, wait for its answer within the same time instead of asking again.
    """
    until = time.monotonic() + seconds
    names, under_way = await _claim(context, question.order_id, kept)
    found: dict[str, EnrichmentReport] = {}
    if names:
        asked = await enrichment.ask(names, question, seconds=seconds)
        await _keep(context, question.order_id, asked)
        found = {one.report.provider: one.report for one in asked}
    while under_way:
        rows = await _kept(context, question.order_id, under_way)
        found |= {name: row.report for name, row in rows.items()}
        if time.monotonic() >= until or not any(row.under_way(context.clock()) for row in rows.values()):
            break
        await asyncio.sleep(_POLL_SECONDS)
    return found


def _question(
    order: PanelOrder, customer: PanelCustomer | None, own_ip: str | None, now: datetime
) -> EnrichmentQuestion | None:
    if customer is None:
        return None
    _street, _second, city, _state, postcode = (*customer.address, *("",) * 5)[:5]
    return EnrichmentQuestion(
        order_id=order.order_id,
        customer_id=customer.customer_id,
        placed_at=order.placed_at or now,
        email=customer.email,
        mailbox=canonical_email(customer.email),
        name=f"{customer.first_name} {customer.last_name}".strip(),
        phone=customer.phone,
        ip=public_ip(own_ip),
        city=city,
        postcode=postcode,
        country=customer.country,
        amount=order.amount,
    )


# --- what is kept ---------------------------------------------------------------------------------------------------


class _Kept:
    """A row of `outside_answers`, read."""

    def __init__(self, row: Any) -> None:
        self.tries = int(row.tries)
        self._asked_at: datetime = row.asked_at
        self._reason = row.reason
        answer: Mapping[str, Any] = row.answer or {}
        self.report = EnrichmentReport(
            provider=row.provider,
            degraded=bool(row.degraded),
            score=answer.get("score"),
            reports=answer.get("reports"),
            page=answer.get("page"),
            marks=tuple(answer.get("marks", ())),
        )

    def under_way(self, now: datetime) -> bool:
        """True if somebody is asking now; a worker that crashed while asking is not waited for long."""
        return self._reason == _STOPPED and now - self._asked_at < _UNDER_WAY


async def _kept(context: Context, order_id: int, names: Collection[str]) -> dict[str, _Kept]:
    answers = outside_answers.c
    query = sa.select(outside_answers).where(answers.order_id == order_id, answers.provider.in_(sorted(names)))
    async with context.db.read() as connection:
        return {row.provider: _Kept(row) for row in await connection.execute(query)}


async def _claim(context: Context, order_id: int, kept: Mapping[str, _Kept | None]) -> tuple[list[str], list[str]]:
    """Count an attempt for each service that nobody is asking; return those, and the ones being asked already."""
    now, answers = context.clock(), outside_answers.c
    wanted = {name: row.tries if row else 0 for name, row in kept.items()}
    busy = [name for name, row in kept.items() if row is not None and row.under_way(now)]
    mine: list[str] = []
    async with context.db.begin() as tx:
        for name, tries in wanted.items():
            if name in busy or tries >= MOST_TRIES:
                continue
            counted = {"tries": tries + 1, "asked_at": now, "degraded": True, "reason": _STOPPED}
            row = {"order_id": order_id, "provider": name, **counted}
            made = await tx.execute(insert_new(tx, outside_answers).values(row))
            which = sa.and_(answers.order_id == order_id, answers.provider == name, answers.tries == tries)
            if not made.rowcount:
                made = await tx.execute(outside_answers.update().where(which).values(counted))
            (mine if made.rowcount else busy).append(name)
    return mine, busy


async def _keep(context: Context, order_id: int, asked: Sequence[AskedSource]) -> None:
    async with context.db.begin() as tx:
        for one in asked:
            report = one.report
            said = {
                "score": report.score, "reports": report.reports, "page": report.page, "marks": list(report.marks),
            }  # fmt: skip
            await tx.execute(
                outside_answers.update()
                .where(outside_answers.c.order_id == order_id, outside_answers.c.provider == report.provider)
                .values(
                    degraded=report.degraded,
                    reason=None if one.reason is None else one.reason[:80],
                    answer=None if report.degraded else said,
                )
            )
