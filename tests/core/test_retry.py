"""The list of retry delays, and its end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.retry import next_delay, parse_delays

DEFAULT = "1,5,30,120,600,1800,3600,10800,21600,43200,86400,91000"


def test_the_default_starts_at_a_second_and_spans_three_days() -> None:
    delays = parse_delays(DEFAULT)

    assert next_delay(1, delays, jitter=0) == 1
    assert 71 * 3600 < sum(delays) <= 72 * 3600
    assert next_delay(13, delays, jitter=0) is None


@pytest.mark.parametrize("text", ["", "1,,2", "soon", "-1", "nan", "inf", "1;2", "99999999", ",".join(["1"] * 101)])
def test_a_bad_list_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="delay"):
        parse_delays(text)


def test_spaces_and_fractions_are_fine() -> None:
    assert parse_delays(" 0.1, 2 ") == (0.1, 2.0)


@pytest.mark.parametrize(("attempt", "jitter"), [(0, 0.0), (1, 1.0), (1, -0.1)])
def test_nonsense_is_refused(attempt: int, jitter: float) -> None:
    with pytest.raises(ValueError, match="attempts count from 1"):
        next_delay(attempt, (1.0,), jitter=jitter)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=20), st.floats(0, 1, exclude_max=True))
def test_times_go_forward_and_end(delays: list[float], jitter: float) -> None:
    waits = [next_delay(attempt, tuple(delays), jitter=jitter) for attempt in range(1, len(delays) + 2)]

    assert waits[-1] is None
    for wait, delay in zip(waits, delays, strict=False):
        assert wait is not None
        assert delay * 0.9 <= wait <= delay
