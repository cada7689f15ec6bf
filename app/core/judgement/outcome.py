"""The table of outcomes, row by row: the first that fits decides.

Row 1, "a person decided", is left to callers: a person's decision overrides the policy before anything is judged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from app.core.facts import Agreement, Facts, ListKind, OrderFacts, OrderKind, PaymentState
from app.core.judgement import vetting
from app.core.judgement.essentials import has_negative_amount
from app.core.judgement.labour import LabourWork
from app.core.judgement.reasons import ReasonCode as Code
from app.core.judgement.rulebook import Rulebook
from app.core.judgement.scoring import settle
from app.core.judgement.signals.base import LIMITS, Finding
from app.core.judgement.signals.work import cut_words, handling_unknown
from app.core.policy.sections.judging import GapPayer


class Outcome(StrEnum):
    """What becomes of an order."""

    APPROVE = "approve"
    HOLD_FOR_FEE = "hold_for_fee"
    HOLD_FOR_REVIEW = "hold_for_review"
    REJECT = "reject"


#: Signals that don't count towards an automatic reject; limits are computed again without them.
_NOT_OWN: Final = frozenset({"minfraud", "fraudrecord", "anonymous_ip"}) | LIMITS
#: From mild to severe.
SEVERITY: Final = {outcome: place for place, outcome in enumerate(Outcome)}


@dataclass(frozen=True, slots=True)
class Reason:
    """The reason of an outcome: a stable code and a sentence for staff."""

    code: str
    text: str


class Ground(NamedTuple):
    """A reason whose sentence is built only when needed."""

    code: str
    text: str | Callable[[], str]

    def written(self) -> Reason:
        """Return the reason with its sentence."""
        return Reason(self.code, self.text if isinstance(self.text, str) else self.text())


@dataclass(slots=True)
class Case:
    """The input of the rows of the table; `unknown` are the missing essential facts."""

    facts: Facts
    rules: Rulebook
    found: list[Finding]
    self_service: int
    risk: int
    work: LabourWork
    catalogue_gap: bool
    unknown: tuple[str, ...]


_Verdict = tuple[Outcome, tuple[Ground, ...]]


def first_that_fits(case: Case) -> _Verdict:
    """Return the outcome of the first row that fits, with its grounds."""
    for row in _ROWS:
        verdict = row(case)
        if verdict is not None:
            return verdict
    return _fee(case)


def gives_work_away(case: Case) -> bool:
    """Return whether letting the order in without a fee gives away work that the policy charges for.

    Whatever else holds the order plays no part. True also if the fee can't be computed, because its currency has no
    row or an amount is not known.
    """
    return case.work.minutes > 0 and all(row(case) is None for row in _FREE_ROWS)


def _one(outcome: Outcome, code: str, text: str | Callable[[], str]) -> _Verdict:
    return outcome, (Ground(code, text),)


def _renewal(case: Case) -> _Verdict | None:
    if case.facts.order.kind is not OrderKind.RENEWAL:
        return None
    return _one(Outcome.APPROVE, Code.RENEWAL, "A renewal is never judged.")


def _exempt(case: Case) -> _Verdict | None:
    """Row 2: exempt by allow list, client group, product group or gateway, or because it is our own staff's order."""
    order, customer, rules = case.facts.order, case.facts.customer, case.rules
    reasons: list[Ground] = []
    if customer is not None:
        if customer.lists:
            allowed = [entry for kind, entry in customer.lists if kind is ListKind.ALLOW]
            if allowed:
                reasons.append(Ground(Code.EXEMPT_ALLOW_LIST, lambda: f"On the allow list: {', '.join(allowed[:10])}."))
        if customer.group_id in rules.exempt_clients:
            reasons.append(Ground(Code.EXEMPT_CLIENT_GROUP, lambda: f"Client group {customer.group_id} is exempt."))
        if customer.customer_id in rules.our_accounts:
            reasons.append(Ground(Code.EXEMPT_STAFF, "The account belongs to our own staff."))
    if rules.exempt_products and order.items and all(item in rules.exempt_products for item in order.items):
        reasons.append(Ground(Code.EXEMPT_PRODUCT_GROUP, "Every line belongs to an exempt product group."))
    if order.payment_method.casefold() in rules.exempt_gateways:
        reasons.append(Ground(Code.EXEMPT_GATEWAY, lambda: f"Payments by {order.payment_method} are exempt."))
    return (Outcome.APPROVE, tuple(reasons)) if reasons else None


