"""Turn an outcome into its effects: the order's next state and the panel calls to make, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

import sqlalchemy as sa

from app.billing import fees
from app.core.actions import AcceptOrder, Action, CancelOrder, FraudOrder, PanelAction, PendingOrder
from app.core.judgement.accepting import AcceptPlan
from app.core.judgement.decide import Judgement, Outcome, Reason
from app.core.money import Money
from app.core.policy.sections.acting import AcceptMode
from app.core.records import CLOCK, CallState
from app.core.states import HoldKind, OrderState, Provisioning, Trigger
from app.core.statuses import PanelOrderStatus
from app.customers import counts
from app.messaging import outbox
from app.orders.order import OrderDraft
from app.orders.timers import set_hold_clock
from app.tables.inbox import EventSource, events
from app.tables.orders import decisions as decided
from app.tables.outbox import panel_calls
from app.tickets import messages, questions
from app.workflow import decisions, verdicts

#: How long the panel may take to build an order automatically, if no hook reports that it is done.
PANEL_BUILDS = timedelta(minutes=5)
#: The hooks that the panel runs after it has built what is set up on order or on payment.
BUILT_HOOKS = ("order.created", "order.paid")
_HOOKS_READ = 100

LIFECYCLE = (Action.ACCEPT_ORDER, Action.PENDING_ORDER, Action.CANCEL_ORDER, Action.FRAUD_ORDER)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRequest:
    """The wanted change of an order, no matter who decided it. `cause` goes into each call, `by` into the timeline."""

    trigger: Trigger
    by: str
    cause: str
    zone: tzinfo
    panel_url: str | None


async def withdraw_lifecycle(draft: OrderDraft) -> bool:
    """Cancel the order's lifecycle calls that are not being sent yet; False when one is being sent."""
    withdrawn = await outbox.cancel(draft.tx, now=draft.now, order_id=draft.order_id, actions=LIFECYCLE)
    return not withdrawn.under_way


async def enqueue_lifecycle(
    draft: OrderDraft, action: PanelAction, *, cause: str, due_at: datetime | None = None
) -> None:
    """Enqueue a lifecycle call; its key names the order and the wanted change."""
    verb = {
        Action.ACCEPT_ORDER: "accept",
        Action.PENDING_ORDER: "pending",
        Action.CANCEL_ORDER: "cancel",
        Action.FRAUD_ORDER: "fraud",
    }[action.action]
    await outbox.enqueue(
        draft.tx, action, key=f"order:{draft.order_id}:{verb}", cause=cause, now=draft.now,
        order_id=draft.order_id, customer_id=draft.customer_id, due_at=due_at,
    )  # fmt: skip


async def panel_builds_until(draft: OrderDraft) -> datetime | None:
    """Return until when the panel may be building this order automatically, in a request that is still running.

    That is so when it asked the gate, or shows a new payment, and no hook has reported the end (if hooks arrived
    recently). An accept sent at the same time would build the same services twice.
    """
    since = [at for at in (await _gate_let_pass_at(draft), await _payment_began_at(draft)) if at is not None]
    until = max(since, default=draft.now - PANEL_BUILDS) + PANEL_BUILDS
    return min(until, draft.now + PANEL_BUILDS) if until > draft.now else None


async def _gate_let_pass_at(draft: OrderDraft) -> datetime | None:
    """Return when the panel asked the gate, if the answer was not no and no hook came after; None otherwise.

    A hook that arrived before the question may be stored after it.
    """
    of_order = sa.select(events.c.id, events.c.received_at).where(events.c.order_id == draft.order_id)
    newest = of_order.where(events.c.type == "gate.asked").order_by(events.c.id.desc()).limit(1)
    asked = (await draft.tx.execute(newest)).first()
    if asked is None:
        return None
    reported = of_order.where(
        events.c.type.in_(BUILT_HOOKS), events.c.source == EventSource.WEBHOOK,
        events.c.id > asked.id, events.c.received_at >= asked.received_at,
    )  # fmt: skip
    told_no = sa.select(decided.c.id).where(
        decided.c.order_id == draft.order_id, decided.c.at >= asked.received_at, decided.c.outcome != Outcome.APPROVE
    )
    for query in (reported, told_no):
        if (await draft.tx.execute(query.limit(1))).first() is not None:
            return None
    before = sa.select(decided.c.outcome).where(decided.c.order_id == draft.order_id, decided.c.at < asked.received_at)
    if await draft.tx.scalar(before.order_by(decided.c.id.desc()).limit(1)) not in {None, Outcome.APPROVE}:
        return None  # the hold was being written when the gate asked, and the answer waited for it
    at: datetime = asked.received_at
    return at


async def _payment_began_at(draft: OrderDraft) -> datetime | None:
    """Return when it was paid, if that is new, hooks arrived recently, and none reports that the panel is done."""
    paid_at: datetime | None = draft.order.paid_at
    lately = draft.now - PANEL_BUILDS
    if paid_at is None or paid_at <= lately:
        return None
    hooks = sa.select(events.c.type, events.c.occurred_at).where(
        events.c.order_id == draft.order_id, events.c.source == EventSource.WEBHOOK, events.c.received_at > lately
    )
    received = (await draft.tx.execute(hooks.limit(_HOOKS_READ))).all()
    waits = received and not any(_is_through(one.type, one.occurred_at, paid_at) for one in received)
    return paid_at if waits else None


