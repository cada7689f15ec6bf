"""Fees, panel calls, events, tickets, credits and policies as the API returns them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from app.core.reading.topics import OrderIntent, TicketReading, Topic
from app.core.records import CallClass, CallState
from app.core.states import FeeState
from app.shown import MAX_ROW_BYTES, Lengths, amount, cut, cut_or_none, fit
from app.tables.customers import CreditState
from app.tables.inbox import EventSource, EventState
from app.tables.orders import FeeForm


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeView:
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
    work: Annotated[str, Field(description="What the fee is for, in words for the customer.")]
    created_at: datetime
    expires_at: datetime
    settled_at: datetime | None


def fee_view(row: Any) -> FeeView:
    """Show one fee."""
    return FeeView(
        fee_id=row.id,
        order_id=row.order_id,
        customer_id=row.customer_id,
        amount=amount(row.amount_minor, row.currency) or "",
        total=amount(row.total_minor, row.currency),
        paid=amount(row.paid_minor, row.currency) or "",
        currency=row.currency,
        form=FeeForm(row.form),
        invoice_id=row.invoice_id,
        quote_id=row.quote_id,
        state=FeeState(row.state),
        minutes=row.minutes,
        work=cut(row.work, 400),
        created_at=row.created_at,
        expires_at=row.expires_at,
        settled_at=row.settled_at,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CallView:
    """A panel call: one call that changes something in the panel. Its content is not shown."""

    id: uuid.UUID
    key: Annotated[str, Field(description="Identifies the intended effect.", examples=["order:100001:accept"])]
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
        str | None, Field(description="The reference in the panel's record by which it is found again.")
    ]
    cause: str
    state: CallState
    uncertain: Annotated[bool, Field(description="Its outcome was never confirmed.")]
    attempts: int
    last_error: str | None
    due_at: datetime
    sent_at: datetime | None
    created_at: datetime
    settled_at: datetime | None


def call_view(row: Any) -> CallView:
    """Show one panel call."""
    return CallView(
        id=row.id,
        key=cut(row.key, 120),
        action=row.action,
        call_class=CallClass(row.call_class),
        order_id=row.order_id,
        customer_id=row.customer_id,
        reference=cut_or_none(row.reference, 80),
        cause=cut(row.cause, 64),
        state=CallState(row.state),
        uncertain=row.uncertain,
        attempts=row.attempts,
        last_error=cut_or_none(row.last_error, 300),
        due_at=row.due_at,
        sent_at=row.sent_at,
        created_at=row.created_at,
        settled_at=row.settled_at,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """An event: a webhook that came in, or one that we created ourselves. Its body is never shown."""

    id: int
    webhook_id: str
    type: Annotated[str, Field(examples=["order.created"])]
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
    last_error: str | None


def event_view(row: Any) -> EventView:
    """Show one event."""
    return EventView(
        id=row.id,
        webhook_id=cut(row.webhook_id, 255),
        type=cut(row.type, 64),
        source=EventSource(row.source),
        order_id=row.order_id,
        customer_id=row.customer_id,
        occurred_at=row.occurred_at,
        received_at=row.received_at,
        state=EventState(row.state),
        attempts=row.attempts,
        due_at=row.due_at,
        finished_at=row.finished_at,
        result=row.result,
        last_error=cut_or_none(row.last_error, 300),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceView:
    """One term that supported a topic: where it was found and its weight."""

    term: str
    where: str
    topic: Topic
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingView:
    """What was recognised in a ticket."""

    topic: Topic
    confidence: Annotated[float, Field(ge=0, le=1)]
    order_intent: OrderIntent
    minutes: Annotated[int, Field(description="Staff minutes for tickets like this.")]
    self_service: Annotated[bool, Field(description="The customer could have solved it alone.")]
    evidence: tuple[EvidenceView, ...]


def reading_view(reading: TicketReading) -> ReadingView:
    """Show what was read from a text."""
    return ReadingView(
        topic=reading.topic,
        confidence=reading.confidence,
        order_intent=reading.order_intent,
        minutes=reading.minutes,
        self_service=reading.self_service,
        evidence=tuple(
            EvidenceView(term=cut(one.term, 100), where=one.where, topic=one.topic, weight=one.weight)
            for one in reading.evidence[:50]
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketView:
    """A ticket, classified when it was opened; staff can correct it."""

    ticket_id: int
    customer_id: Annotated[int | None, Field(description="Null for guests.")]
    subject: str
    opened_by: Annotated[str, Field(examples=["customer"])]
    opened_at: datetime
    state: Annotated[str, Field(description="As the panel names it.", examples=["Open"])]
    order_ids: Annotated[tuple[int, ...], Field(description="The linked orders.")]
    topic: Topic
    confidence: Annotated[float, Field(ge=0, le=1)]
    order_intent: OrderIntent
    minutes: int
    self_service: bool
    evidence: tuple[EvidenceView, ...]
    corrected_by: str | None


def ticket_view(row: Any, subject: str, order_ids: tuple[int, ...]) -> TicketView:
    """Show one ticket."""
    stored = [one for one in row.evidence if isinstance(one, dict)]
    return TicketView(
        ticket_id=row.ticket_id,
        customer_id=row.customer_id,
        subject=cut(subject, 300),
        opened_by=row.opened_by,
        opened_at=row.opened_at,
        state=cut(row.state, 40),
        order_ids=order_ids,
        topic=Topic(row.topic),
        confidence=row.confidence,
        order_intent=OrderIntent(row.order_intent),
        minutes=row.minutes,
        self_service=row.self_service,
        evidence=tuple(
            EvidenceView(
                term=cut(str(one["term"]), 100),
                where=cut(str(one["where"]), 40),
                topic=Topic(one["topic"]),
                weight=float(one["weight"]),
            )
            for one in stored[:50]
        ),
        corrected_by=row.corrected_by,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditView:
    """Account credit that staff granted."""

    credit_id: uuid.UUID
    customer_id: int
    amount: Annotated[str, Field(examples=["25.00"])]
    currency: str
    reason: str
    state: CreditState
    panel_call_id: uuid.UUID
    by: str
    created_at: datetime


def credit_view(row: Any) -> CreditView:
    """Show one credit."""

    def build(lengths: Lengths) -> CreditView:
        return CreditView(
            credit_id=row.id,
            customer_id=row.customer_id,
            amount=amount(row.amount_minor, row.currency) or "",
            currency=row.currency,
            reason=cut(row.reason, lengths.line),
            state=CreditState(row.state),
            panel_call_id=row.panel_call_id,
            by=cut(row.by, 120),
            created_at=row.created_at,
        )

    return fit(build, limit=MAX_ROW_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyView:
    """A policy: one version of the provider's rules and numbers, immutable once published."""

    version: int
    hash: Annotated[str, Field(description="SHA-256 of its full form; the same rules have the same hash.")]
    active: bool
    published_by: str
    published_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDocument:
    """A policy with the document that was published."""

    version: int
    hash: str
    active: bool
    published_by: str
    published_at: datetime
    document: str
    warnings: Annotated[tuple[str, ...], Field(description="Settings that are allowed but rarely intended.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedPolicy:
    """The result of publishing or activating a policy."""

    version: int
    hash: str
    active: bool
    warnings: Annotated[tuple[str, ...], Field(description="Settings that are allowed but rarely intended.")]
