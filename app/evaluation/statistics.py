"""How good a score is, and how certain that is: proportions and the area under the ROC curve, from counts alone.

Implemented here because the libraries that have these (scipy, scikit-learn, statsmodels) are not runtime dependencies,
and need a row for each order where counts for each of 101 scores are enough.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Final

#: Two-sided 95 % quantile of the normal distribution.
Z95: Final = 1.959963984540054
_HALVINGS: Final = 60


def wilson(hits: int, of: int) -> tuple[float, float] | None:
    """Return the 95 % interval of a proportion by Wilson (1927); None if `of` is 0.

    Unlike the usual normal approximation, it stays within 0-1 and does not shrink to a point at no or all hits.
    """
    if of == 0:
        return None
    share, z2 = hits / of, Z95 * Z95
    centre = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = Z95 / (1 + z2 / of) * math.sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    return (0.0 if hits == 0 else max(0.0, centre - half)), (1.0 if hits == of else min(1.0, centre + half))


def auc(bad: Mapping[int, int], good: Mapping[int, int]) -> Fraction | None:
    """Return how often a bad one scores above a good one, a tie counting half; exact. None if one side is empty."""
    all_bad, all_good = sum(bad.values()), sum(good.values())
    if not all_bad or not all_good:
        return None
    below = halves = 0
    for score in sorted({*bad, *good}):
        here = good.get(score, 0)
        halves += bad.get(score, 0) * (2 * below + here)
        below += here
    return Fraction(halves, 2 * all_bad * all_good)


def auc_interval(area: Fraction, bad: int, good: int) -> tuple[float, float]:
    """Return the 95 % interval of an area from this many bad and good ones, both above zero.

    The variance is Hanley and McNeil's (1982) with both groups at their mean size. The interval contains every true
    area for which the observed one is within 1.96 standard deviations (Newcombe 2006, method 5). DeLong's variance is
    zero at an area of 1, which would mean certainty after three orders.
    """
    seen = float(area)

    def too_far(true: float) -> bool:
        return (seen - true) ** 2 > Z95**2 * _variance(true, bad, good)

    return _edge(seen, 0.0, too_far), _edge(seen, 1.0, too_far)


def _variance(area: float, bad: int, good: int) -> float:
    others = (bad + good) / 2 - 1
    spread = 1 + others * (1 - area) / (2 - area) + others * area / (1 + area)
    return area * (1 - area) * spread / (bad * good)


def _edge(inside: float, outside: float, too_far: Callable[[float], bool]) -> float:
    if not too_far(outside):
        return outside
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        if too_far(middle):
            outside = middle
        else:
            inside = middle
    return inside
