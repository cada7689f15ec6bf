"""What a plan does, as data; `app/workflow/apply.py` carries it out in the given order."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from app.core.actions import Action, PanelAction
from app.core.facts import Facts
from app.core.judgement.decide import Judgement, Outcome, Reason
from app.core.policy.sections.acting import Message
from app.core.records import AlertKind, TimelineCode
from app.core.rows.belongings import Fee
from app.core.rows.order import Order

#: Stands for the id of the decision that the plan records: the database gives it.
NEW_DECISION: Final = 0


class Effect:
    """One thing that a plan does."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Say(Effect):
    """Add a line to the timeline."""

    what: str
    by: str
    code: TimelineCode | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decide(Effect):
    """Record a decision; `facts` and `judgement` only if the policy decided.

    `intended` are the panel calls that were not made, because the policy or the mode only lets it be recorded.
    """

    outcome: Outcome
    reasons: tuple[Reason, ...]
    by: str
    mode: str
    note: str | None = None
    judgement: Judgement | None = None
    facts: Facts | None = None
    intended: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Want(Effect):
    """Enqueue a panel call, if no call with its key is wanted already."""

    action: PanelAction
    key: str
    cause: str
    due_at: datetime | None = None
    customer_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw(Effect):
    """Cancel the order's live calls of these actions, or with these keys."""

    actions: tuple[Action, ...] = ()
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SendNow(Effect):
    """Make an accept due that waits for its time and was never tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddFee(Effect):
    """Store a new fee."""

    fee: Fee


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeFee(Effect):
    """Change columns of a fee."""

    fee_id: uuid.UUID
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddQuestion(Effect):
    """Store a question; `rule` is the policy's rule that prepared it, None for a person's own words."""

    id: uuid.UUID
    question: str
    rule: str | None
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeQuestions(Effect):
    """Change columns of questions; with `unsent` only of those that have no ticket yet."""

    ids: tuple[uuid.UUID, ...]
    values: Mapping[str, Any]
    unsent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell(Effect):
    """Send one of the policy's messages to the customer, worded from the order and its newest fee as they are then."""

    message: Message
    key: str
    cause: str
    order: Order
    fee: Fee | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetClock(Effect):
    """Add an event about the order that is due later; a second one of the same `name` changes nothing."""

    type: str
    due_at: datetime
    name: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Count(Effect):
    """Add to the customer's history; with `standing`, work out anew whether the customer counts as bad."""

    customer_id: int
    amounts: Mapping[str, int]
    standing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert(Effect):
    """Notify staff, once for each name; `line` is said in the timeline if the alert is new."""

    kind: AlertKind
    name: str
    text: str
    line: Say | None = None
    about_order: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class OurTicket(Effect):
    """Record that we opened this ticket about the order."""

    ticket_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What news about an order leads to: the order as it becomes, and the effects in their order."""

    before: Order
    order: Order
    effects: tuple[Effect, ...]

    @property
    def changes(self) -> dict[str, Any]:
        """The columns of the order to be written."""
        return self.order.differences(self.before)
