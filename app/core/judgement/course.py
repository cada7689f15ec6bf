"""Turn an outcome and the policy's modes into a course: act, hold for a person, propose, or leave alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.core.judgement.decide import Outcome
from app.core.judgement.reasons import ReasonCode
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
TEXTS: Final[Mapping[str, str]] = {
    ReasonCode.ACCEPT_SHADOW: "Accepting is in shadow mode (modes.accept): the panel handles it.",
    ReasonCode.ACCEPT_SUGGEST: "Accepting is only suggested (modes.accept): `approve` accepts it.",
    ReasonCode.HOLD_SHADOW: "Holding is in shadow mode (modes.hold): the panel handles it.",
    ReasonCode.HOLD_SUGGEST: (
        "Holding is only suggested (modes.hold): `hold` stops the order; until then the panel goes on."
    ),
    ReasonCode.FEES_SHADOW: "Fees are in shadow mode (modes.fees): none is charged.",
    ReasonCode.FEES_SUGGEST: "A fee is only suggested (modes.fees): `charge-fee` asks for it.",
    ReasonCode.REJECT_SHADOW: "Rejecting is in shadow mode (modes.reject): a person decides.",
    ReasonCode.REJECT_SUGGEST: "Rejecting is only suggested (modes.reject): `reject` carries it out.",
}
#: The staff action that carries out a suggestion.
PROPOSED: Final[Mapping[str, str]] = {
    ReasonCode.ACCEPT_SUGGEST: "approve",
    ReasonCode.HOLD_SUGGEST: ("hold"),
    ReasonCode.FEES_SUGGEST: "charge-fee",
    ReasonCode.REJECT_SUGGEST: "reject",
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
        return Plan(Course.LEAVE, ReasonCode.HOLD_SHADOW)
    kind = {Outcome.HOLD_FOR_FEE: modes.fees, Outcome.REJECT: modes.reject}.get(outcome, hold)
    name = _KINDS[outcome]
    if hold is ActionMode.ENFORCE:
        if kind is ActionMode.ENFORCE:
            return _ACT
        if outcome is Outcome.HOLD_FOR_FEE and kind is ActionMode.SHADOW and not held:
            return Plan(Course.LEAVE, ReasonCode.FEES_SHADOW)
        return Plan(Course.REVIEW, ReasonCode(f"{name}_{kind.value}"))
    if kind is ActionMode.SHADOW:  # no fee: no reason to hold; no reject: propose to hold
        return (
            Plan(Course.LEAVE, ReasonCode.FEES_SHADOW)
            if name == "fees"
            else Plan(Course.PROPOSE, ReasonCode.HOLD_SUGGEST)
        )
    return Plan(Course.PROPOSE, ReasonCode(f"{name}_suggest"))


def _accept(mode: ActionMode, *, held: bool) -> Plan:
    if mode is ActionMode.ENFORCE:
        return _ACT
    if mode is ActionMode.SHADOW and not held:
        return Plan(Course.LEAVE, ReasonCode.ACCEPT_SHADOW)
    return Plan(Course.PROPOSE, ReasonCode.ACCEPT_SUGGEST)


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
    return Plan(earlier.course, ReasonCode(f"{_KINDS[outcome]}_{'suggest' if suggested else 'shadow'}"))
