"""Months in the panel's zone, and the time before each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.reports.periods import LONGEST, BadPeriod, month, month_of, span

ZONES = st.sampled_from([
    UTC, *map(ZoneInfo, ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Apia", "Australia/Lord_Howe")),
])  # fmt: skip
MOMENTS = st.integers(978_307_200, 32_187_628_800).map(lambda at: datetime.fromtimestamp(at, UTC))  # 2001 to 2989


@given(MOMENTS, ZONES)
def test_each_moment_lies_in_its_month_and_months_follow_one_another(now: datetime, zone: tzinfo) -> None:
    period = month_of(now, zone)
    assert period.since <= now < period.until
    assert (period.since.day, period.since.hour, period.until.day) == (1, 0, 1)
    before = period.before()
    assert before.until == period.since
    assert before == month_of(period.since - timedelta(seconds=1), zone)
    assert month(f"{period.since:%Y-%m}", zone) == period


@given(MOMENTS, st.timedeltas(timedelta(seconds=1), LONGEST), ZONES)
def test_the_time_before_a_span_is_as_long_and_ends_where_it_begins(
    since: datetime, length: timedelta, zone: tzinfo
) -> None:
    period = span(since, since + length, zone, now=since)
    before = period.before()
    assert (period.since, period.until) == (since, since + length)
    assert before.until == period.since


def test_months_across_a_change_of_the_clock_have_another_length() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    march, october = month("2026-03", berlin), month("2026-10", berlin)
    hours = [(one.until.astimezone(UTC) - one.since.astimezone(UTC)) / timedelta(hours=1) for one in (march, october)]
    assert hours == [31 * 24 - 1, 31 * 24 + 1]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026",
        "2026-00",
        "2026-13",
        "2026-1",
        "1999-12",
        "3000-01",
        "2026-01-01",
        "\u0662\u0660\u0662\u0666-\u0660\u0661",
    ],
)
def test_other_words_are_no_month(text: str) -> None:
    with pytest.raises(BadPeriod):
        month(text, UTC)


def test_a_title_names_the_month() -> None:
    assert month("2026-11", UTC).title() == "November 2026"
    since = datetime(2026, 11, 1, tzinfo=UTC)
    assert span(since, since + timedelta(days=2), UTC, now=since).title() == "2026-11-01 00:00 to 2026-11-03 00:00"
