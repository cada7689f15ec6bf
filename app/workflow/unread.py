"""Failed reads of the panel: how long an event waits for them.

A temporary failure decides nothing. The event is retried until the reads succeed or the policy's `facts.wait_minutes`
are over; only then is the order decided without them. For a day after that the order is examined again automatically,
and decided again once the reads succeed.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Final

from app.context import Context
from app.core.retry import delay_at
from app.gathering.panel import Gathered
from app.messaging.inbox import Event, Postpone
from app.policies import versions

#: An object that should exist counts as gone if it is still not found this long after the first read.
BELIEVED_AFTER: Final = timedelta(seconds=60)
#: A list of delays may begin with zero, or be nothing else: the panel is asked again no sooner than this.
_SHORTEST_DELAY: Final = 1.0
_ABSENT_DELAYS: Final = (15.0, 45.0)


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
