"""News about an order: what a look at the panel shows, how a panel call ended, what a person wants."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from app.core.actions import Action
from app.core.consequences.actor import Actor
from app.core.records import CallState
from app.core.rows.order import Order
from app.core.states import InvoiceTurn


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceShown:
    """The invoice of a fee as the panel shows it; figures that can't be read are None."""

    fee_id: uuid.UUID
    turn: InvoiceTurn
    paid_minor: int | None
    total_minor: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a look at an order in the panel shows, and the event that caused the look.

    `shown` is the order's row with what the panel shows now. `without` names the reads that failed but may succeed
    later. `unchanged`: the panel shows what it showed when the order was decided. `at_once`: the gate asks, so nothing
    is waited for.
    """

    event_id: int
    event_type: str
    shown: Order
    actor: Actor
    fraud_checked: bool = False
    unchanged: bool = False
    at_once: bool = False
    service_id: Any = None  # of a module hook
    invoices: tuple[InvoiceShown, ...] = ()
    without: tuple[str, ...] = ()
    asking_ticket: str | None = None  # the line to say if a ticket that asked for the order was found
    settle_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded:
    """How a panel call about the order ended; `event_waits`: an event waits for just that."""

    id: uuid.UUID
    key: str
    action: Action
    state: CallState
    cause: str
    params: Mapping[str, Any]
    result: Mapping[str, Any]
    last_error: str | None
    uncertain: bool
    event_waits: bool = False


class WorkTerms(StrEnum):
    """On which terms the work that an approved order asks for is done."""

    FREE = "free"
    FEE = "fee"  # once the customer has paid the estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRequest:
    """The parameters of an action; charge-fee takes `minutes` or `amount` (a plain decimal), not both.

    `work` belongs to approve: needed where the order asks for work that nobody pays for.
    """

    minutes: int | None = None
    amount: str | None = None
    fraud: bool = False
    reason: str | None = None
    note: str | None = None
    question: str | None = None
    work: WorkTerms | None = None
