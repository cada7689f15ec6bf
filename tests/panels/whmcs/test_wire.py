"""Central parsing of WHMCS's formats, by tables and properties."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.money import Money
from app.panels.whmcs import amounts, wire
from app.panels.whmcs.clock import PanelClock

ROW = {"id": 1}
OTHER = {"id": 2}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["0000-00-00", "-1.00", "$1.00 USD", "on"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("container", "rows"),
    [
        ({"order": [ROW, OTHER]}, [ROW, OTHER]),
        ({"order": ROW}, [ROW]),
        ({"order": {"0": ROW, "1": OTHER}}, [ROW, OTHER]),
        ({"order": [[]]}, []),
        ({"order": [[ROW]]}, [ROW]),
        ({"order": []}, []),
        ({"order": ""}, []),
        ({"order": None}, []),
        ({"0": ROW}, [ROW]),
        ([ROW, OTHER], [ROW, OTHER]),
        ([[]], []),
        ([], []),
        ({}, []),
        ("", []),
        (" ", []),
        (None, []),
        (False, []),
    ],
)
def test_every_list_shape_gives_its_rows(container: Any, rows: list[Any]) -> None:
    assert wire.as_list(container, "order") == rows
    assert wire.as_list(container, "order", strict=True) == rows


@pytest.mark.parametrize(
    "container",
    ["oops", 7, True, {"else": [ROW]}, {"order": "oops"}, {"order": 7}, {"order": [ROW, "oops"]}, [[[[[[ROW]]]]]]],
)
def test_a_shape_that_could_hide_rows_is_left_out_or_refused(container: Any) -> None:
    assert wire.as_list(container, "order") in ([], [ROW])
    with pytest.raises(wire.AnswerError):
        wire.as_list(container, "order", strict=True)


def test_bracket_keys_are_nested() -> None:
    flat = {"result": "success", "credits[credit][0][id]": "1", "credits[credit][0][amount]": "10.00"}
    nested = wire.unflatten(flat)
    assert wire.as_list(nested["credits"], "credit") == [{"id": "1", "amount": "10.00"}]
    with pytest.raises(wire.AnswerError):
        wire.unflatten({"a": "text", "a[b]": 1})
    with pytest.raises(wire.AnswerError):
        wire.unflatten({"a" + "[b]" * 50: 1})


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (5, 5), ("5", 5), (" 5 ", 5), ("5.00", 5), ("-3", -3), ("0", 0), (9585858499, 9585858499),
        (True, None), ("", None), ("five", None), ("5.50", None), (None, None), ([], None), ({}, None),
        (10**30, None), ("9" * 30, None), ("٣", None),
    ],
)  # fmt: skip
def test_integers(value: Any, number: int | None) -> None:
    assert wire.integer(value) == number


def test_ids_are_positive() -> None:
    assert [wire.identifier(value) for value in (7, "7", 0, "0", -1, "", None)] == [7, 7, None, None, None, None, None]


@pytest.mark.parametrize(
    ("value", "truth"),
    [
        (True, True), (1, True), ("1", True), ("on", True), ("true", True), ("True", True),
        (False, False), (0, False), ("0", False), ("off", False), ("", False), ("false", False),
        (None, None), (2, None), ("maybe", None), ([], None),
    ],
)  # fmt: skip
def test_booleans(value: Any, truth: bool | None) -> None:
    assert wire.boolean(value) is truth


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Tom &amp; Jerry&#039;s", "Tom & Jerry's"),
        ("&amp;amp;", "&amp;"),
        ("a\0b", "ab"),
        ("\ud83d", "\ufffd"),
        ("😀", "😀"),
        (5, "5"),
        (True, ""),
        (None, ""),
        (["a"], ""),
        ({"a": 1}, ""),
    ],
)
def test_texts_are_decoded_and_clean(value: Any, text: str) -> None:
    assert wire.text(value) == text


def test_a_number_too_long_for_python_is_text_like_any_other() -> None:
    assert wire.text(f"a &#{'9' * 5_000}; b") == "a \ufffd b"


@given(JSON)
def test_any_value_gives_text_that_every_database_stores(value: Any) -> None:
    for written in (wire.text(value), wire.plain(value), wire.json_text(value)):
        assert "\0" not in written
        written.encode()


@pytest.mark.parametrize(
    ("value", "decimals", "figure"),
    [
        ("49.00", 2, "49.00"), ("$12.00 USD", 2, "12.00"), ("12,00 €", 2, "12.00"), ("€1.234,56", 2, "1234.56"),
        ("1,234.56", 2, "1234.56"), ("1,234", 2, "1234"), ("1,234,567", 2, "1234567"), ("1.234.567,8", 2, "1234567.8"),
        ("Fr. 1'234.50", 2, "1234.50"), ("1 234,50 kr.", 2, "1234.50"), ("1\u00a0234,50 zł", 2, "1234.50"),
        ("R$ 5,5", 2, "5.5"), ("-1.00", 2, "-1.00"), ("-$3.50", 2, "-3.50"), ("$-3.50", 2, "-3.50"),
        ("($3.50)", 2, "-3.50"), ("\u22123", 2, "-3"), (7, 2, "7"), ("0", 2, "0"), ("&euro;5.00", 2, "5.00"),
        ("1.234", 3, "1.234"), ("12345.678", 2, "12345.678"), ("25.9900", 2, "25.9900"),
        ("1.234", 2, None), ("1,234", 3, None), ("0,123", 2, None), ("1,23,456", 2, None), ("12 34", 2, None),
        ("1e5", 2, None), ("3 for 5.00", 2, None), ("2026-08-14", 2, None), ("5.00-", 2, None),
        ("", 2, None), ("free", 2, None), (None, 2, None), ([], 2, None), ({}, 2, None), (True, 2, None),
        ("9" * 80, 2, None), ("1.2.3", 2, None), ("1,2.3,4", 2, None), ("٣", 2, None),
    ],
)  # fmt: skip
def test_figures(value: Any, decimals: int, figure: str | None) -> None:
    assert amounts.number(value, decimals=decimals) == (None if figure is None else Decimal(figure))


@given(st.integers(-(10**9), 10**9), st.sampled_from(["{}", "${}", "{} USD", "${} USD"]), st.booleans())
def test_whatever_whmcs_formats_is_read_back(minor: int, pattern: str, grouped: bool) -> None:
    figure = f"{Decimal(abs(minor)) / 100:,.2f}" if grouped else f"{Decimal(abs(minor)) / 100:.2f}"
    written = ("-" if minor < 0 else "") + pattern.format(figure)
    assert amounts.amount(written, "USD") == Money(minor, "USD")


@pytest.mark.parametrize(
    ("value", "currency", "money"),
    [
        ("12.00", "USD", Money(1200, "USD")),
        ("$12.00 USD", "USD", Money(1200, "USD")),
        ("$12.00 CAD", "USD", None),
        ("1500.00", "JPY", Money(1500, "JPY")),
        ("1,500", "JPY", Money(1500, "JPY")),
        ("1.234", "KWD", Money(1234, "KWD")),
        ("49.005", "USD", None),
        ("49.00", None, None),
        ("NaN", "USD", None),
        ("9" * 25, "USD", None),
    ],
)
def test_amounts(value: Any, currency: str | None, money: Money | None) -> None:
    assert amounts.amount(value, currency) == money


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"currencysuffix": "USD"}, "USD"),
        ({"currencysuffix": " EUR "}, "EUR"),
        ({"currencycode": "GBP", "currencysuffix": "p"}, "GBP"),
        ({"currencyprefix": "CHF", "currencysuffix": ""}, "CHF"),
        ({"currencyprefix": "$", "currencysuffix": ""}, None),
        ({"currencyprefix": "€", "currencysuffix": ""}, None),
        ({"currencysuffix": "TVA"}, None),
        ({}, None),
        ({"currencysuffix": ["USD"]}, None),
    ],
)
def test_a_currency_is_only_what_is_surely_one(row: dict[str, Any], code: str | None) -> None:
    assert amounts.written_currency(row) == code


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("2026-08-14", date(2026, 8, 14)), ("2026-08-14 09:12:44", date(2026, 8, 14)), ("2026/8/4", date(2026, 8, 4)),
        ("14.08.2026", date(2026, 8, 14)), ("04.08.2026", date(2026, 8, 4)), ("04-08-2026", date(2026, 8, 4)),
        ("14/08/2026", date(2026, 8, 14)), ("08/14/2026", date(2026, 8, 14)), ("05/05/2026", date(2026, 5, 5)),
        ("04/08/2026", None), ("0000-00-00", None), ("0000-00-00 00:00:00", None), ("2026-02-30", None), ("", None),
        ("soon", None), (None, None), (20260814, None), ([], None), ("2026-08-141", None),
    ],
)  # fmt: skip
def test_days(value: Any, day: date | None) -> None:
    assert wire.day(value) == day


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("value", "zone", "moment"),
    [
        ("2026-08-14 09:12:44", UTC, datetime(2026, 8, 14, 9, 12, 44, tzinfo=UTC)),
        ("2026-08-14 09:12:44", BERLIN, datetime(2026, 8, 14, 7, 12, 44, tzinfo=UTC)),
        ("2026-01-14 09:12", BERLIN, datetime(2026, 1, 14, 8, 12, tzinfo=UTC)),
        ("2026-08-14T09:12:44+05:30", BERLIN, datetime(2026, 8, 14, 3, 42, 44, tzinfo=UTC)),
        ("2026-08-14T09:12:44.123Z", None, datetime(2026, 8, 14, 9, 12, 44, tzinfo=UTC)),
        ("14/08/2026 09:12", UTC, datetime(2026, 8, 14, 9, 12, tzinfo=UTC)),
        ("2026-08-14", UTC, datetime(2026, 8, 14, tzinfo=UTC)),
        ("2026-08-14 09:12:44", None, None),
        ("2026-08-14 25:00:00", UTC, None),
        ("0000-00-00 00:00:00", UTC, None),
        ("0001-01-01 00:00:00", timezone(timedelta(hours=14)), None),
        ("", UTC, None),
        (None, UTC, None),
    ],
)
def test_moments_become_utc(value: Any, zone: Any, moment: datetime | None) -> None:
    assert wire.moment(value, zone) == moment


@given(JSON)
def test_no_value_breaks_a_parser(value: Any) -> None:
    wire.integer(value), wire.boolean(value), wire.day(value), wire.moment(value, BERLIN), wire.local_moment(value)
    amounts.number(value), amounts.amount(value, "USD"), wire.mapping(value), wire.as_list(value, "order")
    wire.mentions(value, "doorman:fee:1")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Ref: doorman:fee:12", True),
        ("(Ref: DOORMAN:FEE:12)", True),
        ("doorman:fee:12.", True),
        ("doorman:fee:123", False),
        ("doorman:fee:12-3", False),
        ("xdoorman:fee:12", False),
        ("", False),
        (None, False),
    ],
)
def test_references_are_whole_words(text: Any, found: bool) -> None:
    assert wire.mentions(text, "doorman:fee:12") is found


NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("local", "offset"),
    [
        (datetime.fromisoformat("2026-07-01 14:00:03"), timedelta(hours=2)),
        (datetime.fromisoformat("2026-07-01 17:33"), timedelta(hours=5, minutes=30)),
        (datetime.fromisoformat("2026-07-01 06:56"), timedelta(hours=-5)),
        (datetime(2026, 7, 1, 17, 45, tzinfo=timezone(timedelta(hours=5, minutes=45))), timedelta(hours=5, minutes=45)),
    ],
)
def test_the_zone_is_learned_to_the_quarter_hour(local: datetime, offset: timedelta) -> None:
    clock = PanelClock()
    assert clock.zone is None
    assert clock.stale(now=NOON)
    clock.learn(local, now=NOON)
    assert clock.zone == timezone(offset)
    assert not clock.stale(now=NOON + timedelta(minutes=59))
    assert clock.stale(now=NOON + timedelta(hours=1))


def test_a_clock_that_is_days_off_teaches_nothing_and_silence_keeps_what_was_learned() -> None:
    clock = PanelClock()
    clock.learn(datetime.fromisoformat("2026-07-03"), now=NOON)
    assert clock.zone is None
    clock.learn(datetime.fromisoformat("2026-07-01 14:00"), now=NOON)
    clock.learn(None, now=NOON + timedelta(hours=1))
    assert clock.zone == timezone(timedelta(hours=2))
    assert clock.stale(now=NOON + timedelta(hours=1, minutes=1))


def test_a_zone_that_is_set_is_never_asked_for() -> None:
    clock = PanelClock(BERLIN)
    assert not clock.stale(now=NOON)
    clock.learn(datetime.fromisoformat("2026-07-01 20:00"), now=NOON)
    assert clock.zone is BERLIN