def _blocked(case: Case) -> _Verdict | None:
    """Row 3: on the block list, or risk ≥ the reject threshold; rejected only if the policy allows it."""
    reasons: list[Ground] = []
    lists = case.facts.customer.lists if case.facts.customer else ()
    blocked = [entry for kind, entry in lists if kind is ListKind.BLOCK] if lists else []
    if blocked:
        reasons.append(Ground(Code.BLOCK_LIST, lambda: f"On the block list: {', '.join(blocked[:10])}."))
    risk, reject_from = case.risk, case.rules.reject_from
    if risk >= reject_from:
        reasons.append(Ground(Code.RISK_REJECT, lambda: f"Risk {risk} reaches the reject threshold of {reject_from}."))
    if not reasons:
        return None
    if not case.rules.policy.risk.auto_reject:
        why = "auto_reject is off"
    elif blocked or _own_risk(case) >= reject_from:
        return Outcome.REJECT, tuple(reasons)
    else:
        why = "enrichment services count only as evidence"
    would = Ground(Code.WOULD_REJECT, f"The policy would reject this order; a person decides because {why}.")
    return Outcome.HOLD_FOR_REVIEW, (would, *reasons)


def _own_risk(case: Case) -> int:
    """Return the risk without external services and databases: they alone never cause an automatic reject."""
    own = [finding for finding in case.found if finding.code not in _NOT_OWN]
    return settle(own, case.rules)[2]


def _facts_missing(case: Case) -> _Verdict | None:
    """Row 4: essential facts are missing, an amount is implausible, or the currency has no row."""
    order = case.facts.order
    reasons: list[Ground] = []
    if case.unknown:
        reasons.append(Ground(Code.FACTS_MISSING, lambda: f"Essential facts are missing: {', '.join(case.unknown)}."))
    currency = order.currency
    if currency and currency not in case.rules.rates:
        text = f"The policy has no amounts in {currency[:10]}, and amounts are never converted."
        reasons.append(Ground(Code.CURRENCY_UNKNOWN, text))
    if order.kind is not OrderKind.UPGRADE and has_negative_amount(case.facts):
        reasons.append(Ground(Code.AMOUNT_NEGATIVE, "An amount of this order is negative, so a person checks it."))
    return (Outcome.HOLD_FOR_REVIEW, tuple(reasons)) if reasons else None


def _risky(case: Case) -> _Verdict | None:
    """Row 5: risk ≥ the review threshold, or something that always needs a person's review."""
    order, risk, review_from = case.facts.order, case.risk, case.rules.review_from
    reasons: list[Ground] = []
    if risk >= review_from:
        reasons.append(Ground(Code.RISK_REVIEW, lambda: f"Risk {risk} reaches the review threshold of {review_from}."))
    if order.vetting:
        reasons.append(Ground(Code.VETTING_TERMS, lambda: f"A person checks orders that mention: {_terms(order)}."))
    groups = case.rules.vetted_products
    if groups and any(item in groups for item in order.items):
        reasons.append(Ground(Code.VETTING_PRODUCT_GROUP, "A person checks every order of this product group."))
    if order.cut:
        reasons.append(Ground(Code.TEXT_CUT, lambda: f"A person reads the texts of the order: {cut_words(order.cut)}."))
    speaks = order.fit or order.expected or order.hosted
    fit = vetting.fit_reason(order, case.rules.policy) if speaks else None
    if fit is not None:
        reasons.append(Ground(Code.VETTING_FIT, fit))
    return (Outcome.HOLD_FOR_REVIEW, tuple(reasons)) if reasons else None


def _terms(order: OrderFacts) -> str:
    return ", ".join(sorted({hit.term for hit in order.vetting})[:10])


