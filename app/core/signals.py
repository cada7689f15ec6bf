"""What a signal is: one finding about an order or customer, with its points, a sentence and the evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from app.core.facts import Facts
from app.core.policy import Policy

#: What evidence is made of.
EvidenceValue = str | int | float | bool | None


class ScoreKind(StrEnum):
    """Which score a signal moves."""

    SELF_SERVICE = "self_service"
    RISK = "risk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One finding: a stable code, signed points, a sentence that people can read, and what it rests on.

    `minutes` are staff minutes that the finding stands for (0: it moves the score and costs no work).
    """

    code: str
    score: ScoreKind
    points: int
    detail: str
    evidence: tuple[tuple[str, EvidenceValue], ...] = ()
    minutes: int = 0


#: The signal whose minutes are the handling of an order that staff entered.
HANDLING: Final = "entered_by_staff"
#: A pure function from facts to at most one signal; missing data never makes one.
SignalRule = Callable[[Facts, Policy], Signal | None]
#: The same for what depends on the moment of judging.
TimedSignalRule = Callable[[Facts, Policy, datetime], Signal | None]
