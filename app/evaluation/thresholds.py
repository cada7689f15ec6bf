"""Thresholds of a policy, each tried at other values on labelled orders: what would be found and held, and what pays.

Pure: orders come in one by one, and only counts are kept. A value pays where more than half of the orders that it moves
are moved rightly: held ones that were bad, or let go ones that were good. That has to hold at the lower end of the 95 %
interval, so that a handful of orders proves nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from app.core.facts import Facts
from app.core.judgement.quick import QuickJudge, Verdict
from app.core.money import Money
from app.core.policy.document import Policy, PolicyError, canonical, from_canonical
from app.core.policy.fairness import unfair
from app.evaluation.backtest.labels import HELD, for_lack_of_facts
from app.evaluation.statistics import wilson
from app.tables.history import CaseSource

#: A value that moves fewer orders the right way is not proposed.
FEWEST: Final = 5
_HALF: Final = 0.5
#: Other review thresholds, as steps from the present one.
_REVIEW_STEPS: Final = (-20, -15, -10, -5, 5, 10, 15, 20)
_AN_HOUR: Final = (1, 2, 3, 4, 5, 6, 8, 10, 15)
_A_DAY: Final = (2, 3, 5, 8, 10, 15, 20, 30)
_DAYS: Final = (1, 3, 7, 14, 30)
_MINUTES: Final = (10, 15, 30, 60, 120, 240, 480)
_A_FEW_HOURS: Final = (1, 2, 4, 8, 12, 24)
#: Other amounts, as parts of the present one; rounded to two digits.
_AMOUNTS: Final = (0.25, 0.5, 0.75, 1.5, 2.0, 3.0)
_DIGITS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One threshold at one value, compared with the policy as it is; orders are labelled ones."""

    key: str  # as in the policy: `risk.review_from`
    before: str
    value: str
    found_bad: int  # held with this value and not before
    found_good: int
    freed_bad: int  # held before and not with this value
    freed_good: int
    bad_held: int  # in all, with this value
    good_held: int

    @property
    def bad_change(self) -> int:
        """Return how many more bad orders are held."""
        return self.found_bad - self.freed_bad

    @property
    def good_change(self) -> int:
        """Return how many more good orders are held."""
        return self.found_good - self.freed_good

    @property
    def gain(self) -> int:
        """Return how many more orders are moved rightly than wrongly."""
        return self.bad_change - self.good_change

    @property
    def pays(self) -> bool:
        """True if both what it finds and what it frees is mostly right, beyond chance."""
        right, moved = self.found_bad + self.freed_good, self.found_bad + self.found_good
        moved += self.freed_bad + self.freed_good
        interval = wilson(right, moved)
        return right >= FEWEST and interval is not None and interval[0] > _HALF


@dataclass(slots=True)
class _Variant:
    """The policy with one threshold at another value, and what it moves."""

    key: str
    before: str
    value: str
    judge: QuickJudge
    moved: dict[tuple[bool, bool], int] = field(default_factory=dict)  # (held now, bad): orders


@dataclass(frozen=True, slots=True)
class _Knob:
    """One threshold: its variants, and which orders it can concern."""

    concerns: Callable[[Facts, Verdict], bool]
    variants: list[_Variant]


class Trials:
    """Tries every threshold of one policy."""

    def __init__(self, policy: Policy) -> None:
        self._knobs = [knob for knob in _knobs(policy) if knob.variants]
        self._held = {True: 0, False: 0}

    def add(self, facts: Facts, verdict: Verdict, *, judged_at: datetime, source: str, bad: bool) -> None:
        """Count an order whose label is known, with the verdict of the policy as it is."""
        held = is_held(verdict, source)
        self._held[bad] += held
        for knob in self._knobs:
            if not knob.concerns(facts, verdict):
                continue
            for variant in knob.variants:
                now = is_held(variant.judge.verdict(facts, now=judged_at), source)
                if now is not held:
                    variant.moved[now, bad] = variant.moved.get((now, bad), 0) + 1

    def results(self) -> tuple[Trial, ...]:
        """Return every value tried, by threshold and then as the values rise."""
        return tuple(self._trial(variant) for knob in self._knobs for variant in knob.variants)

    def _trial(self, variant: _Variant) -> Trial:
        moved = variant.moved
        found = {bad: moved.get((True, bad), 0) for bad in (True, False)}
        freed = {bad: moved.get((False, bad), 0) for bad in (True, False)}
        return Trial(
            key=variant.key,
            before=variant.before,
            value=variant.value,
            found_bad=found[True],
            found_good=found[False],
            freed_bad=freed[True],
            freed_good=freed[False],
            bad_held=self._held[True] + found[True] - freed[True],
            good_held=self._held[False] + found[False] - freed[False],
        )


