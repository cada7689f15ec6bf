"""Orders that were decided although reads failed: when they are examined again, and which decision stays."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from app.core.consequences.draft import Draft
from app.core.consequences.timers import READ_BACK
from app.core.judgement.decide import Judgement, Outcome
from app.core.judgement.reasons import ReasonCode
from app.core.states import OrderState
from app.core.statuses import PanelOrderStatus

#: Minutes after the first incomplete look at which an order is examined again: for a day.
LOOKS: Final = (1, 3, 8, 15, 30, 45, 60, 75, 90, 105, *range(120, 24 * 60 + 1, 60))
#: The states in which an order is judged.
JUDGED_STATES: Final = (OrderState.RECEIVED, OrderState.HELD, OrderState.AWAITING_PAYMENT, OrderState.RELEASING)


def schedule_look(draft: Draft, without: tuple[str, ...]) -> None:
    """Schedule the next look at an order whose reads fail; none if they succeeded, or if we don't judge the order.

    The looks have fixed times, so that several events about one order share one series of looks.
    """
    judged = draft.state in JUDGED_STATES and not draft.order.touched_by_person
    if not without or not judged or draft.order.panel_status != PanelOrderStatus.PENDING:
        draft.change(unread_since=None)
        return
    since = draft.order.unread_since or draft.now
    draft.change(unread_since=since)
    due = (since + timedelta(minutes=minutes) for minutes in LOOKS)
    due_at = next((at for at in due if at > draft.now), None)
    if due_at is not None:
        draft.set_clock(READ_BACK, at=due_at, name=f"unread:{draft.order_id}:{due_at.isoformat()}")


def keeps(draft: Draft, without: tuple[str, ...], judgement: Judgement) -> bool:
    """True if the decision in force stays, because this judgement lacks reads that the earlier one had.

    Danger that is visible all the same counts: an approved order is held or rejected for what the reads do show.
    """
    before = draft.order.outcome
    if before is None or set(without) <= set(draft.order.decided_without or ()):
        return False
    lack = any(reason.code == ReasonCode.FACTS_MISSING for reason in judgement.reasons)
    danger = judgement.outcome in {Outcome.HOLD_FOR_REVIEW, Outcome.REJECT} and before is Outcome.APPROVE
    return lack or not danger
