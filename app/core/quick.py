"""One policy made ready to judge many orders: only what a backtest counts, and no sentence (issue 4, point 2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.core.decision import Outcome, decide
from app.core.facts import Facts
from app.core.policy import Policy


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `decide` would say, without words. Money in minor units of the order's currency, None where unknown.

    `points` are (signal code, points) of every signal that fired, in the order of `decide`, `limit` among them, for
    both scores; muted signals stand there with 0.
    """

    outcome: Outcome
    reasons: tuple[str, ...]
    self_service: int
    risk: int
    points: tuple[tuple[str, int], ...]
    minutes: int
    cost: int | None
    margin_month: int | None
    fee: int | None
    catalogue_gap: bool
    missing: tuple[str, ...]


class QuickJudge:
    """Judges by one policy; the same verdict as `decide`, to the point and to the cent."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def verdict(self, facts: Facts, *, now: datetime) -> Verdict:
        """Judge one order."""
        found = decide(facts, self.policy, now=now)
        return Verdict(
            outcome=found.outcome,
            reasons=tuple(reason.code for reason in found.reasons),
            self_service=found.scores.self_service,
            risk=found.scores.risk,
            points=tuple((signal.code, signal.points) for signal in found.signals),
            minutes=found.labour.minutes,
            cost=found.labour.cost.amount_minor if found.labour.cost else None,
            margin_month=found.labour.margin_month.amount_minor if found.labour.margin_month else None,
            fee=found.fee.amount_minor if found.fee else None,
            catalogue_gap=found.catalogue_gap,
            missing=found.missing,
        )
