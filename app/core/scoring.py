"""From facts to findings to the two scores; additive, so that every point has its sentence (design §4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from app.core import signals_risk, signals_self_service
from app.core.facts import Facts
from app.core.rulebook import Rulebook
from app.core.signals import Finding, ScoreKind, SignalRule, Words, said

#: Where each score starts.
START: Final = {ScoreKind.SELF_SERVICE: 100, ScoreKind.RISK: 0}
_LOWEST: Final = 0
_HIGHEST: Final = 100
_RISK: Final = ScoreKind.RISK
#: Every rule in its order, without those that could not fire: by whether the order asks for anything (1), stands on a
#: list (2), shares something with somebody bad (4).
_ALL: Final[tuple[SignalRule, ...]] = (*signals_self_service.SIGNALS, *signals_risk.SIGNALS)
_RULES: Final = tuple(
    tuple(
        rule
        for rule in _ALL
        if (asks or rule not in signals_self_service.REQUESTS)
        and (listed or rule not in signals_risk.LISTED)
        and (shares or rule not in signals_risk.SHARED)
    )
    for shares in (False, True)
    for listed in (False, True)
    for asks in (False, True)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Both 0-100. Self-service 100: this order needs nobody's time. Risk 100: certainly fraud or abuse."""

    self_service: int
    risk: int


def find(facts: Facts, rules: Rulebook, *, now: datetime) -> tuple[list[Finding], int, int]:
    """Return every signal that fires, and the scores: self-service and risk, 0-100 each.

    Signals come in a fixed order, muted ones with no points, and the `limit` signals last.
    """
    found = [finding for rule in _rules_for(facts) if (finding := rule(facts, rules)) is not None]
    late = signals_self_service.unpaid_after_grace(facts, rules, now)
    if late is not None:
        found.append(late)
    if facts.muted and found:
        muted = frozenset(facts.muted) - signals_risk.UNMUTABLE
        found = [_mute(finding) if _is_muted(finding, muted) else finding for finding in found]
    return settle(found)


def _rules_for(facts: Facts) -> tuple[SignalRule, ...]:
    """Return the rules that could fire at all: most orders ask for nothing and share nothing with anybody bad."""
    customer = facts.customer
    key = 1 if facts.order.requests else 0
    if customer is not None:
        if customer.lists:
            key += 2
        for neighbour in customer.neighbours:
            if neighbour.bad_customers:
                return _RULES[key | 4]
    return _RULES[key]


def settle(found: list[Finding]) -> tuple[list[Finding], int, int]:
    """Add the scores up, and a `limit` for each scale that ends before its points do: start + points = score."""
    service, risk = START[ScoreKind.SELF_SERVICE], START[ScoreKind.RISK]
    for _, kind, points, _, _ in found:
        if kind is _RISK:
            risk += points
        else:
            service += points
    ends = min(_HIGHEST, max(_LOWEST, service)), min(_HIGHEST, max(_LOWEST, risk))
    if ends == (service, risk):
        return found, service, risk
    limits = [
        _limit(kind, kept, reached)
        for kind, kept, reached in zip(ScoreKind, ends, (service, risk), strict=True)
        if kept != reached
    ]
    return [*found, *limits], *ends


def _limit(kind: ScoreKind, kept: int, reached: int) -> Finding:
    def words() -> Words:
        return said(f"The {kind.value.replace('_', '-')} score ends at {kept}; the points before come to {reached}.")

    return Finding("limit", kind, kept - reached, words)


def _is_muted(finding: Finding, muted: frozenset[str]) -> bool:
    return finding.score is ScoreKind.RISK and finding.code in muted


def _mute(finding: Finding) -> Finding:
    """A signal that fires on too many orders says nothing there: it is reported and counts nothing (design §4)."""

    def words() -> Words:
        detail, evidence = finding.words()
        detail = f"{detail} It fires on too many orders here to say anything, so it counts nothing."
        return Words(detail, (*evidence, ("muted", True), ("points_without_muting", finding.points)))

    return finding._replace(points=0, words=words)