def _is_through(hook: str, at: datetime, paid_at: datetime) -> bool:
    """True if this hook runs after the panel has built what the payment is for.

    For an order that was paid at checkout, the last hook is the checkout's own.
    """
    return hook == "order.paid" or (hook == "order.created" and at >= paid_at)


async def send_waiting_accept(draft: OrderDraft, *, paid: bool) -> None:
    """Send an accept now that waited for the panel to finish building; the payment's hook reports that."""
    if paid or await panel_builds_until(draft) is None:
        await draft.tx.execute(
            sa.update(panel_calls)
            .where(panel_calls.c.order_id == draft.order_id, panel_calls.c.action == Action.ACCEPT_ORDER.value)
            .where(panel_calls.c.state == CallState.PENDING, panel_calls.c.attempts == 0, panel_calls.c.owner.is_(None))
            .where(panel_calls.c.due_at > draft.now)
            .values(due_at=draft.now)
        )


def accept_action(draft: OrderDraft, plan: AcceptPlan) -> AcceptOrder:
    """Return the accept of this order; services that are provisioned already are not set up again."""
    built = draft.order.provisioning == Provisioning.DONE
    return AcceptOrder(
        order_id=draft.order_id,
        autosetup=plan.autosetup and not built,
        sendemail=plan.sendemail and not built,
        sendregistrar=plan.sendregistrar and not built,
    )


def default_plan(draft: OrderDraft, judged: Judgement | None) -> AcceptPlan:
    """Return how to accept: as judged, else the policy's default."""
    if judged is not None:
        return judged.accept
    rules = draft.policy.policy.accept
    return AcceptPlan(
        mode=rules.mode, autosetup=rules.autosetup, sendemail=rules.sendemail, sendregistrar=rules.sendregistrar
    )


async def approve(draft: OrderDraft, change: ChangeRequest, plan: AcceptPlan) -> bool:
    """Approve it: accept it if paid, wait for its payment, or open the gate and leave the rest to staff."""
    draft.change(accept_mode=plan.mode.value)
    if draft.move(change.trigger) is None:
        return False
    current = await fees.open_fee(draft)
    if current is not None and current.wanted_state is None:
        await fees.cancel(draft, current, cause=change.cause)
    return await go_on(draft, change, plan)


async def go_on(draft: OrderDraft, change: ChangeRequest, plan: AcceptPlan) -> bool:
    """Do what the new state of an approved order requires."""
    undo = draft.order.panel_status in {PanelOrderStatus.CANCELLED, PanelOrderStatus.FRAUD}
    if undo:
        await enqueue_lifecycle(draft, PendingOrder(order_id=draft.order_id), cause=change.cause)
    if draft.state is OrderState.RELEASING and not undo:
        due_at = await panel_builds_until(draft)
        await enqueue_lifecycle(draft, accept_action(draft, plan), cause=change.cause, due_at=due_at)
    if draft.state is OrderState.RELEASED:
        if plan.mode is AcceptMode.RELEASE_ONLY:
            await messages.note_for_staff(
                draft, "approved; staff accept and provision it", about="released", cause=change.cause
            )
        await counts.count_released(draft)
    if draft.state is OrderState.AWAITING_PAYMENT:
        draft.say("will be accepted as soon as it is paid", by=change.by)
    return True


async def hold_for_fee(
    draft: OrderDraft, change: ChangeRequest, amount: Money, *, minutes: int | None, work: str
) -> bool:
    """Keep it Pending and ask for the fee; the customer is notified once the invoice exists."""
    if draft.move(change.trigger) is None:
        return False
    rules = draft.policy.policy.hold
    expires_at = draft.now + timedelta(days=rules.expires_days)
    if draft.order.hold_kind == HoldKind.ANSWER:  # a person still has to read the customer's answer
        draft.hold(HoldKind.ANSWER, due_at=draft.order.hold_due_at, expires_at=expires_at)
    else:
        draft.hold(HoldKind.FEE, due_at=expires_at, expires_at=expires_at)
    wanted = {"amount_minor": amount.amount_minor, "currency": amount.currency, "minutes": minutes, "work": work}
    draft.change(fee_wanted=wanted)
    await fees.ask(draft, amount, minutes=minutes, work=work, by=change.by, cause=change.cause, zone=change.zone)
    await messages.note_for_staff(
        draft,
        f"held for a fee of {amount} ({work or 'handling'})",
        about=f"fee:{amount.amount_minor}",
        cause=change.cause,
    )
    await set_hold_clock(draft)
    return True


