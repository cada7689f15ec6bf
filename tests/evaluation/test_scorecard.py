"""From slopes to points: bounded, cautious, and without a suggestion if there is too little data."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.policy.document import Policy, PolicyError, parse_policy
from app.core.policy.sections.judging import RiskPoints
from app.evaluation.scorecard import (
    EVENTS_PER_SIGNAL,
    KEYS,
    LARGEST_RATIO,
    LEFT,
    MIN_FIRED,
    SMALLEST_RATIO,
    Fired,
    fittable,
    propose,
    too_few,
)

POLICY = Policy()


def fired(code: str = "shared_ip", *, bad: int = 300, good: int = 300) -> dict[str, Fired]:
    return {code: Fired(code=code, bad=bad, good=good)}


def proposed(slope: float, *, common: float = 0.1, bad: int = 300, good: int = 300) -> dict[str, int]:
    changes = propose(POLICY, fired(bad=bad, good=good), {"shared_ip": slope}, common=common)
    return {change.key: change.after for change in changes}


def test_every_key_of_the_points_is_proposed_or_left_on_purpose() -> None:
    keys = {key for group in KEYS.values() for key in group}
    assert keys | LEFT == set(RiskPoints.model_fields)
    assert not keys & LEFT


@pytest.mark.parametrize(
    ("slope", "after"),
    [
        pytest.param(0.1, None, id="as steep as all: stays"),
        pytest.param(0.12, 24, id="a fifth steeper: a fifth more, nearly"),
        pytest.param(0.08, 16, id="less steep: less"),
        pytest.param(0.106, None, id="one point more is not worth proposing"),
        pytest.param(0.111, 22, id="two points are"),
        pytest.param(9.0, 30, id="never more than half as much again"),
        pytest.param(-3.0, 10, id="never less than half, even where it speaks for an order"),
    ],
)
def test_points_follow_the_slope(slope: float, after: int | None) -> None:
    assert proposed(slope) == ({} if after is None else {"shared_ip": after})


def test_what_fired_rarely_moves_little() -> None:
    assert proposed(9.0, bad=5, good=5) == {"shared_ip": 22}  # 20 -> 22, although the fit alone says 30


def test_a_score_that_tells_nothing_apart_proposes_nothing() -> None:
    assert proposed(9.0, common=0.0) == proposed(9.0, common=-0.1) == {}


def test_a_signal_without_points_stays_without() -> None:
    policy = parse_policy("points.risk.shared_ip = 0")
    assert propose(policy, fired(), {"shared_ip": 9.0}, common=0.1) == ()


def test_all_keys_of_a_signal_move_alike() -> None:
    changes = propose(POLICY, fired("fraud_check"), {"fraud_check": 0.05}, common=0.1)
    assert {change.key: (change.before, change.after) for change in changes} == {
        "fraud_check_fail": (70, 37), "fraud_check_review": (60, 31), "fraud_check_high_score": (40, 21),
    }  # fmt: skip


@given(slope=st.floats(-1e6, 1e6), common=st.floats(1e-6, 1e3), bad=st.integers(0, 10**6), good=st.integers(0, 10**6))
def test_points_stay_within_their_bounds(slope: float, common: float, bad: int, good: int) -> None:
    for change in propose(POLICY, fired(bad=bad, good=good), {"shared_ip": slope}, common=common):
        assert 1 <= change.after <= 100
        assert change.before * SMALLEST_RATIO - 1 <= change.after <= change.before * LARGEST_RATIO + 1


@given(
    slopes=st.fixed_dictionaries({code: st.floats(-1, 1) for code in KEYS}),
    points=st.fixed_dictionaries(
        {key: st.integers(0, 40) for key in sorted({key for ks in KEYS.values() for key in ks})}
    ),
    review_from=st.integers(20, 89),
    asns=st.sampled_from(["[]", "[16509]"]),
)
def test_what_is_proposed_may_be_published(
    slopes: dict[str, float], points: dict[str, int], review_from: int, asns: str
) -> None:
    def document(given: dict[str, int]) -> str:
        rows = "\n".join(f"{key} = {value}" for key, value in given.items())
        return f"risk.review_from = {review_from}\nthresholds.hosting_asns = {asns}\n[points.risk]\n{rows}"

    try:
        policy = parse_policy(document(points))
    except PolicyError:
        return
    seen = {code: Fired(code=code, bad=300, good=300) for code in KEYS}
    changes = propose(policy, seen, slopes, common=0.1)
    changed = parse_policy(document(points | {change.key: change.after for change in changes})).points.risk

    assert all(getattr(changed, change.key) == change.after != change.before for change in changes)


def test_soft_signs_are_raised_only_so_far_as_they_still_hold_nobody() -> None:
    policy = parse_policy("thresholds.hosting_asns = [16509]")
    slopes = {"email_disposable": 0.2, "countries_disagree": 0.2, "hosting_network": 0.2, "anonymous_ip": 0.2}
    seen = {code: Fired(code=code, bad=3000, good=3000) for code in slopes}
    after = policy.points.risk.model_dump() | {
        change.key: change.after for change in propose(policy, seen, slopes, common=0.1)
    }
    soft = ("email_disposable", "email_unverified", "countries_disagree", "countries_disagree", "hosting_network")

    assert sum(after[key] for key in soft) == policy.risk.review_from - 1
    assert after["anonymous_ip"] == 30


@pytest.mark.parametrize(
    ("bad", "good", "enough"), [(30, 170, True), (29, 1000, False), (1000, 29, False), (90, 90, False)]
)
def test_too_few_labels_are_said(bad: int, good: int, enough: bool) -> None:
    why = too_few(bad, good)
    assert (why is None) is enough
    if why:
        assert f"{bad} bad and {good} good" in why


def test_only_as_many_signals_as_the_labels_carry() -> None:
    seen = [Fired(code=code, bad=20, good=80 - place) for place, code in enumerate(sorted(KEYS))]
    found = fittable(seen, bad=5 * EVENTS_PER_SIGNAL, good=1_000)
    assert found == tuple(sorted(KEYS))[:5]


def test_rare_and_unknown_signals_are_not_fitted() -> None:
    rare = Fired(code="shared_ip", bad=MIN_FIRED - 1, good=0)
    unknown = Fired(code="block_listed", bad=500, good=500)
    assert fittable([rare, unknown], bad=10_000, good=10_000) == ()
