"""The verdict that a backtest counts is the decision that an order gets, in every field."""

from __future__ import annotations

from hypothesis import given

from app.core.facts import Facts, OrderKind
from app.core.judgement.decide import Outcome, decide
from app.core.judgement.quick import QuickJudge
from app.core.judgement.rulebook import rulebook
from app.core.judgement.signals.base import LIMITS
from app.core.judgement.signals.enrichment import SIGNALS as OUTSIDE
from app.core.judgement.signals.risk import SIGNALS as RISK
from app.core.judgement.signals.work import SIGNALS as SELF_SERVICE
from app.core.policy.document import Policy
from tests.core.judgement.test_properties import facts, policies, quick
from tests.core.judging import NOW


@quick
@given(facts(), policies)
def test_the_verdict_is_the_decision_without_words(seen: Facts, policy: Policy) -> None:
    decision = decide(seen, policy, now=NOW)
    verdict = QuickJudge(policy).verdict(seen, now=NOW)

    labour = decision.labour
    assert verdict.outcome is decision.outcome
    assert verdict.reasons == tuple(reason.code for reason in decision.reasons)
    assert (verdict.self_service, verdict.risk) == (decision.scores.self_service, decision.scores.risk)
    assert verdict.points == tuple((signal.code, signal.points) for signal in decision.signals)
    assert verdict.minutes == labour.minutes
    assert verdict.cost == (labour.cost.amount_minor if labour.cost else None)
    assert verdict.margin_month == (labour.margin_month.amount_minor if labour.margin_month else None)
    assert verdict.fee == (decision.fee.amount_minor if decision.fee else None)
    assert (verdict.fee is not None) is (decision.outcome is Outcome.HOLD_FOR_FEE)
    assert verdict.catalogue_gap is decision.catalogue_gap
    assert verdict.missing == decision.missing


@quick
@given(facts(), policies)
def test_no_rule_that_would_fire_is_passed_over(seen: Facts, policy: Policy) -> None:
    """Every rule is asked, and nothing else fires, but a renewal is never judged."""
    judged = {code for code, _ in QuickJudge(policy).verdict(seen, now=NOW).points}

    fired = {found.code for rule in (*SELF_SERVICE, *OUTSIDE, *RISK) if (found := rule(seen, rulebook(policy)))}

    silent = seen.order.kind is OrderKind.RENEWAL
    assert (judged - LIMITS - {"unpaid_after_grace"}) == (set() if silent else fired)
