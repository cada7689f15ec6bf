"""What an outcome leads to, no matter who decided it: the order's next state and the panel calls to make."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from app.core.actions import AcceptOrder, Action, CancelOrder, FraudOrder, PanelAction, PendingOrder
from app.core.consequences import fees, messages, modes, questions
from app.core.consequences.building import panel_builds_until
from app.core.consequences.counting import count_fraud, count_released
from app.core.consequences.draft import Draft
from app.core.consequences.effects import Decide
from app.core.consequences.timers import set_hold_clock
from app.core.judgement.accepting import AcceptPlan
from app.core.judgement.decide import Judgement, Outcome, Reason
from app.core.money import Money
from app.core.policy.sections.acting import AcceptMode
from app.core.records import CLOCK, Mode
from app.core.states import FeeState, HoldKind, OrderState, Provisioning, Trigger
from app.core.statuses import PanelOrderStatus

_VERBS = {
    Action.ACCEPT_ORDER: "accept",
    Action.PENDING_ORDER: "pending",
    Action.CANCEL_ORDER: "cancel",
    Action.FRAUD_ORDER: "fraud",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRequest:
    """The wanted change of an order, no matter who decided it. `cause` goes into each call, `by` into the timeline."""

    trigger: Trigger
    by: str
    cause: str


def record(
    draft: Draft,
    outcome: Outcome,
    reason: Reason,
    *more: Reason,
    by: str,
    note: str | None = None,
    kept_back: Reason | None = None,
) -> None:
    """Record what a person, or the clock, decided; it supersedes the policy.

    `kept_back`: why the policy's modes do not allow to carry it out.
    """
    questions.close(draft, outcome, reason)
    reasons = (reason, *more) if kept_back is None else (reason, *more, kept_back)
    draft.decide(Decide(outcome=outcome, reasons=reasons, by=by, mode=mode_of(draft, kept_back is None), note=note))


def mode_of(draft: Draft, acted: bool) -> str:
    """Return the mode that a decision is stored with: shadow if it is only recorded."""
    return (Mode.ENFORCE if draft.acts and acted else Mode.SHADOW).value


def key_of(draft: Draft, action: PanelAction) -> str:
    """Return the key of a lifecycle call: it names the order and the wanted change."""
    return f"order:{draft.order_id}:{_VERBS[action.action]}"


def accept_action(draft: Draft, plan: AcceptPlan) -> AcceptOrder:
    """Return the accept of this order; services that are provisioned already are not set up again."""
    built = draft.order.provisioning is Provisioning.DONE
    return AcceptOrder(
        order_id=draft.order_id,
        autosetup=plan.autosetup and not built,
        sendemail=plan.sendemail and not built,
        sendregistrar=plan.sendregistrar and not built,
    )


def accept_plan(draft: Draft, judged: Judgement | None) -> AcceptPlan:
    """Return how to accept: as judged, else the policy's default."""
    if judged is not None:
        return judged.accept
    rules = draft.policy.accept
    return AcceptPlan(
        mode=rules.mode, autosetup=rules.autosetup, sendemail=rules.sendemail, sendregistrar=rules.sendregistrar
    )


def approve(draft: Draft, change: ChangeRequest, plan: AcceptPlan) -> None:
    """Approve it: accept it if paid, wait for its payment, or open the gate and leave the rest to staff."""
    draft.change(accept_mode=plan.mode.value)
    if draft.move(change.trigger) is None:
        return
    current = draft.open_fee
    if current is not None and current.wanted_state is None:
        fees.cancel(draft, current, cause=change.cause)
    go_on(draft, change, plan)


def go_on(draft: Draft, change: ChangeRequest, plan: AcceptPlan) -> None:
    """Do what the new state of an approved order requires."""
    undo = draft.order.panel_status in {PanelOrderStatus.CANCELLED, PanelOrderStatus.FRAUD}
    if undo:
        undoing = PendingOrder(order_id=draft.order_id)
        draft.want(undoing, key=key_of(draft, undoing), cause=change.cause)
    if draft.state is OrderState.RELEASING and not undo:
        accept, due_at = accept_action(draft, plan), panel_builds_until(draft)
        draft.want(accept, key=key_of(draft, accept), cause=change.cause, due_at=due_at)
    if draft.state is OrderState.RELEASED:
        if plan.mode is AcceptMode.RELEASE_ONLY:
            text = "approved; staff accept and provision it"
            messages.note_for_staff(draft, text, about="released", cause=change.cause)
        count_released(draft)
    if draft.state is OrderState.AWAITING_PAYMENT:
        draft.say("will be accepted as soon as it is paid", by=change.by)


