"""Why an order was decided so, in words for its customer (design §4): never a risk signal, never a note of staff."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.decision import Judgement, Outcome
from app.core.explanation import Explanation, for_customer
from app.core.money import Money
from app.core.policy import Policy, parse_published
from app.errors import NotFound
from app.services import policies as policy_service
from app.services.decisions import load_facts, load_judgement
from app.services.orders import POLICY
from app.services.views import cut, cut_or_none
from app.tables.orders import decisions, fees, orders
from app.tables.policies import policies


@dataclass(frozen=True, slots=True, kw_only=True)
class WayOutView:
    """One thing that the customer may do about a hold."""

    code: Annotated[str, Field(examples=["pay"])]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeAmountView:
    """What the work would cost, net of tax."""

    amount: Annotated[str, Field(examples=["50.00"])]
    currency: Annotated[str, Field(examples=["USD"])]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplanationView:
    """The decision as its customer may read it. Plain text: whoever shows it escapes it."""

    order_id: int
    order_number: str
    outcome: Outcome | None
    outcome_text: Annotated[str, Field(examples=["Your order waits for your word."])]
    paragraphs: tuple[str, ...]
    fee: FeeAmountView | None
    ways_out: tuple[WayOutView, ...]
    avoid_next_time: str | None
    contest: str | None


_NOT_DECIDED = "We have your order and look at it next."
_BY_PERSON = {
    Outcome.APPROVE: "Your order is accepted.",
    Outcome.HOLD_FOR_FEE: "Your order waits for your word.",
    Outcome.HOLD_FOR_REVIEW: "We are looking at your order.",
    Outcome.REJECT: "We cannot take your order.",
}


async def explanation_view(connection: AsyncConnection, order_id: int) -> ExplanationView:
    """Explain the decision in force, whoever made it. Raises NotFound."""
    row = (await connection.execute(sa.select(orders).where(orders.c.order_id == order_id))).first()
    if row is None:
        raise NotFound(f"no order {order_id} is known; its event may not have come yet")
    if row.outcome is None:
        return _view(row, None, _plain(_NOT_DECIDED))
    outcome = Outcome(row.outcome)
    judged = await _last_judged(connection, order_id)
    if judged is None:
        return _view(row, outcome, _plain(_BY_PERSON[outcome]))
    judgement = await _as_decided(connection, row, load_judgement(judged.judgement), outcome)
    policy = await _policy(connection, judged.policy_version)
    return _view(row, outcome, for_customer(judgement, load_facts(judged.facts), policy))


async def _last_judged(connection: AsyncConnection, order_id: int) -> Any:
    query = sa.select(decisions).where(
        decisions.c.order_id == order_id, decisions.c.by == POLICY, decisions.c.facts.is_not(sa.null())
    )
    row = (await connection.execute(query.order_by(decisions.c.id.desc()).limit(1))).first()
    return row if row is not None and row.facts and row.judgement else None


async def _as_decided(connection: AsyncConnection, row: Any, judgement: Judgement, outcome: Outcome) -> Judgement:
    """Put a person's outcome, and the fee that is really asked for, in the place of the policy's."""
    if outcome is not Outcome.HOLD_FOR_FEE:
        return replace(judgement, outcome=outcome, fee=None)
    query = sa.select(fees).where(fees.c.order_id == row.order_id).order_by(fees.c.created_at.desc()).limit(1)
    fee = (await connection.execute(query)).first()
    asked = Money(int(fee.amount_minor), fee.currency) if fee is not None else judgement.fee
    return replace(judgement, outcome=outcome, fee=asked)


async def _policy(connection: AsyncConnection, version: int | None) -> Policy:
    document = await connection.scalar(sa.select(policies.c.document).where(policies.c.version == version))
    return parse_published(document) if document is not None else (await policy_service.active(connection)).policy


def _plain(text: str) -> Explanation:
    return Explanation(outcome_text=text, paragraphs=(), fee=None, ways_out=(), avoid_next_time=None, contest=None)


def _view(row: Any, outcome: Outcome | None, said: Explanation) -> ExplanationView:
    fee = said.fee
    return ExplanationView(
        order_id=row.order_id,
        order_number=cut(row.order_number or str(row.order_id), 40),
        outcome=outcome,
        outcome_text=cut(said.outcome_text, 500),
        paragraphs=tuple(cut(text, 2_000) for text in said.paragraphs[:10]),
        fee=None if fee is None else FeeAmountView(amount=fee.to_text(), currency=fee.currency),
        ways_out=tuple(WayOutView(code=way.code, text=cut(way.text, 500)) for way in said.ways_out),
        avoid_next_time=cut_or_none(said.avoid_next_time, 1_000),
        contest=cut_or_none(said.contest, 500),
    )
