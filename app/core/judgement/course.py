"""Turn an outcome and the policy's modes into a course: act, hold for a person, propose, or leave alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.core.judgement.decide import Outcome
from app.core.policy.sections.modes import ActionMode, Modes


class Course(StrEnum):
    """What we do about an outcome, from weak to strong."""

    LEAVE = "leave"  # only recorded: the panel continues as if we did not exist
    PROPOSE = "propose"  # the same, and the queue offers the action that would carry it out
    REVIEW = "review"  # held; a person decides about the fee or the reject
    ACT = "act"  # as decided


@dataclass(frozen=True, slots=True)
class Plan:
    """A course, and the reason code if it is not `ACT`."""

    course: Course
    code: str = ""


_STRENGTH: Final = {course: place for place, course in enumerate(Course)}
_KINDS: Final = {
    Outcome.APPROVE: "accept",
    Outcome.HOLD_FOR_REVIEW: "hold",
    Outcome.HOLD_FOR_FEE: "fees",
    Outcome.REJECT: "reject",
}
_ACT: Final = Plan(Course.ACT)

#: Reasons added to a decision that the modes don't allow to be carried out.
TEXTS: Final = {
    "accept_shadow": "Accepting is in shadow mode (modes.accept): the panel handles it.",
    "accept_suggest": "Accepting is only suggested (modes.accept): `approve` accepts it.",
    "hold_shadow": "Holding is in shadow mode (modes.hold): the panel handles it.",
    "hold_suggest": "Holding is only suggested (modes.hold): `hold` stops the order; until then the panel goes on.",
    "fees_shadow": "Fees are in shadow mode (modes.fees): none is charged.",
    "fees_suggest": "A fee is only suggested (modes.fees): `charge-fee` asks for it.",
    "reject_shadow": "Rejecting is in shadow mode (modes.reject): a person decides.",
    "reject_suggest": "Rejecting is only suggested (modes.reject): `reject` carries it out.",
}
#: The staff action that carries out a suggestion.
PROPOSED: Final = {
    "accept_suggest": "approve",
    "hold_suggest": "hold",
    "fees_suggest": "charge-fee",
    "reject_suggest": "reject",
}


def plan(outcome: Outcome, modes: Modes, *, held: bool = False) -> Plan:
    """Return the plan for an outcome in enforce mode.

    `held`: we already hold the order. It stays held whatever the modes say now, and is never just left to the panel,
    which got a "no" from the gate and does not ask again: releasing it is at least proposed.
    """
    if outcome is Outcome.APPROVE:
        return _accept(modes.accept, held=held)
    hold = ActionMode.ENFORCE if held else modes.hold
    if hold is ActionMode.SHADOW:
        return Plan(Course.LEAVE, "hold_shadow")
    kind = {Outcome.HOLD_FOR_FEE: modes.fees, Outcome.REJECT: modes.reject}.get(outcome, hold)
    name = _KINDS[outcome]
    if hold is ActionMode.ENFORCE:
        if kind is ActionMode.ENFORCE:
            return _ACT
        if outcome is Outcome.HOLD_FOR_FEE and kind is ActionMode.SHADOW and not held:
            return Plan(Course.LEAVE, "fees_shadow")
        return Plan(Course.REVIEW, f"{name}_{kind.value}")
    if kind is ActionMode.SHADOW:  # no fee: no reason to hold; no reject: propose to hold
        return Plan(Course.LEAVE, "fees_shadow") if name == "fees" else Plan(Course.PROPOSE, "hold_suggest")
    return Plan(Course.PROPOSE, f"{name}_suggest")


def _accept(mode: ActionMode, *, held: bool) -> Plan:
    if mode is ActionMode.ENFORCE:
        return _ACT
    if mode is ActionMode.SHADOW and not held:
        return Plan(Course.LEAVE, "accept_shadow")
    return Plan(Course.PROPOSE, "accept_suggest")


def earlier_plan(codes: Iterable[str], *, in_shadow: bool) -> Plan | None:
    """Return the plan of a stored decision, from its reason codes; None if the modes restricted nothing.

    `in_shadow`: the decision was recorded but not acted on.
    """
    code = next((one for one in codes if one in TEXTS), None)
    if code is None:
        return None
    if not in_shadow:
        return Plan(Course.REVIEW, code)
    return Plan(Course.PROPOSE if code in PROPOSED else Course.LEAVE, code)


def no_stronger(now: Plan, earlier: Plan | None, outcome: Outcome) -> Plan:
    """Return a plan that is no stronger than the order's earlier one: past decisions are never acted on later.

    If the policy became stronger, an order that was left or proposed is still not acted on automatically, because the
    panel may have continued with it; only a person may do that. Approving and stopping are compared separately.
    """
    if earlier is None or earlier.code.startswith("accept") is not (outcome is Outcome.APPROVE):
        return now
    if _STRENGTH[earlier.course] >= _STRENGTH[now.course]:
        return now
    if earlier.course is Course.REVIEW and outcome is Outcome.HOLD_FOR_REVIEW:
        return now
    suggested = earlier.code in PROPOSED
    return Plan(earlier.course, f"{_KINDS[outcome]}_{'suggest' if suggested else 'shadow'}")