async def hold_for_review(draft: OrderDraft, change: ChangeRequest, why: str) -> bool:
    """Keep it Pending for a person, with a due time; an open fee is cancelled."""
    news = draft.state is not OrderState.HELD or draft.order.hold_kind != HoldKind.REVIEW
    if draft.move(change.trigger) is None:
        return False
    rules = draft.policy.policy
    hours = rules.hold.review_due_hours_paid if draft.paid else rules.hold.review_due_hours_unpaid
    draft.hold(HoldKind.REVIEW, due_at=draft.now + timedelta(hours=hours), expires_at=None)
    current = await fees.open_fee(draft)
    if current is not None:
        await fees.cancel(draft, current, cause=change.cause)
    await set_hold_clock(draft)
    if news:
        await messages.note_for_staff(draft, f"held for review: {why}", about="review", cause=change.cause)
        await messages.tell_customer(
            draft, rules.messages.review_hold, key=f"order:{draft.order_id}:tell:review", cause=change.cause,
            zone=change.zone, panel_url=change.panel_url,
        )  # fmt: skip
    return True


async def hold_for_answer(draft: OrderDraft, change: ChangeRequest, asking: questions.Asking) -> bool:
    """Keep it Pending, ask the customer and wait for the answer; an open fee is cancelled."""
    if draft.move(change.trigger) is None:
        return False
    await questions.ask(draft, asking, cause=change.cause, zone=change.zone)
    current = await fees.open_fee(draft)
    if current is not None:
        await fees.cancel(draft, current, cause=change.cause)
    return True


async def end(
    draft: OrderDraft, change: ChangeRequest, *, fraud: bool, cancelled: bool = False, politely: bool = False
) -> bool:
    """Reject or cancel it in the panel, and settle what was paid; `politely`: the order just does not fit."""
    if draft.move(change.trigger) is None:
        return False
    if fraud:
        await counts.count_fraud(draft)
    if draft.order.panel_status == PanelOrderStatus.ACTIVE:
        await enqueue_lifecycle(draft, PendingOrder(order_id=draft.order_id), cause=change.cause)
    else:
        await enqueue_lifecycle(draft, ending_action(draft), cause=change.cause)
    await settle_money(draft, cause=change.cause)
    rules = draft.policy.policy.messages
    turned_away = rules.declined if politely else rules.rejected
    await messages.tell_customer(
        draft, rules.cancelled if cancelled else turned_away, key=f"order:{draft.order_id}:tell:end",
        cause=change.cause, zone=change.zone, panel_url=change.panel_url,
    )  # fmt: skip
    return True


def ending_action(draft: OrderDraft) -> PanelAction:
    """Return the call that ends this order in the panel."""
    return FraudOrder(order_id=draft.order_id) if draft.order.fraud else CancelOrder(order_id=draft.order_id)


async def settle_money(draft: OrderDraft, *, cause: str) -> None:
    """Settle an order that ended: cancel or return its fee; a person decides about money paid on it."""
    await fees.end(draft, cause=cause)
    await fees.update_refund(draft)


async def hold_by_clock(draft: OrderDraft, reason: Reason, *, due_in: timedelta = timedelta(0)) -> None:
    """Hold an order that no rule settles for review, by the clock, and leave nothing else of it open.

    If the policy's modes forbid a hold, the order only waits in the queue, and the panel carries on meanwhile.
    """
    why_not = verdicts.kept_back(verdicts.plan_of_clock(draft, await decisions.latest(draft)))
    decision_id = await decisions.record_person(draft, Outcome.HOLD_FOR_REVIEW, reason, by=CLOCK, kept_back=why_not)
    draft.change(state=(OrderState.HELD if why_not is None else OrderState.RECEIVED).value)
    draft.hold(HoldKind.REVIEW, due_at=draft.now + due_in, expires_at=None)
    current = await fees.open_fee(draft)
    if current is not None and current.wanted_state is None and current.state in {"pending", "unpaid"}:
        await fees.cancel(draft, current, cause=f"decision:{decision_id}")
    await set_hold_clock(draft)


def intended_calls(draft: OrderDraft, judgement: Judgement) -> list[dict[str, Any]]:
    """Return the panel calls that a decision in shadow would make."""
    order = {"order_id": draft.order_id}
    note = {"action": Action.ADD_CLIENT_NOTE.value}
    match judgement.outcome:
        case Outcome.APPROVE:
            if judgement.accept.mode is AcceptMode.RELEASE_ONLY:
                return [note]
            when = "now" if draft.paid else "when paid"
            accept = accept_action(draft, judgement.accept)
            return [{"action": accept.action.value, "when": when, **accept.to_params()}]
        case Outcome.HOLD_FOR_FEE:
            fee = judgement.fee
            amount = None if fee is None else {"amount": fee.to_text(), "currency": fee.currency}
            return [
                {"action": Action.CREATE_INVOICE.value, **(amount or {})},
                {"action": Action.OPEN_TICKET.value, "about": "fee"},
                note,
            ]
        case Outcome.HOLD_FOR_REVIEW:
            return [note]
        case Outcome.REJECT:
            return [{"action": Action.CANCEL_ORDER.value, **order}]
