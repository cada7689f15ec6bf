"""The months of a backtest's chart: hours, and the money of each currency on a scale of its own."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from app.drawing import BAR, LEFT, bar, legend, rule, text
from app.evaluation.backtest.advice_records import Advice, MonthMeant

#: How many of the last months are drawn.
_DRAWN: Final = 24
#: How many currencies are drawn, those with most orders first.
_CURRENCIES: Final = 4
_HIGH: Final = 80
#: A panel with its title and its months.
_PANEL: Final = 150
#: Colours that people with any colour vision can tell apart (Okabe and Ito).
_SKY, _ORANGE, _GREEN, _RED = "#56b4e9", "#e69f00", "#009e73", "#d55e00"
#: Behind months whose orders are all too young to be known as fraud.
_GREY: Final = "#e6e6e6"
_LABELS: Final = 9  # more month names than this would touch each other


class _Series(NamedTuple):
    """One kind of bar: what it shows, its colour, and for each month its height and its number as in the report."""

    words: str
    colour: str
    values: tuple[tuple[float, str], ...]


def draw_months(advice: Advice, *, top: int) -> tuple[list[str], int]:
    """Return the panels of the tried policy's last months, and where they end."""
    months = advice.by_month[-_DRAWN:]
    drawn, y = [text(20, top + 26, _headline(advice), size=15, bold=True)], top + 36
    hours = [
        _Series("asked for", _SKY, tuple((one.hours_asked, f"{one.hours_asked:.1f}") for one in months)),
        _Series("charged", _ORANGE, tuple((one.hours_charged, f"{one.hours_charged:.1f}") for one in months)),
    ]
    drawn += _panel("Hours a month", months, hours, top=y)
    by_orders = sorted(advice.given.currencies, key=lambda one: (-one.orders, one.currency))
    for currency in [one.currency for one in by_orders][:_CURRENCIES]:
        y += _PANEL
        drawn += _young(months, top=y)
        drawn += _panel(f"{currency or 'No currency'} a month", months, _money(months, currency), top=y)
    return drawn, y + _PANEL


def _young(months: Sequence[MonthMeant], *, top: int) -> list[str]:
    """Shade the months of which no fraud is known yet."""
    step, drawn = BAR / len(months), []
    for place, month in enumerate(months):
        if month.orders and month.too_young == month.orders:
            label = f"{month.month}: too young to know what was fraud"
            drawn.append(bar(LEFT + step * place, top + 36, step, _HIGH, colour=_GREY, title=label))
    if drawn:
        drawn += legend(top + 24, [("fraud not known yet", _GREY)], left=LEFT + 3 * 138)
    return drawn


def _headline(advice: Advice) -> str:
    recall, held = advice.given.recall, advice.given.good_held
    if recall.share is None or held.share is None:
        return "The tried policy, month by month"
    return f"The tried policy: {recall.share:.1%} of bad orders found, {held.share:.1%} of good ones made to wait"


def _money(months: Sequence[MonthMeant], currency: str) -> list[_Series]:
    kinds = (
        ("fees asked for", _ORANGE, "fees_sum"),
        ("labour saved", _GREEN, "labour_saved"),
        ("fraud found", _RED, "found_worth"),
    )
    return [
        _Series(words, colour, tuple(_amount(month, currency, name) for month in months))
        for words, colour, name in kinds
    ]


def _amount(month: MonthMeant, currency: str, name: str) -> tuple[float, str]:
    for worth in month.currencies:
        if worth.currency == currency:
            amount: str = getattr(worth, name)
            return float(Decimal(amount)), amount
    return 0.0, "0"


def _panel(title: str, months: Sequence[MonthMeant], series: Sequence[_Series], *, top: int) -> list[str]:
    """Draw one panel: a bar for each kind in each month, side by side."""
    bottom, step = top + 36 + _HIGH, BAR / len(months)
    highest, said = max([value for one in series for value in one.values], default=(0.0, ""))
    drawn = [text(20, top + 24, title, bold=True), *legend(top + 24, [(one.words, one.colour) for one in series])]
    drawn += [rule(bottom), text(LEFT - 8, bottom + 4, "0", anchor="end", size=11)]
    if highest:
        drawn += [rule(bottom - _HIGH), text(LEFT - 8, bottom - _HIGH + 4, said, anchor="end", size=11)]
    width = 0.8 * step / len(series)
    for place, month in enumerate(months):
        left = LEFT + step * (place + 0.1)
        for number, one in enumerate(series):
            value, words = one.values[place]
            if value:
                tall = _HIGH * value / highest
                label = f"{month.month}, {one.words}: {words}"
                drawn.append(bar(left + width * number, bottom - tall, width, tall, colour=one.colour, title=label))
    every = -(-len(months) // _LABELS)
    for place in range(len(months) - 1, -1, -every):
        at = LEFT + step * (place + 0.5)
        drawn.append(text(at, bottom + 16, months[place].month, anchor="middle", size=11))
    return drawn
