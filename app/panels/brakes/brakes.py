"""What stands between us and the panel in one process: the rate limit and the circuit breaker."""

from __future__ import annotations

from dataclasses import dataclass

from app.db import Database
from app.panels.brakes.breaker import Breaker
from app.panels.brakes.limiter import RateLimiter
from app.panels.brakes.turns import SharedTurns


@dataclass(frozen=True, slots=True, kw_only=True)
class Brakes:
    """Shared by all that calls the panel in this process: its client and the worker."""

    limiter: RateLimiter
    breaker: Breaker


def make_brakes(rate: float, *, slots: int, db: Database | None) -> Brakes:
    """Make the brakes of this process; with a PostgreSQL database, `rate` is shared by all that use it."""
    turns = None if db is None or db.is_sqlite else SharedTurns(db, rate)
    return Brakes(limiter=RateLimiter(rate, slots=slots, turns=turns), breaker=Breaker())
