"""When an order is judged, and what is done with the verdict.

An order is judged once there is enough to see: paid, fraud-checked, asked for by the gate, or settled long enough.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from app.billing.limits import LimitVerdict
from app.context import Context
from app.core.facts import Agreement, Facts, PaymentState, PlacedBy
from app.core.judgement.course import Course
from app.core.judgement.decide import Judgement, Outcome, decide
from app.core.judgement.explanation.customer import work_summary
from app.core.judgement.labour_value import payment_settled
from app.core.records import CLOCK, POLICY
from app.core.states import OrderState, Trigger
from app.core.statuses import DECIDED
from app.customers import counts, identities, links
from app.customers.links import Links, links_of
from app.gathering.facts import OwnKnowledge, build_facts, who_placed
from app.gathering.panel import Gathered
from app.installation.zones import panel_zone
from app.messaging.inbox import Postpone
from app.orders.order import OrderDraft
from app.orders.timers import look_again
from app.tables.inbox import WaitsFor
from app.tables.orders import fees, ticket_orders, tickets
from app.workflow import acting, candidates, decisions, unread, verdicts
from app.workflow.acting import ChangeRequest
from app.workflow.gate import presence
from app.workflow.mirror import inputs_digest

_UNDER_WAY_DELAY = timedelta(seconds=5)
_UNDER_WAY = "a panel call for this order is in progress"


def links_known(context: Context, draft: OrderDraft, gathered: Gathered) -> Links:
    """Return what the customer may share with others; an order entered by staff or API has no IP of the customer."""
    if gathered.customer is None or gathered.order is None:
        return Links()
    own = OwnKnowledge(
        placed_by=draft.order.placed_by, staff_id=draft.order.staff_id, own_admin_id=context.own_admin_id
    )
    theirs = who_placed(gathered.order, own, draft.policy.policy) in {PlacedBy.CUSTOMER, PlacedBy.UNKNOWN}
    return links_of(gathered.customer, gathered.order.ip if theirs else None, gathered.pay_methods)


async def own_knowledge(context: Context, draft: OrderDraft, aggregates: Any, known: Links) -> OwnKnowledge:
    """Read what our own tables hold, in the deciding transaction."""
    placed_at = draft.order.placed_at or draft.now
    customer_id = draft.customer_id
    if customer_id is None:
        return OwnKnowledge(placed_by=draft.order.placed_by, agreement=draft.order.agreement)
    ip_hash = known.hashes.get("ip")
    nobody = (0, 0)
    return OwnKnowledge(
        placed_by=draft.order.placed_by,
        staff_id=draft.order.staff_id,
        agreement=draft.order.agreement,
        aggregates=aggregates,
        counted=draft.order.counted,
        counted_manual=draft.order.counted_manual,
        counted_effortless=draft.order.effortless,
        neighbours=await links.neighbours(draft.tx, customer_id, known, before=placed_at),
        customer_velocity=await identities.velocity(
            draft.tx, draft.order_id, customer_id=customer_id, ip_hash=None, at=placed_at
        ),
        ip_velocity=await identities.velocity(
            draft.tx, draft.order_id, customer_id=None, ip_hash=ip_hash, at=placed_at
        ) if ip_hash else nobody,
        our_unpaid_fees=await _overdue_fees(draft),
        our_tickets=await _our_tickets(draft),
        muted=await context.muted.get(draft.tx, draft.policy.policy, now=draft.now),
        own_admin_id=context.own_admin_id,
    )  # fmt: skip


def with_agreement(own: OwnKnowledge, agreement: Agreement) -> OwnKnowledge:
    """Return the same knowledge with this agreement, after a fee was found paid."""
    return replace(own, agreement=agreement)


async def _overdue_fees(draft: OrderDraft) -> int:
    """Count our own fee invoices that are due, so that they don't count against the customer.

    They fall due when their hold expires, or a little later.
    """
    query = sa.select(sa.func.count()).where(
        fees.c.customer_id == draft.customer_id, fees.c.state == "unpaid", fees.c.expires_at < draft.now
    )
    return int((await draft.tx.execute(query)).scalar_one())


async def _our_tickets(draft: OrderDraft) -> frozenset[int]:
    query = sa.select(tickets.c.ticket_id).where(tickets.c.customer_id == draft.customer_id, tickets.c.ours)
    linked = sa.select(ticket_orders.c.ticket_id).where(
        ticket_orders.c.order_id == draft.order_id, ticket_orders.c.kind == "hold"
    )
    return frozenset(row.ticket_id for row in await draft.tx.execute(query.union(linked)))


async def judge(
    context: Context, draft: OrderDraft, gathered: Gathered, own: OwnKnowledge, *, at_once: bool
) -> Judgement | None:
    """Judge the order if it is due and something changed; act on the verdict, or record what it would do.

    Raises Postpone while a lifecycle call is being sent that the verdict would have to cancel.
    """
    facts = build_facts(gathered, own, draft.policy.policy)
    draft.change(placed_by=facts.order.placed_by.value)
    if "invoice" not in gathered.missing:
        draft.change(settled=payment_settled(facts.order, draft.policy.policy))
    if not await _is_due(draft, facts, at_once=at_once):
        return None
    digest = inputs_digest(facts, without=gathered.without)
    if digest == draft.order.decided_inputs:
        return None
    judgement = decide(facts, draft.policy.policy, now=draft.now)
    if unread.keeps(draft, gathered, judgement):
        return None
    draft.change(decided_inputs=digest, decided_without=list(gathered.without) or None)
    await counts.count_judged(draft, judgement)
    current = await decisions.latest(draft)
    verdict = await verdicts.apply(draft, judgement, current)
    if not decisions.differs(current, judgement, verdict, draft.policy.version):
        return None
    as_judged = draft.acts and verdict.course is Course.ACT
    intended = [] if as_judged else acting.intended_calls(draft, judgement)
    beside = await candidates.verdict(draft, gathered, own)
    await decisions.record_judgement(draft, facts, judgement, verdict, intended=intended, candidate=beside)
    if verdict.left:
        if draft.state is OrderState.RELEASING and await acting.withdraw_lifecycle(draft):
            draft.change(state=OrderState.RECEIVED.value)  # its accept belongs to the earlier decision
        await verdicts.leave(draft, verdict)
    elif draft.acts:
        await _carry_out(context, draft, facts, judgement, verdict)
    return judgement


async def _is_due(draft: OrderDraft, facts: Facts, *, at_once: bool) -> bool:
    """True if there is enough to see; else set the clock that decides later."""
    if draft.order.touched_by_person or facts.order.panel_status in DECIDED:
        return False
    if draft.state not in unread.JUDGED_STATES:
        return False
    current = await decisions.latest(draft)
    if current is not None:
        return bool(current.by != CLOCK)
    staff = facts.order.placed_by in {PlacedBy.STAFF, PlacedBy.STAFF_AS_CUSTOMER}
    seen = facts.order.payment is PaymentState.PAID or draft.paid or facts.order.fraud_check_ran
    if at_once or staff or seen:
        return True
    return await _settled(draft)


async def _settled(draft: OrderDraft) -> bool:
    settle_at = draft.order.settle_at
    return settle_at is not None and draft.now >= settle_at


async def _carry_out(
    context: Context, draft: OrderDraft, facts: Facts, judgement: Judgement, verdict: LimitVerdict
) -> None:
    if not await acting.withdraw_lifecycle(draft):
        raise Postpone(_UNDER_WAY, delay=_UNDER_WAY_DELAY, waits_for=WaitsFor.CALL)
    change = ChangeRequest(
        trigger=Trigger.DECIDED_APPROVE,
        by=POLICY,
        cause=f"decision:{draft.order.decision_id}",
        zone=await panel_zone(draft.tx, context.settings),
        panel_url=context.settings.panel_url,
    )
    match verdict.outcome:
        case Outcome.APPROVE:
            if draft.state is OrderState.RELEASING:
                await acting.go_on(draft, change, judgement.accept)  # approved again: the accept was just cancelled
            else:
                await acting.approve(draft, change, judgement.accept)
        case Outcome.HOLD_FOR_FEE if judgement.fee is not None:
            work = work_summary(facts, draft.policy.policy) if judgement.labour.custom_minutes else ""
            await acting.hold_for_fee(
                draft,
                replace(change, trigger=Trigger.DECIDED_HOLD),
                judgement.fee,
                minutes=judgement.labour.minutes,
                work=work,
            )
        case Outcome.HOLD_FOR_FEE | Outcome.HOLD_FOR_REVIEW:
            why = "; ".join(reason.text for reason in verdict.reasons)
            await acting.hold_for_review(draft, replace(change, trigger=Trigger.DECIDED_HOLD), why)
        case Outcome.REJECT:
            await acting.end(draft, replace(change, trigger=Trigger.DECIDED_REJECT), fraud=False)
    if draft.state is OrderState.HELD:
        await presence.warn_no_gate(draft)
        await look_again(draft, seconds=15)


async def release_when_paid(context: Context, draft: OrderDraft) -> None:
    """Accept an approved order that waited for its payment; we never provision what is unpaid."""
    if draft.state is not OrderState.AWAITING_PAYMENT or not draft.paid or not draft.acts:
        return
    if draft.order.outcome != Outcome.APPROVE:
        return  # judged again meanwhile, and left to the panel
    judged = await decisions.latest_judged(draft)
    plan = acting.default_plan(draft, judged)
    change = ChangeRequest(
        trigger=Trigger.ORDER_PAID,
        by=POLICY,
        cause=f"decision:{draft.order.decision_id}",
        zone=await panel_zone(draft.tx, context.settings),
        panel_url=context.settings.panel_url,
    )
    if draft.move(Trigger.ORDER_PAID) is not None:
        await acting.go_on(draft, change, plan)
