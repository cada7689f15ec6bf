"""The advice of a backtest in sentences, the same ones for people, programs and the chart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from app.core.judgement.reasons import ReasonCode
from app.evaluation.backtest.advice_records import Meant, PanelPast, SignalWorth
from app.evaluation.backtest.record_types import Proportion

#: With fewer bad orders than this, every figure about them is mostly chance.
FEW_BAD: Final = 30
#: A signal that alone held fewer good orders than this is not worth a word.
_WORTH_A_WORD: Final = 5
#: At most this many signals are named.
_NAMED: Final = 3
_HALF: Final = 0.5
#: What to change about a reason that is no signal.
_REMEDIES: Final[Mapping[str, str]] = {
    ReasonCode.VETTING_TERMS: "Take those that are normal among your customers out of vetting.terms.",
    ReasonCode.VETTING_FIT: "Lower the weight of their rules under [[vetting.rules]] and [[vetting.resources]], or "
    "raise vetting.review_from.",
    ReasonCode.VETTING_PRODUCT_GROUP: "Take product groups that went well out of vetting.product_groups.",
    ReasonCode.TEXT_CUT: "Shorten the order form's text fields, or live with it: nobody has read these texts.",
}


def summary(meant: Meant, past: PanelPast) -> tuple[str, ...]:
    """Return what the policy would have meant, in a sentence each for fraud, work and waiting."""
    return (_fraud(meant, past), _work(meant), _waiting(meant))


def _fraud(meant: Meant, past: PanelPast) -> str:
    if not past.bad:
        return "Fraud: no order that is old enough turned out fraudulent or disputed, so nothing is known about it."
    recall = meant.recall
    worth = _listed((one.found_worth, one.currency) for one in meant.currencies if one.found)
    text = (
        f"Fraud: it finds {recall.orders} of {_count(recall.of, 'fraudulent or disputed order')} ({_percent(recall)})"
    )
    text += f", worth {worth}" if worth else ""
    return f"{text}. The panel's own check had failed {past.found} of the {recall.of}."


def _work(meant: Meant) -> str:
    month = meant.a_month
    if not meant.hours_asked:
        return "Work: no order asks for work beyond its price."
    fees = _listed((one.fees_sum, one.currency) for one in month.money if _some(one.fees_sum))
    saved = _listed((one.labour_saved, one.currency) for one in month.money if _some(one.labour_saved))
    text = f"Work: orders ask for {month.hours_asked:.1f} hours a month beyond their price"
    if not meant.hours_charged:
        return f"{text}, and it charges for none of them."
    text += f". It charges {month.hours_charged:.1f} of them: {fees or 'nothing'} a month in fees"
    return f"{text}, and {saved} of labour no longer done for free." if saved else f"{text}."


def _waiting(meant: Meant) -> str:
    held = meant.good_held
    if not held.of:
        return "Waiting: no good order is old enough to say how many would wait."
    text = (
        f"Waiting: {held.orders} of {_count(held.of, 'good order')} would have waited for a person ({_percent(held)})"
    )
    return f"{text}, {meant.a_month.good_held or 0.0:.1f} a month."


def next_steps(
    given: Meant, active: Meant, past: PanelPast, signals: Sequence[SignalWorth], *, same: bool
) -> tuple[str, ...]:
    """Return what to do next, the most useful first. `same`: the tried policy is the active one."""
    return (*_against(given, active, same=same), *_noisy(signals), *_blind(given, past))


def _against(given: Meant, active: Meant, *, same: bool) -> Iterator[str]:
    """Yield whether the tried policy is worth publishing."""
    if same:
        return
    more_bad = given.recall.orders - active.recall.orders
    more_good = given.good_held.orders - active.good_held.orders
    hours = round(given.hours_charged - active.hours_charged, 2)
    if not (more_bad or more_good or hours):
        yield "Against the active policy it changes nothing here: there is no need to publish it."
        return
    text = f"Against the active policy it finds {_change(more_bad, 'bad order')}, makes "
    text += f"{_change(more_good, 'good order')} wait, and charges {_change(hours, 'hour')}."
    if abs(more_bad) + abs(more_good) < _WORTH_A_WORD and abs(hours) < 1:
        text += " That is too little to matter."
    elif more_bad >= 0 >= more_good and more_bad != more_good:
        text += " That is better: publish it (`doorman policy publish FILE`; `doorman policy rollback` takes it back)."
    elif more_bad <= 0 <= more_good and more_bad != more_good:
        text += " That is worse: don't publish it for that."
    else:
        text += f"{_trade(more_bad, more_good)} Look at the orders that would change, below, before you publish it."
    yield text


def _trade(more_bad: int, more_good: int) -> str:
    """Return how many good orders there are to a bad one, where both change the same way."""
    if not more_bad or not more_good:
        return ""
    each = more_good / more_bad
    if more_bad > 0:
        return f" That is {each:.1f} good orders made to wait for each bad one found."
    return f" That is {each:.1f} good orders let go for each bad one missed."


def _noisy(signals: Sequence[SignalWorth]) -> Iterator[str]:
    """Yield the signals that alone hold far more good orders than bad ones."""
    noisy = [one for one in signals if one.only_good >= _WORTH_A_WORD and _clearly_wrong(one)]
    noisy.sort(key=lambda one: (one.only_bad - one.only_good, one.code))
    for one in noisy[:_NAMED]:
        remedy = _REMEDIES.get(one.code, "Lower its points under [points.risk], or let `doorman suggest` propose them.")
        text = f"`{one.code}` alone makes {one.only_good} good orders wait and finds {one.only_bad} bad ones"
        terms = [f'"{term.term}" ({term.good} good, {term.bad} bad)' for term in one.terms[:_NAMED]]
        yield f"{text}{', mostly by ' + _joined(terms) if terms else ''}. {remedy}"


def _clearly_wrong(one: SignalWorth) -> bool:
    return one.only_bad < _HALF * one.only_good


def _blind(given: Meant, past: PanelPast) -> Iterator[str]:
    """Yield what to do about the bad orders that get in."""
    missed = given.recall.of - given.recall.orders
    if past.bad < FEW_BAD:
        yield (
            f"With {_count(past.bad, 'bad order')} old enough to count, the risk score can't be judged yet: go by work "
            "and waiting, and mark fraud as Fraud in the panel, so that the next backtest can say more."
        )
    elif given.recall.share is not None and given.recall.share < _HALF:
        yield (
            f"{missed} bad orders get in. If you have not yet, run `doorman suggest --out s.toml`: it looks for points "
            "and thresholds that find more of them without making more good ones wait."
        )


def _listed(amounts: Iterator[tuple[str, str]]) -> str:
    return _joined([f"{amount} {currency or '(no currency)'}" for amount, currency in amounts])


def _joined(named: Sequence[str]) -> str:
    return named[0] if len(named) == 1 else ", ".join(named[:-1]) + f" and {named[-1]}" if named else ""


def _some(amount: str) -> bool:
    return any(digit in "123456789" for digit in amount)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _change(number: float, what: str) -> str:
    """Return a difference in words; a number of hours may have two places."""
    plural = what if abs(number) == 1 else f"{what}s"
    return f"no more {plural}" if not number else f"{abs(number):g} {'more' if number > 0 else 'fewer'} {plural}"


def _percent(found: Proportion) -> str:
    """Return a share with its 95 % interval."""
    if found.share is None or found.interval is None:
        return "-"
    low, high = found.interval.low, found.interval.high
    return f"{found.share:.1%}, likely {low:.1%} to {high:.1%}"