def is_held(verdict: Verdict, source: str) -> bool:
    """Return whether a verdict keeps an order waiting, and not only for lack of past facts."""
    lacking = source == CaseSource.IMPORTED.value and for_lack_of_facts(verdict.outcome.value, verdict.reasons)
    return verdict.outcome.value in HELD and not lacking


def best(trials: Iterable[Trial]) -> tuple[Trial, ...]:
    """Return for each threshold the value that gains most of those that pay; of equal ones the mildest change."""
    chosen: dict[str, Trial] = {}
    for trial in trials:
        rival = chosen.get(trial.key)
        if trial.pays and trial.gain > 0 and (rival is None or _rank(trial) > _rank(rival)):
            chosen[trial.key] = trial
    return tuple(chosen.values())


def _rank(trial: Trial) -> tuple[int, float]:
    return trial.gain, -abs(float(trial.value) - float(trial.before))


def changed(policy: Policy, values: Mapping[str, str | int]) -> Policy:
    """Return the policy with other thresholds, by key as in `Trial`. Raises PolicyError if it would not be valid."""
    document: dict[str, Any] = json.loads(canonical(policy))
    for key, value in values.items():
        *path, last = key.split(".")
        part = document
        for name in path:
            part = part[name]
        part[last] = value
    found = from_canonical(json.dumps(document))
    if errors := unfair(found):
        raise PolicyError(errors)
    return found


def _knobs(policy: Policy) -> Iterator[_Knob]:
    thresholds, review_from = policy.thresholds, policy.risk.review_from
    reviews = [review_from + step for step in _REVIEW_STEPS]
    least = min(reviews)
    yield _knob(policy, "risk.review_from", review_from, reviews, lambda _, verdict: verdict.risk >= least)
    for name, counted, values in (
        ("customer_orders_per_hour", "orders_last_hour", _AN_HOUR),
        ("customer_orders_per_day", "orders_last_day", _A_DAY),
        ("ip_orders_per_hour", "ip_orders_last_hour", _AN_HOUR),
        ("ip_orders_per_day", "ip_orders_last_day", _A_DAY),
    ):
        yield _knob(policy, f"thresholds.{name}", getattr(thresholds, name), values, _counts_many(counted))
    new = thresholds.new_account_days
    yield _knob(policy, "thresholds.new_account_days", new, _DAYS, _may_be_new(policy))
    for name, spans in (("minutes", _MINUTES), ("hours", _A_FEW_HOURS)):
        yield _knob(policy, f"together.{name}", getattr(policy.together, name), spans, _is_together)
    for currency, row in policy.currencies.items():
        large = Money.from_text(row.large_order, currency)
        amounts = sorted({_rounded(large, part).to_text() for part in _AMOUNTS}, key=float)
        concerns = _costs_at_least(policy, min(_AMOUNTS), only=currency)
        yield _knob(policy, f"currencies.{currency}.large_order", row.large_order, amounts, concerns)


def _knob(
    policy: Policy,
    key: str,
    before: str | int,
    values: Iterable[str | int],
    concerns: Callable[[Facts, Verdict], bool],
) -> _Knob:
    variants = []
    for value in values:
        if value != before:
            try:
                judge = QuickJudge(changed(policy, {key: value}))
            except PolicyError:
                continue  # outside the threshold's range, or unfair
            variants.append(_Variant(key, str(before), str(value), judge))
    return _Knob(concerns, variants)


def _may_be_new(policy: Policy) -> Callable[[Facts, Verdict], bool]:
    """Return whether it matters from which age on an account is no longer new: a large order, or one of a group."""
    is_large = _costs_at_least(policy, 1.0)

    def concerns(facts: Facts, verdict: Verdict) -> bool:
        ranked = facts.order.first_order_rank is not None
        return ranked or _is_together(facts, verdict) or is_large(facts, verdict)

    return concerns


def _is_together(facts: Facts, _: Verdict) -> bool:
    return facts.customer is not None and bool(facts.customer.together)


def _counts_many(name: str) -> Callable[[Facts, Verdict], bool]:
    return lambda facts, _: facts.customer is not None and getattr(facts.customer, name) > 0


def _costs_at_least(policy: Policy, part: float, *, only: str | None = None) -> Callable[[Facts, Verdict], bool]:
    """Return whether an order's total reaches this part of its currency's large order."""
    large = {code: Money.from_text(row.large_order, code).amount_minor for code, row in policy.currencies.items()}

    def concerns(facts: Facts, _: Verdict) -> bool:
        currency, amount = facts.order.currency, facts.order.amount
        if currency not in large or amount is None or (only is not None and currency != only):
            return False
        return amount >= int(part * large[currency])

    return concerns


def _rounded(amount: Money, part: float) -> Money:
    """Return a part of an amount, rounded to two digits and at least one minor unit."""
    wanted = round(amount.amount_minor * part)
    return Money(max(1, round(wanted, min(0, _DIGITS - len(str(wanted))))), amount.currency)
