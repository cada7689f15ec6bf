"""Our own timers: events that come due later, written in the transaction of their cause."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from app.messaging import inbox
from app.orders.order import OrderInHand

HOLD_DUE: Final = "order.hold_due"
READ_BACK: Final = "order.read_back"
SETTLE: Final = "order.settle"
QUESTION_DUE: Final = "order.question_due"


async def set_hold_clock(file: OrderInHand) -> None:
    """Have a hold examined when its time is up; a later hold of the same order sets its own timer."""
    due_at: datetime | None = file.get("hold_expires_at") or file.get("hold_due_at")
    if due_at is not None:
        await inbox.add_internal(
            file.tx,
            type=HOLD_DUE,
            data={"order_id": file.order_id},
            now=file.now,
            due_at=max(due_at, file.now),
            name=f"hold:{file.order_id}:{file.get('hold_kind')}:{due_at.isoformat()}",
        )


async def set_reminder(file: OrderInHand, number: int, *, at: datetime) -> None:
    """Have an overdue review examined once more, for the next reminder."""
    await inbox.add_internal(
        file.tx,
        type=HOLD_DUE,
        data={"order_id": file.order_id},
        now=file.now,
        due_at=max(at, file.now),
        name=f"hold:{file.order_id}:{file.get('hold_due_at').isoformat()}:reminder:{number}",
    )


def review_name(order_id: int, due_at: datetime, number: int) -> str:
    """Return the name of one notification that a review is due, so that it is sent once."""
    return f"review:{order_id}:{due_at.isoformat()}:{number}"


async def look_again(file: OrderInHand, *, seconds: float) -> None:
    """Have the order read back a little later: did the hold work, was it provisioned, did the panel change it?"""
    due_at = file.now + timedelta(seconds=seconds)
    await inbox.add_internal(file.tx, type=READ_BACK, data={"order_id": file.order_id}, now=file.now, due_at=due_at)


async def set_settle_clock(file: OrderInHand, *, seconds: float) -> None:
    """Have it decided anyway, this many seconds after it was placed or first heard of, whichever was earlier."""
    if file.get("settle_at") is not None:
        return
    since = min(file.get("placed_at") or file.row.first_heard_at, file.row.first_heard_at)
    settle_at = since + timedelta(seconds=seconds)
    file.change(settle_at=settle_at)
    await inbox.add_internal(
        file.tx,
        type=SETTLE,
        data={"order_id": file.order_id},
        now=file.now,
        due_at=max(settle_at, file.now),
        name=f"settle:{file.order_id}",
    )
