"""The area under the curve and the intervals, against plain definitions."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.evaluation.statistics import Z95, auc, auc_interval, wilson

SCORES = st.lists(st.integers(0, 100), min_size=1, max_size=30)


@given(SCORES, SCORES)
def test_the_area_is_how_often_a_bad_one_scores_higher(bad: list[int], good: list[int]) -> None:
    pairs = [Fraction((one > other) * 2 + (one == other), 2) for one in bad for other in good]
    area = auc(Counter(bad), Counter(good))
    assert area == sum(pairs) / len(pairs)
    assert auc(Counter(good), Counter(bad)) == 1 - (area or 0)


@pytest.mark.parametrize(("bad", "good"), [({}, {}), ({5: 2}, {}), ({}, {5: 2}), ({5: 0}, {5: 2})])
def test_without_one_of_the_two_there_is_no_area(bad: dict[int, int], good: dict[int, int]) -> None:
    assert auc(bad, good) is None


@given(SCORES, SCORES)
def test_the_interval_ends_where_the_area_seen_is_two_deviations_away(bad: list[int], good: list[int]) -> None:
    area = auc(Counter(bad), Counter(good))
    assert area is not None
    low, high = auc_interval(area, len(bad), len(good))
    assert 0 <= low <= float(area) <= high <= 1
    assert low < high
    for end in (low, high):
        if 0 < end < 1:
            others = (len(bad) + len(good)) / 2 - 1
            spread = 1 + others * (1 - end) / (2 - end) + others * end / (1 + end)
            variance = end * (1 - end) * spread / (len(bad) * len(good))
            assert (float(area) - end) ** 2 == pytest.approx(Z95**2 * variance, rel=1e-6, abs=1e-12)


def test_an_area_of_one_from_three_orders_is_not_certain() -> None:
    low, high = auc_interval(Fraction(1), 3, 3)
    assert high == 1
    assert low < 0.7
    assert auc_interval(Fraction(1), 300, 300)[0] > 0.98


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),  # from the tables in Newcombe (1998), and Brown, Cai and DasGupta (2001)
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_as_published(hits: int, of: int, low: float, high: float) -> None:
    assert wilson(hits, of) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(0, 200), st.integers(1, 200))
def test_wilson_holds_what_was_seen(hits: int, more: int) -> None:
    of = hits + more
    ends = wilson(hits, of)
    assert ends is not None
    assert 0 <= ends[0] <= hits / of <= ends[1] <= 1
    mirrored = wilson(more, of)
    assert mirrored == pytest.approx((1 - ends[1], 1 - ends[0]))


def test_wilson_of_nothing() -> None:
    assert wilson(0, 0) is None
