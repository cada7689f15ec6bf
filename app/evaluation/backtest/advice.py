"""The advice of a backtest from its counts: what a policy would have meant, a month and in all."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo
from typing import Final

from app.core.judgement.signals.base import FAMILIES
from app.core.money import Money
from app.evaluation.backtest.advice_records import (
    Advice,
    AverageMonth,
    Meant,
    MoneyMonth,
    MonthMeant,
    PanelPast,
    SignalWorth,
    TermWorth,
    Worth,
)
from app.evaluation.backtest.advice_words import next_steps, summary
from app.evaluation.backtest.counting import MATURE_AFTER
from app.evaluation.backtest.figures import Counts, proportion
from app.evaluation.backtest.months import month_of, named
from app.evaluation.backtest.parts import ACTIVE, GIVEN

#: The mean length of a month: a year of 365.25 days, divided by 12.
MONTH_DAYS: Final = 30.4375
_DAY: Final = timedelta(days=1)
_PLACES: Final = 2
#: How many terms are listed with a reason.
_TERMS: Final = 10
_OF_PANEL: Final = ("orders", "too_young", "good", "bad", "bad_worth", "panel_found")
_OF_POLICY: Final = (
    "minutes_asked",
    "minutes_charged",
    "fees_asked",
    "fees_sum",
    "labour_saved",
    "found",
    "found_worth",
    "beyond",
    "beyond_worth",
    "good_held",
    "good_held_worth",
)

#: Numbers by name.
_Sums = dict[str, int]


def advise(counts: Counts, *, first: datetime, last: datetime, as_of: datetime, zone: tzinfo, same: bool) -> Advice:
    """Return the advice about the tried policy.

    `first` and `last` are when the first and the last order were placed; months are those of `zone`. `same`: the tried
    policy is the active one.
    """
    months = _length(first, last)
    mature_until = min(last, as_of - MATURE_AFTER)
    mature_months = _length(first, mature_until) if mature_until >= first else 0.0
    past = _totals(counts)
    spans = months, mature_months
    given, active = (_meant(counts, column, past, spans) for column in (GIVEN, ACTIVE))
    signals = _signals(counts)
    bad, found = (sum(sums[name] for sums in past.values()) for name in ("bad", "panel_found"))
    panel = PanelPast(
        bad=bad,
        found=found,
        orders_month=_mean(sum(sums["orders"] for sums in past.values()), months),
        bad_month=_mean(bad, mature_months) if mature_months else None,
        found_month=_mean(found, mature_months) if mature_months else None,
    )
    return Advice(
        summary=summary(given, panel),
        next_steps=next_steps(given, active, panel, signals, same=same),
        months=months,
        mature_months=mature_months,
        past=panel,
        given=given,
        active=active,
        by_month=_by_month(counts, month_of(first.astimezone(zone)), month_of(last.astimezone(zone))),
        signals=signals,
        silent=tuple(sorted(set(FAMILIES) - {one.code for one in signals})),
    )


def _length(first: datetime, last: datetime) -> float:
    """Return the time between two orders in months, to two places and at least one."""
    return max(1.0, round((last - first) / _DAY / MONTH_DAYS, _PLACES))


def _mean(number: int, months: float) -> float:
    return round(number / months, _PLACES)


def _hours(minutes: int) -> float:
    return round(minutes / 60, _PLACES)


def _text(amount: int, currency: str) -> str:
    return Money(amount, currency).to_text()


def _totals(counts: Counts) -> dict[str, _Sums]:
    """Return the panel's own past by currency."""
    found: dict[str, _Sums] = {}
    for currency in sorted(counts.by("month", 1)):
        by_name = counts.by("month", 2, None, currency)
        found[currency] = {name: by_name[name] for name in _OF_PANEL}
    return found


def _meant(counts: Counts, column: str, past: dict[str, _Sums], spans: tuple[float, float]) -> Meant:
    by_currency = {currency: counts.by("meant", 3, column, None, currency) for currency in past}
    sums = {currency: {name: found[name] for name in _OF_POLICY} for currency, found in by_currency.items()}
    total = {name: sum(one[name] for one in sums.values()) for name in _OF_POLICY}
    bad, good = (sum(one[name] for one in past.values()) for name in ("bad", "good"))
    return Meant(
        recall=proportion(total["found"], bad),
        right=proportion(total["found"], total["found"] + total["good_held"]),
        good_held=proportion(total["good_held"], good),
        beyond=total["beyond"],
        hours_asked=_hours(total["minutes_asked"]),
        hours_charged=_hours(total["minutes_charged"]),
        currencies=tuple(_worth(currency, past[currency] | sums[currency]) for currency in past),
        a_month=_a_month(total, {currency: past[currency] | sums[currency] for currency in past}, spans),
    )


