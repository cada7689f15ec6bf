"""From facts to findings to the two scores, which are additive so that a sentence explains every point."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from app.core.facts import Facts
from app.core.judgement.rulebook import Rulebook
from app.core.judgement.signals import enrichment as signals_enrichment
from app.core.judgement.signals import risk as signals_risk
from app.core.judgement.signals import together as signals_together
from app.core.judgement.signals import work as signals_self_service
from app.core.judgement.signals.base import FAMILIES, FAMILY_LIMIT, LIMIT, Finding, ScoreKind, Words, risk_finding, said

#: The start of each score.
START: Final = {ScoreKind.SELF_SERVICE: 100, ScoreKind.RISK: 0}
#: Both scores without any findings.
NOTHING_FOUND: Final = (START[ScoreKind.SELF_SERVICE], START[ScoreKind.RISK])
_LOWEST: Final = 0
_HIGHEST: Final = 100
#: The rules in the order of their signals.
_RULES: Final = (
    *signals_self_service.SIGNALS,
    *signals_enrichment.SIGNALS,
    *signals_risk.SIGNALS,
    *signals_together.SIGNALS,
)
#: The family name of each risk signal, as in the policy's caps.
_FAMILY: Final = {code: family.value for code, family in FAMILIES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Both 0-100. Self-service 100: this order needs nobody's time. Risk 100: certainly fraud or abuse."""

    self_service: int
    risk: int


def find(facts: Facts, rules: Rulebook, *, now: datetime) -> tuple[list[Finding], int, int]:
    """Return every signal that fires, and the scores: self-service and risk, 0-100 each.

    Signals come in a fixed order, muted ones with no points, and the `limit` signals last.
    """
    found = [finding for rule in _RULES if (finding := rule(facts, rules)) is not None]
    late = signals_self_service.unpaid_after_grace(facts, rules, now)
    if late is not None:
        found.append(late)
    if facts.muted and found:
        muted = frozenset(facts.muted) - signals_risk.UNMUTABLE
        found = [_mute(finding) if _is_muted(finding, muted) else finding for finding in found]
    return settle(found, rules)


def settle(found: list[Finding], rules: Rulebook) -> tuple[list[Finding], int, int]:
    """Add up the scores so that start + points = score exactly.

    A `family_limit` subtracts what a family has above its cap, a `limit` the excess over the end of a scale.
    """
    if not found:
        return found, *NOTHING_FOUND
    service, risk = NOTHING_FOUND
    above = 0  # points that add to the risk, without what the allow list subtracts
    for _, kind, points, _, _ in found:
        if kind is ScoreKind.RISK:
            risk += points
            if points > 0:
                above += points
        else:
            service += points
    limits: list[Finding] = []
    if above > rules.lowest_cap:
        limits = _family_limits(found, rules)
        risk += sum([finding.points for finding in limits])
    if not _LOWEST <= service <= _HIGHEST:
        kept = _LOWEST if service < _LOWEST else _HIGHEST
        limits.append(_limit(ScoreKind.SELF_SERVICE, kept, service))
        service = kept
    if not _LOWEST <= risk <= _HIGHEST:
        kept = _LOWEST if risk < _LOWEST else _HIGHEST
        limits.append(_limit(ScoreKind.RISK, kept, risk))
        risk = kept
    return ([*found, *limits] if limits else found), service, risk


def risk_of(points: Iterable[tuple[str, int]], caps: Mapping[str, int]) -> int:
    """Return the risk (0-100) that signals' points come to, with the caps of the policy's `families`.

    As in `settle`; signals of the other score and the `limit` signals are ignored, so that signals may be left out.
    """
    reached: dict[str, int] = {}
    risk = _LOWEST
    for code, number in points:
        family = _FAMILY.get(code)
        if family is not None and number > 0:
            reached[family] = reached.get(family, 0) + number
        elif family is not None:
            risk += number
    risk += sum([min(caps.get(family, number), number) for family, number in reached.items()])
    return min(_HIGHEST, max(_LOWEST, risk))


def _family_limits(found: list[Finding], rules: Rulebook) -> list[Finding]:
    reached: dict[str, int] = {}
    for code, kind, points, _, _ in found:
        if kind is ScoreKind.RISK and points > 0:
            family = _FAMILY[code]
            reached[family] = reached.get(family, 0) + points
    caps = rules.caps
    return [
        _family_limit(family, caps[family], points)
        for family, points in reached.items()
        if family in caps and points > caps[family]
    ]


def _family_limit(family: str, cap: int, reached: int) -> Finding:
    def words() -> Words:
        plain = family.replace("_", " ")
        detail = f"Signals of the family {plain} are capped at {cap} points together; here they add up to {reached}."
        return said(detail, family=family, cap=cap, reached=reached)

    return risk_finding(FAMILY_LIMIT, cap - reached, words)


def _limit(kind: ScoreKind, kept: int, reached: int) -> Finding:
    def words() -> Words:
        return said(f"The {kind.value.replace('_', '-')} score stops at {kept}; the points add up to {reached}.")

    return Finding(LIMIT, kind, kept - reached, words)


def _is_muted(finding: Finding, muted: frozenset[str]) -> bool:
    return finding.score is ScoreKind.RISK and finding.code in muted


def _mute(finding: Finding) -> Finding:
    """Set the points of a signal that fires on too many orders to zero: it is reported but does not count."""

    def words() -> Words:
        detail, evidence = finding.words()
        detail = f"{detail} The signal is muted because it fires on too many orders, so it adds no points."
        return Words(detail, (*evidence, ("muted", True), ("points_without_muting", finding.points)))

    return finding._replace(points=0, words=words)
