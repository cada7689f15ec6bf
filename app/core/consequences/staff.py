"""Staff actions in Doorman: their decision supersedes the policy, and a re-score never undoes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from app.core.consequences import acting, fees, messages, questions
from app.core.consequences.acting import ChangeRequest
from app.core.consequences.counting import uncount_fraud
from app.core.consequences.desk.in_panel import instead
from app.core.consequences.desk.unpaid import UnpaidWork, unpaid_work
from app.core.consequences.draft import Draft
from app.core.consequences.effects import Plan
from app.core.consequences.news import ActionRequest, WorkTerms
from app.core.consequences.refused import Refusal, Refused
from app.core.consequences.snapshot import Conditions, Snapshot
from app.core.consequences.timers import look_again
from app.core.facts import Agreement, Facts, PaymentState
from app.core.judgement import vetting
from app.core.judgement.decide import Judgement, Outcome, Reason
from app.core.judgement.explanation.customer import work_summary
from app.core.judgement.explanation.plain import plain
from app.core.judgement.labour import custom_fee, max_fee
from app.core.judgement.reasons import ReasonCode
from app.core.money import BadAmount, Money
from app.core.policy.sections.acting import Message
from app.core.records import Mode
from app.core.states import (
    TRANSITIONS,
    FeeState,
    Flag,
    HoldKind,
    OrderState,
    Provisioning,
    Trigger,
    action_guard,
)

_SHOWN: Final = 200  # characters of a question in the reason
_LONGEST_MINUTES: Final = 60 * 24 * 14
_CANCEL_REASONS: Final[Mapping[str, str]] = {
    ReasonCode.CUSTOMER_WITHDREW: "The customer withdrew the order.",
    ReasonCode.DUPLICATE: "The order is a duplicate.",
    ReasonCode.OTHER: "Cancelled by staff.",
}
_GUARD_TEXTS: Final[Mapping[Trigger, str]] = {
    Trigger.WAIVE_FEE: "there is no open fee to waive",
    Trigger.DROP_REQUEST: "the fee for this work is already paid or settled",
    Trigger.REFUND_DONE: "no refund is due",
    Trigger.CHARGE_FEE: "a fee is already paid or being paid",
}
_WOULD: Final[Mapping[Trigger, str]] = {
    Trigger.APPROVE: "the order would be accepted as soon as it is paid",
    Trigger.REJECT: "the order would be cancelled or marked as fraud in the panel",
    Trigger.CHARGE_FEE: "an invoice for the fee would be created and the customer notified",
    Trigger.WAIVE_FEE: "the fee would be waived and the order would go on",
    Trigger.DROP_REQUEST: "the order would go on as sold in the cart, without a fee",
    Trigger.CANCEL: "the order would be cancelled in the panel",
    Trigger.ASK: "the customer would be asked by ticket and the order held until the answer arrives",
    Trigger.HOLD: "the order would be held for review",
    Trigger.REFUND_DONE: "the refund would be marked as done",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """One action being carried out; `facts` are those of the policy's newest decision."""

    draft: Draft
    request: ActionRequest
    by: str
    change: ChangeRequest
    judged: Judgement | None
    facts: Facts | None


def act(
    action: Trigger,
    request: ActionRequest,
    snapshot: Snapshot,
    given: Conditions,
    *,
    by: str,
    facts: Facts | None = None,
) -> Plan:
    """Carry out a person's action on an order; `facts` are those of the policy's newest decision.

    Raises Refused if the request is invalid, the order's state does not allow it, or nothing is done in shadow.
    """
    draft = Draft.of(snapshot, given)
    perform(draft, action, request, by=by, facts=facts)
    return draft.plan()


def perform(draft: Draft, action: Trigger, request: ActionRequest, *, by: str, facts: Facts | None = None) -> None:
    """Carry out a person's action on a draft. Raises as `act` does."""
    _check(draft, action)
    change = ChangeRequest(trigger=action, by=by, cause=f"action:{action}")
    work = _Work(draft=draft, request=request, by=by, change=change, judged=draft.judged, facts=facts)
    if draft.given.cut_over.mode is Mode.SHADOW:
        raise Refused(Refusal.SHADOW, f"nothing was done in shadow mode; in enforce mode, {_WOULD[action]}")
    if action is not Trigger.REFUND_DONE:
        draft.change(touched_by_person=True)
    _ACTIONS[action](work)
    fees.update_refund(draft)