def _worth(currency: str, sums: _Sums) -> Worth:
    return Worth(
        currency=currency,
        orders=sums["orders"],
        fees_asked=sums["fees_asked"],
        fees_sum=_text(sums["fees_sum"], currency),
        labour_saved=_text(sums["labour_saved"], currency),
        bad=sums["bad"],
        bad_worth=_text(sums["bad_worth"], currency),
        found=sums["found"],
        found_worth=_text(sums["found_worth"], currency),
        beyond_worth=_text(sums["beyond_worth"], currency),
        good_held=sums["good_held"],
        good_held_worth=_text(sums["good_held_worth"], currency),
    )


def _a_month(total: _Sums, by_currency: dict[str, _Sums], spans: tuple[float, float]) -> AverageMonth:
    months, mature_months = spans

    def mature(name: str) -> float | None:
        return _mean(total[name], mature_months) if mature_months else None

    def money(currency: str, name: str, of: float) -> str:
        return _text(round(by_currency[currency][name] / of) if of else 0, currency)

    return AverageMonth(
        hours_asked=_mean(total["minutes_asked"], 60 * months),
        hours_charged=_mean(total["minutes_charged"], 60 * months),
        fees_asked=_mean(total["fees_asked"], months),
        found=mature("found"),
        good_held=mature("good_held"),
        money=tuple(
            MoneyMonth(
                currency=currency,
                fees_sum=money(currency, "fees_sum", months),
                labour_saved=money(currency, "labour_saved", months),
                bad_worth=money(currency, "bad_worth", mature_months),
                found_worth=money(currency, "found_worth", mature_months),
                beyond_worth=money(currency, "beyond_worth", mature_months),
                good_held_worth=money(currency, "good_held_worth", mature_months),
            )
            for currency in by_currency
        ),
    )


def _by_month(counts: Counts, first: int, last: int) -> tuple[MonthMeant, ...]:
    """Return every month, also those without orders."""
    currencies = sorted(counts.by("month", 1))
    return tuple(_month(counts, month, currencies) for month in range(first, last + 1))


def _month(counts: Counts, month: int, currencies: Iterable[str]) -> MonthMeant:
    found: dict[str, _Sums] = {}
    for currency in currencies:
        sums = {name: counts.exact("month", month, currency, name) for name in _OF_PANEL}
        if sums["orders"]:
            found[currency] = sums | {name: counts.exact("meant", GIVEN, month, currency, name) for name in _OF_POLICY}

    def total(name: str) -> int:
        return sum(sums[name] for sums in found.values())

    return MonthMeant(
        month=named(month),
        orders=total("orders"),
        too_young=total("too_young"),
        hours_asked=_hours(total("minutes_asked")),
        hours_charged=_hours(total("minutes_charged")),
        currencies=tuple(_worth(currency, sums) for currency, sums in found.items()),
    )


def _signals(counts: Counts) -> tuple[SignalWorth, ...]:
    found = []
    for code in counts.by("fired", 0):
        good, bad = (counts.exact("fired", code, is_bad) for is_bad in (False, True))
        found.append(
            SignalWorth(
                code=code,
                good=good,
                bad=bad,
                right=proportion(bad, good + bad),
                only_bad=counts.exact("alone", code, True),
                only_good=counts.exact("alone", code, False),
                terms=_terms(counts, code),
            )
        )
    return tuple(sorted(found, key=lambda one: (-one.only_bad, -one.bad, -one.only_good, -one.good, one.code)))


def _terms(counts: Counts, code: str) -> tuple[TermWorth, ...]:
    found = [
        TermWorth(term=term, good=counts.exact("term", code, term, False), bad=counts.exact("term", code, term, True))
        for term in counts.by("term", 1, code)
    ]
    return tuple(sorted(found, key=lambda one: (-one.good, one.bad, one.term))[:_TERMS])
