"""From facts to signals to the two scores; additive, so that every point has its sentence (design §4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from app.core import signals_risk, signals_self_service
from app.core.facts import Facts
from app.core.policy import Policy
from app.core.signals import ScoreKind, Signal

#: Where each score starts.
START: Final = {ScoreKind.SELF_SERVICE: 100, ScoreKind.RISK: 0}
_LOWEST: Final = 0
_HIGHEST: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Both 0-100. Self-service 100: this order needs nobody's time. Risk 100: certainly fraud or abuse."""

    self_service: int
    risk: int


def find_signals(facts: Facts, policy: Policy, *, now: datetime) -> tuple[Signal, ...]:
    """Return every signal that fires, in a fixed order, muted ones with no points, and the `limit` signals last."""
    rules = (*signals_self_service.SIGNALS, *signals_risk.SIGNALS)
    fired = [rule(facts, policy) for rule in rules]
    fired += [rule(facts, policy, now) for rule in signals_self_service.TIMED_SIGNALS]
    muted = frozenset(facts.muted) - signals_risk.UNMUTABLE
    found = [_mute(signal) if _is_muted(signal, muted) else signal for signal in fired if signal is not None]
    return with_limits(found)


def with_limits(signals: Iterable[Signal]) -> tuple[Signal, ...]:
    """Add a `limit` signal for each scale that ends before its points do, so that start + points = score."""
    found = tuple(signals)
    limits = []
    for kind in ScoreKind:
        reached = _sum(found, kind)
        kept = min(_HIGHEST, max(_LOWEST, reached))
        if kept != reached:
            detail = f"The {kind.value.replace('_', '-')} score ends at {kept}; the points before come to {reached}."
            limits.append(Signal(code="limit", score=kind, points=kept - reached, detail=detail))
    return (*found, *limits)


def score(signals: Iterable[Signal]) -> Scores:
    """Return both scores: start + points, within 0-100 whether or not the signals hold their `limit`."""
    found = tuple(signals)
    ends = {kind: min(_HIGHEST, max(_LOWEST, _sum(found, kind))) for kind in ScoreKind}
    return Scores(self_service=ends[ScoreKind.SELF_SERVICE], risk=ends[ScoreKind.RISK])


def _sum(signals: tuple[Signal, ...], kind: ScoreKind) -> int:
    return START[kind] + sum(signal.points for signal in signals if signal.score is kind)


def _is_muted(signal: Signal, muted: frozenset[str]) -> bool:
    return signal.score is ScoreKind.RISK and signal.code in muted


def _mute(signal: Signal) -> Signal:
    """A signal that fires on too many orders says nothing there: it is reported and counts nothing (design §4)."""
    detail = f"{signal.detail} It fires on too many orders here to say anything, so it counts nothing."
    evidence = (*signal.evidence, ("muted", True), ("points_without_muting", signal.points))
    return replace(signal, points=0, detail=detail, evidence=evidence)
