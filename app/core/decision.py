"""The judgement: the ordered table of outcomes (design §4), where the first line that fits decides.

Row 1, "a person decided", is the caller's: people win before anything is judged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from app.core import vetting
from app.core.decision_accept import AcceptPlan, plan_accept
from app.core.facts import Agreement, Facts, ListKind, OrderKind, PaymentState
from app.core.labour import Labour, estimate_labour
from app.core.money import Money
from app.core.policy import Policy
from app.core.policy_judgement import GapPayer
from app.core.policy_matching import Groups, has_word
from app.core.scoring import Scores, find_signals, score
from app.core.signals import Signal
from app.core.signals_self_service import handling_unknown, is_catalogue_gap

#: Part of every decision: the same facts, policy and engine version give the same decision. Raise it with the rules.
ENGINE_VERSION: Final = "1"
#: What must be known before anything can be said (design §4 row 4). Lines whose services could not be read are not
#: known: their groups, amounts and the wishes in their custom fields are missing.
ESSENTIAL: Final = ("customer", "items", "currency")


class Outcome(StrEnum):
    """What becomes of an order."""

    APPROVE = "approve"
    HOLD_FOR_FEE = "hold_for_fee"
    HOLD_FOR_REVIEW = "hold_for_review"
    REJECT = "reject"


#: From mild to severe.
SEVERITY: Final = {outcome: place for place, outcome in enumerate(Outcome)}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: a stable code and a sentence for staff."""

    code: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One verdict with everything it rests on.

    `question` is what staff may ask the customer where a person looks for the order's fit; `question_rule` names whose.
    `fee` is set for `hold_for_fee` only, above zero and never above the cap; `labour.estimate` is there for every
    order that asks for work. `missing` names the facts that could not be learned, whether or not they mattered.
    """

    outcome: Outcome
    reasons: tuple[Reason, ...]
    signals: tuple[Signal, ...]
    scores: Scores
    labour: Labour
    fee: Money | None
    accept: AcceptPlan
    catalogue_gap: bool
    courtesy_used: bool
    engine_version: str
    missing: tuple[str, ...]
    question: str | None = None
    question_rule: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """What the rows of the table look at."""

    facts: Facts
    policy: Policy
    scores: Scores
    labour: Labour
    catalogue_gap: bool


_Verdict = tuple[Outcome, tuple[Reason, ...]]


def decide(facts: Facts, policy: Policy, *, now: datetime) -> Judgement:
    """Judge one order: always an outcome with at least one reason, and the same one for the same facts and policy.

    A renewal is never judged: it is approved and makes no signals (design §4).
    """
    renewal = facts.order.kind is OrderKind.RENEWAL
    signals = () if renewal else find_signals(facts, policy, now=now)
    case = _Case(
        facts=facts,
        policy=policy,
        scores=score(signals),
        labour=estimate_labour(facts, policy, signals),
        catalogue_gap=not renewal and is_catalogue_gap(facts, policy),
    )
    outcome, reasons = _first_that_fits(case)
    asks = any(reason.code in vetting.REASONS for reason in reasons)
    prepared = vetting.prepare(facts.order, policy) if asks else None
    return Judgement(
        outcome=outcome,
        reasons=(*reasons, *_notes(case)),
        signals=signals,
        scores=case.scores,
        labour=case.labour,
        fee=case.labour.estimate if outcome is Outcome.HOLD_FOR_FEE else None,
        accept=plan_accept(facts, policy),
        catalogue_gap=case.catalogue_gap,
        courtesy_used=any(reason.code == "courtesy" for reason in reasons),
        engine_version=ENGINE_VERSION,
        missing=tuple(sorted({*facts.missing, *_essential_missing(facts), *case.labour.missing})),
        question=prepared.question if prepared else None,
        question_rule=prepared.rule if prepared else None,
    )


def _first_that_fits(case: _Case) -> _Verdict:
    for row in _ROWS:
        verdict = row(case)
        if verdict is not None:
            return verdict
    return _fee(case)


def _one(outcome: Outcome, code: str, text: str) -> _Verdict:
    return outcome, (Reason(code, text),)


def _renewal(case: _Case) -> _Verdict | None:
    if case.facts.order.kind is not OrderKind.RENEWAL:
        return None
    return _one(Outcome.APPROVE, "renewal", "A renewal is never judged.")


def _exempt(case: _Case) -> _Verdict | None:
    """Row 2: exempt by allow list, client group, product group, gateway or because it is our own staff's."""
    order, customer, exempt = case.facts.order, case.facts.customer, case.policy.exempt
    reasons: list[Reason] = []
    if customer is not None:
        allowed = [entry for kind, entry in customer.lists if kind is ListKind.ALLOW]
        if allowed:
            reasons.append(Reason("exempt_allow_list", f"On the allow list: {', '.join(allowed[:10])}."))
        if customer.group_id in exempt.client_groups:
            reasons.append(Reason("exempt_client_group", f"Client group {customer.group_id} is exempt."))
        if customer.customer_id in exempt.staff_customer_ids:
            reasons.append(Reason("exempt_staff", "An account of our own staff."))
    groups = Groups(exempt.product_groups)
    if order.items and all(item in groups for item in order.items):
        reasons.append(Reason("exempt_product_group", "Every line is of an exempt product group."))
    if has_word(exempt.gateways, order.payment_method):
        reasons.append(Reason("exempt_gateway", f"Payments by {order.payment_method} are exempt."))
    return (Outcome.APPROVE, tuple(reasons)) if reasons else None


