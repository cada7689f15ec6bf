"""Our own timers: events that come due later, written in the transaction of their cause."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from app.messaging import inbox
from app.orders.order import OrderDraft

HOLD_DUE: Final = "order.hold_due"
READ_BACK: Final = "order.read_back"
SETTLE: Final = "order.settle"
QUESTION_DUE: Final = "order.question_due"


async def set_hold_clock(draft: OrderDraft) -> None:
    """Have a hold examined when its time is up; a later hold of the same order sets its own timer."""
    due_at: datetime | None = draft.order.hold_expires_at or draft.order.hold_due_at
    if due_at is not None:
        await inbox.add_internal(
            draft.tx,
            type=HOLD_DUE,
            data={"order_id": draft.order_id},
            now=draft.now,
            due_at=max(due_at, draft.now),
            name=f"hold:{draft.order_id}:{draft.order.hold_kind}:{due_at.isoformat()}",
        )


async def set_reminder(draft: OrderDraft, number: int, *, at: datetime) -> None:
    """Have an overdue review examined once more, for the next reminder."""
    since = draft.order.hold_due_at or at
    await inbox.add_internal(
        draft.tx,
        type=HOLD_DUE,
        data={"order_id": draft.order_id},
        now=draft.now,
        due_at=max(at, draft.now),
        name=f"hold:{draft.order_id}:{since.isoformat()}:reminder:{number}",
    )


def review_name(order_id: int, due_at: datetime, number: int) -> str:
    """Return the name of one notification that a review is due, so that it is sent once."""
    return f"review:{order_id}:{due_at.isoformat()}:{number}"


async def look_again(draft: OrderDraft, *, seconds: float) -> None:
    """Have the order read back a little later: did the hold work, was it provisioned, did the panel change it?"""
    due_at = draft.now + timedelta(seconds=seconds)
    await inbox.add_internal(draft.tx, type=READ_BACK, data={"order_id": draft.order_id}, now=draft.now, due_at=due_at)


async def set_settle_clock(draft: OrderDraft, *, seconds: float) -> None:
    """Have it decided anyway, this many seconds after it was placed or first heard of, whichever was earlier."""
    if draft.order.settle_at is not None:
        return
    since = min(draft.order.placed_at or draft.before.first_heard_at, draft.before.first_heard_at)
    settle_at = since + timedelta(seconds=seconds)
    draft.change(settle_at=settle_at)
    await inbox.add_internal(
        draft.tx,
        type=SETTLE,
        data={"order_id": draft.order_id},
        now=draft.now,
        due_at=max(settle_at, draft.now),
        name=f"settle:{draft.order_id}",
    )