_GONE: Final = {PaymentState.CANCELLED: "cancelled", PaymentState.REFUNDED: "refunded"}


def _invoice_gone(case: Case) -> _Verdict | None:
    """Also row 5: the order's invoice was cancelled or refunded, so it will not be paid without a person."""
    word = _GONE.get(case.facts.order.payment)
    if word is None:
        return None
    return _one(Outcome.HOLD_FOR_REVIEW, Code(f"invoice_{word}"), f"The order's invoice is {word}.")


_AGREED: Final = {
    Agreement.FEE_PAID: "its fee is paid",
    Agreement.FEE_WAIVED: "its fee is waived",
    Agreement.QUOTE_ACCEPTED: "its quote is accepted",
    Agreement.REQUEST_DROPPED: "the request is dropped and the order goes on as sold",
}


def _agreed(case: Case) -> _Verdict | None:
    """Row 6: the work that the order asks for is agreed."""
    how = _AGREED.get(case.facts.agreement)
    return _one(Outcome.APPROVE, Code.WORK_AGREED, f"The work for this order is settled: {how}.") if how else None


def _ours(case: Case) -> _Verdict | None:
    """Row 7: our own initiative or fault, or the invoice already charges for labour."""
    order, customer, rules = case.facts.order, case.facts.customer, case.rules
    reasons: list[Ground] = []
    if order.ours:
        reasons.append(
            Ground(Code.OWN_INITIATIVE, "The notes mark the order as our own idea or our own fault (#ours).")
        )
    if order.promo_code.casefold() in rules.own_promo_codes:
        text = f"Promotion code {order.promo_code} marks our own initiative."
        reasons.append(Ground(Code.OWN_INITIATIVE_PROMO, text))
    if order.payment_method.casefold() in rules.own_gateways:
        text = f"Payments by {order.payment_method} mark our own initiative."
        reasons.append(Ground(Code.OWN_INITIATIVE_GATEWAY, text))
    if customer is not None and customer.group_id in rules.own_clients:
        reasons.append(
            Ground(Code.OWN_INITIATIVE_GROUP, f"Client group {customer.group_id} is served on our own initiative.")
        )
    if order.labour_billed:
        reasons.append(Ground(Code.LABOUR_BILLED, "The order's invoice already charges for the work."))
    return (Outcome.APPROVE, tuple(reasons)) if reasons else None


def _work_unknown(case: Case) -> _Verdict | None:
    """Row 4 again, for the catalogue: without it we don't know what entering the order costs."""
    if not handling_unknown(case.facts, case.rules):
        return None
    text = "Our staff entered the order, but the catalogue was not read, so we don't know whether the cart sells it."
    return _one(Outcome.HOLD_FOR_REVIEW, Code.FACTS_MISSING, text)


def _affordable(case: Case) -> _Verdict | None:
    """Row 8: negligible labour, or labour that is earned back within the tolerated months."""
    work, rules = case.work, case.rules.policy.labour
    if work.minutes == 0:
        return _one(Outcome.APPROVE, Code.NO_WORK, "The order needs no staff time.")
    if work.minutes < rules.min_minutes:
        text = f"About {work.minutes} minutes of work; less than {rules.min_minutes} minutes is not charged."
        return _one(Outcome.APPROVE, Code.LITTLE_WORK, text)
    if work.tolerated:
        within = f"within the accepted {rules.tolerated_months} months of margin"
        return _one(Outcome.APPROVE, Code.WORK_PAYS_BACK, lambda: f"{_work_text(work)}, {within}.")
    return None


def _courtesy(case: Case) -> _Verdict | None:
    """Row 9: the first manual orders of a customer are a courtesy."""
    customer, left = case.facts.customer, case.rules.policy.labour.courtesy_orders
    if customer is None or customer.earlier_manual_orders >= left:
        return None
    text = f"Manual order {customer.earlier_manual_orders + 1} of {left} that are free as a courtesy."
    return _one(Outcome.APPROVE, Code.COURTESY, text)