def hold_for_fee(draft: Draft, change: ChangeRequest, amount: Money, *, minutes: int | None, work: str) -> None:
    """Keep it Pending and ask for the fee; the customer is notified once the invoice exists."""
    if draft.move(change.trigger) is None:
        return
    expires_at = draft.now + timedelta(days=draft.policy.hold.expires_days)
    if draft.order.hold_kind is HoldKind.ANSWER:  # a person still has to read the customer's answer
        draft.hold(HoldKind.ANSWER, due_at=draft.order.hold_due_at, expires_at=expires_at)
    else:
        draft.hold(HoldKind.FEE, due_at=expires_at, expires_at=expires_at)
    wanted = {"amount_minor": amount.amount_minor, "currency": amount.currency, "minutes": minutes, "work": work}
    draft.change(fee_wanted=wanted)
    fees.ask(draft, amount, minutes=minutes, work=work, by=change.by, cause=change.cause)
    note = f"held for a fee of {amount} ({work or 'handling'})"
    messages.note_for_staff(draft, note, about=f"fee:{amount.amount_minor}", cause=change.cause)
    set_hold_clock(draft)


def hold_for_review(draft: Draft, change: ChangeRequest, why: str) -> None:
    """Keep it Pending for a person, with a due time; an open fee is cancelled."""
    news = draft.state is not OrderState.HELD or draft.order.hold_kind is not HoldKind.REVIEW
    if draft.move(change.trigger) is None:
        return
    draft.hold(HoldKind.REVIEW, due_at=draft.now + review_hours(draft), expires_at=None)
    fees.cancel_open(draft, cause=change.cause)
    set_hold_clock(draft)
    if news:
        messages.note_for_staff(draft, f"held for review: {why}", about="review", cause=change.cause)
        key = f"order:{draft.order_id}:tell:review"
        messages.tell_customer(draft, draft.policy.messages.review_hold, key=key, cause=change.cause)


def review_hours(draft: Draft) -> timedelta:
    """Return how long a person may take to review the order."""
    rules = draft.policy.hold
    return timedelta(hours=rules.review_due_hours_paid if draft.paid else rules.review_due_hours_unpaid)


def hold_for_answer(draft: Draft, change: ChangeRequest, asking: questions.Asking) -> None:
    """Keep it Pending, ask the customer and wait for the answer; an open fee is cancelled."""
    if draft.move(change.trigger) is None:
        return
    questions.ask(draft, asking, cause=change.cause)
    fees.cancel_open(draft, cause=change.cause)


def end(draft: Draft, change: ChangeRequest, *, fraud: bool, cancelled: bool = False, politely: bool = False) -> None:
    """Reject or cancel it in the panel, and settle what was paid; `politely`: the order just does not fit."""
    if draft.move(change.trigger) is None:
        return
    if fraud:
        count_fraud(draft)
    active = draft.order.panel_status == PanelOrderStatus.ACTIVE
    action = PendingOrder(order_id=draft.order_id) if active else ending_action(draft)
    draft.want(action, key=key_of(draft, action), cause=change.cause)
    settle_money(draft, cause=change.cause)
    rules = draft.policy.messages
    turned_away = rules.declined if politely else rules.rejected
    message = rules.cancelled if cancelled else turned_away
    messages.tell_customer(draft, message, key=f"order:{draft.order_id}:tell:end", cause=change.cause)


def ending_action(draft: Draft) -> PanelAction:
    """Return the call that ends this order in the panel."""
    return FraudOrder(order_id=draft.order_id) if draft.order.fraud else CancelOrder(order_id=draft.order_id)


def settle_money(draft: Draft, *, cause: str) -> None:
    """Settle an order that ended: cancel or return its fee; a person decides about money paid on it."""
    fees.end(draft, cause=cause)
    fees.update_refund(draft)


def hold_by_clock(draft: Draft, reason: Reason, *, due_in: timedelta = timedelta(0)) -> None:
    """Hold an order that no rule settles for review, by the clock, and leave nothing else of it open.

    If the policy's modes forbid a hold, the order only waits in the queue, and the panel carries on meanwhile.
    """
    why_not = modes.kept_back(modes.plan_of_clock(draft))
    record(draft, Outcome.HOLD_FOR_REVIEW, reason, by=CLOCK, kept_back=why_not)
    draft.change(state=(OrderState.HELD if why_not is None else OrderState.RECEIVED).value)
    draft.hold(HoldKind.REVIEW, due_at=draft.now + due_in, expires_at=None)
    current = draft.open_fee
    if current is not None and current.wanted_state is None and current.state in {FeeState.PENDING, FeeState.UNPAID}:
        fees.cancel(draft, current, cause=draft.decision_cause)
    set_hold_clock(draft)
