"""What services outside say about an order: asked while it can still be decided, kept, and never paid for twice."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from app.core.facts import OutsideReport
from app.db import insert_new
from app.outside.asking import Asked, Outside, no_answer
from app.outside.base import Question
from app.panels.records import PanelCustomer, PanelOrder
from app.services.context import Context
from app.services.identities import canonical_email, public_ip
from app.tables.orders import outside_answers

SECONDS: Final = 2.0  # for all services together
URGENT_SECONDS: Final = 0.6  # since the look began: the gate answers after 1.5 s, with a verdict or without
MOST_TRIES: Final = 3  # for one order and service: a question without an answer may have been billed too
_LEAST_SECONDS: Final = 0.1  # less is not worth a request


def seconds_left(began: float, *, urgent: bool) -> float:
    """Return how long outside services may take in a look that began then (`time.monotonic`)."""
    return URGENT_SECONDS - (time.monotonic() - began) if urgent else SECONDS


async def reports(
    context: Context,
    order: PanelOrder,
    customer: PanelCustomer | None,
    *,
    own_ip: str | None,
    seconds: float,
    now: datetime,
) -> tuple[OutsideReport, ...]:
    """Return one report for each service that is configured; degraded where there is no usable answer.

    What was answered before is taken from the table; an order that was never asked about and is not Pending any more
    has no report. `own_ip` is the customer's own address, or None.
    """
    outside = context.outside
    if outside is None or not outside.sources:
        return ()
    kept = await _kept(context, order.order_id, outside.sources)
    found = {name: row.report for name, row in kept.items() if not row.report.degraded}
    open_names = [name for name in sorted(outside.sources) if name not in found]
    if open_names and order.status.strip().lower() == "pending" and not order.is_renewal:
        tried = {name: row.tries for name, row in kept.items()}
        names = [name for name in open_names if tried.get(name, 0) < MOST_TRIES]
        question = _question(order, customer, own_ip, now)
        asked = await _ask(context, outside, names, question, seconds=seconds, now=now) if question else ()
        found |= {name: no_answer(name, "not asked").report for name in open_names}
        found |= {one.report.provider: one.report for one in asked}
    return tuple(found[name] for name in sorted(found))


async def _ask(
    context: Context, outside: Outside, names: Sequence[str], question: Question, *, seconds: float, now: datetime
) -> tuple[Asked, ...]:
    """Count the try, ask, keep the answer: a crash in between leaves a try behind and no endless questions."""
    if not names or seconds < _LEAST_SECONDS:
        return ()
    await _count(context, question.order_id, names, now=now)
    asked = await outside.ask(names, question, seconds=seconds)
    await _keep(context, question.order_id, asked)
    return asked


def _question(order: PanelOrder, customer: PanelCustomer | None, own_ip: str | None, now: datetime) -> Question | None:
    if customer is None:
        return None
    _street, _second, city, _state, postcode = (*customer.address, *("",) * 5)[:5]
    return Question(
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
        answer: Mapping[str, Any] = row.answer or {}
        self.report = OutsideReport(
            provider=row.provider,
            degraded=bool(row.degraded),
            score=answer.get("score"),
            reports=answer.get("reports"),
            page=answer.get("page"),
            marks=tuple(answer.get("marks", ())),
        )


async def _kept(context: Context, order_id: int, names: Collection[str]) -> dict[str, _Kept]:
    answers = outside_answers.c
    query = sa.select(outside_answers).where(answers.order_id == order_id, answers.provider.in_(sorted(names)))
    async with context.db.read() as connection:
        return {row.provider: _Kept(row) for row in await connection.execute(query)}


async def _count(context: Context, order_id: int, names: Sequence[str], *, now: datetime) -> None:
    row = {"order_id": order_id, "asked_at": now, "tries": 0, "degraded": True, "reason": "stopped while asking"}
    which = sa.and_(outside_answers.c.order_id == order_id, outside_answers.c.provider.in_(names))
    async with context.db.begin() as tx:
        await tx.execute(insert_new(tx, outside_answers).values([{**row, "provider": name} for name in names]))
        counted = {"tries": outside_answers.c.tries + 1, "asked_at": now}
        await tx.execute(outside_answers.update().where(which).values(**counted))


async def _keep(context: Context, order_id: int, asked: Sequence[Asked]) -> None:
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
