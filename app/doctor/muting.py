"""Which risk signals add no points here, because they fire on too many orders that ended well."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.judgement.muting import Firings, why_muted
from app.core.policy.document import Policy
from app.core.policy.sections.judging import Muting
from app.doctor.findings import DoctorFinding, ok, warning
from app.policies import muting

_CURE = (
    "Find out why (one IP address for all orders may be the proxy's own), give the signal stricter thresholds, or set "
    "its points to 0; muting.share_percent is the limit."
)


async def check_muting(connection: AsyncConnection, policy: Policy, *, now: datetime) -> list[DoctorFinding]:
    """Return what is muted under this policy."""
    return muting_findings(await muting.firings(connection, policy.muting, now=now), policy.muting)


def muting_findings(counted: Firings, rules: Muting) -> list[DoctorFinding]:
    """Return a warning for each muted signal, or that none is."""
    muted = counted.muted(rules)
    if not muted:
        return [ok("muting", f"no risk signal is muted ({counted.orders} orders ended well in {rules.days} days)")]
    return [warning("muting", why_muted(code, counted, rules), _CURE) for code in muted]
