"""One order and everything of ours that belongs to it, as it was when it was locked."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from enum import Enum, auto
from typing import Any, Final

from app.core.actions import Action
from app.core.consequences.actor import Actor
from app.core.consequences.limits import Limit, Reached
from app.core.cut_over import CutOver
from app.core.facts import Facts
from app.core.judgement.decide import Outcome
from app.core.policy.document import ActivePolicy
from app.core.records import CallState
from app.core.rows.belongings import Decision, Fee, Question
from app.core.rows.order import Order

ON_THE_WIRE: Final = frozenset({CallState.SENDING, CallState.UNKNOWN})
LIVE: Final = frozenset({CallState.PENDING, *ON_THE_WIRE})


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSeen:
    """A panel call about the order."""

    key: str
    action: Action
    state: CallState
    settled_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSeen:
    """A recent event about the order, whether it was handled or still waits.

    `became` and `actor` are set if it reports a change of the order's status.
    """

    id: int
    type: str
    by_webhook: bool
    received_at: datetime
    occurred_at: datetime
    became: str | None = None
    actor: Actor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """What happened lately: events, and decisions with their times if the gate asked; each the oldest first."""

    events: tuple[EventSeen, ...] = ()
    outcomes: tuple[tuple[datetime, Outcome], ...] = ()


class Need(Enum):
    """What a plan may need to know that is not read from the start, because most plans don't need it."""

    CALLS = auto()
    RECENT = auto()
    JUDGED = auto()
    FACTS = auto()


class Lacking(Exception):
    """A plan can't be made before this is read; it is then made anew."""

    def __init__(self, need: Need | Limit) -> None:
        super().__init__(need.name)
        self.need = need


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """An order with its belongings, each the oldest first; nobody else can change it while a plan is made.

    None is what was not read yet. `judged` is the policy's newest judgement as stored, empty if there is none.
    """

    order: Order
    decision: Decision | None = None  # in force
    fees: tuple[Fee, ...] = ()
    questions: tuple[Question, ...] = ()
    calls: tuple[CallSeen, ...] | None = None
    recent: Recent | None = None
    judged: Mapping[str, Any] | None = None
    facts: Facts | None = None  # what is judged


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What a plan depends on beside the order and the news.

    `limits` are those damage limits that were looked at, None for one that is not reached. `fresh_id` is random: the
    ids of new rows are derived from it.
    """

    now: datetime
    active: ActivePolicy
    cut_over: CutOver
    zone: tzinfo
    gate_asked: bool
    fresh_id: uuid.UUID
    limits: Mapping[Limit, Reached | None] = field(default_factory=dict)
