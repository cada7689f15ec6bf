"""Proposed points of risk signals from a fit: bounded, and cautious when data is scarce.

The policy's points already are a scorecard. A logistic fit on the points that fired gives each signal a slope; if all
points were right, every slope would be the same. A signal whose slope is twice the common one is worth twice its
points, so points are multiplied by slope / common slope, pulled towards the present points if it fired rarely.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from app.core.policy.document import Policy
from app.core.policy.fairness import SOFT
from app.core.policy.sections.judging import RiskPoints

#: The keys of [points.risk] that make up each signal's points; all keys of a signal are scaled alike.
KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "fraud_check": ("fraud_check_fail", "fraud_check_review", "fraud_check_high_score"),
    "overdue_invoices": ("overdue_invoice", "overdue_invoices_at_most"),
    **{
        code: (code,)
        for code in RiskPoints.model_fields
        if code
        not in {
            "fraud_check_fail", "fraud_check_review", "fraud_check_high_score", "overdue_invoice",
            "overdue_invoices_at_most", "each_further", "block_listed", "allow_listed",
        }
    },
}  # fmt: skip
#: Never proposed: the provider's own lists are not statistics, and `each_further` belongs to several signals.
LEFT: Final = frozenset({"each_further", "block_listed", "allow_listed"})

#: The fewest labelled orders in all, and of each kind: with fewer, chance outweighs the signals.
MIN_CASES: Final = 200
MIN_OF_EACH: Final = 30
#: Labelled bad (or good) orders needed for each signal that is fitted (Peduzzi et al. 1996: ten events per variable).
EVENTS_PER_SIGNAL: Final = 10
#: A signal that fired less often is not fitted.
MIN_FIRED: Final = 10
#: The factor of one proposal stays between these two.
SMALLEST_RATIO: Final = 0.5
LARGEST_RATIO: Final = 1.5
#: A smaller change decides hardly any order and would only be noise.
SMALLEST_CHANGE: Final = 2
#: A signal that fired this often moves half way from its present points to what the fit says.
_HALF_WAY: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Fired:
    """How often one signal fired on labelled orders."""

    code: str
    bad: int
    good: int

    @property
    def orders(self) -> int:
        """Return the number of orders on which it fired."""
        return self.bad + self.good


@dataclass(frozen=True, slots=True, kw_only=True)
class PointChange:
    """One key of [points.risk] with its present and its proposed points."""

    code: str
    key: str
    before: int
    after: int
    bad: int
    good: int


def too_few(bad: int, good: int) -> str | None:
    """Return why nothing can be proposed from this many labelled orders, None if it can."""
    if bad + good >= MIN_CASES and min(bad, good) >= MIN_OF_EACH:
        return None
    return (
        f"Too few orders with a known result: {bad} bad and {good} good. At least {MIN_CASES} are needed, with "
        f"{MIN_OF_EACH} of each kind; fewer would only reflect chance."
    )


def fittable(fired: Iterable[Fired], *, bad: int, good: int) -> tuple[str, ...]:
    """Return the signals worth fitting, most fired first: as many as the rarer kind of order can support."""
    most = min(bad, good) // EVENTS_PER_SIGNAL
    known = [one for one in fired if one.code in KEYS and one.orders >= MIN_FIRED]
    known.sort(key=lambda one: (-one.orders, one.code))
    return tuple(one.code for one in known[:most])


def propose(
    policy: Policy, fired: Mapping[str, Fired], slopes: Mapping[str, float], *, common: float
) -> tuple[PointChange, ...]:
    """Return the keys of the policy's [points.risk] that would change, within the limits of a valid policy.

    `slopes` and `common` are log-odds per point, of each signal and of all points together. A common slope that is not
    above zero means that the risk score does not tell bad from good orders at all: then nothing is proposed.
    """
    if common <= 0:
        return ()
    now: dict[str, int] = policy.points.risk.model_dump()
    wanted = dict(now)
    for code, slope in slopes.items():
        ratio = _ratio(slope / common, fired[code])
        after = {key: min(100, max(1, round(now[key] * ratio))) for key in KEYS[code] if now[key]}
        if _worth(now, after):  # all keys of a signal or none, so that their order of severity stays
            wanted |= after
    _keep_fair(now, wanted, policy)
    return tuple(
        PointChange(code=code, key=key, before=now[key], after=wanted[key], bad=fired[code].bad, good=fired[code].good)
        for code in sorted(slopes)
        for key in KEYS[code]
        if wanted[key] != now[key] and _worth(now, {one: wanted[one] for one in KEYS[code]})
    )


def _ratio(fit: float, seen: Fired) -> float:
    bounded = min(LARGEST_RATIO, max(SMALLEST_RATIO, fit))
    return 1 + (bounded - 1) * seen.orders / (seen.orders + _HALF_WAY)


def _worth(now: Mapping[str, int], after: Mapping[str, int]) -> bool:
    return any(abs(points - now[key]) >= SMALLEST_CHANGE for key, points in after.items())


def _keep_fair(now: Mapping[str, int], wanted: dict[str, int], policy: Policy) -> None:
    """Lower what was raised least, point by point, until no innocent cause would hold an order."""
    hosting = bool(policy.thresholds.hosting_asns)
    for soft in SOFT:
        while soft.together(wanted, hosting=hosting) >= policy.risk.review_from:
            raised = [key for key in soft.times if wanted[key] > now[key]]
            if not raised:
                break  # the active policy does the same
            wanted[min(raised, key=lambda key: (wanted[key] - now[key], key))] -= 1
