"""Which policies are published, which one is active and which one is the candidate, without reading their rules.

Apart from `versions`, because reading a policy's rules loads all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import NotFound
from app.tables.policies import policies, policy_activations, policy_candidates

#: What a list of policies shows of each.
LISTED: Final = (policies.c.version, policies.c.hash, policies.c.published_by, policies.c.published_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """The version that runs next to the active one, since when, and who chose it; None if there is none."""

    version: int | None
    since: datetime | None
    by: str | None


_NEWEST = sa.select(policy_candidates).order_by(policy_candidates.c.id.desc()).limit(1)


async def candidate(connection: AsyncConnection) -> Candidate:
    """Return the candidate that runs next to the active policy."""
    row = (await connection.execute(_NEWEST)).first()
    if row is None or row.version is None:
        return Candidate(version=None, since=None, by=None)
    return Candidate(version=row.version, since=row.set_at, by=row.set_by)


#: The version that was activated last.
LATEST: Final = sa.select(policy_activations.c.version).order_by(policy_activations.c.id.desc()).limit(1)
#: The version and the hash of the policy in force.
ACTIVE: Final = sa.select(policies.c.version, policies.c.hash).where(policies.c.version == LATEST.scalar_subquery())


async def active_version(connection: AsyncConnection) -> int | None:
    """Return the version of the policy in force, valid or not; None when none was ever activated."""
    found: int | None = await connection.scalar(LATEST)
    return found


async def newest(connection: AsyncConnection, limit: int) -> list[Any]:
    """Return what a list shows of the newest policies, newest first."""
    query = sa.select(*LISTED).order_by(policies.c.version.desc()).limit(limit)
    return list((await connection.execute(query)).all())


async def row_of(connection: AsyncConnection, version: int) -> Any:
    """Return a policy's row with its document, even if it is no longer valid. Raises NotFound."""
    row = (await connection.execute(sa.select(policies).where(policies.c.version == version))).first()
    if row is None:
        raise NotFound(f"there is no policy version {version}")
    return row
