"""Figures from counts: what one policy would have done, and what changes between two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from app.core.judgement.decide import Outcome
from app.core.money import Money
from app.core.policy.document import Policy
from app.evaluation.backtest.labels import BAD, GOOD, HELD, Key
from app.evaluation.backtest.record_types import Interval, Proportion
from app.evaluation.backtest.records import (
    Agreement,
    Area,
    ChangeCount,
    Comparison,
    Counted,
    CurrencyMoney,
    Ending,
    Figures,
    ReasonChange,
    ReasonCount,
    Risk,
    Saved,
    ScoreRange,
    SignalChange,
    Threshold,
    Work,
)
from app.evaluation.statistics import auc, auc_interval, wilson
from app.tables.history import Label

_PLACES: Final = 4
_TOP: Final = 10
_RANGE: Final = 10
_HIGHEST: Final = 100
_OUTCOMES: Final = tuple(outcome.value for outcome in Outcome)
_APPROVE, _FEE = Outcome.APPROVE.value, Outcome.HOLD_FOR_FEE.value


class Counts:
    """The numbers of a tally, looked up by name."""

    def __init__(self, counts: Mapping[Key, int]) -> None:
        self._by_word: dict[Any, Counter[Key]] = {}
        for key, number in counts.items():
            if number:
                self._by_word.setdefault(key[0], Counter())[key[1:]] += number

    def total(self, word: str, *pattern: Any) -> int:
        """Return the sum of all numbers of this name; None in the pattern matches anything."""
        return sum(number for key, number in self._items(word) if _fits(key, pattern))

    def exact(self, word: str, *name: Any) -> int:
        """Return one number by its whole name; 0 if nothing was counted."""
        found: Counter[Key] = self._by_word.get(word, Counter())
        return found[name]

    def by(self, word: str, place: int, *pattern: Any) -> Counter[Any]:
        """Return the sums by one part of the name."""
        found: Counter[Any] = Counter()
        for key, number in self._items(word):
            if _fits(key, pattern):
                found[key[place]] += number
        return found

    def _items(self, word: str) -> Iterable[tuple[Key, int]]:
        return self._by_word.get(word, Counter()).items()


def _fits(key: Key, pattern: tuple[Any, ...]) -> bool:
    return all(wanted is None or part == wanted for part, wanted in zip(key, pattern, strict=False))


def share(part: int, of: int) -> float:
    """Return a share rounded to four places; 0 if `of` is 0."""
    return round(part / of, _PLACES) if of else 0.0


def proportion(part: int, of: int) -> Proportion:
    """Return a share with its 95 % interval."""
    return Proportion(
        orders=part, of=of, share=share(part, of) if of else None, interval=_interval(wilson(part, of)) if of else None
    )


def counted(found: Mapping[Any, int], of: int, *, order: Iterable[str] = ()) -> tuple[Counted, ...]:
    """Return counts with their shares: in the given order (all of its entries), else the largest first."""
    names = list(order) or sorted(found, key=lambda name: (-found[name], name))
    return tuple(Counted(name=name, orders=found.get(name, 0), share=share(found.get(name, 0), of)) for name in names)


def _interval(ends: tuple[float, float] | None) -> Interval | None:
    return None if ends is None else Interval(low=round(ends[0], _PLACES), high=round(ends[1], _PLACES))


# --- one policy ---------------------------------------------------------------------------------------------------


def figures(counts: Counts, column: str, policy: Policy) -> Figures:
    """Return what one policy would have done."""
    outcomes = counts.by("outcome", 1, column)
    return Figures(
        outcomes=counted(outcomes, sum(outcomes.values()), order=_OUTCOMES),
        facts_unknown=counts.total("unknown", column),
        reasons=tuple(
            ReasonCount(outcome=outcome, reason=code, orders=orders)
            for outcome in _OUTCOMES
            for code, orders in _largest(counts.by("reason", 2, column, outcome))
        ),
        catalogue_gaps=counts.total("catalogue_gap", column),
        endings=tuple(_ending(counts, column, label.value) for label in Label),
        work=_work(counts, column),
        money=tuple(
            _money(counts, column, currency)
            for currency in sorted(
                {*counts.by("work", 1, column), *counts.by("fee", 1, column), *_held(counts, column)}
            )
        ),
        risk=_risk(counts, column, policy),
        people=_people(counts, column),
    )


def _largest(found: Mapping[Any, int]) -> list[tuple[Any, int]]:
    return sorted(found.items(), key=lambda entry: (-entry[1], entry[0]))


def _held(counts: Counts, column: str) -> Counter[Any]:
    return counts.by("held_good", 1, column)


def _ending(counts: Counts, column: str, label: str) -> Ending:
    found = counts.by("became", 2, column, label)
    unknown = counts.total("unknown_became", column, label)
    return Ending(label=label, facts_unknown=unknown, **{outcome: found[outcome] for outcome in _OUTCOMES})


def _work(counts: Counts, column: str) -> Work:
    def minutes(outcome: str | None = None) -> int:
        return counts.total("work", column, None, outcome, "minutes")

    return Work(
        orders=counts.total("work", column, None, None, "orders"),
        minutes=minutes(),
        unpaid_minutes=minutes(_APPROVE),
        charged_minutes=minutes(_FEE),
        waiting_minutes=sum(minutes(outcome) for outcome in HELD),
        facts_unknown_minutes=counts.total("unknown_minutes", column),
    )


def _text(amount: int, currency: str) -> str:
    return Money(amount, currency).to_text()


def _money(counts: Counts, column: str, currency: str) -> CurrencyMoney:
    def cost(outcome: str | None = None) -> str:
        return _text(counts.total("work", column, currency, outcome, "cost"), currency)

    return CurrencyMoney(
        currency=currency,
        fees_asked=counts.total("fee", column, currency, "orders"),
        fees_sum=_text(counts.total("fee", column, currency, "sum"), currency),
        work_cost=cost(),
        work_unpaid_cost=cost(_APPROVE),
        work_charged_cost=cost(_FEE),
        work_cost_unknown=counts.total("work", column, currency, None, "unknown"),
        good_held=counts.total("held_good", column, currency, "orders"),
        good_held_margin_month=_text(counts.total("held_good", column, currency, "margin"), currency),
        good_held_margin_unknown=counts.total("held_good", column, currency, "unknown"),
    )


def _risk(counts: Counts, column: str, policy: Policy) -> Risk:
    scores = {label.value: counts.by("risk", 2, column, label.value) for label in Label}
    good: Counter[int] = scores[GOOD]
    bad: Counter[int] = Counter()
    for label in BAD:
        bad.update(scores[label])
    starts = range(0, _HIGHEST, _RANGE)
    ends = [_HIGHEST if start + _RANGE >= _HIGHEST else start + _RANGE - 1 for start in starts]
    return Risk(
        auc=_area(bad, good),
        thresholds=(
            _threshold("review_from", policy.risk.review_from, bad, good, scores),
            _threshold("reject_from", policy.risk.reject_from, bad, good, scores),
        ),
        scores=tuple(
            ScoreRange(low=low, high=high, good=_within(good, low, high), bad=_within(bad, low, high))
            for low, high in zip(starts, ends, strict=True)
        ),
    )


def _within(scores: Mapping[int, int], low: int, high: int = _HIGHEST) -> int:
    return sum(number for score, number in scores.items() if low <= score <= high)


def _area(bad: Counter[int], good: Counter[int]) -> Area:
    area = auc(bad, good)
    if area is None:
        lacking = "bad" if not bad.total() else "good"
        return Area(
            value=None, interval=None, why_not=f"There is no {lacking} order that is old enough to compare with."
        )
    ends = auc_interval(area, bad.total(), good.total())
    return Area(value=round(float(area), _PLACES), interval=_interval(ends), why_not=None)


def _threshold(
    name: str, start: int, bad: Counter[int], good: Counter[int], scores: Mapping[str, Counter[int]]
) -> Threshold:
    caught, wrong = _within(bad, start), _within(good, start)

    def beside(label: Label) -> Proportion:
        return proportion(_within(scores[label.value], start), scores[label.value].total())

    return Threshold(
        name=name,
        risk_from=start,
        precision=proportion(caught, caught + wrong),
        recall=proportion(caught, bad.total()),
        good_caught=proportion(wrong, good.total()),
        refunded=beside(Label.REFUNDED),
        cancelled_unpaid=beside(Label.CANCELLED_UNPAID),
    )


def _people(counts: Counts, column: str) -> Agreement:
    reviewed = counts.total("people", column)
    same = sum(counts.total("people", column, outcome, outcome) for outcome in _OUTCOMES)
    review = Outcome.HOLD_FOR_REVIEW.value
    left = counts.total("people", column, None, review) - counts.total("people", column, review, review)
    return Agreement(
        reviewed=reviewed, same=proportion(same, reviewed), other=reviewed - same - left, left_to_people=left
    )


# --- two policies -------------------------------------------------------------------------------------------------


def compare(counts: Counts, *, given: tuple[str, Policy], active: tuple[str, Policy]) -> Comparison:
    """Return both policies and where they differ; each is given with the name of its column."""
    column = given[0]
    changes = [
        ChangeCount(before=before, after=after, orders=counts.total("change", column, before, after))
        for before in _OUTCOMES
        for after in _OUTCOMES
    ]
    tried, now = figures(counts, *given), figures(counts, *active)
    moved = sum(change.orders for change in changes if change.before != change.after)
    return Comparison(
        given=tried,
        active=now,
        changed=proportion(moved, sum(change.orders for change in changes)),
        changes=tuple(change for change in changes if change.orders),
        reasons=_reason_changes(counts, column),
        signals=_signal_changes(counts, column),
        minutes_saved=_moved(counts, column, None, "minutes"),
        labour_saved=tuple(
            Saved(currency=one, cost=_text(_moved(counts, column, one, "cost"), one))
            for one in sorted(counts.by("work_moved", 1, column))
        ),
    )


def _reason_changes(counts: Counts, column: str) -> tuple[ReasonChange, ...]:
    top = _largest(counts.by("change_reason", 1, column))[:_TOP]
    return tuple(
        ReasonChange(
            reason=code,
            appears=counts.total("change_reason", column, code, "appears"),
            disappears=counts.total("change_reason", column, code, "disappears"),
        )
        for code, _ in top
    )


def _signal_changes(counts: Counts, column: str) -> tuple[SignalChange, ...]:
    """Return the signals behind the changes: first those whose points differ, then the most frequent."""
    found = [
        SignalChange(
            signal=code,
            orders=orders,
            differs=counts.total("change_signal", column, code, "differs"),
            points=counts.total("change_signal", column, code, "points"),
        )
        for code, orders in counts.by("change_signal", 1, column, None, "orders").items()
    ]
    return tuple(sorted(found, key=lambda one: (-one.differs, -one.orders, one.signal))[:_TOP])


def _moved(counts: Counts, column: str, currency: str | None, what: str) -> int:
    """Return the work that becomes charged, minus the work that becomes free."""
    charged = counts.total("work_moved", column, currency, _FEE, what)
    return charged - counts.total("work_moved", column, currency, _APPROVE, what)