def _blocked(case: _Case) -> _Verdict | None:
    """Row 3: block list, or risk from the reject threshold on; rejected only where the policy says so."""
    reasons: list[Reason] = []
    lists = case.facts.customer.lists if case.facts.customer else ()
    blocked = [entry for kind, entry in lists if kind is ListKind.BLOCK]
    if blocked:
        reasons.append(Reason("block_list", f"On the block list: {', '.join(blocked[:10])}."))
    rules, risk = case.policy.risk, case.scores.risk
    if risk >= rules.reject_from:
        reasons.append(Reason("risk_reject", f"Risk {risk} reaches the reject threshold of {rules.reject_from}."))
    if not reasons:
        return None
    if rules.auto_reject:
        return Outcome.REJECT, tuple(reasons)
    would = Reason("would_reject", "The policy would reject this order; a person decides because auto_reject is off.")
    return Outcome.HOLD_FOR_REVIEW, (would, *reasons)


def _facts_missing(case: _Case) -> _Verdict | None:
    """Row 4: facts without which nothing can be said, amounts that can't be meant, a currency without a row."""
    order = case.facts.order
    reasons: list[Reason] = []
    missing = _essential_missing(case.facts)
    if missing:
        reasons.append(Reason("facts_missing", f"Nothing can be said without: {', '.join(missing)}."))
    if order.currency and order.currency not in case.policy.currencies:
        text = f"The policy has no amounts in {order.currency[:10]}, and nothing is ever converted."
        reasons.append(Reason("currency_unknown", text))
    if order.kind is not OrderKind.UPGRADE and _has_negative_amount(case.facts):
        reasons.append(Reason("amount_negative", "An amount of this order is negative; a person looks at it."))
    return (Outcome.HOLD_FOR_REVIEW, tuple(reasons)) if reasons else None


def _risky(case: _Case) -> _Verdict | None:
    """Row 5: risk from the review threshold on, or something that a person looks at in any case."""
    order, rules = case.facts.order, case.policy.risk
    reasons: list[Reason] = []
    if case.scores.risk >= rules.review_from:
        text = f"Risk {case.scores.risk} reaches the review threshold of {rules.review_from}."
        reasons.append(Reason("risk_review", text))
    if order.vetting:
        terms = ", ".join(sorted({hit.term for hit in order.vetting})[:10])
        reasons.append(Reason("vetting_terms", f"A person looks at orders that mention: {terms}."))
    groups = Groups(case.policy.vetting.product_groups)
    if any(item in groups for item in order.items):
        reasons.append(Reason("vetting_product_group", "A person looks at every order of this product group."))
    fit = vetting.fit_reason(order, case.policy)
    if fit is not None:
        reasons.append(Reason(vetting.FIT, fit))
    return (Outcome.HOLD_FOR_REVIEW, tuple(reasons)) if reasons else None


