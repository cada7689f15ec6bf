"""A customer and their score as the API returns them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from app.core.judgement.customer_score import CustomerScore, Segment
from app.core.judgement.decide import Reason
from app.shown import ReasonView, amount, cut


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreView:
    """A customer's score: how little staff time they need for the revenue they bring."""

    customer_id: int
    score: Annotated[int, Field(ge=0, le=100, description="100: needs no staff time.")]
    segment: Segment
    reasons: tuple[ReasonView, ...]
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoresAnswer:
    """The scores of the known customers."""

    items: tuple[ScoreView, ...]
    unknown: Annotated[tuple[int, ...], Field(description="Ids of unknown customers.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerView:
    """A customer: our counts of what they did, and the latest data of the panel."""

    customer_id: Annotated[int, Field(description="The panel's client id.", examples=[101])]
    status: Annotated[str, Field(description="As the panel names it.", examples=["Active"])]
    currency: str | None
    signed_up_at: datetime | None
    merged_into: Annotated[int | None, Field(description="The customer who now has this one's history.")]
    score: Annotated[int, Field(ge=0, le=100)]
    segment: Segment
    reasons: tuple[ReasonView, ...]
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


def _reasons(found: tuple[Reason, ...]) -> tuple[ReasonView, ...]:
    return tuple(ReasonView(code=reason.code, text=cut(reason.text, 300)) for reason in found[:20])


def score_view(row: Any, scored: CustomerScore, *, now: datetime) -> ScoreView:
    """Show a score as of now."""
    return ScoreView(
        customer_id=row.customer_id,
        score=scored.score,
        segment=scored.segment,
        reasons=_reasons(scored.reasons),
        as_of=now,
    )


def customer_view(row: Any, scored: CustomerScore, *, now: datetime) -> CustomerView:
    """Show a customer as of now."""
    return CustomerView(
        customer_id=row.customer_id,
        status=cut(row.status, 24),
        currency=row.currency,
        signed_up_at=row.signed_up_at,
        merged_into=row.merged_into,
        score=scored.score,
        segment=scored.segment,
        reasons=_reasons(scored.reasons),
        as_of=now,
        pinned_segment=Segment(row.pinned_segment) if row.pinned_segment else None,
        white_glove=row.white_glove,
        orders=row.orders,
        manual_orders=row.manual_orders,
        effortless_orders=row.effortless_orders,
        fraud_orders=row.fraud_orders,
        chargebacks=row.chargebacks,
        tickets=row.tickets,
        labour_minutes=row.labour_minutes,
        active_services=row.active_services,
        paid_invoices=row.paid_invoices,
        overdue_invoices=row.overdue_invoices,
        revenue=amount(row.revenue_minor, row.currency),
        last_read_at=row.last_read_at,
    )
