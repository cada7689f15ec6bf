"""The chart of a month as a hand-written SVG: no library, no script, no external resource, every text escaped."""

from __future__ import annotations

from decimal import Decimal
from typing import Final
from xml.sax.saxutils import escape

from app.core.judgement.decide import Outcome
from app.drawing import legend, text
from app.reports.periods import Period
from app.reports.records import MonthFigures, MonthMoney, MonthReport

_WIDTH: Final = 760
_LEFT: Final = 190
_BAR: Final = 430
#: Colours that people with any colour vision can tell apart (Okabe and Ito), each with its label.
_OUTCOMES: Final = {
    Outcome.APPROVE.value: ("approve", "#009e73"),
    Outcome.HOLD_FOR_FEE.value: ("hold for a fee", "#e69f00"),
    Outcome.HOLD_FOR_REVIEW.value: ("hold for review", "#0072b2"),
    Outcome.REJECT.value: ("reject", "#d55e00"),
}
_THIS, _BEFORE = "#0072b2", "#b8c4cc"
_MONEY: Final = {
    "fees_asked": "fees asked for",
    "fees_paid": "fees paid",
    "fees_waived": "fees waived",
    "fees_withdrawn": "fees withdrawn",
    "work_given_free": "work given for free",
    "labour_saved": "labour saved",
    "fraud_stopped": "fraud stopped",
}
_ROW: Final = 30
_PANEL: Final = 62 + _ROW * len(_MONEY)


def draw(report: MonthReport, period: Period) -> str:
    """Return the chart: orders by outcome, hours, waits, and the money of each currency, beside the time before."""
    both = (period, period.before())
    height, top = 340 + _PANEL * max(1, len(report.currencies)), 318
    names = [one.title() if one.month else word for one, word in zip(both, ("this period", "before"), strict=True)]
    title = f"{both[0].title()}, beside {both[1].title()}"
    frame = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
        f'height="{height}" role="img" aria-labelledby="title desc" font-family="sans-serif" font-size="13">'
    )
    parts = [
        frame,
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="desc">{escape(_described(report))}</desc>',
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        text(20, 32, period.title(), size=18, bold=True),
        text(20, 66, "Orders by outcome", size=15, bold=True),
        *legend(32, [(names[0], _THIS), (names[1], _BEFORE)], left=430),
        *_outcomes(78, names[0], report),
        *_outcomes(108, names[1], report.before),
        *legend(156, _OUTCOMES.values(), left=_LEFT),
        text(20, 192, "Staff hours", size=15, bold=True),
        *_hours(report),
        *_facts(282, report),
    ]
    for this, before in zip(report.currencies, report.before.currencies, strict=True):
        parts += _money(top, this, before)
        top += _PANEL
    if not report.currencies:
        parts.append(text(20, top + 26, "No fee, no work and no fraud in either period."))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _described(report: MonthReport) -> str:
    sentences = []
    for name, one in (("This period", report), ("Before", report.before)):
        counts = ", ".join(f"{_OUTCOMES[outcome][0]} {orders}" for outcome, orders in one.orders.items())
        sentences.append(f"{name}: {counts}; {one.held.orders} held, {one.overruled} overruled.")
        for money in one.currencies:
            amounts = ", ".join(f"{words} {getattr(money, figure)}" for figure, words in _MONEY.items())
            sentences.append(f"{money.currency}: {amounts}.")
    return " ".join(sentences)


def _outcomes(top: int, name: str, figures: MonthFigures) -> list[str]:
    total, left = sum(figures.orders.values()), float(_LEFT)
    drawn = [text(20, top + 17, name), text(_LEFT + _BAR + 10, top + 17, f"{total} orders")]
    for outcome, orders in figures.orders.items():
        words, colour = _OUTCOMES[outcome]
        width = _BAR * orders / total if total else 0.0
        if width:
            drawn.append(_bar(left, top, width, f"{words}: {orders}", height=24, colour=colour))
            if width >= 30:
                on = "#222222" if colour == "#e69f00" else "#ffffff"
                drawn.append(text(left + width / 2, top + 17, str(orders), anchor="middle", bold=True, colour=on))
        left += width
    return drawn


def _hours(report: MonthReport) -> list[str]:
    rows = (("asked for", report.hours.asked_for, report.before.hours.asked_for),
            ("charged", report.hours.charged, report.before.hours.charged))  # fmt: skip
    most, drawn = max(value for _, *values in rows for value in values), []
    for place, (words, this, before) in enumerate(rows):
        drawn += _pair(202 + _ROW * place, words, (this, f"{this:.2f}"), (before, f"{before:.2f}"), most=most)
    return drawn


def _facts(top: int, report: MonthReport) -> list[str]:
    held = report.held
    waited = (
        "" if held.median_hours is None else f" (median {held.median_hours} h, nine of ten within {held.p90_hours} h)"
    )
    good = "" if report.good_held_hours is None else f", for {report.good_held_hours} h (median)"
    first = f"Held: {held.orders}{waited}; still held: {held.now}."
    second = f"Good orders made to wait: {report.good_held}{good}. Overruled: {report.overruled}."
    return [text(20, top, first), text(20, top + 20, f"{second} Orders stopped as fraud: {report.fraud_orders}.")]


def _money(top: int, this: MonthMoney, before: MonthMoney) -> list[str]:
    drawn = [text(20, top + 26, f"Money in {this.currency}", size=15, bold=True)]
    rows = [(words, getattr(this, figure), getattr(before, figure)) for figure, words in _MONEY.items()]
    most = max(float(Decimal(amount)) for _, *amounts in rows for amount in amounts)
    for place, (words, now, then) in enumerate(rows):
        values = (float(Decimal(now)), now), (float(Decimal(then)), then)
        drawn += _pair(top + 40 + _ROW * place, words, *values, most=most)
    return drawn


def _pair(top: int, words: str, this: tuple[float, str], before: tuple[float, str], *, most: float) -> list[str]:
    """Draw a figure of both periods, one bar below the other, each with its value."""
    drawn = [text(20, top + 15, words)]
    for place, ((value, shown), colour, name) in enumerate(((this, _THIS, "this period"), (before, _BEFORE, "before"))):
        width = _BAR * value / most if most > 0 else 0.0
        if width:
            drawn.append(_bar(_LEFT, top + 12 * place, width, f"{words}, {name}: {shown}", height=11, colour=colour))
        drawn.append(text(_LEFT + width + 6, top + 9 + 12 * place, shown, size=10))
    return drawn


def _bar(left: float, top: float, width: float, label: str, *, height: int, colour: str) -> str:
    return (
        f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{height}" fill="{colour}" stroke="#ffffff">'
        f"<title>{escape(label)}</title></rect>"
    )
