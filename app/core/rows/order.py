"""The order as it is stored, typed and frozen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.core.facts import Agreement, OrderKind, PaymentState, PlacedBy
from app.core.judgement.decide import Outcome
from app.core.policy.sections.acting import AcceptMode
from app.core.rows.typed import columns, typed
from app.core.states import HoldKind, OrderState, Provisioning


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order, by the columns of its row; amounts are in minor units, times are UTC."""

    order_id: int
    version: int
    customer_id: int | None
    order_number: str
    kind: OrderKind
    state: OrderState
    panel_status: str
    provisioning: Provisioning
    placed_by: PlacedBy
    staff_id: int | None
    placed_at: datetime | None
    first_heard_at: datetime
    last_read_at: datetime | None
    read_event_id: int | None
    read_digest: str | None
    amount_minor: int | None
    currency: str | None
    invoice_id: int | None
    payment_state: PaymentState
    settled: bool
    paid_at: datetime | None
    paid_minor: int
    refund_due_minor: int
    refunded_minor: int
    fraud: bool
    items: list[dict[str, Any]]
    flags: list[str]
    breached: bool
    decision_id: int | None
    outcome: Outcome | None
    touched_by_person: bool
    agreement: Agreement
    accept_mode: AcceptMode | None
    fee_wanted: dict[str, Any] | None
    hold_kind: HoldKind | None
    hold_since: datetime | None
    hold_due_at: datetime | None
    hold_expires_at: datetime | None
    decided_inputs: str | None
    decided_without: list[str] | None
    unread_since: datetime | None
    settle_at: datetime | None
    counted: bool
    counted_manual: bool
    counted_minutes: int
    effortless: bool

    def changed(self, **values: Any) -> Order:
        """Return the order with these columns changed."""
        return replace(self, **typed(Order, values))

    def differences(self, before: Order) -> dict[str, Any]:
        """Return the columns that differ from an earlier state, as they are stored."""
        found = ((name, getattr(self, name)) for name in columns(Order))
        return {name: _stored(value) for name, value in found if value != getattr(before, name)}


def _stored(value: Any) -> Any:
    return value.value if isinstance(value, StrEnum) else value
