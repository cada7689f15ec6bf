"""The kinds of rows that are kept beside an order, and the states that they pass through."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

#: Who decided or acted, if not a person: the policy, our clock, or the panel (`panel:staff:7`, `panel:cron` …).
POLICY: Final = "policy"
CLOCK: Final = "clock"
PANEL: Final = "panel"

#: Shown to staff while the gate has never asked.
NO_GATE: Final = (
    "The gate has never been asked, so a hold can't stop what the panel sets up by itself. Install the addon."
)


class Role(StrEnum):
    """What a key may do: `scores` reads scores, `panel` is the addon's, `ops` works the queue, `admin` does all."""

    SCORES = "scores"
    PANEL = "panel"
    OPS = "ops"
    ADMIN = "admin"


class Mode(StrEnum):
    """Whether decisions take effect in the panel."""

    SHADOW = "shadow"
    ENFORCE = "enforce"


class CallState(StrEnum):
    """``pending → sending → done | pending (later) | unknown | dead``, and ``cancelled``."""

    PENDING = "pending"
    SENDING = "sending"
    DONE = "done"
    UNKNOWN = "unknown"
    DEAD = "dead"
    CANCELLED = "cancelled"


class CallClass(StrEnum):
    """How a call without an answer is settled."""

    FINDABLE = "findable"  # carries our reference in a readable field
    GUARDED = "guarded"  # the object's own state shows the effect
    COURTESY = "courtesy"  # sent at most once; an unknown outcome counts as done, marked uncertain


class AlertKind(StrEnum):
    """Why staff are notified."""

    NEW_HOLD = "new_hold"
    REVIEW_DUE = "review_due"
    BREACH = "breach"
    DEAD_CALL = "dead_call"
    REFUND_DUE = "refund_due"
    DAMAGE_LIMIT = "damage_limit"
    PROVISIONING_FAILED = "provisioning_failed"
    EVENT_FAILED = "event_failed"
    SIGNAL_MUTED = "signal_muted"


class TimelineCode(StrEnum):
    """Lines of the timeline that the program itself looks for."""

    SHOWN_ACTIVE = "shown_active"  # in shadow the panel shows the order Active
    NOT_BUILT = "not_built"  # what the panel accepted and did not build


class QuestionOutcome(StrEnum):
    """What became of the order after the question."""

    APPROVED = "approved"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    FEE = "fee"  # the customer was asked for a fee instead
    WITHDRAWN = "withdrawn"  # it never reached the customer
