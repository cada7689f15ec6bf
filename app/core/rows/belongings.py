"""What belongs to an order, as it is stored: its fees, its questions, the decision in force, and its customer."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from app.core.judgement.decide import Outcome
from app.core.states import FeeState


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """A fee for work on an order; amounts are in minor units of its currency."""

    id: uuid.UUID
    order_id: int
    customer_id: int
    amount_minor: int
    total_minor: int | None
    paid_minor: int
    currency: str
    state: FeeState
    wanted_state: FeeState | None
    minutes: int | None
    work: str
    invoice_id: int | None
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question that staff asked the customer of an order; its ticket exists once the call that asks it is done."""

    id: uuid.UUID
    question: str
    asked_at: datetime
    reminded_at: datetime | None
    answered_at: datetime | None
    ticket_id: int | None
    outcome: str | None


class Decided(Protocol):
    """The part of a decision that says whether it was carried out."""

    @property
    def mode(self) -> str: ...
    @property
    def reasons(self) -> list[dict[str, Any]]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A decision, without the facts that it rests on: they are long, and read only where they are shown."""

    id: int
    outcome: Outcome
    reasons: list[dict[str, Any]]
    by: str
    mode: str
    policy_version: int | None
    judgement: dict[str, Any] | None

    @property
    def codes(self) -> set[str]:
        """The codes of its reasons."""
        return {reason["code"] for reason in self.reasons}


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregates:
    """What we counted of a customer's orders."""

    orders: int
    manual_orders: int
    effortless_orders: int
    fraud_orders: int
    chargebacks: int
    white_glove: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer(Aggregates):
    """A customer; times are UTC, and None until the panel was read."""

    customer_id: int
    signed_up_at: datetime | None
    last_read_at: datetime | None
