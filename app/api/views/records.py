"""Fees, panel calls, events, tickets and credits as the API returns them."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from app.core.reading.kinds import OrderIntent, Topic
from app.core.records import CallClass, CallState
from app.core.states import FeeState
from app.shown import MAX_ROW_BYTES, Cut, View, amount, first, within
from app.tables.customers import CreditState
from app.tables.inbox import EventSource, EventState
from app.tables.orders import FeeForm


class FeeView(View):
    """A fee: an invoice in the panel that charges for the work on one order."""

    fee_id: uuid.UUID
    order_id: int
    customer_id: int
    amount: Annotated[str, Field(description="Net of tax.", examples=["50.00"])]
    total: Annotated[str | None, Field(description="With tax, as the panel computed it.")]
    paid: str
    currency: str
    form: FeeForm
    invoice_id: int | None
    quote_id: int | None
    state: FeeState
    minutes: int | None
    work: Annotated[str, Cut(400), Field(description="What the fee is for, in words for the customer.")]
    created_at: datetime
    expires_at: datetime
    settled_at: datetime | None


def fee_view(row: Any) -> FeeView:
    """Show one fee."""
    return FeeView.of(
        row,
        fee_id=row.id,
        amount=amount(row.amount_minor, row.currency),
        total=amount(row.total_minor, row.currency),
        paid=amount(row.paid_minor, row.currency),
    )


class CallView(View):
    """A panel call: one call that changes something in the panel. Its content is not shown."""

    id: uuid.UUID
    key: Annotated[
        str, Cut(120), Field(description="Identifies the intended effect.", examples=["order:100001:accept"])
    ]
    action: Annotated[str, Field(examples=["accept_order"])]
    call_class: Annotated[
        CallClass,
        Field(
            description="How a lost answer is resolved: search for the record, read the state, or never send it twice."
        ),
    ]
    order_id: int | None
    customer_id: int | None
    reference: Annotated[
        str | None, Cut(80), Field(description="The reference in the panel's record by which it is found again.")
    ]
    cause: Annotated[str, Cut(64)]
    state: CallState
    uncertain: Annotated[bool, Field(description="Its outcome was never confirmed.")]
    attempts: int
    last_error: Annotated[str | None, Cut(300)]
    due_at: datetime
    sent_at: datetime | None
    created_at: datetime
    settled_at: datetime | None


class EventView(View):
    """An event: a webhook that came in, or one that we created ourselves. Its body is never shown."""

    id: int
    webhook_id: Annotated[str, Cut(255)]
    type: Annotated[str, Cut(64), Field(examples=["order.created"])]
    source: EventSource
    order_id: int | None
    customer_id: int | None
    occurred_at: datetime
    received_at: datetime
    state: EventState
    attempts: int
    due_at: datetime
    finished_at: datetime | None
    result: Annotated[str | None, Field(description="The result, or why the event was ignored or failed.")]
    last_error: Annotated[str | None, Cut(300)]


_Model = Annotated[str, Field(description="Which model read it; empty for tickets of before there was one.")]


class EvidenceView(View):
    """Words of the ticket that spoke for a topic: where they stand, and how much they weighed."""

    text: Annotated[str, Cut(100), Field(description="… stands for words that the model does not know.")]
    where: Annotated[str, Cut(40), Field(examples=["message"])]
    topic: Annotated[Topic, Field(description="The topic, or the runner-up.")]
    weight: float


class RunnerUpView(View):
    """The topic that came next; of an unknown topic, what it is most likely."""

    topic: Topic
    confidence: Annotated[float, Field(ge=0, le=1)]


class ReadingView(View):
    """What was recognised in a ticket."""

    topic: Topic
    confidence: Annotated[float, Field(ge=0, le=1)]
    order_intent: OrderIntent
    order_intent_confidence: Annotated[float, Field(ge=0, le=1)]
    runner_up: RunnerUpView | None
    minutes: Annotated[int, Field(description="Staff minutes for tickets like this.")]
    self_service: Annotated[bool, Field(description="The customer could have solved it alone.")]
    evidence: Annotated[tuple[EvidenceView, ...], first(50)]
    model: _Model


_TicketNumber = Annotated[
    str,
    Cut(40),
    Field(
        description="As customers quote it; empty if Doorman read it before it kept numbers.",
        examples=["ABC-123456"],
    ),
]


class TicketSummary(View):
    """A ticket in a list: without its orders and what was recognised in it."""

    ticket_id: int
    number: _TicketNumber
    customer_id: Annotated[int | None, Field(description="Null for guests.")]
    subject: Annotated[str, Cut(300)]
    opened_by: Annotated[str, Field(examples=["customer"])]
    opened_at: datetime
    state: Annotated[str, Cut(40), Field(description="As the panel names it.", examples=["Open"])]
    topic: Topic
    minutes: int
    self_service: bool
    corrected_by: str | None


class TicketView(View):
    """A ticket, classified when it was opened; staff can correct it."""

    ticket_id: int
    number: _TicketNumber
    customer_id: Annotated[int | None, Field(description="Null for guests.")]
    subject: Annotated[str, Cut(300)]
    opened_by: Annotated[str, Field(examples=["customer"])]
    opened_at: datetime
    state: Annotated[str, Cut(40), Field(description="As the panel names it.", examples=["Open"])]
    order_ids: Annotated[tuple[int, ...], Field(description="The linked orders.")]
    topic: Topic
    confidence: Annotated[float, Field(ge=0, le=1)]
    order_intent: OrderIntent
    order_intent_confidence: Annotated[float | None, Field(ge=0, le=1, description="Null without a model.")]
    runner_up: RunnerUpView | None
    minutes: int
    self_service: bool
    evidence: Annotated[tuple[EvidenceView, ...], first(50)]
    model: _Model
    corrected_by: str | None


class CreditView(View):
    """Account credit that staff granted."""

    credit_id: uuid.UUID
    customer_id: int
    amount: Annotated[str, Field(examples=["25.00"])]
    currency: str
    reason: Annotated[str, Cut(1_100)]
    state: CreditState
    panel_call_id: uuid.UUID
    by: Annotated[str, Cut(120)]
    created_at: datetime


def credit_view(row: Any) -> CreditView:
    """Show one credit."""
    return within(CreditView.of(row, credit_id=row.id, amount=amount(row.amount_minor, row.currency)), MAX_ROW_BYTES)
