"""What the provider's own history teaches about the points of risk signals.

The labels are the ends of orders that are old enough, and the decisions of people in reviews. Facts that only became
known later are left out: they would teach the outcome itself. Memory holds only patterns of fired signals, no orders.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from app.core.facts import Facts
from app.core.judgement.decide import Outcome
from app.core.judgement.provenance import without_hindsight
from app.core.judgement.quick import QuickJudge, Verdict
from app.core.judgement.vetting import only_unfit
from app.core.policy.document import Policy
from app.core.policy.terms import is_mature
from app.db import Database
from app.errors import Invalid
from app.evaluation.scorecard import KEYS, Fired, PointChange, fittable, propose, too_few
from app.orders.facts_codec import unpack
from app.tables.history import Label, cases

_PAGE: Final = 2_000
_BAD: Final = frozenset({Label.FRAUD.value, Label.DISPUTED.value})

#: Which signals fired with how many points, and whether the order was bad.
Pattern = tuple[tuple[tuple[str, int], ...], bool]


class LearningMissing(Invalid):
    """The optional library that fits (scikit-learn) is not installed."""


@dataclass(slots=True)
class Labelled:
    """How often each pattern of signals occurred on orders whose label is known."""

    patterns: Counter[Pattern] = field(default_factory=Counter)
    by_outcome: int = 0
    by_review: int = 0

    def count(self, *, bad: bool) -> int:
        """Return the number of bad, or good, orders."""
        return sum(times for (_, is_bad), times in self.patterns.items() if is_bad is bad)

    def fired(self) -> dict[str, Fired]:
        """Return how often each signal fired on bad and on good orders."""
        found: dict[tuple[str, bool], int] = Counter()
        for (points, bad), times in self.patterns.items():
            for code, _ in points:
                found[code, bad] += times
        codes = sorted({code for code, _ in found})
        return {code: Fired(code=code, bad=found[code, True], good=found[code, False]) for code in codes}


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """The proposed changes, or why nothing is proposed."""

    bad: int
    good: int
    by_outcome: int
    by_review: int
    fitted: tuple[str, ...]
    changes: tuple[PointChange, ...]
    why_not: str | None
    enough: bool  # orders with a known result, to learn anything from


def label_of(label: str, reviewed: str | None, *, mature: bool) -> bool | None:
    """Return whether an order was bad; None if not known.

    What happened outweighs what a person decided; an unpaid cancellation or a refund says nothing about risk.
    """
    if mature and label in _BAD:
        return True
    if mature and label == Label.GOOD.value:
        return False
    return {Outcome.REJECT.value: True, Outcome.APPROVE.value: False}.get(reviewed or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledCase:
    """An order whose label is known, with its facts of then and the verdict of the policy."""

    facts: Facts
    judged_at: datetime
    source: str
    verdict: Verdict
    bad: bool
    by_outcome: bool  # the label is what became of it, not what a person decided


async def read_labelled(db: Database, policy: Policy, *, now: datetime, after: int = 0) -> Labelled:
    """Judge every order of the history whose label is known, and count the signals that fired.

    `after`: only orders with a higher id.
    """
    found = Labelled()
    async for case in labelled_cases(db, policy, now=now, after=after):
        points = tuple(sorted((code, given) for code, given in case.verdict.points if code in KEYS and given > 0))
        found.patterns[points, case.bad] += 1
        found.by_outcome += case.by_outcome
        found.by_review += not case.by_outcome
    return found


async def labelled_cases(db: Database, policy: Policy, *, now: datetime, after: int = 0) -> AsyncIterator[LabelledCase]:
    """Yield the orders whose label is known, by rising id from `after` on."""
    judge = QuickJudge(policy)
    async for rows in _pages(db, after):
        for row in rows:
            mature = is_mature(row.placed_at, now)
            bad = label_of(row.label, row.reviewed, mature=mature)
            if bad is None:
                continue
            facts = without_hindsight(unpack(row.facts))
            verdict = judge.verdict(facts, now=row.judged_at)
            known = mature and (row.label in _BAD or row.label == Label.GOOD.value)
            if bad and not known and only_unfit(verdict.reasons):
                continue  # declined for what was ordered, not for suspicion
            yield LabelledCase(
                facts=facts, judged_at=row.judged_at, source=row.source, verdict=verdict, bad=bad, by_outcome=known
            )


async def _pages(db: Database, last: int) -> AsyncIterator[list[Any]]:
    """Read the cases by rising id after `last`, each page in a transaction of its own."""
    wanted = ("order_id", "placed_at", "judged_at", "facts", "label", "reviewed", "source")
    while True:
        query = sa.select(*[cases.c[name] for name in wanted]).where(cases.c.order_id > last)
        async with db.read() as connection:
            rows = list(await connection.execute(query.order_by(cases.c.order_id).limit(_PAGE)))
        if not rows:
            return
        last = rows[-1].order_id
        yield rows


def suggest(labelled: Labelled, policy: Policy) -> Suggestion:
    """Propose points. Raises LearningMissing if scikit-learn is not installed."""
    bad, good, fired = labelled.count(bad=True), labelled.count(bad=False), labelled.fired()
    lacking = why_not = too_few(bad, good)
    fitted: tuple[str, ...] = ()
    changes: tuple[PointChange, ...] = ()
    if why_not is None:
        fitted = fittable(fired.values(), bad=bad, good=good)
        if not fitted:
            why_not = "No risk signal fired often enough on these orders to be evaluated."
        else:
            common, slopes = _fit(labelled.patterns, fitted)
            changes = propose(policy, fired, slopes, common=common)
            if common <= 0:
                why_not = "The risk score does not separate bad from good orders in this history."
            elif not changes:
                why_not = "The current points already fit this history."
    return Suggestion(
        bad=bad, good=good, by_outcome=labelled.by_outcome, by_review=labelled.by_review,
        fitted=fitted, changes=changes, why_not=why_not, enough=lacking is None,
    )  # fmt: skip


def _fit(patterns: Counter[Pattern], codes: tuple[str, ...]) -> tuple[float, dict[str, float]]:
    """Return the slope of all these points together, and of each signal's own, in log-odds per point."""
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        raise LearningMissing("`doorman suggest` needs scikit-learn: pip install 'doorman[learning]'") from None
    ordered = sorted(patterns.items())
    rows = [_row(points, codes) for (points, _), _ in ordered]
    truth = [bad for (_, bad), _ in ordered]
    weights = [times for _, times in ordered]
    # ten points are one unit, so that the regularisation is equally strong for each signal
    each = LogisticRegression(max_iter=1_000).fit(rows, truth, sample_weight=weights)
    together = LogisticRegression(max_iter=1_000).fit([[sum(row)] for row in rows], truth, sample_weight=weights)
    slopes = {code: float(slope) / 10 for code, slope in zip(codes, each.coef_[0], strict=True)}
    return float(together.coef_[0][0]) / 10, slopes


def _row(points: Iterable[tuple[str, int]], codes: tuple[str, ...]) -> list[float]:
    given = dict(points)
    return [given.get(code, 0) / 10 for code in codes]
