"""Which orders count as good and as bad, and which verdicts keep an order waiting."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from app.core.judgement.decide import Outcome
from app.tables.history import Label

#: Labels of bad orders. Refunded and cancelled unpaid have many harmless causes and are shown separately.
BAD: Final = (Label.FRAUD.value, Label.DISPUTED.value)
GOOD: Final = Label.GOOD.value
#: Outcomes that keep a good customer waiting or away, and a bad one out.
HELD: Final = frozenset({Outcome.HOLD_FOR_REVIEW.value, Outcome.REJECT.value})

#: Reasons of a hold caused only by missing facts.
_NOT_KNOWN: Final = frozenset({"facts_missing"})
#: A total of zero next to other reasons decides nothing.
BESIDE: Final = frozenset({"amount_zero"})

#: The name of a number: a word, then what it is counted by.
Key = tuple[str | int | bool, ...]


def for_lack_of_facts(outcome: str, reasons: Iterable[str]) -> bool:
    """Return whether an order is held only because of missing facts.

    For an imported order that says nothing about the policy: the panel does not show those facts as of then.
    """
    return outcome == Outcome.HOLD_FOR_REVIEW.value and set(reasons) - BESIDE == _NOT_KNOWN