def _check(draft: Draft, action: Trigger) -> None:
    if (draft.state, action) not in TRANSITIONS:
        text, in_panel = f"{action} is not possible while the order is {draft.state}", instead(draft.state, action)
        if in_panel is not None:
            raise Refused(Refusal.IN_PANEL, f"{text}; {in_panel} in the panel")
        raise Refused(Refusal.WRONG_STATE, text)
    state = None if draft.latest_fee is None else draft.latest_fee.state
    if not action_guard(action, fee=state, refund_due=draft.order.refund_due_minor > 0):
        raise Refused(Refusal.WRONG_STATE, _GUARD_TEXTS.get(action, f"{action} is not possible now"))


def _invalid(title: str, path: str, message: str) -> Refused:
    return Refused(Refusal.INVALID, title, [{"path": path, "message": message}])


def _withdraw(work: _Work) -> None:
    if not work.draft.withdraw_lifecycle():
        raise Refused(Refusal.WRONG_STATE, "a panel call for this order is in progress; try again in a moment")


def _decide(work: _Work, outcome: Outcome, reason: Reason, *more: Reason) -> ChangeRequest:
    acting.record(work.draft, outcome, reason, *more, by=work.by, note=work.request.note)
    if work.request.note:
        work.draft.say(f"note: {work.request.note}", by=work.by)
    return replace(work.change, cause=work.draft.decision_cause)


def _approve(work: _Work) -> None:
    draft = work.draft
    ended = draft.state in {OrderState.REJECTED, OrderState.CANCELLED}
    if ended and draft.order.payment_state is PaymentState.CANCELLED:
        raise Refused(
            Refusal.WRONG_STATE,
            "the order's invoice is cancelled: set it to unpaid in the panel first, or have the customer order again",
        )
    if work.request.work is WorkTerms.FEE:
        _check(draft, Trigger.CHARGE_FEE)
        _ask_fee(replace(work, change=replace(work.change, trigger=Trigger.CHARGE_FEE)), "approved it for")
        return
    unpaid = unpaid_work(draft.order, work.judged)
    if unpaid is not None and work.request.work is None:
        raise _needs_a_word(draft, unpaid)
    offered = draft.open_fee is not None and work.request.work is WorkTerms.FREE
    _withdraw(work)
    approved = Reason(ReasonCode.APPROVED_BY_PERSON, f"Approved by {work.by}.")
    change = _decide(work, Outcome.APPROVE, approved, *_given_away(None if offered else unpaid))
    uncount_fraud(draft)
    if offered or unpaid is not None:
        _waive(draft, cause=change.cause)
    _let_go(work, change)
    if offered:
        _tell(work, change, "waived", draft.policy.messages.fee_waived)


def _needs_a_word(draft: Draft, unpaid: UnpaidWork) -> Refused:
    """Return the refusal of an approve that would give away work unseen, with the ways out that are open."""
    fee, chargeable = unpaid.fee, unpaid.fee is not None and (draft.state, Trigger.CHARGE_FEE) in TRANSITIONS
    price = f"the fee would be {fee}" if fee is not None else "the policy has no fee in the order's currency"
    ways = '{"work": "fee"} to ask for the fee, or {"work": "free"} to do it for free'
    text = (
        f"the order asks for about {unpaid.minutes} minutes of work that nobody pays for ({price}): "
        f"approve it with {ways if chargeable else ways.partition(', or ')[2]}"
    )
    members = {
        "minutes": unpaid.minutes,
        "fee": None if fee is None else fee.to_text(),
        "currency": None if fee is None else fee.currency,
    }
    return Refused(Refusal.WORK_UNPAID, text, members=members)


def _given_away(unpaid: UnpaidWork | None) -> tuple[Reason, ...]:
    if unpaid is None:
        return ()
    price = "" if unpaid.fee is None else f", without the fee of {unpaid.fee}"
    return (Reason(ReasonCode.WORK_FREE, f"About {unpaid.minutes} minutes of work are done for free{price}."),)


