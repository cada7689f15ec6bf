"""A policy prepared to judge many orders: only what a backtest counts, without sentences."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.core.facts import Facts
from app.core.judgement.decide import Outcome, missing_of, weigh_up
from app.core.judgement.rulebook import rulebook
from app.core.policy.document import Policy


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of `decide` without words. Money in minor units of the order's currency, None if unknown.

    `points` are (signal code, points) of every signal that fired for either score, including `limit`, in the order of
    `decide`; muted signals have 0.
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
    """Judges by one policy with the same rules as `decide`, so points and amounts are equal to its verdict."""

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
