"""The chart of a backtest as a hand-written SVG: the outcomes, the months with hours and money, and the risk scores."""

from __future__ import annotations

from typing import Final
from xml.sax.saxutils import escape

from app.core.judgement.decide import Outcome
from app.drawing import BAR, LEFT, WIDTH, bar, legend, rule, text
from app.evaluation.backtest.chart_months import draw_months
from app.evaluation.backtest.records import BacktestReport, Figures, ScoreRange

#: The height of the outcomes above the months, and of the scores below them.
_TOP: Final = 190
_SCORES: Final = 300
#: Colours that people with any colour vision can tell apart (Okabe and Ito), each with its label.
_OUTCOMES: Final = {
    Outcome.APPROVE.value: ("approve", "#009e73"),
    Outcome.HOLD_FOR_FEE.value: ("hold for a fee", "#e69f00"),
    Outcome.HOLD_FOR_REVIEW.value: ("hold for review", "#0072b2"),
    Outcome.REJECT.value: ("reject", "#d55e00"),
}
_GOOD, _BAD = "#009e73", "#d55e00"
#: Text on a bar is white, except on one colour on which white can't be read.
_ON: Final = {"#e69f00": "#222222"}
_NARROWEST: Final = 34  # the narrowest bar that a share fits into
_LABEL: Final = 100  # the width of a threshold's label


def draw(report: BacktestReport) -> str:
    """Return the chart.

    It shows the outcomes of both policies and, under the tried one, the hours and the money of the last months and the
    risk scores of good and bad orders.
    """
    cases, figures, advice = report.cases, report.figures, report.advice
    months, below = ([], _TOP) if advice is None else draw_months(advice, top=_TOP)
    height = below + _SCORES
    period = f"{cases.period.first:%Y-%m-%d} to {cases.period.last:%Y-%m-%d}"
    frame = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" role="img" aria-labelledby="title desc" font-family="sans-serif" font-size="13">'
    )
    parts = [
        frame,
        f'<title id="title">{escape(f"Backtest of {cases.total} orders, {period}")}</title>',
        f'<desc id="desc">{escape(_described(report))}</desc>',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        text(20, 30, f"Outcomes of {cases.total} orders, {period}", size=17, bold=True),
        *_outcomes(66, "active policy" + _version(report.active.version), figures.active),
        *_outcomes(112, "tested policy" + _version(report.given.version), figures.given),
        *legend(172, list(_OUTCOMES.values())),
        *months,
        *_scores(report, below),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _version(version: int | None) -> str:
    return "" if version is None else f" (v{version})"


def _described(report: BacktestReport) -> str:
    sentences = []
    for name, figures in (("The active policy", report.figures.active), ("The tested policy", report.figures.given)):
        shares = ", ".join(f"{_OUTCOMES[one.name][0]} {one.orders}" for one in figures.outcomes)
        sentences.append(f"{name}: {shares}.")
    changed = report.figures.changed
    sentences.append(f"{changed.orders} of {changed.of} orders would change.")
    area = report.figures.given.risk.auc
    if area.value is not None and area.interval is not None:
        low, high = area.interval.low, area.interval.high
        sentences.append(f"Area under the curve of the risk score: {area.value:.2f} ({low:.2f} to {high:.2f}).")
    return " ".join([*sentences, *(report.advice.summary if report.advice else ())])


def _outcomes(top: int, name: str, figures: Figures) -> list[str]:
    drawn, left = [text(20, top + 20, name)], float(LEFT)
    for one in figures.outcomes:
        words, colour = _OUTCOMES[one.name]
        width = one.share * BAR
        if not one.orders:
            continue
        label = f"{words}: {one.orders} ({one.share:.1%})"
        drawn.append(
            f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="30" fill="{colour}" stroke="#ffffff">'
            f"<title>{escape(label)}</title></rect>"
        )
        if width >= _NARROWEST:
            drawn.append(
                text(
                    left + width / 2,
                    top + 20,
                    f"{one.share:.0%}",
                    anchor="middle",
                    bold=True,
                    colour=_ON.get(colour, "#ffffff"),
                )
            )
        left += width
    return drawn


def _scores(report: BacktestReport, above: int) -> list[str]:
    """Draw the shares of good and bad orders in each range of scores, from `above` on."""
    risk, cases, top, high = report.figures.given.risk, report.cases, above + 66, 180
    good, bad = cases.labelled_good, cases.labelled_bad
    drawn = [text(20, above + 26, "Risk score of good and bad orders (tested policy)", size=15, bold=True)]
    if not good and not bad:
        return [*drawn, text(20, above + 54, "No order is old enough to be labelled good or bad.")]
    drawn += legend(above + 50, [(f"good ({good})", _GOOD), (f"bad ({bad})", _BAD)])
    bottom, step = top + high, BAR / len(risk.scores)
    for share in (0.0, 0.5, 1.0):
        y = bottom - share * high
        drawn.append(rule(y))
        drawn.append(text(LEFT - 8, y + 4, f"{share:.0%}", anchor="end"))
    for place, scores in enumerate(risk.scores):
        left = LEFT + place * step
        drawn += _range(left, step, bottom, high, scores, good=good, bad=bad)
    drawn.append(text(LEFT + BAR / 2, bottom + 42, "risk score", anchor="middle"))
    for line, threshold in enumerate(risk.thresholds):  # one below the other, because thresholds may be close together
        words = f"{threshold.name.replace('_', ' ')} {threshold.risk_from}"
        drawn.append(_threshold(threshold.risk_from, words, top, bottom, line=line))
    return drawn


def _range(left: float, step: float, bottom: int, high: int, scores: ScoreRange, *, good: int, bad: int) -> list[str]:
    drawn, width = [], step * 0.38
    bars = (("good", scores.good, good, _GOOD, 0.1), ("bad", scores.bad, bad, _BAD, 0.5))
    for words, orders, of, colour, offset in bars:
        tall = high * orders / of if of else 0.0
        if tall:
            label = f"risk {scores.low}-{scores.high}: {orders} of {of} {words} orders"
            drawn.append(bar(left + step * offset, bottom - tall, width, tall, colour=colour, title=label))
    drawn.append(text(left + step / 2, bottom + 18, f"{scores.low}-{scores.high}", anchor="middle", size=11))
    return drawn


def _threshold(risk: int, words: str, top: int, bottom: int, *, line: int) -> str:
    """Draw a threshold at its score; the last range is one score wider, too little to see."""
    x = LEFT + min(1.0, risk / 100) * BAR
    mark = f'<line x1="{x:.1f}" y1="{top - 4}" x2="{x:.1f}" y2="{bottom}" stroke="#333333" stroke-dasharray="4 3"/>'
    before = x - LEFT > _LABEL  # otherwise after it, to stay on the chart
    at, anchor = (x - 4, "end") if before else (x + 4, "start")
    return mark + text(at, top + 8 + 14 * line, words, anchor=anchor, size=11)
