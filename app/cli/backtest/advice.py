"""The first lines of a backtest: what the policy would have meant, the months, the signals, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import Console

from app.cli.backtest.parts import NONE, heading, listed, percent, table
from app.evaluation.backtest.advice_records import Advice, MoneyMonth, MonthMeant, SignalWorth, Worth

#: How many of the last months are printed; all are in the JSON.
_SHOWN: Final = 12
_SIGNALS: Final = 15
_BY_MONTH: Final = ("month", "orders", "hours asked", "charged", "bad", "found", "good waiting")
_BY_CURRENCY: Final = ("month", "orders", "fees", "labour saved", "fraud found", "good waiting")
_CONTENT: Final = "Nothing: it is your active policy, and nothing in this history speaks against it."


def show_advice(advice: Advice, out: Console) -> None:
    """Print the advice."""
    heading("What this policy would have meant", out)
    listed(advice.summary, out)
    heading("What to do next", out)
    listed(
        advice.next_steps or ("Nothing: it is your active policy, and nothing in this history speaks against it.",), out
    )
    _average(advice, out)
    _months(advice, out)
    _signals(advice, out)


def _average(advice: Advice, out: Console) -> None:
    past, active, given = advice.past, advice.active.a_month, advice.given.a_month
    rows = [
        ("orders", f"{past.orders_month:.1f}", "", ""),
        ("hours of work asked for", "", f"{active.hours_asked:.1f}", f"{given.hours_asked:.1f}"),
        ("  charged to customers", "0", f"{active.hours_charged:.1f}", f"{given.hours_charged:.1f}"),
        ("orders held for a fee", "0", f"{active.fees_asked:.1f}", f"{given.fees_asked:.1f}"),
        ("bad orders (fraud, disputed)", _mean(past.bad_month), "", ""),
        ("  found in time", _mean(past.found_month), _mean(active.found), _mean(given.found)),
        ("good orders made to wait", "0", _mean(active.good_held), _mean(given.good_held)),
    ]
    for now, then in zip(active.money, given.money, strict=True):
        rows += _money(now, then)
    title = f"An average month of the {advice.months:.1f} (bad and good orders: of {advice.mature_months:.1f})"
    table(title, "", "without Doorman", "active", "tried", out=out, rows=rows)


def _mean(number: float | None) -> str:
    return NONE if number is None else f"{number:.1f}"


def _money(active: MoneyMonth, given: MoneyMonth) -> Iterator[tuple[str, str, str, str]]:
    currency = given.currency or "no currency"
    yield f"{currency}: fees asked for", "0", active.fees_sum, given.fees_sum
    yield "  labour saved", "0", active.labour_saved, given.labour_saved
    yield f"  fraud found (of {given.bad_worth})", "", active.found_worth, given.found_worth
    yield "    beyond the panel's own check", "0", active.beyond_worth, given.beyond_worth
    yield "  good orders made to wait", "0", active.good_held_worth, given.good_held_worth


def _months(advice: Advice, out: Console) -> None:
    months = advice.by_month[-_SHOWN:]
    rows: list[tuple[str, ...]] = [(*_hours(one), *_people(one)) for one in months]
    title = "Month by month" if len(months) == len(advice.by_month) else "The last months (all are in --json)"
    table(title, *_BY_MONTH, out=out, rows=rows)
    for currency in [one.currency for one in advice.given.currencies]:
        found = [(one.month, worth) for one in months for worth in one.currencies if worth.currency == currency]
        rows = [(month, *_amounts(worth)) for month, worth in found]
        table(f"In {currency or 'no known currency'}", *_BY_CURRENCY, out=out, rows=rows)


def _hours(month: MonthMeant) -> tuple[str, str, str, str]:
    return month.month, str(month.orders), f"{month.hours_asked:.1f}", f"{month.hours_charged:.1f}"


def _people(month: MonthMeant) -> tuple[str, str, str]:
    """Return bad orders, those found, and good ones made to wait; nothing for a month that is too young."""
    if month.orders and month.too_young == month.orders:
        return NONE, NONE, NONE
    sums = [sum(getattr(one, name) for one in month.currencies) for name in ("bad", "found", "good_held")]
    return str(sums[0]), str(sums[1]), str(sums[2])


def _amounts(worth: Worth) -> tuple[str, ...]:
    return str(worth.orders), worth.fees_sum, worth.labour_saved, worth.found_worth, worth.good_held_worth


def _signals(advice: Advice, out: Console) -> None:
    rows = [_signal(one) for one in advice.signals[:_SIGNALS]]
    columns = ("signal", "on bad", "on good", "right", "only it: bad", "only it: good")
    table("Signals and reasons for a review, under the tried policy", *columns, out=out, rows=rows)
    if advice.silent:
        listed((f"Fired on no order that counts: {', '.join(advice.silent)}.",), out)


def _signal(one: SignalWorth) -> tuple[str, ...]:
    return one.code, str(one.bad), str(one.good), percent(one.right), str(one.only_bad), str(one.only_good)
