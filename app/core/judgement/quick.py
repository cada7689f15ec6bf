"""One policy made ready to judge many orders: only what a backtest counts, and no sentence (issue 4, point 2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.core.facts import Facts
from app.core.judgement.decide import Outcome, missing_of, weigh_up
from app.core.judgement.rulebook import rulebook
from app.core.policy.document import Policy


@dataclass(slots=True)
class Verdict:
    """What `decide` would say, without words. Money in minor units of the order's currency, None where unknown.

    `points` are (signal code, points) of every signal that fired, in the order of `decide`, `limit` among them, for
    both scores; muted signals stand there with 0. Not frozen: that would take longer than half of the rules.
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
    """Judges by one policy; the same verdict as `decide`, to the point and to the cent, as the rules are the same."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._rules = rulebook(policy)

    def verdict(self, facts: Facts, *, now: datetime) -> Verdict:
        """Judge one order."""
        case, outcome, grounds = weigh_up(facts, self._rules, now=now)
        work = case.work
        return Verdict(
            outcome,
            tuple([ground.code for ground in grounds]),
            case.self_service,
            case.risk,
            tuple([(finding.code, finding.points) for finding in case.found]),
            work.minutes,
            work.cost,
            work.margin_month,
            work.estimate if outcome is Outcome.HOLD_FOR_FEE else None,
            case.catalogue_gap,
            missing_of(case),
        )
