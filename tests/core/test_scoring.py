"""Signals become scores: additive, exact at the ends of the scale, muted where they say nothing."""

from __future__ import annotations

from judging import NOW, a_customer, an_order, some_facts

from app.core.facts import FraudCheck, FraudVerdict, PlacedBy
from app.core.policy import Policy
from app.core.scoring import Scores, find_signals, score, with_limits
from app.core.signals import ScoreKind, Signal
from app.core.signals_risk import SIGNALS


def a_signal(kind: ScoreKind, points: int) -> Signal:
    return Signal(code="x", score=kind, points=points, detail="x")


def test_nothing_found_is_full_self_service_and_no_risk() -> None:
    assert score(()) == Scores(self_service=100, risk=0)


def test_points_beyond_the_scale_become_a_limit_signal() -> None:
    signals = with_limits([a_signal(ScoreKind.RISK, 130), a_signal(ScoreKind.SELF_SERVICE, -120)])

    assert [(signal.code, signal.score, signal.points) for signal in signals[2:]] == [
        ("limit", ScoreKind.SELF_SERVICE, 20),
        ("limit", ScoreKind.RISK, -30),
    ]
    assert score(signals) == Scores(self_service=0, risk=100)


def test_without_limits_the_score_stays_on_the_scale() -> None:
    assert score([a_signal(ScoreKind.RISK, -5)]).risk == 0


def test_a_muted_signal_is_reported_with_its_points() -> None:
    check = FraudCheck(module="maxmind", verdict=FraudVerdict.FAIL, score=None)
    seen = some_facts(order=an_order(fraud_check=check), muted=("fraud_check",))

    (signal,) = find_signals(seen, Policy(), now=NOW)

    assert signal.points == 0
    assert ("points_without_muting", 70) in signal.evidence
    assert "counts nothing" in signal.detail


def test_only_risk_signals_are_muted() -> None:
    seen = some_facts(order=an_order(placed_by=PlacedBy.STAFF), muted=("entered_by_staff",))

    (signal,) = find_signals(seen, Policy(), now=NOW)

    assert signal.points == -20


def test_a_customer_of_whom_nothing_is_known_makes_no_signal() -> None:
    assert find_signals(some_facts(customer=a_customer()), Policy(), now=NOW) == ()
    assert all(rule(some_facts(customer=a_customer()), Policy()) is None for rule in SIGNALS)
