"""The decision in force, whoever made it, in words for the customer, as the API and the messages show it."""

from __future__ import annotations

from dataclasses import replace
from datetime import tzinfo
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.judgement.decide import Judgement, Outcome
from app.core.judgement.explanation.customer import (
    AskedWork,
    Explanation,
    HoldStanding,
    for_customer,
    for_customer_unjudged,
)
from app.core.judgement.reasons import WITHOUT_VERDICT
from app.core.judgement.stored import load_facts, load_judgement
from app.core.money import Money
from app.core.policy.document import Policy
from app.core.records import POLICY
from app.core.states import FeeState
from app.errors import NotFound, WrongState
from app.panels.links import links_to
from app.policies import versions as policy_service
from app.tables.orders import decisions, fees


async def explain(
    connection: AsyncConnection,
    order_id: int,
    outcome: Outcome | None,
    *,
    settled: bool,
    zone: tzinfo,
    panel_url: str | None,
    question_open: bool = False,
) -> Explanation:
    """Explain this outcome of an order by what the policy last saw, the fee actually asked for, and the order's state.

    `settled`: nothing is left to pay; `question_open`: the customer has to answer.
    """
    if outcome is None:
        policy = (await policy_service.active(connection)).policy
        return Explanation(outcome_text=policy.texts.not_decided)
    standing = HoldStanding(
        settled=settled,
        fee_paid=await _fee_paid(connection, order_id),
        cancelled=outcome is Outcome.REJECT and await _cancelled(connection, order_id),
        question_open=question_open,
    )
    judged = await last_judged(connection, order_id)
    judgement = None if judged is None else load_judgement(judged.judgement)
    asked = None
    if outcome is Outcome.HOLD_FOR_FEE:
        asked = await _asked(connection, order_id, judgement, zone=zone, panel_url=panel_url)
    if judged is None or judgement is None:
        return for_customer_unjudged(outcome, (await policy_service.active(connection)).policy, asked, standing)
    as_decided = replace(judgement, outcome=outcome, fee=judgement.fee if outcome is Outcome.HOLD_FOR_FEE else None)
    policy = await policy_of(connection, judged.policy_version)
    return for_customer(as_decided, load_facts(judged.facts), policy, asked, standing)


async def _fee_paid(connection: AsyncConnection, order_id: int) -> bool:
    paid = sa.select(fees.c.id).where(fees.c.order_id == order_id, fees.c.state == FeeState.PAID.value)
    return (await connection.execute(paid.limit(1))).first() is not None


async def _cancelled(connection: AsyncConnection, order_id: int) -> bool:
    newest = sa.select(decisions.c.reasons).where(decisions.c.order_id == order_id).order_by(decisions.c.id.desc())
    reasons = await connection.scalar(newest.limit(1))
    return any(reason["code"] in WITHOUT_VERDICT for reason in reasons or ())


async def last_judged(connection: AsyncConnection, order_id: int) -> Any:
    """Return the policy's newest decision with everything that it saw, or None."""
    query = sa.select(decisions).where(
        decisions.c.order_id == order_id, decisions.c.by == POLICY, decisions.c.facts.is_not(sa.null())
    )
    row = (await connection.execute(query.order_by(decisions.c.id.desc()).limit(1))).first()
    return row if row is not None and row.facts and row.judgement else None


async def policy_of(connection: AsyncConnection, version: int | None) -> Policy:
    """Return the policy that a decision was made under; the active one if that is unknown or no longer valid."""
    active = await policy_service.active(connection)
    if version is None or version == active.version:
        return active.policy
    try:
        return await policy_service.get(connection, version)
    except (NotFound, WrongState):
        return active.policy


async def _asked(
    connection: AsyncConnection, order_id: int, judgement: Judgement | None, *, zone: tzinfo, panel_url: str | None
) -> AskedWork | None:
    """Return the newest fee of an order; its minutes leave out entering the order if the fee is for custom work."""
    query = sa.select(fees).where(fees.c.order_id == order_id).order_by(fees.c.created_at.desc()).limit(1)
    fee = (await connection.execute(query)).first()
    if fee is None:
        return None
    minutes = fee.minutes
    if judgement is not None and minutes == judgement.labour.minutes:
        minutes = judgement.labour.custom_minutes
    links = links_to(panel_url)
    return AskedWork(
        fee=Money(int(fee.amount_minor), fee.currency),
        work=fee.work,
        minutes=minutes or None,
        expires_at=fee.expires_at.astimezone(zone),
        invoice_url=links.invoice_url(fee.invoice_id) if links and fee.invoice_id else None,
    )
