"""The timers of an order: events of our own that come due later."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from app.core.consequences.draft import Draft

HOLD_DUE: Final = "order.hold_due"
READ_BACK: Final = "order.read_back"
SETTLE: Final = "order.settle"
QUESTION_DUE: Final = "order.question_due"
CHECK_BUILD: Final = "order.check_build"
GROUP_GREW: Final = "order.group_grew"
GROUP_ACTED: Final = "order.group_acted"


def set_hold_clock(draft: Draft) -> None:
    """Have a hold examined when its time is up; a later hold of the same order sets its own timer."""
    due_at = draft.order.hold_expires_at or draft.order.hold_due_at
    if due_at is not None:
        name = f"hold:{draft.order_id}:{draft.order.hold_kind}:{due_at.isoformat()}"
        draft.set_clock(HOLD_DUE, at=due_at, name=name)


def set_reminder(draft: Draft, number: int, *, at: datetime) -> None:
    """Have an overdue review examined once more, for the next reminder."""
    since = draft.order.hold_due_at or at
    draft.set_clock(HOLD_DUE, at=at, name=f"hold:{draft.order_id}:{since.isoformat()}:reminder:{number}")


def review_name(order_id: int, due_at: datetime, number: int) -> str:
    """Return the name of one notification that a review is due, so that it is sent once."""
    return f"review:{order_id}:{due_at.isoformat()}:{number}"


def look_again(draft: Draft, *, seconds: float) -> None:
    """Have the order read back a little later: did the hold work, was it provisioned, did the panel change it?"""
    draft.set_clock(READ_BACK, at=draft.now + timedelta(seconds=seconds))


def set_settle_clock(draft: Draft, *, seconds: float) -> None:
    """Have it decided anyway, this many seconds after it was placed or first heard of, whichever was earlier."""
    if draft.order.settle_at is not None:
        return
    heard_at = draft.before.order.first_heard_at
    settle_at = min(draft.order.placed_at or heard_at, heard_at) + timedelta(seconds=seconds)
    draft.change(settle_at=settle_at)
    draft.set_clock(SETTLE, at=settle_at, name=f"settle:{draft.order_id}")