def _invoice_gone(case: _Case) -> _Verdict | None:
    """Row 5, in its spirit: an order whose invoice was cancelled or refunded will never be paid by itself."""
    words = {PaymentState.CANCELLED: "cancelled", PaymentState.REFUNDED: "refunded"}
    word = words.get(case.facts.order.payment)
    if word is None:
        return None
    return _one(Outcome.HOLD_FOR_REVIEW, f"invoice_{word}", f"The order's invoice is {word}.")


def _agreed(case: _Case) -> _Verdict | None:
    """Row 6: what the order asks for is agreed."""
    how = {
        Agreement.NONE: "",
        Agreement.FEE_PAID: "its fee is paid",
        Agreement.FEE_WAIVED: "its fee is waived",
        Agreement.QUOTE_ACCEPTED: "its quote is accepted",
        Agreement.REQUEST_DROPPED: "the request is dropped and the order taken as sold",
    }[case.facts.agreement]
    return _one(Outcome.APPROVE, "work_agreed", f"What the order asks for is agreed: {how}.") if how else None


def _ours(case: _Case) -> _Verdict | None:
    """Row 7: our own initiative or fault, or labour that the invoice already charges."""
    order, own, customer = case.facts.order, case.policy.own_initiative, case.facts.customer
    reasons: list[Reason] = []
    if order.ours:
        reasons.append(Reason("own_initiative", "The notes say that this was our own idea or our own fault (#ours)."))
    if has_word(own.promo_codes, order.promo_code):
        reasons.append(Reason("own_initiative_promo", f"Promotion code {order.promo_code} is our own initiative."))
    if has_word(own.gateways, order.payment_method):
        reasons.append(Reason("own_initiative_gateway", f"Payments by {order.payment_method} are our own initiative."))
    if customer is not None and customer.group_id in own.client_groups:
        reasons.append(Reason("own_initiative_group", f"Client group {customer.group_id} is served by us."))
    if order.labour_billed:
        reasons.append(Reason("labour_billed", "The order's invoice already charges for the work."))
    return (Outcome.APPROVE, tuple(reasons)) if reasons else None


def _work_unknown(case: _Case) -> _Verdict | None:
    """Row 4 again, for the catalogue: without it nobody can say what entering the order cost."""
    if not handling_unknown(case.facts, case.policy):
        return None
    text = "Our staff entered the order, and whether the cart sells it is not known: the catalogue was not read."
    return _one(Outcome.HOLD_FOR_REVIEW, "facts_missing", text)


def _affordable(case: _Case) -> _Verdict | None:
    """Row 8: no labour worth naming, or earned back within the tolerated months."""
    labour, rules = case.labour, case.policy.labour
    if labour.minutes == 0:
        return _one(Outcome.APPROVE, "no_work", "The order needs nobody's time.")
    if labour.minutes < rules.min_minutes:
        text = f"About {labour.minutes} minutes of work; less than {rules.min_minutes} is not worth naming."
        return _one(Outcome.APPROVE, "little_work", text)
    if labour.tolerated:
        text = f"{_work_text(labour)}, within the tolerated {rules.tolerated_months} months of margin."
        return _one(Outcome.APPROVE, "work_pays_back", text)
    return None


def _courtesy(case: _Case) -> _Verdict | None:
    """Row 9: the first manual orders of a customer are a courtesy."""
    customer, left = case.facts.customer, case.policy.labour.courtesy_orders
    if customer is None or customer.earlier_manual_orders >= left:
        return None
    text = f"Manual order {customer.earlier_manual_orders + 1} of {left} that are a courtesy."
    return _one(Outcome.APPROVE, "courtesy", text)


