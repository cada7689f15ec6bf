"""A customer and their score as the API returns them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from app.core.judgement.customer_score import CustomerScore, Segment
from app.shown import Cut, Reasons, View, amount


class ScoreView(View):
    """A customer's score: how little staff time they need for the revenue they bring."""

    customer_id: int
    score: Annotated[int, Field(ge=0, le=100, description="100: needs no staff time.")]
    segment: Segment
    reasons: Reasons
    as_of: datetime


class ScoresAnswer(View):
    """The scores of the known customers."""

    items: tuple[ScoreView, ...]
    unknown: Annotated[tuple[int, ...], Field(description="Ids of unknown customers.")]


class CustomerView(View):
    """A customer: our counts of what they did, and the latest data of the panel."""

    customer_id: Annotated[int, Field(description="The panel's client id.", examples=[101])]
    status: Annotated[str, Cut(24), Field(description="As the panel names it.", examples=["Active"])]
    currency: str | None
    signed_up_at: datetime | None
    merged_into: Annotated[int | None, Field(description="The customer who now has this one's history.")]
    score: Annotated[int, Field(ge=0, le=100)]
    segment: Segment
    reasons: Reasons
    as_of: datetime
    pinned_segment: Annotated[Segment | None, Field(description="Set by staff; overrides the computed one.")]
    white_glove: Annotated[bool, Field(description="Always gets an offer before any work, whatever it costs.")]
    orders: int
    manual_orders: int
    effortless_orders: int
    fraud_orders: int
    chargebacks: int
    tickets: int
    labour_minutes: int
    active_services: int | None
    paid_invoices: int | None
    overdue_invoices: int | None
    revenue: Annotated[str | None, Field(description="In the customer's currency.", examples=["540.00"])]
    last_read_at: Annotated[datetime | None, Field(description="When the panel was last read.")]


def score_view(row: Any, scored: CustomerScore, *, now: datetime) -> ScoreView:
    """Show a score as of now."""
    return ScoreView.of(scored, customer_id=row.customer_id, as_of=now)


def customer_view(row: Any, scored: CustomerScore, *, now: datetime) -> CustomerView:
    """Show a customer as of now."""
    return CustomerView.of(
        row,
        score=scored.score,
        segment=scored.segment,
        reasons=scored.reasons,
        as_of=now,
        revenue=amount(row.revenue_minor, row.currency),
    )
