"""Signals: a signal is one finding about an order or customer, with its points, a sentence and the evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from app.core.facts import Facts
from app.core.judgement.rulebook import Rulebook

#: The type of a piece of evidence.
EvidenceValue = str | int | float | bool | None


class Family(StrEnum):
    """Risk signals that tend to come together, so that one cause does not count many times over."""

    IDENTITY = "identity"
    COUNTRIES_AND_MAIL = "countries_and_mail"
    VELOCITY = "velocity"
    TOGETHER = "together"
    HISTORY = "history"
    PAYMENT = "payment"
    OUTSIDE = "outside"
    CONTENT = "content"
    LISTS = "lists"  # the provider's own decision: never capped


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
        Family.TOGETHER: ("new_accounts_together",),
        Family.HISTORY: ("earlier_fraud_orders", "chargebacks", "collections_invoices", "overdue_invoices"),
        Family.PAYMENT: ("payment_disputed", "new_account_large_order"),
        Family.OUTSIDE: ("fraud_check", "minfraud", "fraudrecord", "anonymous_ip"),
        Family.CONTENT: ("acceptable_use", "look_alike_domain", "brand_in_domain"),
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
    """One finding: a stable code, signed points, a readable sentence, and its evidence.

    `minutes` is the staff time that the finding costs (0: it only changes the score).
    """

    code: str
    score: ScoreKind
    points: int
    detail: str
    evidence: tuple[tuple[str, EvidenceValue], ...] = ()
    minutes: int = 0


class Words(NamedTuple):
    """A finding in words: a sentence and its evidence."""

    detail: str
    evidence: tuple[tuple[str, EvidenceValue], ...]


def said(detail: str, **evidence: EvidenceValue) -> Words:
    """Combine a sentence with its evidence."""
    return Words(detail, tuple(evidence.items()))


class Finding(NamedTuple):
    """A signal whose words are built only when needed: a backtest counts a million and reads none."""

    code: str
    score: ScoreKind
    points: int
    words: Callable[[], Words]
    minutes: int = 0

    def written(self) -> Signal:
        """Return the signal with its sentence and evidence."""
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
    """Return a finding that changes the risk score."""
    return Finding(code, ScoreKind.RISK, points, words)


#: The signal whose minutes are the time to enter an order by hand.
HANDLING: Final = "entered_by_staff"
#: Signals that no rule creates: points beyond the end of a scale, and points above a family's cap.
LIMIT: Final = "limit"
FAMILY_LIMIT: Final = "family_limit"
LIMITS: Final = frozenset({LIMIT, FAMILY_LIMIT})
#: A pure function from facts to at most one finding; missing data never causes one.
SignalRule = Callable[[Facts, Rulebook], Finding | None]
