"""Why an order was decided this way, in words for its customer: never a risk signal or a note of staff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from app.config import Settings
from app.core.judgement.decide import Outcome
from app.core.judgement.explanation.customer import Explanation
from app.errors import NotFound
from app.installation.zones import panel_zone
from app.shown import cut, cut_or_none
from app.tables.orders import orders
from app.tickets import questions
from app.tickets.explanations import explain


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
    """The decision as its customer may read it. Plain text: callers must escape it."""

    order_id: int
    order_number: str
    outcome: Outcome | None
    outcome_text: Annotated[str, Field(examples=["Please tell us how to proceed with your order."])]
    paragraphs: tuple[str, ...]
    fee: FeeAmountView | None
    ways_out: tuple[WayOutView, ...]
    avoid_next_time: str | None
    contest: str | None


async def explanation_view(connection: AsyncConnection, settings: Settings, order_id: int) -> ExplanationView:
    """Explain the decision in force, by policy or by a person. Raises NotFound."""
    row = (await connection.execute(sa.select(orders).where(orders.c.order_id == order_id))).first()
    if row is None:
        raise NotFound(f"no order {order_id} is known; its event may not have arrived yet")
    outcome = None if row.outcome is None else Outcome(row.outcome)
    said = await explain(
        connection, order_id, outcome, settled=row.settled, zone=await panel_zone(connection, settings),
        panel_url=settings.panel_url, question_open=await questions.waiting(connection, order_id) is not None,
    )  # fmt: skip
    return _view(row, outcome, said)


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
