"""Staff actions in Doorman: their decision supersedes the policy, and a re-score never undoes it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.billing import fees
from app.context import Context
from app.core.facts import Agreement, PaymentState
from app.core.judgement import vetting
from app.core.judgement.decide import Judgement, Outcome, Reason
from app.core.judgement.explanation.customer import work_summary
from app.core.judgement.explanation.plain import plain
from app.core.judgement.labour import custom_fee, max_fee
from app.core.judgement.reasons import ReasonCode
from app.core.judgement.stored import load_facts
from app.core.money import BadAmount, Money
from app.core.rows.belongings import Fee
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
from app.customers import counts
from app.errors import Invalid, NotFound, ShadowMode, WrongState
from app.installation.zones import panel_zone
from app.orders.order import OrderDraft, open_order
from app.orders.timers import look_again
from app.tables.orders import decisions as decisions_table
from app.tickets import messages, questions
from app.workflow import acting, decisions
from app.workflow.acting import ChangeRequest

_SHOWN = 200  # characters of a question in the reason
_LONGEST_MINUTES = 60 * 24 * 14
_CANCEL_REASONS: Mapping[str, str] = {
    ReasonCode.CUSTOMER_WITHDREW: "The customer withdrew the order.",
    ReasonCode.DUPLICATE: "The order is a duplicate.",
    ReasonCode.OTHER: "Cancelled by staff.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRequest:
    """The parameters of an action; charge-fee takes `minutes` or `amount` (a plain decimal), not both."""

    minutes: int | None = None
    amount: str | None = None
    fraud: bool = False
    reason: str | None = None
    note: str | None = None
    question: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """One action being carried out."""

    draft: OrderDraft
    request: ActionRequest
    by: str
    change: ChangeRequest
    judged: Judgement | None


async def act(
    tx: AsyncConnection,
    context: Context,
    order_id: int,
    action: Trigger,
    request: ActionRequest,
    *,
    by: str,
    now: datetime,
) -> None:
    """Carry out a person's action on one order, in this transaction.

    Raises NotFound, Invalid, WrongState if the order's state does not allow it, and ShadowMode in shadow, with
    what would have happened.
    """
    draft = await open_order(tx, order_id, mode=context.settings.mode, now=now)
    if draft is None:
        raise NotFound(f"no order {order_id} is known; its event may not have arrived yet")
    fee = await fees.latest_fee(draft)
    _check(draft, action, fee)
    judged = await decisions.latest_judged(draft)
    change = ChangeRequest(
        trigger=action, by=by, cause=f"action:{action}", zone=await panel_zone(tx, context.settings),
        panel_url=context.settings.panel_url,
    )  # fmt: skip
    work = _Work(draft=draft, request=request, by=by, change=change, judged=judged)
    if context.settings.mode.value == "shadow":
        raise ShadowMode(f"nothing was done in shadow mode; in enforce mode, {_WOULD[action]}")
    if action is not Trigger.REFUND_DONE:
        draft.change(touched_by_person=True)
    await _ACTIONS[action](work)
    await fees.update_refund(draft)
    await draft.save()
    context.wake()


def _check(draft: OrderDraft, action: Trigger, fee: Fee | None) -> None:
    state = None if fee is None else fee.state
    if (draft.state, action) not in TRANSITIONS:
        raise WrongState(f"{action} is not possible while the order is {draft.state}")
    refund_due = draft.order.refund_due_minor > 0
    if not action_guard(action, fee=state, refund_due=refund_due):
        raise WrongState(_GUARD_TEXTS.get(action, f"{action} is not possible now"))


_GUARD_TEXTS = {
    Trigger.WAIVE_FEE: "there is no open fee to waive",
    Trigger.DROP_REQUEST: "the fee for this work is already paid or settled",
    Trigger.REFUND_DONE: "no refund is due",
    Trigger.CHARGE_FEE: "a fee is already paid or being paid",
}
_WOULD = {
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


async def _withdraw(work: _Work) -> None:
    if not await acting.withdraw_lifecycle(work.draft):
        raise WrongState("a panel call for this order is in progress; try again in a moment")


async def _decide(work: _Work, outcome: Outcome, reason: Reason) -> ChangeRequest:
    decision_id = await decisions.record_person(work.draft, outcome, reason, by=work.by, note=work.request.note)
    if work.request.note:
        work.draft.say(f"note: {work.request.note}", by=work.by)
    return replace(work.change, cause=f"decision:{decision_id}")


async def _approve(work: _Work) -> None:
    draft = work.draft
    ended = draft.state in {OrderState.REJECTED, OrderState.CANCELLED}
    if ended and draft.order.payment_state == PaymentState.CANCELLED:
        raise WrongState(
            "the order's invoice is cancelled: set it to unpaid in the panel first, or have the customer order again"
        )
    await _withdraw(work)
    change = await _decide(work, Outcome.APPROVE, Reason(ReasonCode.APPROVED_BY_PERSON, f"Approved by {work.by}."))
    await counts.uncount_fraud(draft)
    await _let_go(work, change)


async def _let_go(work: _Work, change: ChangeRequest) -> None:
    draft = work.draft
    for flag in (Flag.HOLD_BREACHED, Flag.ACCEPTED_BY_AUTOMATION):
        draft.flag(flag, raised=False)
    plan = acting.default_plan(draft, work.judged)
    await acting.approve(draft, change, plan)
    await look_again(draft, seconds=15)


async def _reject(work: _Work) -> None:
    await _withdraw(work)
    fraud = work.request.fraud
    reason = (
        Reason(ReasonCode.FRAUD, "Rejected as fraud.")
        if fraud
        else Reason(ReasonCode.REJECTED_BY_PERSON, f"Rejected by {work.by}.")
    )
    change = await _decide(work, Outcome.REJECT, reason)
    await acting.end(work.draft, change, fraud=fraud, politely=not fraud and _only_unfit(work.judged))


def _only_unfit(judged: Judgement | None) -> bool:
    """True if the order just does not fit, and is declined politely."""
    return judged is not None and vetting.only_unfit(reason.code for reason in judged.reasons)


async def _cancel(work: _Work) -> None:
    code = work.request.reason or ReasonCode.OTHER
    if code not in _CANCEL_REASONS:
        known = ", ".join(_CANCEL_REASONS)
        raise Invalid("unknown reason", [{"path": "reason", "message": f"must be one of {known}"}])
    await _withdraw(work)
    change = await _decide(work, Outcome.REJECT, Reason(code, _CANCEL_REASONS[code]))
    await acting.end(work.draft, change, fraud=False, cancelled=True)


async def _hold(work: _Work) -> None:
    await _withdraw(work)
    code = ReasonCode.HELD_WHILE_RUNNING if _runs(work.draft) else ReasonCode.HELD_BY_PERSON
    change = await _decide(work, Outcome.HOLD_FOR_REVIEW, Reason(code, f"Held by {work.by}."))
    await acting.hold_for_review(work.draft, change, f"held by {work.by}")
    await look_again(work.draft, seconds=15)


async def _ask(work: _Work) -> None:
    draft, given = work.draft, plain(work.request.question or "").strip()
    prepared = work.judged.question if work.judged is not None else None
    text = given or prepared
    if not text or (work.request.question and not given):
        message = "must not be blank" if work.request.question else "the decision has no prepared question: write one"
        raise Invalid("no question", [{"path": "question", "message": message}])
    await questions.check(draft, text)
    await _withdraw(work)
    change = await _decide(work, Outcome.HOLD_FOR_REVIEW, Reason(ReasonCode.ASKED, f"{work.by} asked: {text[:_SHOWN]}"))
    rule = work.judged.question_rule if work.judged is not None and text == prepared else None
    await acting.hold_for_answer(draft, change, questions.Asking(text=text, rule=rule, by=work.by))
    await look_again(draft, seconds=15)


def _runs(draft: OrderDraft) -> bool:
    """True if some of the order is built: a hold comes too late for that part, which is no breach."""
    return draft.order.provisioning in {Provisioning.DONE, Provisioning.PARTIAL}


async def _charge_fee(work: _Work) -> None:
    draft = work.draft
    amount, minutes = _fee_amount(work)
    await _withdraw(work)
    if draft.order.hold_kind == HoldKind.ANSWER:
        draft.change(hold_kind=HoldKind.REVIEW.value)  # a person has read the answer, or no longer waits for it
    code = ReasonCode.FEE_WHILE_RUNNING if _runs(draft) else ReasonCode.FEE_BY_PERSON
    change = await _decide(work, Outcome.HOLD_FOR_FEE, Reason(code, f"{work.by} asked for a fee of {amount}."))
    asked = await _work_words(work)
    draft.change(agreement=Agreement.NONE.value)
    await acting.hold_for_fee(draft, change, amount, minutes=minutes, work=asked)
    await look_again(draft, seconds=15)


def _fee_amount(work: _Work) -> tuple[Money, int | None]:
    request, currency, policy = work.request, work.draft.order.currency, work.draft.policy.policy
    if request.minutes is not None and request.amount is not None:
        raise Invalid("both given", [{"path": "minutes", "message": "give minutes or an amount, not both"}])
    if currency is None or currency not in policy.currencies:
        raise WrongState(f"the policy has no amounts for the order's currency ({currency or 'unknown'})")
    if request.amount is not None:
        try:
            amount = Money.from_text(request.amount, currency)
        except BadAmount as error:
            raise Invalid("bad amount", [{"path": "amount", "message": str(error)}]) from None
        if not 0 < amount.amount_minor <= max_fee(currency, policy).amount_minor:
            most = max_fee(currency, policy)
            raise Invalid("bad amount", [{"path": "amount", "message": f"must be above zero and at most {most}"}])
        return amount, None
    if request.minutes is not None:
        if not 0 < request.minutes <= _LONGEST_MINUTES:
            raise Invalid("bad minutes", [{"path": "minutes", "message": f"must be 1 to {_LONGEST_MINUTES}"}])
        return custom_fee(request.minutes, currency, policy), request.minutes
    estimate = work.judged.labour.estimate if work.judged is not None else None
    if estimate is None or estimate.amount_minor <= 0 or estimate.currency != currency:
        raise Invalid(
            "no estimate",
            [{"path": "minutes", "message": "there is no estimate for this order: give minutes or an amount"}],
        )
    return estimate, work.judged.labour.minutes if work.judged else None


async def _work_words(work: _Work) -> str:
    """Return what the fee is for, in words for the customer: from the facts, never from a staff note.

    Empty if the estimate only covers entering the order.
    """
    by_estimate = work.request.minutes is None and work.request.amount is None
    if by_estimate and work.judged is not None and not work.judged.labour.custom_minutes:
        return ""
    stored = (
        await work.draft.tx.execute(
            decisions_table.select()
            .where(decisions_table.c.order_id == work.draft.order_id, decisions_table.c.facts.is_not(None))
            .order_by(decisions_table.c.id.desc())
            .limit(1)
        )
    ).first()
    if stored is None:
        return work.draft.policy.policy.texts.work.other
    return work_summary(load_facts(stored.facts), work.draft.policy.policy)


async def _waive_fee(work: _Work) -> None:
    draft = work.draft
    current = await fees.open_fee(draft)
    await _withdraw(work)
    change = await _decide(work, Outcome.APPROVE, Reason(ReasonCode.FEE_WAIVED, f"Fee waived by {work.by}."))
    draft.change(agreement=Agreement.FEE_WAIVED.value)
    if current is not None:
        await fees.cancel(draft, current, cause=change.cause, state=FeeState.WAIVED)
    await _let_go(work, change)
    await _tell(work, change, "waived", draft.policy.policy.messages.fee_waived)


async def _drop_request(work: _Work) -> None:
    draft = work.draft
    await _withdraw(work)
    change = await _decide(
        work, Outcome.APPROVE, Reason(ReasonCode.REQUEST_DROPPED, "Goes on as sold in the cart, without a fee.")
    )
    draft.change(agreement=Agreement.REQUEST_DROPPED.value)
    await _let_go(work, change)
    await _tell(work, change, "dropped", draft.policy.policy.messages.request_dropped)


async def _tell(work: _Work, change: ChangeRequest, about: str, message: Any) -> None:
    await messages.tell_customer(
        work.draft, message, key=f"order:{work.draft.order_id}:tell:{about}", cause=change.cause, zone=change.zone,
        panel_url=change.panel_url,
    )  # fmt: skip


async def _refund_done(work: _Work) -> None:
    work.draft.say("the refund is done", by=work.by)
    if work.request.note:
        work.draft.say(f"note: {work.request.note}", by=work.by)
    due, done = int(work.draft.order.refund_due_minor), int(work.draft.order.refunded_minor)
    work.draft.change(refunded_minor=done + due)


_ACTIONS: dict[Trigger, Callable[[_Work], Awaitable[None]]] = {
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
