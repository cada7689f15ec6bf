"""When an order is judged, and what is done with the verdict.

An order is judged once there is enough to see: paid, fraud-checked, asked for by the gate, or settled long enough.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from app.billing.limits import LimitVerdict
from app.context import Context
from app.core.facts import Agreement, Facts, PaymentState, PlacedBy
from app.core.judgement.course import Course
from app.core.judgement.decide import Judgement, Outcome, decide
from app.core.judgement.explanation.customer import work_summary
from app.core.judgement.labour_value import payment_settled
from app.core.states import OrderState, Trigger
from app.customers import counts, identities, links
from app.customers.links import Links
from app.gathering.facts import OwnKnowledge, build_facts
from app.gathering.panel import Gathered
from app.installation.zones import panel_zone
from app.messaging.inbox import Postpone
from app.orders.order import CLOCK, POLICY, OrderInHand
from app.orders.timers import look_again
from app.tables.orders import fees, ticket_orders, tickets
from app.workflow import acting, candidates, decisions, gate_calls, unread, verdicts
from app.workflow.acting import ChangeRequest
from app.workflow.mirror import inputs_digest

_UNDER_WAY_DELAY = timedelta(seconds=5)
#: The event waits: its verdict would cancel a call that is being sent.
UNDER_WAY = "a panel call for this order is in progress"


async def own_knowledge(context: Context, file: OrderInHand, aggregates: Any, known: Links) -> OwnKnowledge:
    """Read what our own tables hold, in the deciding transaction."""
    placed_at = file.get("placed_at") or file.now
    customer_id = file.customer_id
    if customer_id is None:
        return OwnKnowledge(placed_by=PlacedBy(file.get("placed_by")), agreement=Agreement(file.get("agreement")))
    ip_hash = known.hashes.get("ip")
    nobody = (0, 0)
    return OwnKnowledge(
        placed_by=PlacedBy(file.get("placed_by")),
        staff_id=file.get("staff_id"),
        agreement=Agreement(file.get("agreement")),
        aggregates=aggregates,
        counted=bool(file.get("counted")),
        counted_manual=bool(file.get("counted_manual")),
        counted_effortless=bool(file.get("effortless")),
        neighbours=await links.neighbours(file.tx, customer_id, known, before=placed_at),
        customer_velocity=await identities.velocity(
            file.tx, file.order_id, customer_id=customer_id, ip_hash=None, at=placed_at
        ),
        ip_velocity=await identities.velocity(
            file.tx, file.order_id, customer_id=None, ip_hash=ip_hash, at=placed_at
        ) if ip_hash else nobody,
        our_unpaid_fees=await _overdue_fees(file),
        our_tickets=await _our_tickets(file),
        muted=await context.muted.get(file.tx, file.policy.policy, now=file.now),
        own_admin_id=context.own_admin_id,
    )  # fmt: skip


def with_agreement(own: OwnKnowledge, agreement: Agreement) -> OwnKnowledge:
    """Return the same knowledge with this agreement, after a fee was found paid."""
    return replace(own, agreement=agreement)


async def _overdue_fees(file: OrderInHand) -> int:
    """Count our own fee invoices that are due, so that they don't count against the customer.

    They fall due when their hold expires, or a little later.
    """
    query = sa.select(sa.func.count()).where(
        fees.c.customer_id == file.customer_id, fees.c.state == "unpaid", fees.c.expires_at < file.now
    )
    return int((await file.tx.execute(query)).scalar_one())


async def _our_tickets(file: OrderInHand) -> frozenset[int]:
    query = sa.select(tickets.c.ticket_id).where(tickets.c.customer_id == file.customer_id, tickets.c.ours)
    linked = sa.select(ticket_orders.c.ticket_id).where(
        ticket_orders.c.order_id == file.order_id, ticket_orders.c.kind == "hold"
    )
    return frozenset(row.ticket_id for row in await file.tx.execute(query.union(linked)))


async def judge(
    context: Context, file: OrderInHand, gathered: Gathered, own: OwnKnowledge, *, at_once: bool
) -> Judgement | None:
    """Judge the order if it is due and something changed; act on the verdict, or record what it would do.

    Raises Postpone while a lifecycle call is being sent that the verdict would have to cancel.
    """
    facts = build_facts(gathered, own, file.policy.policy)
    file.change(placed_by=facts.order.placed_by.value)
    if "invoice" not in gathered.missing:
        file.change(settled=payment_settled(facts.order, file.policy.policy))
    if not await _is_due(file, facts, at_once=at_once):
        return None
    digest = inputs_digest(facts, without=gathered.without)
    if digest == file.get("decided_inputs"):
        return None
    judgement = decide(facts, file.policy.policy, now=file.now)
    if unread.keeps(file, gathered, judgement):
        return None
    file.change(decided_inputs=digest, decided_without=list(gathered.without) or None)
    await counts.count_judged(file, judgement)
    current = await decisions.latest(file)
    verdict = await verdicts.apply(file, judgement, current)
    if not decisions.differs(current, judgement, verdict, file.policy.version):
        return None
    as_judged = file.acts and verdict.course is Course.ACT
    intended = [] if as_judged else acting.intended_calls(file, judgement)
    beside = await candidates.verdict(file, gathered, own)
    await decisions.record_judgement(file, facts, judgement, verdict, intended=intended, candidate=beside)
    if verdict.left:
        if file.state is OrderState.RELEASING and await acting.withdraw_lifecycle(file):
            file.change(state=OrderState.RECEIVED.value)  # its accept belongs to the earlier decision
        await verdicts.leave(file, verdict)
    elif file.acts:
        await _carry_out(context, file, facts, judgement, verdict)
    return judgement


async def _is_due(file: OrderInHand, facts: Facts, *, at_once: bool) -> bool:
    """True if there is enough to see; else set the clock that decides later."""
    if file.get("touched_by_person") or facts.order.panel_status.strip().lower() in {"active", "cancelled", "fraud"}:
        return False
    if file.state not in unread.JUDGED_STATES:
        return False
    current = await decisions.latest(file)
    if current is not None:
        return bool(current.by != CLOCK)
    staff = facts.order.placed_by in {PlacedBy.STAFF, PlacedBy.STAFF_AS_CUSTOMER}
    seen = facts.order.payment is PaymentState.PAID or file.paid or facts.order.fraud_check_ran
    if at_once or staff or seen:
        return True
    return await _settled(file)


async def _settled(file: OrderInHand) -> bool:
    settle_at: datetime = file.get("settle_at")
    return settle_at is not None and file.now >= settle_at


async def _carry_out(
    context: Context, file: OrderInHand, facts: Facts, judgement: Judgement, verdict: LimitVerdict
) -> None:
    if not await acting.withdraw_lifecycle(file):
        raise Postpone(UNDER_WAY, delay=_UNDER_WAY_DELAY)
    change = ChangeRequest(
        trigger=Trigger.DECIDED_APPROVE,
        by=POLICY,
        cause=f"decision:{file.get('decision_id')}",
        zone=await panel_zone(file.tx, context.settings),
        panel_url=context.settings.panel_url,
    )
    match verdict.outcome:
        case Outcome.APPROVE:
            if file.state is OrderState.RELEASING:
                await acting.go_on(file, change, judgement.accept)  # approved again: the accept was just cancelled
            else:
                await acting.approve(file, change, judgement.accept)
        case Outcome.HOLD_FOR_FEE if judgement.fee is not None:
            work = work_summary(facts, file.policy.policy) if judgement.labour.custom_minutes else ""
            await acting.hold_for_fee(
                file,
                replace(change, trigger=Trigger.DECIDED_HOLD),
                judgement.fee,
                minutes=judgement.labour.minutes,
                work=work,
            )
        case Outcome.HOLD_FOR_FEE | Outcome.HOLD_FOR_REVIEW:
            why = "; ".join(reason.text for reason in verdict.reasons)
            await acting.hold_for_review(file, replace(change, trigger=Trigger.DECIDED_HOLD), why)
        case Outcome.REJECT:
            await acting.end(file, replace(change, trigger=Trigger.DECIDED_REJECT), fraud=False)
    if file.state is OrderState.HELD:
        await gate_calls.warn_no_gate(file)
        await look_again(file, seconds=15)


async def release_when_paid(context: Context, file: OrderInHand) -> None:
    """Accept an approved order that waited for its payment; we never provision what is unpaid."""
    if file.state is not OrderState.AWAITING_PAYMENT or not file.paid or not file.acts:
        return
    if file.get("outcome") != Outcome.APPROVE:
        return  # judged again meanwhile, and left to the panel
    judged = await decisions.latest_judged(file)
    plan = acting.default_plan(file, judged)
    change = ChangeRequest(
        trigger=Trigger.ORDER_PAID,
        by=POLICY,
        cause=f"decision:{file.get('decision_id')}",
        zone=await panel_zone(file.tx, context.settings),
        panel_url=context.settings.panel_url,
    )
    if file.move(Trigger.ORDER_PAID) is not None:
        await acting.go_on(file, change, plan)
