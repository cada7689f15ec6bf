"""Vetting: compare what the customer wants to host with the policy's rules and plans, and prepare a question.

A misfit is not a risk signal and does not count against the customer: a person reviews it, with a prepared question.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from app.core.facts import Item, OrderFacts
from app.core.judgement.reasons import UNFIT, ReasonCode
from app.core.policy.document import Policy
from app.core.policy.matching import Groups
from app.core.policy.sections.vetting import FitRule, PlanRoom
from app.core.reading.answers import find_answer, find_in_lines
from app.core.reading.kinds import ExpectedUse, PlanUse
from app.core.reading.quantities import UseUnit, find_expected

#: The reason code of an order whose weights reach `vetting.review_from`.
#: The rule name of the general question, for terms and product groups without a question of their own.
GENERAL: Final = "general"
#: The names of the rules about resources begin with this: `resource:gb_storage`.
RESOURCE: Final = "resource:"

_MOST_QUESTIONS = 3
_UNIT_WORDS = {
    UseUnit.GB_STORAGE: "GB of files",
    UseUnit.GB_TRAFFIC_MONTH: "GB of traffic a month",
    UseUnit.VISITORS_DAY: "visitors a day",
    UseUnit.MAILS_DAY: "mails a day",
    UseUnit.NEWSLETTER_READERS: "readers of a newsletter",
}


@dataclass(frozen=True, slots=True)
class Misfit:
    """One rule that matched, or one plan that is too small. `text` is for staff."""

    rule: str
    weight: int
    question: str
    text: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """The question to send, and the rule it comes from."""

    rule: str
    question: str


def rule_terms(policy: Policy) -> tuple[str, ...]:
    """Return the distinct terms of all rules: those that `OrderFacts.fit` is searched for."""
    return _rule_terms(policy.vetting.rules)


@lru_cache(maxsize=64)
def _rule_terms(rules: tuple[FitRule, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(term for rule in rules for term in rule.terms))


def expected_uses(texts: Iterable[tuple[str, str]], answers: Iterable[tuple[str, str]] = ()) -> tuple[ExpectedUse, ...]:
    """Return what the customer expects to use, the largest amount of each unit.

    `texts` are (where, text), `answers` are (label, answer) of the order's custom fields.
    """
    most: dict[str, ExpectedUse] = {}
    found = [
        use for where, text in texts for use in (*find_expected(text, where=where), *find_in_lines(text, where=where))
    ]
    found += [use for label, answer in answers for use in find_answer(label, answer, where="custom_field")]
    for use in found:
        if use.unit not in most or use.amount > most[use.unit].amount:
            most[use.unit] = use
    return tuple(most[unit] for unit in UseUnit if unit in most)


def misfits(order: OrderFacts, policy: Policy) -> tuple[Misfit, ...]:
    """Return the misfits, the heaviest first; equal weights in the order of the policy."""
    if not order.fit and not order.expected and not order.hosted:
        return ()
    mentioned = {finding.term for finding in order.fit}
    spoken = {finding.kind: finding.words for finding in order.hosted}
    answered = _answered(order, policy)
    found = []
    for rule in policy.vetting.rules:
        said = [term for term in rule.terms if term in mentioned]
        said += [word for use in rule.uses if use not in answered for word in spoken.get(use.value, ())]
        if said and _concerns(rule, order.items):
            words = ", ".join(dict.fromkeys(said[:5]))
            found.append(Misfit(rule.name, rule.weight, rule.question, f"{rule.name} ({words})"))
    for use in order.expected:
        room = _tightest(use, order.items, policy)
        if room is not None:
            text = f"{use.amount:,} {_UNIT_WORDS[room.unit]} where the plan allows {room.at_most:,}"
            found.append(Misfit(f"{RESOURCE}{use.unit}", room.weight, room.question, text))
    return tuple(sorted(found, key=lambda one: -one.weight))


def _answered(order: OrderFacts, policy: Policy) -> frozenset[PlanUse]:
    """Return the uses whose amount the customer names and the plan stands: there is nothing to ask."""
    named = [use for use in order.expected if use.unit == UseUnit.NEWSLETTER_READERS]
    stands = named and all(_tightest(use, order.items, policy) is None for use in named)
    return frozenset({PlanUse.NEWSLETTER}) if stands else frozenset()


def fit_reason(order: OrderFacts, policy: Policy) -> str | None:
    """Return the sentence of the reason `vetting_fit`, or None if the weights don't reach `review_from`."""
    found = misfits(order, policy)
    weight, needed = sum(one.weight for one in found), policy.vetting.review_from
    if not found or weight < needed:
        return None
    named = ", ".join(one.text for one in found[:10])
    return f"It may not fit: {named} (weight {weight}, a person checks from {needed})."


def prepare(order: OrderFacts, policy: Policy) -> Prepared:
    """Return the question for an order under review for its fit: of the heaviest rule, or of several of equal weight.

    If the weights alone are no reason for a review, it is the general question.
    """
    found = misfits(order, policy)
    if sum(one.weight for one in found) < policy.vetting.review_from:
        return Prepared(GENERAL, policy.vetting.question)
    heaviest = [one for one in found if one.weight == found[0].weight][:_MOST_QUESTIONS]
    return Prepared(heaviest[0].rule, "\n\n".join(dict.fromkeys(one.question for one in heaviest)))


def only_unfit(codes: Iterable[str]) -> bool:
    """Return whether, by its reason codes, the review is only about whether the order fits, without any suspicion."""
    found = set(codes)
    return bool(found & UNFIT) and found <= UNFIT | {ReasonCode.AMOUNT_ZERO}


def _concerns(rule: FitRule | PlanRoom, items: Iterable[Item]) -> bool:
    """Return whether the rule applies to one of the lines; a rule that names no products applies to all."""
    if not rule.groups and not rule.product_types:
        return True
    groups = Groups(rule.groups)
    types = {str(one.value) for one in rule.product_types}
    return any(item in groups or item.product_type.lower() in types for item in items)


def _tightest(use: ExpectedUse, items: tuple[Item, ...], policy: Policy) -> PlanRoom | None:
    """Return the heaviest row that this use exceeds; the first of equal ones."""
    exceeded = [
        room
        for room in policy.vetting.resources
        if room.unit.value == use.unit and use.amount > room.at_most and _concerns(room, items)
    ]
    return max(exceeded, key=lambda room: room.weight, default=None)