def _waive(draft: Draft, *, cause: str) -> None:
    """Have the work done for free: an open fee is waived."""
    draft.change(agreement=Agreement.FEE_WAIVED.value)
    if draft.open_fee is not None:
        fees.cancel(draft, draft.open_fee, cause=cause, state=FeeState.WAIVED)


def _let_go(work: _Work, change: ChangeRequest) -> None:
    for flag in (Flag.HOLD_BREACHED, Flag.ACCEPTED_BY_AUTOMATION):
        work.draft.flag(flag, raised=False)
    acting.approve(work.draft, change, acting.accept_plan(work.draft, work.judged))
    look_again(work.draft, seconds=15)


def _reject(work: _Work) -> None:
    _withdraw(work)
    fraud = work.request.fraud
    reason = (
        Reason(ReasonCode.FRAUD, "Rejected as fraud: marked as fraud in the panel, and known for it from now on.")
        if fraud
        else Reason(ReasonCode.REJECTED_BY_PERSON, f"Rejected by {work.by}: cancelled, not marked as fraud.")
    )
    change = _decide(work, Outcome.REJECT, reason)
    acting.end(work.draft, change, fraud=fraud, politely=not fraud and _only_unfit(work.judged))


def _only_unfit(judged: Judgement | None) -> bool:
    """True if the order just does not fit, and is declined politely."""
    return judged is not None and vetting.only_unfit(reason.code for reason in judged.reasons)


def _cancel(work: _Work) -> None:
    code = work.request.reason or ReasonCode.OTHER
    if code not in _CANCEL_REASONS:
        raise _invalid("unknown reason", "reason", f"must be one of {', '.join(_CANCEL_REASONS)}")
    _withdraw(work)
    change = _decide(work, Outcome.REJECT, Reason(code, _CANCEL_REASONS[code]))
    acting.end(work.draft, change, fraud=False, cancelled=True)


def _hold(work: _Work) -> None:
    _withdraw(work)
    code = ReasonCode.HELD_WHILE_RUNNING if _runs(work.draft) else ReasonCode.HELD_BY_PERSON
    change = _decide(work, Outcome.HOLD_FOR_REVIEW, Reason(code, f"Held by {work.by}."))
    acting.hold_for_review(work.draft, change, f"held by {work.by}")
    look_again(work.draft, seconds=15)


def _ask(work: _Work) -> None:
    draft, given = work.draft, plain(work.request.question or "").strip()
    prepared = work.judged.question if work.judged is not None else None
    text = given or prepared
    if not text or (work.request.question and not given):
        message = "must not be blank" if work.request.question else "the decision has no prepared question: write one"
        raise _invalid("no question", "question", message)
    questions.check(draft, text)
    _withdraw(work)
    change = _decide(work, Outcome.HOLD_FOR_REVIEW, Reason(ReasonCode.ASKED, f"{work.by} asked: {text[:_SHOWN]}"))
    rule = work.judged.question_rule if work.judged is not None and text == prepared else None
    acting.hold_for_answer(draft, change, questions.Asking(text=text, rule=rule, by=work.by))
    look_again(draft, seconds=15)


def _runs(draft: Draft) -> bool:
    """True if some of the order is built: a hold comes too late for that part, which is no breach."""
    return draft.order.provisioning in {Provisioning.DONE, Provisioning.PARTIAL}


def _charge_fee(work: _Work) -> None:
    _ask_fee(work, "asked for")


def _ask_fee(work: _Work, did: str) -> None:
    draft = work.draft
    amount, minutes = _fee_amount(work)
    _withdraw(work)
    if draft.order.hold_kind is HoldKind.ANSWER:
        draft.change(hold_kind=HoldKind.REVIEW.value)  # a person has read the answer, or no longer waits for it
    code = ReasonCode.FEE_WHILE_RUNNING if _runs(draft) else ReasonCode.FEE_BY_PERSON
    change = _decide(work, Outcome.HOLD_FOR_FEE, Reason(code, f"{work.by} {did} a fee of {amount}."))
    draft.change(agreement=Agreement.NONE.value)
    acting.hold_for_fee(draft, change, amount, minutes=minutes, work=_work_words(work))
    look_again(draft, seconds=15)


