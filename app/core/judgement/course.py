"""From an outcome and the policy's modes to what is done: carried out, held for a person, proposed, or left alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.core.judgement.decide import Outcome
from app.core.policy.sections.modes import ActionMode, Modes


class Course(StrEnum):
    """What is done about an outcome, from weak to strong."""

    LEAVE = "leave"  # recorded only: the panel goes on as if we were not there
    PROPOSE = "propose"  # the same, and a person finds it in the queue with the action that would carry it out
    REVIEW = "review"  # held, and a person decides about the fee or the reject
    ACT = "act"  # as decided


@dataclass(frozen=True, slots=True)
class Plan:
    """A course, and the code of the reason where it is not to act as decided."""

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

#: What stands among a decision's reasons where the modes keep it from being carried out.
TEXTS: Final = {
    "accept_shadow": "Accepting is in shadow (modes.accept): it is left to the panel.",
    "accept_suggest": "Accepting is suggested (modes.accept): `approve` has it accepted.",
    "hold_shadow": "Holding is in shadow (modes.hold): it is left to the panel.",
    "hold_suggest": "Holding is suggested (modes.hold): `hold` stops it, until then the panel goes on.",
    "fees_shadow": "Fees are in shadow (modes.fees): none is asked for.",
    "fees_suggest": "A fee is suggested (modes.fees): `charge-fee` asks for it.",
    "reject_shadow": "Rejecting is in shadow (modes.reject): a person decides.",
    "reject_suggest": "Rejecting is suggested (modes.reject): `reject` turns it away.",
}
#: The action of staff that carries a suggestion out.
PROPOSED: Final = {
    "accept_suggest": "approve",
    "hold_suggest": "hold",
    "fees_suggest": "charge-fee",
    "reject_suggest": "reject",
}


def plan(outcome: Outcome, modes: Modes, *, held: bool = False) -> Plan:
    """Say what is done about an outcome in enforce mode.

    `held`: we hold the order already. That stays whatever the modes say now, and such an order is never just left to
    the panel, which was told no and does not ask again: letting it go is proposed at least.
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
    if kind is ActionMode.SHADOW:  # no fee: nothing to hold it for; no reject: holding it is what is left
        return Plan(Course.LEAVE, "fees_shadow") if name == "fees" else Plan(Course.PROPOSE, "hold_suggest")
    return Plan(Course.PROPOSE, f"{name}_suggest")


def _accept(mode: ActionMode, *, held: bool) -> Plan:
    if mode is ActionMode.ENFORCE:
        return _ACT
    if mode is ActionMode.SHADOW and not held:
        return Plan(Course.LEAVE, "accept_shadow")
    return Plan(Course.PROPOSE, "accept_suggest")


def earlier_plan(codes: Iterable[str], *, in_shadow: bool) -> Plan | None:
    """Return the plan behind a stored decision by its reasons; None where the modes kept nothing back.

    `in_shadow`: the decision was recorded as one that is not acted on.
    """
    code = next((one for one in codes if one in TEXTS), None)
    if code is None:
        return None
    if not in_shadow:
        return Plan(Course.REVIEW, code)
    return Plan(Course.PROPOSE if code in PROPOSED else Course.LEAVE, code)


def no_stronger(now: Plan, earlier: Plan | None, outcome: Outcome) -> Plan:
    """Keep a plan as weak as the one that the order had before: the past is left alone (design §3 rule 10).

    What was left or proposed is not carried out later because the policy became stronger: the panel may have gone on
    with the order. Only a person does that. Letting through and stopping are looked at apart.
    """
    if earlier is None or earlier.code.startswith("accept") is not (outcome is Outcome.APPROVE):
        return now
    if _STRENGTH[earlier.course] >= _STRENGTH[now.course]:
        return now
    if earlier.course is Course.REVIEW and outcome is Outcome.HOLD_FOR_REVIEW:
        return now
    suggested = earlier.code in PROPOSED
    return Plan(earlier.course, f"{_KINDS[outcome]}_{'suggest' if suggested else 'shadow'}")
