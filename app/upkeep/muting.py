"""Counting which risk signals fire on too many orders that ended well, and telling staff about it."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import structlog

from app.context import Context
from app.core.judgement.muting import why_muted
from app.core.records import AlertKind
from app.errors import NotFound
from app.installation import facts as installation
from app.installation.alerts import alert
from app.policies import muting, versions

log = structlog.get_logger()

#: How often a round is due.
EVERY: Final = timedelta(minutes=10)


async def round(context: Context) -> None:  # one round of counting, as `sweeps.round` is one of sweeping
    """Count, store the result for all judgements, and alert staff of each signal that is muted from now on."""
    now = context.clock()
    async with context.db.read() as connection:
        try:
            rules = (await versions.active(connection)).policy.muting
        except NotFound:
            return
        counted = await muting.count(connection, rules, now=now)
    muted = counted.muted(rules)
    async with context.db.begin() as tx:
        before = await installation.locked(tx, muting.COUNTED, now=now)
        known = set(before["muted"]) if before else set()
        await installation.put(tx, muting.COUNTED, muting.as_stored(counted, rules, now=now), now=now)
        for code in muted:
            if code not in known:
                name = f"muted:{code}:{now.isoformat()}"
                await alert(tx, AlertKind.SIGNAL_MUTED, name=name, text=why_muted(code, counted, rules), now=now)
    if known - set(muted):
        log.info("signals.unmuted", codes=sorted(known - set(muted)))
