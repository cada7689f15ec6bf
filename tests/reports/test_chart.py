"""The chart of a month says what the figures say, holds nothing active, and draws any figures."""

from __future__ import annotations

from datetime import UTC
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from app.reports.chart import draw
from app.reports.periods import Period, month
from app.reports.records import MonthFigures, MonthHolds, MonthHours, MonthMoney, MonthReport

NOVEMBER = month("2026-11", UTC)
SVG = "{http://www.w3.org/2000/svg}"
FIGURES = [name for name in MonthMoney.model_fields if name != "currency"]


def money(currency: str, **amounts: str) -> MonthMoney:
    return MonthMoney(currency=currency, **{**dict.fromkeys(FIGURES, "0.00"), **amounts})


def figures(period: Period, *currencies: MonthMoney, orders: tuple[int, int, int, int], hours: float) -> dict[str, Any]:
    names = ("approve", "hold_for_fee", "hold_for_review", "reject")
    return {
        "since": period.since, "until": period.until, "orders": dict(zip(names, orders, strict=True)),
        "held": MonthHolds(orders=7, now=2, median_hours=3.5, p90_hours=20.25), "currencies": currencies,
        "hours": MonthHours(asked_for=hours, charged=hours / 2), "overruled": 4, "good_held": 3,
        "good_held_hours": 2.75, "fraud_orders": 1,
    }  # fmt: skip


def report(*pairs: tuple[MonthMoney, MonthMoney], orders: tuple[int, int, int, int] = (40, 5, 4, 1)) -> MonthReport:
    this, before = [one for one, _ in pairs], [one for _, one in pairs]
    earlier = MonthFigures(**figures(NOVEMBER.before(), *before, orders=(10, 1, 1, 0), hours=3.0))
    return MonthReport(**figures(NOVEMBER, *this, orders=orders, hours=12.5), before=earlier)


def drawn(made: MonthReport) -> tuple[ET.Element, str]:
    root = ET.fromstring(draw(made, NOVEMBER))
    return root, " ".join("".join(one.itertext()) for one in root.iter(f"{SVG}text"))


def test_it_shows_each_figure_of_each_currency() -> None:
    pairs = [
        (money("USD", fees_asked="250.00", labour_saved="80.00"), money("USD", fees_asked="50.00")),
        (money("JPY", fees_paid="7000"), money("JPY")),
        (money("KWD", fraud_stopped="1.500"), money("KWD")),
    ]
    root, text = drawn(report(*pairs))
    for said in (
        "November 2026", "October 2026", "50 orders", "12 orders", "12.50", "6.25", "Money in USD", "Money in JPY",
        "Money in KWD",
        "250.00", "80.00", "7000", "1.500", "Held: 7 (median 3.5 h, nine of ten within 20.25 h); still held: 2.",
        "Good orders made to wait: 3, for 2.75 h (median). Overruled: 4. Orders stopped as fraud: 1.",
    ):  # fmt: skip
        assert said in text
    assert {one.tag.removeprefix(SVG) for one in root.iter()} == {"svg", "title", "desc", "rect", "text"}
    height = float(root.attrib["height"])
    assert max(float(one.attrib["y"]) for one in root.iter(f"{SVG}text")) < height


@pytest.mark.parametrize("orders", [(0, 0, 0, 0), (0, 0, 0, 1), (10**6, 1, 1, 1)])
def test_bars_stay_on_the_chart(orders: tuple[int, int, int, int]) -> None:
    root, _ = drawn(report((money("USD", fees_asked="9" * 13 + ".00"), money("USD")), orders=orders))
    for bar in root.iter(f"{SVG}rect"):
        assert 0 <= float(bar.attrib.get("x", 0)) + float(bar.attrib["width"]) <= 760


def test_without_money_it_says_so() -> None:
    assert "No fee, no work and no fraud in either period." in drawn(report())[1]
