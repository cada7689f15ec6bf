"""Why an order was decided this way, in words for its customer: never a risk signal or a note of staff."""

from __future__ import annotations

from typing import Annotated

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from app.config import Settings
from app.core.judgement.decide import Outcome
from app.errors import NotFound
from app.installation.zones import panel_zone
from app.shown import Cut, View, first, within
from app.tables.orders import orders
from app.tickets import questions
from app.tickets.explanations import explain


class WayOutView(View):
    """One thing that the customer may do about a hold."""

    code: Annotated[str, Field(examples=["pay"])]
    text: Annotated[str, Cut(500)]


class FeeAmountView(View):
    """What the work would cost, net of tax."""

    amount: Annotated[str, Field(examples=["50.00"])]
    currency: Annotated[str, Field(examples=["USD"])]


class ExplanationView(View):
    """The decision as its customer may read it. Plain text: callers must escape it."""

    order_id: int
    order_number: Annotated[str, Cut(40)]
    outcome: Outcome | None
    outcome_text: Annotated[str, Cut(500), Field(examples=["Please tell us how to proceed with your order."])]
    paragraphs: Annotated[tuple[str, ...], Cut(2_000), first(10)]
    fee: FeeAmountView | None
    ways_out: tuple[WayOutView, ...]
    avoid_next_time: Annotated[str | None, Cut(1_000)]
    contest: Annotated[str | None, Cut(500)]


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
    fee = said.fee
    return within(
        ExplanationView.of(
            said,
            order_id=row.order_id,
            order_number=row.order_number or str(row.order_id),
            outcome=outcome,
            fee=None if fee is None else FeeAmountView(amount=fee.to_text(), currency=fee.currency),
        )
    )
