"""The limits on panel calls of one process: the rate limit and the circuit breaker."""

from __future__ import annotations

from dataclasses import dataclass

from app.db import Database
from app.panels.brakes.breaker import Breaker
from app.panels.brakes.limiter import RateLimiter
from app.panels.brakes.turns import SharedTurns


@dataclass(frozen=True, slots=True, kw_only=True)
class Brakes:
    """Shared by everything that calls the panel in this process: its client and the worker."""

    limiter: RateLimiter
    breaker: Breaker


def make_brakes(rate: float, *, slots: int, db: Database | None) -> Brakes:
    """Make the brakes of this process; on PostgreSQL, `rate` is shared by all processes that use the database."""
    turns = None if db is None or db.is_sqlite else SharedTurns(db, rate)
    return Brakes(limiter=RateLimiter(rate, slots=slots, turns=turns), breaker=Breaker())
