"""How an approved order is accepted in the panel."""

from __future__ import annotations

from dataclasses import dataclass

from app.core.facts import Facts, Item
from app.core.judgement.rulebook import rulebook
from app.core.policy.document import Policy
from app.core.policy.sections.acting import Accept, AcceptMode, AcceptRule


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptPlan:
    """What `approve` does: accept with these three flags, or only open the gate and leave the order to staff."""

    mode: AcceptMode
    autosetup: bool
    sendemail: bool
    sendregistrar: bool


def plan_accept(facts: Facts, policy: Policy) -> AcceptPlan:
    """Combine the rules of the order's lines; the most careful one wins, because one accept covers the whole order."""
    lines = {(item.group_id, item.group, item.kind, item.product_type, item.module): item for item in facts.order.items}
    matchers = rulebook(policy).accept_rules
    rules: list[Accept | AcceptRule] = []
    by_hand = False
    for item in lines.values():
        rule = next((rule for groups, rule in matchers if item in groups), None)
        rules.append(rule or policy.accept)
        by_hand = by_hand or (rule is None and built_by_hand(item))
    if not rules:
        rules.append(policy.accept)
    released = any(rule.mode is AcceptMode.RELEASE_ONLY for rule in rules)
    if by_hand and policy.accept.hand_built is AcceptMode.RELEASE_ONLY:
        released = True
    return AcceptPlan(
        mode=AcceptMode.RELEASE_ONLY if released else AcceptMode.AUTO,
        autosetup=all(rule.autosetup for rule in rules),
        sendemail=all(rule.sendemail for rule in rules),
        sendregistrar=all(rule.sendregistrar for rule in rules),
    )


def built_by_hand(item: Item) -> bool:
    """Return whether no module provisions the line: a server not known to have one, a domain known to have none.

    A server whose module is unknown would become active without being built; a domain's registrar refuses on its own.
    """
    if item.kind == "domain":
        return item.module == ""
    return item.kind == "product" and "server" in item.product_type.lower() and not item.module
