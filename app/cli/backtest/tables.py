"""The report of a backtest as tables: 80 columns, plain text if the output is not a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import fill
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding

from app.cli.backtest.advice import show_advice
from app.cli.backtest.parts import NONE, heading, listed, percent, table
from app.evaluation.backtest.record_types import Interval, Proportion
from app.evaluation.backtest.records import (
    BacktestReport,
    Comparison,
    CurrencyMoney,
    Example,
    PolicyName,
    UntestedFact,
)

#: The outcomes in words.
WORDS: Final = {
    "approve": "approve",
    "hold_for_fee": "hold for a fee",
    "hold_for_review": "hold for review",
    "reject": "reject",
}
_REASONS: Final = 4


def show(report: BacktestReport, out: Console) -> None:
    """Print the report."""
    cases = report.cases
    out.print(f"Backtest of {cases.total} orders, {cases.period.first:%Y-%m-%d} to {cases.period.last:%Y-%m-%d}")
    _head("tried", _named(report.given), out)
    _head("active", _named(report.active), out)
    labels = ", ".join(f"{one.orders} {one.name.replace('_', ' ')}" for one in cases.by_label if one.orders)
    sources = ", ".join(f"{one.orders} {one.name}" for one in cases.by_source if one.orders)
    _head("orders", f"{sources}; {cases.too_young} too recent for figures about labels", out)
    _head("labels", labels, out)
    if report.advice is not None:
        show_advice(report.advice, out)
    _comparison(report.figures, out)
    _muted(report, out)
    _untestable(report, out)
    _untested(report, out)
    if report.with_today is not None:
        out.rule("The same, with what only became known later", characters="-")
        _comparison(report.with_today, out)
    _examples(report.examples, out)
    _replay(report, out)
    heading("What this can't know", out)
    listed(report.notes, out)


def _head(name: str, text: str, out: Console) -> None:
    first, further = f"  {name:<8}", " " * 10
    out.print(escape(fill(text, out.width, initial_indent=first, subsequent_indent=further)), soft_wrap=True)


def _named(policy: PolicyName) -> str:
    version = "not published" if policy.version is None else f"version {policy.version}"
    return f"{version} ({policy.hash[:12]}), review from risk {policy.review_from}, reject from {policy.reject_from}"


def _comparison(figures: Comparison, out: Console) -> None:
    active, given = figures.active, figures.given
    rows = [
        (WORDS[old.name], str(old.orders), percent(old), str(new.orders), percent(new))
        for old, new in zip(active.outcomes, given.outcomes, strict=True)
    ]
    if active.facts_unknown or given.facts_unknown:
        place = [old.name for old in active.outcomes].index("hold_for_review") + 1
        rows.insert(
            place, ("  of these because of missing facts", str(active.facts_unknown), "", str(given.facts_unknown), "")
        )
    table("Outcomes", "outcome", "active", "", "tried", "", out=out, rows=rows)
    _changes(figures, out)
    _money(figures, out)
    _risk(figures, out)
    people = [
        (name, str(one.reviewed), _share(one.same), str(one.other), str(one.left_to_people))
        for name, one in (("active", active.people), ("tried", given.people))
        if one.reviewed
    ]
    columns = ("policy", "decided by people", "same decision", "other decision", "left to people")
    table("Compared with people's decisions", *columns, out=out, rows=people)


def _changes(figures: Comparison, out: Console) -> None:
    changed = figures.changed
    if not changed.orders:
        out.print("\nNo order would change.")
        return
    moved = [one for one in figures.changes if one.before != one.after]
    rows = [(f"{WORDS[one.before]} -> {WORDS[one.after]}", str(one.orders)) for one in moved]
    table(f"{changed.orders} orders would change ({percent(changed)})", "change", "orders", out=out, rows=rows)
    reasons = [(one.reason, str(one.appears), str(one.disappears)) for one in figures.reasons]
    table("Reasons behind the changes", "reason", "appears", "disappears", out=out, rows=reasons)
    signals = [(one.signal, str(one.orders), str(one.differs), f"{one.points:+d}") for one in figures.signals]
    table("Signals on orders that change", "signal", "orders", "points differ", "by", out=out, rows=signals)


def _money(figures: Comparison, out: Console) -> None:
    active, given = figures.active.work, figures.given.work
    rows = [
        ("requested", str(active.minutes), str(given.minutes)),
        ("unpaid (approved)", str(active.unpaid_minutes), str(given.unpaid_minutes)),
        ("charged (held for a fee)", str(active.charged_minutes), str(given.charged_minutes)),
        ("waiting for a person, or rejected", str(active.waiting_minutes), str(given.waiting_minutes)),
    ]
    if active.facts_unknown_minutes or given.facts_unknown_minutes:
        unknown = str(active.facts_unknown_minutes), str(given.facts_unknown_minutes)
        rows.append(("  of these because of missing facts", *unknown))
    if figures.changed.orders:
        rows.append(("saved: newly charged, net", "", f"{figures.minutes_saved:+d}"))
    table("Estimated staff minutes", "minutes", "active", "tried", out=out, rows=rows)
    old = {one.currency: one for one in figures.active.money}
    new = {one.currency: one for one in figures.given.money}
    saved = {one.currency: one.cost for one in figures.labour_saved}
    for currency in sorted({*old, *new}):
        lines = _lines(old.get(currency), new.get(currency))
        if currency in saved:
            lines.append(("labour saved: newly charged, net", "", saved[currency]))
        table(f"Money in {currency or 'an unknown currency'}", "", "active", "tried", out=out, rows=lines)


def _lines(active: CurrencyMoney | None, given: CurrencyMoney | None) -> list[tuple[str, str, str]]:
    both = (active, given)

    def line(words: str, *names: str) -> tuple[str, str, str]:
        cells = [NONE if one is None else " / ".join(str(getattr(one, name)) for name in names) for one in both]
        return words, cells[0], cells[1]

    lines = [
        line("fees requested (orders / sum)", "fees_asked", "fees_sum"),
        line("labour cost of all work", "work_cost"),
        line("  of that borne by the provider", "work_unpaid_cost"),
        line("  of that charged to customers", "work_charged_cost"),
        line("good orders held or rejected", "good_held"),
        line("  their monthly margin", "good_held_margin_month"),
    ]
    if any(one is not None and (one.work_cost_unknown or one.good_held_margin_unknown) for one in both):
        lines.append(line("orders left out (cost / margin)", "work_cost_unknown", "good_held_margin_unknown"))
    return lines


def _risk(figures: Comparison, out: Console) -> None:
    rows, why = [], []
    for name, risk in (("active", figures.active.risk), ("tried", figures.given.risk)):
        area = risk.auc
        if area.value is None:
            why.append(f"  {name}: no area under the curve. {area.why_not}")
        else:
            rows.append((f"{name}: area under the curve", f"{area.value:.3f}", _interval(area.interval)))
        for one in risk.thresholds:
            where = f"{name}: risk {one.risk_from} or more ({one.name.removesuffix('_from')})"
            for words, found in (("bad orders", one.recall), ("good orders", one.good_caught)):
                if found.of:
                    rows.append((f"{where}, {words}", f"{found.orders} of {found.of}", ""))
    title = "The risk score alone (fraud and disputed are bad)"
    table(title, "", "", "95 %", out=out, rows=rows)
    for sentence in why:
        out.print(escape(sentence))


def _share(found: Proportion) -> str:
    return NONE if found.share is None else f"{found.orders} ({percent(found)})"


def _interval(found: Interval | None) -> str:
    return "" if found is None else f"{found.low:.3f}-{found.high:.3f}"


def _muted(report: BacktestReport, out: Console) -> None:
    if not report.muted:
        return
    out.print("\nMuted, as they fired on too many orders that ended well", style="bold")
    for one in report.muted:
        by = "by the tested policy" if one.policy == "given" else "by the active one"
        text = f"{one.signal}, {by}: no points on {one.orders} orders, {one.first} to {one.last}"
        out.print(Padding(escape(text), (0, 0, 0, 2)))


def _untestable(report: BacktestReport, out: Console) -> None:
    """Name every signal that could not be tested, by the reason."""
    signals: dict[str, list[str]] = {}
    for one in report.untestable:
        signals.setdefault(one.why, []).append(f"{one.signal} ({one.orders})")
    if signals:
        out.print("\nSignals that could not be tested, or only in part, and on how many orders", style="bold")
    for why, some in signals.items():
        out.print(Padding(escape(f"{why}: {', '.join(some)}"), (0, 0, 0, 2)))


def _untested(report: BacktestReport, out: Console) -> None:
    if not report.untested:
        return
    heading("Facts left out, as they only became known later", out)
    groups: dict[tuple[int, str], list[UntestedFact]] = {}
    for one in report.untested:
        groups.setdefault((one.orders, one.fact.partition(".")[0]), []).append(one)
    for (orders, whose), facts in groups.items():
        names = ", ".join(one.fact.partition(".")[2] for one in facts)
        signals = ", ".join(dict.fromkeys(signal for one in facts for signal in one.signals))
        text = f"{orders} orders ({percent(facts[0])}), {whose}: {names}"
        out.print(Padding(escape(text), (0, 0, 0, 2)))
        if signals:
            out.print(Padding(escape(f"not tested, or only partly: {signals}"), (0, 0, 0, 6)))


def _examples(examples: Iterable[Example], out: Console) -> None:
    found = tuple(examples)
    if not found:
        return
    heading("Orders that would change", out)
    for one in found:
        change = f"{WORDS[one.before.outcome]} -> {WORDS[one.after.outcome]}"
        risk = f"risk {one.before.risk} -> {one.after.risk}"
        out.print(f"  order {one.order_id} of {one.placed_at:%Y-%m-%d}: {change}, {risk}")
        for reason in one.after.reasons[:_REASONS]:
            out.print(Padding(escape(reason), (0, 0, 0, 6)))


def _replay(report: BacktestReport, out: Console) -> None:
    replay = report.replay
    if replay.differences:
        text = f"{replay.differences} of {replay.decisions} live decisions came out differently when judged again."
        out.print(f"\n{text} This is a bug: please report it.", style="bold red")
    elif replay.decisions:
        out.print(f"\n{replay.decisions} live decisions were judged again: all came out the same.")
