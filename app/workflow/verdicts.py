"""Apply the policy's modes to a judgement: act on it, hold for a person, propose it in the queue, or do nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from app.billing import fees, limits
from app.billing.limits import LimitVerdict
from app.core.judgement.course import PROPOSED, TEXTS, Course, Plan, earlier_plan, no_stronger, plan
from app.core.judgement.decide import Judgement, Outcome, Reason
from app.core.judgement.reasons import ReasonCode
from app.core.records import POLICY, Mode
from app.core.rows.belongings import Decided
from app.core.states import HoldKind, OrderState
from app.orders.order import OrderDraft
from app.orders.timers import set_hold_clock

_WOULD_REJECT = Reason(ReasonCode.WOULD_REJECT, "The policy would reject this order; a person decides.")
#: The suggested action by the reason in force: a mode's suggestion, or the one for a customer who does not answer.
_SUGGESTED = {**PROPOSED, ReasonCode.NO_ANSWER: "cancel"}
_REFUSED = (OrderState.HELD, OrderState.REJECTING)
_NOT_ON_THE_WAY = (OrderState.RECEIVED, OrderState.AWAITING_PAYMENT, OrderState.HELD)


async def apply(draft: OrderDraft, judgement: Judgement, in_force: Decided | None) -> LimitVerdict:
    """Return what is done about a judgement, by the modes and then by the damage limits.

    `in_force` is the decision until now: an order that was left to the panel, or only proposed, stays so.
    """
    plain = LimitVerdict(outcome=judgement.outcome, reasons=judgement.reasons)
    if not draft.acts:
        return plain
    found = await _plan(draft, judgement, in_force)
    match found.course:
        case Course.ACT:
            return await limits.apply(draft, judgement, plain, in_force)
        case Course.REVIEW:
            return await limits.apply(draft, judgement, _review(plain, judgement, found), in_force)
        case Course.PROPOSE:
            return _review(plain, judgement, found, outcome=_proposed(judgement.outcome))
        case Course.LEAVE:
            reason = Reason(found.code, TEXTS[found.code])
            return LimitVerdict(outcome=plain.outcome, reasons=(*plain.reasons, reason), course=found.course)


async def _plan(draft: OrderDraft, judgement: Judgement, in_force: Decided | None) -> Plan:
    if draft.state is OrderState.RELEASING and judgement.outcome is Outcome.APPROVE:
        return Plan(Course.ACT)  # decided earlier, and in progress
    if judgement.fee is not None and await fees.is_asked(draft, judgement.fee):
        return Plan(Course.ACT)  # the customer knows about it
    modes = draft.policy.policy.modes
    now = plan(judgement.outcome, modes, held=draft.state is OrderState.HELD)
    return no_stronger(now, _earlier(in_force), judgement.outcome)


def _earlier(decision: Decided | None) -> Plan | None:
    if decision is None:
        return None
    codes = [reason["code"] for reason in decision.reasons or ()]
    return earlier_plan(codes, in_shadow=decision.mode == Mode.SHADOW)


def _proposed(outcome: Outcome) -> Outcome:
    """Turn a reject that is only proposed into a review, as with `auto_reject` off."""
    return Outcome.HOLD_FOR_REVIEW if outcome is Outcome.REJECT else outcome


def _review(
    plain: LimitVerdict, judgement: Judgement, found: Plan, *, outcome: Outcome = Outcome.HOLD_FOR_REVIEW
) -> LimitVerdict:
    text = TEXTS[found.code]
    if judgement.fee is not None and found.code == ReasonCode.FEES_SUGGEST:
        text = f"A fee of {judgement.fee} is only suggested (modes.fees): `charge-fee` asks for it."
    would = (_WOULD_REJECT,) if judgement.outcome is Outcome.REJECT else ()
    return LimitVerdict(
        outcome=outcome, reasons=(*would, Reason(found.code, text), *plain.reasons), course=found.course
    )


def plan_of_clock(draft: OrderDraft, in_force: Decided | None) -> Plan:
    """Return what is done if no rule settles an order and a person would hold it.

    An order that was already refused stays so; others are held only if the policy's mode of holding is enforce.
    """
    if draft.state in _REFUSED:
        return Plan(Course.ACT)
    if limits.was_left(in_force):
        return Plan(Course.LEAVE, ReasonCode.HOLD_SHADOW)
    hold = Outcome.HOLD_FOR_REVIEW
    return no_stronger(plan(hold, draft.policy.policy.modes), _earlier(in_force), hold)


def kept_back(found: Plan) -> Reason | None:
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


async def leave(draft: OrderDraft, verdict: LimitVerdict) -> None:
    """Leave an order to the panel; a proposal waits in the queue for a person meanwhile."""
    if limits.is_limited(verdict):
        draft.say("left to the panel because a damage limit is reached", by=POLICY)
        return
    if draft.state in _NOT_ON_THE_WAY:
        draft.change(state=OrderState.RECEIVED.value)
    if verdict.course is Course.PROPOSE:
        if draft.state is OrderState.RECEIVED:
            rules = draft.policy.policy.hold
            hours = rules.review_due_hours_paid if draft.paid else rules.review_due_hours_unpaid
            due_at = draft.order.hold_due_at or draft.now + timedelta(hours=hours)
            draft.hold(HoldKind.REVIEW, due_at=due_at, expires_at=None)
            await set_hold_clock(draft)
        draft.say("waits for a person's decision; until then the panel goes on by itself", by=POLICY)
        return
    draft.change(hold_kind=None, hold_since=None, hold_due_at=None, hold_expires_at=None)
    draft.say("left to the panel because of the policy's shadow mode", by=POLICY)
