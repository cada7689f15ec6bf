"""Periodic work: comparing with the panel, notifying, sweeping. Each round is done by one of all workers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from app.context import Context
from app.db import Database, note_failure
from app.installation import facts as installation
from app.panels.base import PanelUnavailable
from app.panels.requests import caused_by

log = structlog.get_logger()

_LOOK_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One kind of periodic work and its interval. `run` may raise PanelUnavailable: the next round tries again."""

    name: str
    every: timedelta
    run: Callable[[Context], Awaitable[None]]


async def take_turn(db: Database, name: str, *, every: timedelta, now: datetime) -> bool:
    """Return whether this round is ours: due, and not taken by another worker. The interval starts when it is taken."""
    fact = f"round:{name}"
    async with db.begin() as tx:
        last = await installation.locked(tx, fact, now=now)
        if last and abs(now - datetime.fromisoformat(last)) < every:  # the other worker's clock may be ahead
            return False
        await installation.put(tx, fact, now.isoformat(), now=now)
    return True


async def keep_rounds(context: Context, rounds: tuple[Round, ...]) -> None:
    """Run each round whenever it is due, until cancelled; a failed round does not stop the others."""
    await asyncio.gather(*(_keep(context, one) for one in rounds))


async def _keep(context: Context, one: Round) -> None:
    while True:
        try:
            if await take_turn(context.db, one.name, every=one.every, now=context.clock()):
                with caused_by(one.name):
                    await one.run(context)
        except PanelUnavailable as error:
            log.warning("round.panel_unavailable", round=one.name, error=str(error), alarm=error.alarm)
        except Exception as error:  # noqa: BLE001  (the database is down, or a bug of ours: the other rounds go on)
            note_failure(context.db, "round.failed", error, round=one.name)
        await asyncio.sleep(min(_LOOK_SECONDS, one.every.total_seconds()))