def _fee_amount(work: _Work) -> tuple[Money, int | None]:
    request, currency, policy = work.request, work.draft.order.currency, work.draft.policy
    if request.minutes is not None and request.amount is not None:
        raise _invalid("both given", "minutes", "give minutes or an amount, not both")
    if currency is None or currency not in policy.currencies:
        text = f"the policy has no amounts for the order's currency ({currency or 'unknown'})"
        raise Refused(Refusal.WRONG_STATE, text)
    if request.amount is not None:
        return _given_amount(request.amount, max_fee(currency, policy)), None
    if request.minutes is not None:
        if not 0 < request.minutes <= _LONGEST_MINUTES:
            raise _invalid("bad minutes", "minutes", f"must be 1 to {_LONGEST_MINUTES}")
        return custom_fee(request.minutes, currency, policy), request.minutes
    estimate = work.judged.labour.estimate if work.judged is not None else None
    if estimate is None or estimate.amount_minor <= 0 or estimate.currency != currency:
        field = "minutes" if request.work is None else "work"
        message = "there is no estimate for this order: charge a fee by minutes or by amount"
        raise _invalid("no estimate", field, message)
    return estimate, work.judged.labour.minutes if work.judged else None


def _given_amount(text: str, most: Money) -> Money:
    try:
        amount = Money.from_text(text, most.currency)
    except BadAmount as error:
        raise _invalid("bad amount", "amount", str(error)) from None
    if not 0 < amount.amount_minor <= most.amount_minor:
        raise _invalid("bad amount", "amount", f"must be above zero and at most {most}")
    return amount


def _work_words(work: _Work) -> str:
    """Return what the fee is for, in words for the customer: from the facts, never from a staff note.

    Empty if the estimate only covers entering the order.
    """
    by_estimate = work.request.minutes is None and work.request.amount is None
    if by_estimate and work.judged is not None and not work.judged.labour.custom_minutes:
        return ""
    if work.facts is None:
        return work.draft.policy.texts.work.other
    return work_summary(work.facts, work.draft.policy)


def _waive_fee(work: _Work) -> None:
    draft = work.draft
    _withdraw(work)
    change = _decide(work, Outcome.APPROVE, Reason(ReasonCode.FEE_WAIVED, f"Fee waived by {work.by}."))
    _waive(draft, cause=change.cause)
    _let_go(work, change)
    _tell(work, change, "waived", draft.policy.messages.fee_waived)


def _drop_request(work: _Work) -> None:
    _withdraw(work)
    reason = Reason(ReasonCode.REQUEST_DROPPED, "Goes on as sold in the cart, without a fee.")
    change = _decide(work, Outcome.APPROVE, reason)
    work.draft.change(agreement=Agreement.REQUEST_DROPPED.value)
    _let_go(work, change)
    _tell(work, change, "dropped", work.draft.policy.messages.request_dropped)


def _tell(work: _Work, change: ChangeRequest, about: str, message: Message) -> None:
    key = f"order:{work.draft.order_id}:tell:{about}"
    messages.tell_customer(work.draft, message, key=key, cause=change.cause)


def _refund_done(work: _Work) -> None:
    draft = work.draft
    draft.say("the refund is done", by=work.by)
    if work.request.note:
        draft.say(f"note: {work.request.note}", by=work.by)
    draft.change(refunded_minor=draft.order.refunded_minor + draft.order.refund_due_minor)


_ACTIONS: Final[Mapping[Trigger, Callable[[_Work], None]]] = {
    Trigger.APPROVE: _approve,
    Trigger.REJECT: _reject,
    Trigger.CANCEL: _cancel,
    Trigger.ASK: _ask,
    Trigger.HOLD: _hold,
    Trigger.CHARGE_FEE: _charge_fee,
    Trigger.WAIVE_FEE: _waive_fee,
    Trigger.DROP_REQUEST: _drop_request,
    Trigger.REFUND_DONE: _refund_done,
}
