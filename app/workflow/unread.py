"""Failed reads of the panel: how long an event waits for them, and when its order is examined again.

A temporary failure decides nothing. The event is retried until the reads succeed or the policy's `facts.wait_minutes`
are over; only then is the order decided without them. For a day after that the order is examined again automatically,
and decided again once the reads succeed.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Final

from app.context import Context
from app.core.judgement.decide import Judgement, Outcome
from app.core.judgement.reasons import ReasonCode
from app.core.retry import delay_at
from app.core.states import OrderState
from app.core.statuses import PanelOrderStatus
from app.gathering.panel import Gathered
from app.messaging import inbox
from app.messaging.inbox import Event, Postpone
from app.orders.order import OrderDraft
from app.orders.timers import READ_BACK
from app.policies import versions

#: An object that should exist counts as gone if it is still not found this long after the first read.
BELIEVED_AFTER: Final = timedelta(seconds=60)
#: A list of delays may begin with zero, or be nothing else: the panel is asked again no sooner than this.
_SHORTEST_DELAY: Final = 1.0
_ABSENT_DELAYS: Final = (15.0, 45.0)
#: Minutes after the first incomplete look at which an order is examined again.
LOOKS: Final = (1, 3, 8, 15, 30, 45, 60, 75, 90, 105, *range(120, 24 * 60 + 1, 60))

JUDGED_STATES: Final = (OrderState.RECEIVED, OrderState.HELD, OrderState.AWAITING_PAYMENT, OrderState.RELEASING)


async def wait(context: Context, event: Event, gathered: Gathered, *, now: datetime) -> None:
    """Postpone the event while the missing reads may still succeed.

    Raises Postpone. Returns if nothing is missing, or if this event or another one about the same order has waited
    long enough.
    """
    if gathered.unread_since is not None or not (gathered.failed or gathered.absent):
        return
    waited = now - (event.reads_failed_at or now)
    named = ", ".join(name.partition(":")[0] for name in (*gathered.failed, *gathered.absent))
    if gathered.failed:
        async with context.db.read() as connection:
            rules = (await versions.active(connection)).policy.facts
        limit = timedelta(minutes=rules.wait_minutes)
        delays, said = context.settings.retry_delays, f"the panel did not answer all reads: {named}"
    else:
        limit, delays, said = (
            BELIEVED_AFTER,
            _ABSENT_DELAYS,
            f"the panel does not list everything the order refers to: {named}",
        )
    if waited >= limit:
        return
    seconds = delay_at(waited.total_seconds(), delays, jitter=random.random())
    delay = timedelta(seconds=max(seconds, gathered.retry_after, _SHORTEST_DELAY))
    raise Postpone(said, delay=min(delay, limit - waited), reads_failed=True)


async def schedule_look(draft: OrderDraft, gathered: Gathered) -> None:
    """Schedule the next look at an order whose reads fail; none if they succeeded, or if we don't judge the order.

    The looks have fixed times, so that several events about one order share one series of looks.
    """
    judged = draft.state in JUDGED_STATES and not draft.order.touched_by_person
    if not gathered.without or not judged or draft.order.panel_status != PanelOrderStatus.PENDING:
        draft.change(unread_since=None)
        return
    since: datetime = draft.order.unread_since or draft.now
    draft.change(unread_since=since)
    due = (since + timedelta(minutes=minutes) for minutes in LOOKS)
    due_at = next((at for at in due if at > draft.now), None)
    if due_at is not None:
        await inbox.add_internal(
            draft.tx, type=READ_BACK, data={"order_id": draft.order_id}, now=draft.now, due_at=due_at,
            name=f"unread:{draft.order_id}:{due_at.isoformat()}",
        )  # fmt: skip


def keeps(draft: OrderDraft, gathered: Gathered, judgement: Judgement) -> bool:
    """True if the decision in force stays, because this judgement lacks reads that the earlier one had.

    Danger that is visible all the same counts: an approved order is held or rejected for what the reads do show.
    """
    before = draft.order.outcome
    if before is None or set(gathered.without) <= set(draft.order.decided_without or ()):
        return False
    lack = any(reason.code == ReasonCode.FACTS_MISSING for reason in judgement.reasons)
    danger = judgement.outcome in {Outcome.HOLD_FOR_REVIEW, Outcome.REJECT} and before == Outcome.APPROVE
    return lack or not danger
