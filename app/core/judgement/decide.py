"""The judgement: signals, scores and labour of one order, and the outcome by the rows of `outcome`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from app.core.facts import Facts, OrderKind
from app.core.judgement import vetting
from app.core.judgement.accepting import AcceptPlan, plan_accept
from app.core.judgement.essentials import essential_missing
from app.core.judgement.labour import Labour, weigh
from app.core.judgement.outcome import SEVERITY, Case, Ground, Outcome, Reason, first_that_fits, notes
from app.core.judgement.reasons import UNFIT
from app.core.judgement.rulebook import Rulebook, rulebook
from app.core.judgement.scoring import NOTHING_FOUND, Scores, find
from app.core.judgement.signals.base import HANDLING, Signal
from app.core.judgement.signals.enrichment import degraded
from app.core.judgement.signals.work import is_catalogue_gap
from app.core.money import Money
from app.core.policy.document import Policy

__all__ = ["ENGINE_VERSION", "SEVERITY", "Judgement", "Outcome", "Reason", "decide", "missing_of", "weigh_up"]

#: Stored with every decision: the same facts, policy and engine version give the same decision. Increase it whenever
#: the rules or the sentences of reasons and signals change: a replay compares them word for word.
ENGINE_VERSION: Final = "6"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One verdict with everything it is based on.

    `question` is for staff to send to the customer when a person reviews whether the order fits; `question_rule` names
    the rule it comes from. `fee` is set only for `hold_for_fee`, above zero and never above the cap; `labour.estimate`
    is set for every order that asks for work. `missing` names the unknown facts, whether or not they mattered.
    """

    outcome: Outcome
    reasons: tuple[Reason, ...]
    signals: tuple[Signal, ...]
    scores: Scores
    labour: Labour
    fee: Money | None
    accept: AcceptPlan
    catalogue_gap: bool
    courtesy_used: bool
    engine_version: str
    missing: tuple[str, ...]
    question: str | None = None
    question_rule: str | None = None


def decide(facts: Facts, policy: Policy, *, now: datetime) -> Judgement:
    """Judge one order. There is always an outcome with at least one reason; equal facts and policy give equal results.

    A renewal is never judged: it is approved without signals.
    """
    rules = rulebook(policy)
    case, outcome, grounds = weigh_up(facts, rules, now=now)
    labour = case.work.written()
    asks = any(ground.code in UNFIT for ground in grounds)
    prepared = vetting.prepare(facts.order, policy) if asks else None
    return Judgement(
        outcome=outcome,
        reasons=tuple(ground.written() for ground in grounds),
        signals=tuple(finding.written() for finding in case.found),
        scores=Scores(self_service=case.self_service, risk=case.risk),
        labour=labour,
        fee=labour.estimate if outcome is Outcome.HOLD_FOR_FEE else None,
        accept=plan_accept(facts, policy),
        catalogue_gap=case.catalogue_gap,
        courtesy_used=any(ground.code == "courtesy" for ground in grounds),
        engine_version=ENGINE_VERSION,
        missing=missing_of(case),
        question=prepared.question if prepared else None,
        question_rule=prepared.rule if prepared else None,
    )


def weigh_up(facts: Facts, rules: Rulebook, *, now: datetime) -> tuple[Case, Outcome, tuple[Ground, ...]]:
    """Judge one order without writing any text: return the case, the outcome, and the grounds for its reasons."""
    renewal = facts.order.kind is OrderKind.RENEWAL
    found, self_service, risk = ([], *NOTHING_FOUND) if renewal else find(facts, rules, now=now)
    minutes = handling = 0
    for code, _, _, _, staff_minutes in found:
        if staff_minutes:
            minutes += staff_minutes
            handling += staff_minutes if code == HANDLING else 0
    work = weigh(facts, rules, minutes=minutes, handling=handling)
    gap = not renewal and is_catalogue_gap(facts, rules)
    case = Case(facts, rules, found, self_service, risk, work, gap, essential_missing(facts))
    outcome, grounds = first_that_fits(case)
    return case, outcome, (*grounds, *notes(case))


def missing_of(case: Case) -> tuple[str, ...]:
    """Return the names of all unknown facts of an order."""
    facts, unknown, worth = case.facts, case.unknown, case.work.missing
    if unknown or worth or facts.order.outside:
        return tuple(sorted({*facts.missing, *unknown, *worth, *degraded(facts)}))
    return _in_order(facts.missing) if facts.missing else ()


@lru_cache(maxsize=1024)
def _in_order(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))
