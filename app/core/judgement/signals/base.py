"""What a signal is: one finding about an order or customer, with its points, a sentence and the evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from app.core.facts import Facts
from app.core.judgement.rulebook import Rulebook

#: What evidence is made of.
EvidenceValue = str | int | float | bool | None


class Family(StrEnum):
    """Risk signals that tend to come together, so that one cause does not count many times over."""

    IDENTITY = "identity"
    COUNTRIES_AND_MAIL = "countries_and_mail"
    VELOCITY = "velocity"
    HISTORY = "history"
    PAYMENT = "payment"
    OUTSIDE = "outside"
    CONTENT = "content"
    LISTS = "lists"  # the provider's own word: never capped


#: The family of each risk signal.
FAMILIES: Final = {
    code: family
    for family, codes in {
        Family.IDENTITY: (
            "shared_ip",
            "shared_phone",
            "shared_address",
            "similar_address",
            "shared_email",
            "shared_payment",
        ),
        Family.COUNTRIES_AND_MAIL: ("email_disposable", "email_unverified", "countries_disagree", "hosting_network"),
        Family.VELOCITY: ("customer_velocity", "ip_velocity"),
        Family.HISTORY: ("earlier_fraud_orders", "chargebacks", "collections_invoices", "overdue_invoices"),
        Family.PAYMENT: ("payment_disputed", "new_account_large_order"),
        Family.OUTSIDE: ("fraud_check", "minfraud", "fraudrecord", "anonymous_ip"),
        Family.CONTENT: ("acceptable_use",),
        Family.LISTS: ("block_listed", "allow_listed"),
    }.items()
    for code in codes
}


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


class Words(NamedTuple):
    """What a finding says to people: a sentence and its evidence."""

    detail: str
    evidence: tuple[tuple[str, EvidenceValue], ...]


def said(detail: str, **evidence: EvidenceValue) -> Words:
    """Put a sentence and its evidence together."""
    return Words(detail, tuple(evidence.items()))


class Finding(NamedTuple):
    """A signal before anybody wants to read it: a backtest counts a million of these and writes no sentence."""

    code: str
    score: ScoreKind
    points: int
    words: Callable[[], Words]
    minutes: int = 0

    def written(self) -> Signal:
        """Return it with its sentence and evidence."""
        detail, evidence = self.words()
        return Signal(
            code=self.code,
            score=self.score,
            points=self.points,
            detail=detail,
            evidence=evidence,
            minutes=self.minutes,
        )


def risk_finding(code: str, points: int, words: Callable[[], Words]) -> Finding:
    """Return a finding that moves the risk score."""
    return Finding(code, _RISK, points, words)


_RISK: Final = ScoreKind.RISK  # reading a member off its enum takes as long as making the finding


#: The signal whose minutes are the handling of an order that staff entered.
HANDLING: Final = "entered_by_staff"
#: Signals that no rule makes: what ends with a scale, and what a family has above its cap.
LIMIT: Final = "limit"
FAMILY_LIMIT: Final = "family_limit"
LIMITS: Final = frozenset({LIMIT, FAMILY_LIMIT})
#: A pure function from facts to at most one finding; missing data never makes one.
SignalRule = Callable[[Facts, Rulebook], Finding | None]
