"""Apply the policy's modes and damage limits to a judgement: act on it, hold for a person, propose it, or leave it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from app.core.consequences import fees
from app.core.consequences.draft import Draft
from app.core.consequences.limits import Limit
from app.core.consequences.timers import set_hold_clock
from app.core.judgement.course import PROPOSED, TEXTS, Course, earlier_plan, no_stronger, plan
from app.core.judgement.course import Plan as CoursePlan
from app.core.judgement.decide import Judgement, Outcome, Reason
from app.core.judgement.reasons import ALWAYS_HELD, ReasonCode
from app.core.money import Money
from app.core.records import POLICY, Mode
from app.core.rows.belongings import Decided
from app.core.states import HoldKind, OrderState

#: The reason of a soft hold that was not acted on: the order was left to the panel, and stays so.
LEFT_TO_PANEL: Final = ReasonCode.LIMIT_HELD_SHARE
_LEFT: Final = Reason(
    LEFT_TO_PANEL, "Not held, because the policy's limit of held orders is reached; left to the panel."
)
_WOULD_REJECT: Final = Reason(ReasonCode.WOULD_REJECT, "The policy would reject this order; a person decides.")
#: The suggested action by the reason in force: a mode's suggestion, or the one for a customer who does not answer.
_SUGGESTED: Final = {**PROPOSED, ReasonCode.NO_ANSWER: "cancel"}
_REFUSED: Final = (OrderState.HELD, OrderState.REJECTING)
_NOT_ON_THE_WAY: Final = (OrderState.RECEIVED, OrderState.AWAITING_PAYMENT, OrderState.HELD)
#: Only an order that is not held yet can be left to the panel; an accept in progress is cancelled instead.
_CAN_BE_LEFT: Final = (OrderState.RECEIVED, OrderState.AWAITING_PAYMENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is done about a judgement, by the policy's modes and the damage limits."""

    outcome: Outcome
    reasons: tuple[Reason, ...]
    course: Course = Course.ACT

    @property
    def left(self) -> bool:
        """True if it is only recorded, as in shadow."""
        return self.course in {Course.LEAVE, Course.PROPOSE}


def verdict(draft: Draft, judgement: Judgement) -> Verdict:
    """Return what is done about a judgement, by the modes and then by the damage limits.

    An order that was left to the panel, or only proposed, by the decision in force stays so.
    """
    plain = Verdict(outcome=judgement.outcome, reasons=judgement.reasons)
    if not draft.acts:
        return plain
    found = _plan(draft, judgement)
    match found.course:
        case Course.ACT:
            return _limited(draft, judgement, plain)
        case Course.REVIEW:
            return _limited(draft, judgement, _review(plain, judgement, found))
        case Course.PROPOSE:
            return _review(plain, judgement, found, outcome=_proposed(judgement.outcome))
        case Course.LEAVE:
            reason = Reason(found.code, TEXTS[found.code])
            return Verdict(outcome=plain.outcome, reasons=(*plain.reasons, reason), course=found.course)


def _plan(draft: Draft, judgement: Judgement) -> CoursePlan:
    if draft.state is OrderState.RELEASING and judgement.outcome is Outcome.APPROVE:
        return CoursePlan(Course.ACT)  # decided earlier, and in progress
    if judgement.fee is not None and fees.is_asked(draft, judgement.fee):
        return CoursePlan(Course.ACT)  # the customer knows about it
    now = plan(judgement.outcome, draft.policy.modes, held=draft.state is OrderState.HELD)
    return no_stronger(now, _earlier(draft.decision), judgement.outcome)


def _earlier(decision: Decided | None) -> CoursePlan | None:
    if decision is None:
        return None
    codes = [reason["code"] for reason in decision.reasons or ()]
    return earlier_plan(codes, in_shadow=decision.mode == Mode.SHADOW)


def _proposed(outcome: Outcome) -> Outcome:
    """Turn a reject that is only proposed into a review, as with `auto_reject` off."""
    return Outcome.HOLD_FOR_REVIEW if outcome is Outcome.REJECT else outcome


def _review(
    plain: Verdict, judgement: Judgement, found: CoursePlan, *, outcome: Outcome = Outcome.HOLD_FOR_REVIEW
) -> Verdict:
    text = TEXTS[found.code]
    if judgement.fee is not None and found.code == ReasonCode.FEES_SUGGEST:
        text = f"A fee of {judgement.fee} is only suggested (modes.fees): `charge-fee` asks for it."
    would = (_WOULD_REJECT,) if judgement.outcome is Outcome.REJECT else ()
    return Verdict(outcome=outcome, reasons=(*would, Reason(found.code, text), *plain.reasons), course=found.course)


# --- damage limits ----------------------------------------------------------------------------------------------------


