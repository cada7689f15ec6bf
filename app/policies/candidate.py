"""Which published policy runs in shadow next to the active one, if any."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import WrongState
from app.policies import versions
from app.tables.policies import policy_candidates


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """The version that runs next to the active one, since when, and who chose it; None if there is none."""

    version: int | None
    since: datetime | None
    by: str | None


_NEWEST = sa.select(policy_candidates).order_by(policy_candidates.c.id.desc()).limit(1)


async def current(connection: AsyncConnection) -> Candidate:
    """Return the candidate that runs next to the active policy."""
    row = (await connection.execute(_NEWEST)).first()
    if row is None or row.version is None:
        return Candidate(version=None, since=None, by=None)
    return Candidate(version=row.version, since=row.set_at, by=row.set_by)


async def choose(tx: AsyncConnection, version: int | None, *, by: str, now: datetime) -> Candidate:
    """Let a published version run next to the active one, or none; repeating the choice changes nothing.

    Raises NotFound, and WrongState for the version that is active.
    """
    running = await current(tx)
    if running.version == version:
        return running
    if version is not None:
        await versions.get(tx, version)
        if (await versions.active(tx)).version == version:
            raise WrongState(f"version {version} is already the active policy, so there is nothing to compare")
    await tx.execute(policy_candidates.insert().values(version=version, set_by=by, set_at=now))
    return await current(tx)
