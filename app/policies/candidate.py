"""Choose which published policy runs in shadow next to the active one, if any; `published` says which one does."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import WrongState
from app.policies import versions
from app.policies.published import Candidate, candidate
from app.tables.policies import policy_candidates


async def choose(tx: AsyncConnection, version: int | None, *, by: str, now: datetime) -> Candidate:
    """Let a published version run next to the active one, or none; repeating the choice changes nothing.

    Raises NotFound, and WrongState for the version that is active.
    """
    running = await candidate(tx)
    if running.version == version:
        return running
    if version is not None:
        await versions.get(tx, version)
        if (await versions.active(tx)).version == version:
            raise WrongState(f"version {version} is already the active policy, so there is nothing to compare")
    await tx.execute(policy_candidates.insert().values(version=version, set_by=by, set_at=now))
    return await candidate(tx)