def _limited(draft: Draft, judgement: Judgement, plain: Verdict) -> Verdict:
    """Return what may be done now; if a limit stops it, staff are notified.

    The policy does not hold an order later that was once left to the panel, because the panel may have gone on with
    it; reasons that always hold are excepted.
    """
    if plain.outcome is Outcome.APPROVE:
        return plain
    if plain.outcome is Outcome.REJECT:
        return _reject(draft, plain)
    if ALWAYS_HELD & {reason.code for reason in judgement.reasons}:
        return plain
    too_many = draft.state in _CAN_BE_LEFT
    if was_limited(draft.decision) or (too_many and draft.is_reached(Limit.HELD_SHARE) is not None):
        return Verdict(outcome=plain.outcome, reasons=(*plain.reasons, _LEFT), course=Course.LEAVE)
    if plain.outcome is Outcome.HOLD_FOR_FEE and judgement.fee is not None:
        return _ask_fee(draft, plain, judgement.fee)
    return plain


def _reject(draft: Draft, plain: Verdict) -> Verdict:
    if draft.is_reached(Limit.REJECTS) is None:
        return plain
    text = "The policy would reject this order; the limit of rejects is reached, so a person decides."
    return Verdict(outcome=Outcome.HOLD_FOR_REVIEW, reasons=(Reason(ReasonCode.WOULD_REJECT, text), *plain.reasons))


def _ask_fee(draft: Draft, plain: Verdict, fee: Money) -> Verdict:
    """Limit a new fee; one that is already open does not count as new."""
    if fees.is_asked(draft, fee) or draft.is_reached(Limit.FEES) is None:
        return plain
    text = "The limit of fees is reached, so no invoice is created and a person decides."
    return Verdict(outcome=Outcome.HOLD_FOR_REVIEW, reasons=(Reason(ReasonCode.LIMIT_FEES, text), *plain.reasons))


def was_limited(decision: Decided | None) -> bool:
    """True if a stored decision was left to the panel because of a damage limit."""
    return decision is not None and any(reason["code"] == LEFT_TO_PANEL for reason in decision.reasons or ())


# --- what follows from the modes --------------------------------------------------------------------------------------


def plan_of_clock(draft: Draft) -> CoursePlan:
    """Return what is done if no rule settles an order and a person would hold it.

    An order that was already refused stays so; others are held only if the policy's mode of holding is enforce.
    """
    if draft.state in _REFUSED:
        return CoursePlan(Course.ACT)
    if was_limited(draft.decision):
        return CoursePlan(Course.LEAVE, ReasonCode.HOLD_SHADOW)
    hold = Outcome.HOLD_FOR_REVIEW
    return no_stronger(plan(hold, draft.policy.modes), _earlier(draft.decision), hold)


def kept_back(found: CoursePlan) -> Reason | None:
    """Return the reason why a plan does not carry out what was decided; None if it does."""
    return None if found.course is Course.ACT else Reason(found.code, TEXTS[found.code])


def was_left(decision: Decided | None) -> bool:
    """True if the modes keep a stored decision from being carried out: the gate lets it pass as in shadow."""
    found = _earlier(decision)
    return found is not None and found.course in {Course.LEAVE, Course.PROPOSE}


def proposal(order: Any, reasons: Any) -> str | None:
    """Return the staff action that is proposed for an order, by its row and the reasons in force."""
    if order.hold_kind is None:
        return None
    codes = [one["code"] for one in reasons or ()]
    if ReasonCode.NO_ANSWER in codes and order.hold_kind == HoldKind.ANSWER:
        return None  # the answer arrived after all
    return next((_SUGGESTED[code] for code in codes if code in _SUGGESTED), None)


def leave(draft: Draft, found: Verdict) -> None:
    """Leave an order to the panel; a proposal waits in the queue for a person meanwhile."""
    if any(reason.code == LEFT_TO_PANEL for reason in found.reasons):
        draft.say("left to the panel because a damage limit is reached", by=POLICY)
        return
    if draft.state in _NOT_ON_THE_WAY:
        draft.change(state=OrderState.RECEIVED.value)
    if found.course is Course.PROPOSE:
        if draft.state is OrderState.RECEIVED:
            rules = draft.policy.hold
            hours = rules.review_due_hours_paid if draft.paid else rules.review_due_hours_unpaid
            due_at = draft.order.hold_due_at or draft.now + timedelta(hours=hours)
            draft.hold(HoldKind.REVIEW, due_at=due_at, expires_at=None)
            set_hold_clock(draft)
        draft.say("waits for a person's decision; until then the panel goes on by itself", by=POLICY)
        return
    draft.end_hold()
    draft.say("left to the panel because of the policy's shadow mode", by=POLICY)
