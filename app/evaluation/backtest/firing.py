"""Counting by signal: on which good and bad orders each fired, and what was held only because of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from app.core.judgement.reasons import ReasonCode
from app.core.judgement.scoring import risk_of
from app.core.judgement.signals.base import FAMILIES
from app.core.policy.document import Policy
from app.evaluation.backtest.labels import BAD, BESIDE, GOOD, HELD, Key, for_lack_of_facts
from app.evaluation.backtest.parts import GIVEN, Kind, StoredPart
from app.tables.history import CaseSource

#: Reasons of a hold that come from the risk score alone.
_BY_RISK: Final = frozenset({ReasonCode.RISK_REVIEW, ReasonCode.RISK_REJECT, ReasonCode.WOULD_REJECT})
#: Reasons of a review that are no signals: each holds an order by itself.
REVIEWS: Final = frozenset(
    {ReasonCode.VETTING_TERMS, ReasonCode.VETTING_FIT, ReasonCode.VETTING_PRODUCT_GROUP, ReasonCode.TEXT_CUT}
)

#: Those that come from terms.
VETTED: Final = frozenset({ReasonCode.VETTING_TERMS, ReasonCode.VETTING_FIT})


def count_signals(part: StoredPart, counts: Counter[Key], *, mature_until: int, tried: Policy) -> None:
    """Count the signals of the tried policy on the good and bad orders of a part that are old enough."""
    place = part.columns.index(GIVEN)
    seen = Counter(
        [(c.decided[place].kind, c.label, c.source, c.terms) for c in part.cases if c.placed_at <= mature_until]
    )
    caps: Mapping[str, int] = tried.families.model_dump()
    for (number, label, source, terms), orders in seen.items():
        bad, imported = label in BAD, source == CaseSource.IMPORTED.value
        if not bad and label != GOOD:
            continue
        kind = part.kinds[number]
        for code in fired(kind):
            counts["fired", code, bad] += orders
        if kind.outcome in HELD and not (imported and for_lack_of_facts(kind.outcome, kind.reasons)):
            for code in alone(kind, caps, review_from=tried.risk.review_from):
                counts["alone", code, bad] += orders
                for term in terms if code in VETTED else ():
                    counts["term", code, term, bad] += orders


def fired(kind: Kind) -> frozenset[str]:
    """Return the risk signals that add points to a verdict, and its reasons for a review that are no signals."""
    signals = {code for code, points in kind.points if points > 0 and code in FAMILIES}
    return frozenset(signals | REVIEWS.intersection(kind.reasons))


def alone(kind: Kind, caps: Mapping[str, int], *, review_from: int) -> Iterable[str]:
    """Yield each signal, or other reason, without which this order would not be held."""
    reasons = frozenset(kind.reasons) - BESIDE
    if len(reasons) == 1 and reasons <= REVIEWS:
        yield from reasons
    elif reasons and reasons <= _BY_RISK:
        for code in fired(kind):
            if risk_of([entry for entry in kind.points if entry[0] != code], caps) < review_from:
                yield code