def _gap(case: _Case) -> _Verdict | None:
    """Row 10: the cart could not have sold it and the policy says that we pay; never for plain labour."""
    rules = case.policy.labour
    if not case.catalogue_gap or rules.catalogue_gap_paid_by is not GapPayer.PROVIDER:
        return None
    if any(
        finding.kind not in rules.catalogue_gap_kinds and rules.minutes.of(finding.kind)
        for finding in case.facts.order.requests
    ):
        return None
    return _one(Outcome.APPROVE, "catalogue_gap", "What was wanted can't be ordered in the cart; the work is on us.")


def _not_charged(case: _Case) -> _Verdict | None:
    """Upgrades and domains are never held for a fee by default, nor is anything whose fee would be nothing."""
    kind, estimate = case.facts.order.kind, case.labour.estimate
    if kind not in case.policy.labour.fee_kinds:
        return _one(Outcome.APPROVE, "kind_not_charged", f"Orders of the kind {kind.value} are never held for a fee.")
    if estimate is None or estimate.amount_minor == 0:
        return _one(Outcome.APPROVE, "nothing_to_charge", "The policy charges nothing for this work.")
    return None


def _worth_unknown(case: _Case) -> _Verdict | None:
    """Row 4 again, for the amounts: they are needed only now, to tell row 8 from row 12."""
    if case.labour.tolerated is not None:
        return None
    unknown = ", ".join(case.labour.missing)
    text = f"{case.labour.minutes} minutes of work, and what the order brings is not known: {unknown}."
    return _one(Outcome.HOLD_FOR_REVIEW, "facts_missing", text)


def _mandate(case: _Case) -> _Verdict | None:
    """Row 11: a quote first. Mandates don't exist yet, so a person makes the offer."""
    customer = case.facts.customer
    if customer is not None and customer.white_glove:
        return _one(Outcome.HOLD_FOR_REVIEW, "mandate", "A white-glove customer is made an offer first.")
    if case.labour.above_mandate:
        text = f"{_work_text(case.labour)}: above the amount from which an offer comes first."
        return _one(Outcome.HOLD_FOR_REVIEW, "mandate", text)
    return None


def _fee(case: _Case) -> _Verdict:
    """Row 12: everything else that asks for work."""
    if case.labour.custom_minutes == 0:
        return _one(Outcome.HOLD_FOR_FEE, "handling", f"We entered what the cart sells. {_work_text(case.labour)}.")
    return _one(Outcome.HOLD_FOR_FEE, "custom_work", f"{_work_text(case.labour)}.")


#: Rows 2-11 in their order; row 12 is what is left.
_ROWS: Final[tuple[Callable[[_Case], _Verdict | None], ...]] = (
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


def _notes(case: _Case) -> tuple[Reason, ...]:
    """Say what is odd about an order beside the reasons that decided."""
    order = case.facts.order
    if order.amount == 0:
        return (Reason("amount_zero", "The order's total is zero: it counts as paid."),)
    if order.kind is OrderKind.UPGRADE and _has_negative_amount(case.facts):
        return (Reason("amount_negative", "An amount of this upgrade is negative: a credit."),)
    return ()


def _essential_missing(facts: Facts) -> tuple[str, ...]:
    lines = bool(facts.order.items) and "services" not in facts.missing
    known = {"customer": facts.customer is not None, "items": lines, "currency": bool(facts.order.currency)}
    return tuple(name for name in ESSENTIAL if not known[name] or name in facts.missing)


def _has_negative_amount(facts: Facts) -> bool:
    amounts = [facts.order.amount]
    for item in facts.order.items:
        amounts += (item.first_amount, item.recurring_amount)
    return any(amount is not None and amount < 0 for amount in amounts)


def _work_text(labour: Labour) -> str:
    cost = f" ({labour.cost})" if labour.cost else ""
    return f"About {labour.minutes} minutes of work{cost}, {labour.payback_words}"
