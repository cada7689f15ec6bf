"""Signals become scores: additive, exact at the ends of the scale, muted where they are not informative."""

from __future__ import annotations

from app.core.facts import FraudCheck, FraudVerdict, PlacedBy
from app.core.judgement.decide import decide
from app.core.judgement.rulebook import rulebook
from app.core.judgement.scoring import settle
from app.core.judgement.signals.base import Finding, ScoreKind, said
from app.core.judgement.signals.risk import SIGNALS
from app.core.policy.document import Policy
from tests.core.judging import NOW, a_customer, an_order, some_facts

RULES = rulebook(Policy())


def a_finding(kind: ScoreKind, points: int) -> Finding:
    return Finding("block_listed", kind, points, lambda: said("x"))


def test_nothing_found_is_full_self_service_and_no_risk() -> None:
    assert settle([], RULES) == ([], 100, 0)


def test_points_beyond_the_scale_become_a_limit_signal() -> None:
    found, self_service, risk = settle([a_finding(ScoreKind.RISK, 130), a_finding(ScoreKind.SELF_SERVICE, -120)], RULES)

    assert [(finding.code, finding.score, finding.points) for finding in found[2:]] == [
        ("limit", ScoreKind.SELF_SERVICE, 20),
        ("limit", ScoreKind.RISK, -30),
    ]
    assert (self_service, risk) == (0, 100)


def test_a_score_below_the_scale_is_lifted_to_its_end() -> None:
    found, _, risk = settle([a_finding(ScoreKind.RISK, -5)], RULES)

    assert (risk, found[-1].code, found[-1].points) == (0, "limit", 5)


def test_a_muted_signal_is_reported_with_its_points() -> None:
    check = FraudCheck(module="maxmind", verdict=FraudVerdict.FAIL, score=None)
    seen = some_facts(order=an_order(fraud_check=check), muted=("fraud_check",))

    (signal,) = decide(seen, Policy(), now=NOW).signals

    assert signal.points == 0
    assert ("points_without_muting", 70) in signal.evidence
    assert "adds no points" in signal.detail


def test_only_risk_signals_are_muted() -> None:
    seen = some_facts(order=an_order(placed_by=PlacedBy.STAFF), muted=("entered_by_staff",))

    (signal,) = decide(seen, Policy(), now=NOW).signals

    assert signal.points == -20


def test_a_customer_of_whom_nothing_is_known_makes_no_signal() -> None:
    assert decide(some_facts(customer=a_customer()), Policy(), now=NOW).signals == ()
    assert all(rule(some_facts(customer=a_customer()), rulebook(Policy())) is None for rule in SIGNALS)