def _gap(case: Case) -> _Verdict | None:
    """Row 10: the cart could not have sold it and the policy says that we pay; never for plain labour."""
    rules = case.rules.policy.labour
    if not case.catalogue_gap or rules.catalogue_gap_paid_by is not GapPayer.PROVIDER:
        return None
    if any(
        finding.kind not in case.rules.gap_kinds and case.rules.minutes[finding.kind]
        for finding in case.facts.order.requests
    ):
        return None
    return _one(
        Outcome.APPROVE,
        Code.CATALOGUE_GAP,
        "The customer's request can't be ordered in the cart, so we do the work at our own expense.",
    )


def _not_charged(case: Case) -> _Verdict | None:
    """Not charged: kinds of order not in `fee_kinds` (by default upgrades and domains), and fees of zero."""
    kind, work = case.facts.order.kind, case.work
    if kind not in case.rules.fee_kinds:
        return _one(
            Outcome.APPROVE, Code.KIND_NOT_CHARGED, f"Orders of the kind {kind.value} are never held for a fee."
        )
    if work.currency is not None and not work.estimate:
        return _one(Outcome.APPROVE, Code.NOTHING_TO_CHARGE, "The policy charges nothing for this work.")
    return None


def _worth_unknown(case: Case) -> _Verdict | None:
    """Row 4 again, for the amounts: they are needed only here, to decide between row 8 and row 12."""
    if case.work.tolerated is not None:
        return None
    unknown = ", ".join(case.work.missing)
    text = f"{case.work.minutes} minutes of work, but the order's revenue is not known; missing: {unknown}."
    return _one(Outcome.HOLD_FOR_REVIEW, Code.FACTS_MISSING, text)


def _mandate(case: Case) -> _Verdict | None:
    """Row 11: the customer must accept a quote first. Mandates don't exist yet, so a person makes the offer."""
    customer = case.facts.customer
    if customer is not None and customer.white_glove:
        return _one(Outcome.HOLD_FOR_REVIEW, Code.MANDATE, "A white-glove customer gets an offer before any work.")
    if case.work.above_mandate:
        text = "above the amount from which an offer must come first"
        return _one(Outcome.HOLD_FOR_REVIEW, Code.MANDATE, lambda: f"{_work_text(case.work)}: {text}.")
    return None


def _fee(case: Case) -> _Verdict:
    """Row 12: everything else that asks for work."""
    work = case.work
    if work.minutes == work.handling_minutes:
        text = "Our staff entered what the cart sells."
        return _one(Outcome.HOLD_FOR_FEE, Code.HANDLING, lambda: f"{text} {_work_text(work)}.")
    return _one(Outcome.HOLD_FOR_FEE, Code.CUSTOM_WORK, lambda: f"{_work_text(work)}.")


#: Rows 2-11 in their order; row 12 applies if none fits.
_ROWS: Final[tuple[Callable[[Case], _Verdict | None], ...]] = (
    _renewal,
    _exempt,
    _blocked,
    _facts_missing,
    _risky,
    _invoice_gone,
    _agreed,
    _ours,
    _work_unknown,
    _affordable,
    _courtesy,
    _gap,
    _not_charged,
    _worth_unknown,
    _mandate,
)


#: Rows that have the work done for free, or for a price that is agreed.
_FREE_ROWS: Final = (_renewal, _exempt, _agreed, _ours, _affordable, _courtesy, _gap, _not_charged)


def notes(case: Case) -> tuple[Ground, ...]:
    """Return remarks about unusual amounts, in addition to the reasons that decided."""
    order = case.facts.order
    if order.amount == 0:
        return (Ground(Code.AMOUNT_ZERO, "The order's total is zero: it counts as paid."),)
    if order.kind is OrderKind.UPGRADE and has_negative_amount(case.facts):
        return (Ground(Code.AMOUNT_NEGATIVE, "An amount of this upgrade is negative: a credit."),)
    return ()


def _work_text(work: LabourWork) -> str:
    labour = work.written()
    cost = f" ({labour.cost})" if labour.cost else ""
    return f"About {labour.minutes} minutes of work{cost}, {labour.payback_words}"
