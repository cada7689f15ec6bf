"""When an order is judged, and what is done with the verdict.

An order is judged once there is enough to see: paid, fraud-checked, asked for by the gate, or settled long enough.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.core.actions import Action
from app.core.consequences import acting, messages, modes, unread
from app.core.consequences.acting import ChangeRequest
from app.core.consequences.counting import count_judged
from app.core.consequences.draft import Draft, stored_reasons
from app.core.consequences.effects import Decide, Plan, Tell, Want
from app.core.consequences.modes import Verdict
from app.core.consequences.news import Look
from app.core.consequences.refused import CallUnderWay
from app.core.consequences.snapshot import Conditions, Lacking, Need, Snapshot
from app.core.consequences.timers import look_again
from app.core.facts import Facts, PaymentState, PlacedBy
from app.core.judgement.course import Course
from app.core.judgement.decide import SEVERITY, Judgement, Outcome, decide
from app.core.judgement.explanation.customer import work_summary
from app.core.judgement.signals.enrichment import GEOIP
from app.core.records import CLOCK, NO_GATE, POLICY
from app.core.states import HoldKind, OrderState, Trigger
from app.core.statuses import DECIDED


def judge(draft: Draft, look: Look) -> None:
    """Judge the order if it is due and something changed; act on the verdict, or record what it would do.

    Raises CallUnderWay while a lifecycle call is being sent that the verdict would have to cancel.
    """
    agreed = draft.order.agreement is not draft.before.order.agreement
    if (look.unchanged and not agreed) or not _is_due(draft, look):
        return
    if draft.before.facts is None:
        raise Lacking(Need.FACTS)
    facts = replace(draft.before.facts, agreement=draft.order.agreement)
    digest = inputs_digest(facts, without=look.without)
    if digest == draft.order.decided_inputs:
        return
    judgement = decide(facts, draft.policy, now=draft.now)
    if unread.keeps(draft, look.without, judgement):
        return
    draft.change(decided_inputs=digest, decided_without=list(look.without) or None)
    _act_on(draft, facts, judgement)


def judge_again(facts: Facts, snapshot: Snapshot, given: Conditions) -> Plan:
    """Judge an order again by its own facts of before, with a group of new accounts that has grown since.

    Nothing is read in the panel for it. More accounts only add suspicion, so nothing is done unless the verdict is
    more severe than the one in force. Raises as `judge` does.
    """
    draft = Draft.of(snapshot, given)
    order, decision = draft.order, draft.decision
    judged = draft.state in unread.JUDGED_STATES and order.panel_status not in DECIDED
    if decision is None or decision.by == CLOCK or order.touched_by_person or not judged:
        return draft.plan()
    facts = replace(facts, agreement=order.agreement)
    judgement = decide(facts, draft.policy, now=draft.now)
    if SEVERITY[judgement.outcome] > SEVERITY[decision.outcome]:
        draft.change(decided_inputs=inputs_digest(facts, without=tuple(order.decided_without or ())))
        _act_on(draft, facts, judgement)
    return draft.plan()


def _act_on(draft: Draft, facts: Facts, judgement: Judgement) -> None:
    """Act on a judgement, or record what it would do, if it differs from the decision in force."""
    count_judged(draft, judgement)
    verdict = modes.verdict(draft, judgement)
    if not _differs(draft, judgement, verdict):
        return
    _record(draft, facts, judgement, verdict)
    if verdict.left:
        if draft.state is OrderState.RELEASING and draft.withdraw_lifecycle():
            draft.change(state=OrderState.RECEIVED.value)  # its accept belongs to the earlier decision
        modes.leave(draft, verdict)
    elif draft.acts:
        if not draft.withdraw_lifecycle():
            raise CallUnderWay
        _carry_out(draft, facts, judgement, verdict)
        _watch_hold(draft)


def _is_due(draft: Draft, look: Look) -> bool:
    """True if there is enough to see; else its clock decides later."""
    order = draft.order
    if order.touched_by_person or order.panel_status in DECIDED or draft.state not in unread.JUDGED_STATES:
        return False
    if draft.decision is not None:
        return draft.decision.by != CLOCK
    staff = order.placed_by in {PlacedBy.STAFF, PlacedBy.STAFF_AS_CUSTOMER}
    seen = order.payment_state is PaymentState.PAID or draft.paid or look.fraud_checked
    return look.at_once or staff or seen or (order.settle_at is not None and draft.now >= order.settle_at)


def inputs_digest(facts: Facts, *, without: tuple[str, ...] = ()) -> str:
    """Return a digest of the inputs whose change has an order decided again: fraud check, payment, asking ticket,
    items, agreement, new accounts that ordered together with it.

    It includes who placed the order, because that event may arrive after the first look, and the facts that could not
    be read, because the order is decided again once they are available.
    """
    order = facts.order
    check = order.fraud_check
    seen: list[Any] = [
        order.payment.value,
        order.placed_by.value,
        None if check is None else [check.module, check.verdict.value, check.score],
        order.asking_ticket_id,
        facts.agreement.value,
        [[item.kind, item.relid, item.product_id, item.cycle, item.first_amount] for item in order.items],
        [[finding.kind.value, finding.term] for finding in order.requests],
        facts.customer is None,
        order.currency,
    ]
    answers = [each for each in order.outside if each.provider != GEOIP]
    if answers:  # an answer may arrive after the first look
        seen.append([[each.provider, each.degraded, each.score, each.reports] for each in answers])
    if without:
        seen.append(["without", *without])
    if facts.customer is not None and facts.customer.together:
        seen.append([[one.order_id, *one.shares] for one in facts.customer.together])
    if order.cut:
        seen.append([[one.where, one.why.value] for one in order.cut])
    return hashlib.sha256(json.dumps(seen, separators=(",", ":")).encode()).hexdigest()


def _differs(draft: Draft, judgement: Judgement, verdict: Verdict) -> bool:
    """True if a judgement, or what is done about it, differs from the decision in force."""
    stored = draft.decision
    if stored is None or stored.policy_version != draft.given.active.version or stored.outcome is not verdict.outcome:
        return True
    if stored.reasons != stored_reasons(verdict.reasons):
        return True
    fee = judgement.fee
    wanted = None if fee is None else {"amount_minor": fee.amount_minor, "currency": fee.currency}
    return (stored.judgement or {}).get("fee") != wanted


def _record(draft: Draft, facts: Facts, judgement: Judgement, verdict: Verdict) -> None:
    """Record what the policy decided, with everything that it saw.

    Outcome and reasons are those acted on; the judgement is stored unchanged, so that it can be replayed.
    """
    as_judged = draft.acts and verdict.course is Course.ACT
    draft.decide(
        Decide(
            outcome=verdict.outcome,
            reasons=verdict.reasons,
            by=POLICY,
            mode=acting.mode_of(draft, not verdict.left),
            judgement=judgement,
            facts=facts,
            intended=() if as_judged else _rehearse(draft, facts, judgement),
        )
    )


def _rehearse(draft: Draft, facts: Facts, judgement: Judgement) -> tuple[Mapping[str, Any], ...]:
    """Return the panel calls that would be made if the judgement was carried out."""
    tried = draft.rehearsal()
    _carry_out(tried, facts, judgement, Verdict(outcome=judgement.outcome, reasons=judgement.reasons))
    when = "now"
    if tried.state is OrderState.AWAITING_PAYMENT:
        tried.change(settled=True, outcome=Outcome.APPROVE.value)
        release_when_paid(tried, judgement)
        when = "when paid"
    if tried.order.hold_kind is HoldKind.FEE:
        messages.tell_customer(tried, draft.policy.messages.fee_hold, key="fee", cause="")  # once the invoice exists
    return tuple(_shown(effect, draft, when) for effect in tried.effects if isinstance(effect, Want | Tell))


def _shown(effect: Want | Tell, draft: Draft, when: str) -> Mapping[str, Any]:
    """Return a call as it is stored with a decision that is not carried out."""
    if isinstance(effect, Want):
        timed = {"when": when} if effect.action.action is Action.ACCEPT_ORDER else {}
        return {"action": effect.action.action.value, **timed, **effect.action.to_params()}
    return {"action": messages.action_of(draft.policy).value, "about": effect.key.rpartition(":")[2]}


def _watch_hold(draft: Draft) -> None:
    """See a little later whether a new hold works, and warn if nothing may keep the panel from setting the order up."""
    if draft.state is OrderState.HELD:
        if not draft.given.gate_asked:
            draft.say(NO_GATE, by=POLICY)
        look_again(draft, seconds=15)


def _carry_out(draft: Draft, facts: Facts, judgement: Judgement, verdict: Verdict) -> None:
    change = ChangeRequest(trigger=Trigger.DECIDED_APPROVE, by=POLICY, cause=draft.decision_cause)
    held = replace(change, trigger=Trigger.DECIDED_HOLD)
    match verdict.outcome:
        case Outcome.APPROVE:
            if draft.state is OrderState.RELEASING:  # paid, or else `invoices` has made it wait
                acting.go_on(draft, change, judgement.accept)  # approved again: the accept was just cancelled
            else:
                acting.approve(draft, change, judgement.accept)
        case Outcome.HOLD_FOR_FEE if judgement.fee is not None:
            work = work_summary(facts, draft.policy) if judgement.labour.custom_minutes else ""
            acting.hold_for_fee(draft, held, judgement.fee, minutes=judgement.labour.minutes, work=work)
        case Outcome.HOLD_FOR_FEE | Outcome.HOLD_FOR_REVIEW:
            acting.hold_for_review(draft, held, "; ".join(reason.text for reason in verdict.reasons))
        case Outcome.REJECT:
            acting.end(draft, replace(change, trigger=Trigger.DECIDED_REJECT), fraud=False)


def release_when_paid(draft: Draft, judged: Judgement | None = None) -> None:
    """Accept an approved order that waited for its payment; we never provision what is unpaid."""
    if draft.state is not OrderState.AWAITING_PAYMENT or not draft.paid or not draft.acts:
        return
    if draft.order.outcome is not Outcome.APPROVE:
        return  # judged again meanwhile, and left to the panel
    change = ChangeRequest(trigger=Trigger.ORDER_PAID, by=POLICY, cause=draft.decision_cause)
    if draft.move(Trigger.ORDER_PAID) is not None:
        acting.go_on(draft, change, acting.accept_plan(draft, judged or draft.judged))
