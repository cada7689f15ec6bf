"""What every process does at start, and hourly housekeeping."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from app.config import Settings
from app.db import Database
from app.installation import alerts, idempotency, schema
from app.installation import facts as installation
from app.policies import versions

_START_LOCK = 7_203_001  # an arbitrary number: processes that start together take turns


async def prepare(db: Database, settings: Settings, *, now: datetime) -> None:
    """Make sure that a policy is active, and record the cut-over when enforce is on for the first time.

    Raises schema.OldSchema, and PolicyError for the operator's policy file.
    """
    await have_policy(db, settings, now=now)
    async with db.begin() as tx:
        await installation.cut_over(tx, settings.mode, now=now)


async def have_policy(db: Database, settings: Settings, *, now: datetime) -> None:
    """Make sure that a policy is active and change nothing else, for commands that only judge. Raises as `prepare`."""
    await schema.require_current(db)
    async with db.begin() as tx:
        if not db.is_sqlite:
            await tx.execute(sa.select(sa.func.pg_advisory_xact_lock(_START_LOCK)))
        await versions.prepare(tx, file=settings.policy_file, now=now)


async def tidy(db: Database, *, now: datetime) -> None:
    """Delete old alerts, and stored answers to idempotent requests that are too old to be repeated."""
    async with db.begin() as tx:
        await idempotency.forget_old(tx, now=now)
        await alerts.forget_old(tx, now=now)
