"""An order whose group of new accounts has grown is judged again, without a call to the panel."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from app.context import Context
from app.core.consequences.draft import Draft
from app.core.consequences.effects import Plan
from app.core.consequences.judging import judge_again
from app.core.consequences.refused import CallUnderWay
from app.core.consequences.snapshot import Conditions, Snapshot
from app.core.facts import Facts
from app.core.judgement.rulebook import rulebook
from app.core.judgement.signals.together import count_others
from app.core.records import POLICY
from app.core.states import OrderState
from app.customers import newcomers
from app.messaging import inbox
from app.messaging.inbox import Event
from app.orders.order import LockedOrder, open_order
from app.tables.inbox import EventState
from app.workflow.apply import apply
from app.workflow.changing import planned
from app.workflow.decisions import judged_facts
from app.workflow.examine import wait_for_call
from app.workflow.together.remembering import OTHERS_OF_A_GROUP


async def group_grew(context: Context, event: Event, order_id: int) -> None:
    """Judge an order again whose group of new accounts has grown, by the facts of its decision; ask the panel nothing.

    One that is accepted by now is left to a person, who finds the group in the queue. Raises Postpone.
    """
    try:
        await _group_grew(context, event, order_id)
    except CallUnderWay:
        await wait_for_call(context, order_id)
    context.wake()


async def _group_grew(context: Context, event: Event, order_id: int) -> None:
    now = context.clock()
    async with context.db.begin() as tx:
        locked = await open_order(context, tx, order_id, now=now)
        facts = None if locked is None else await _facts_now(locked)
        result = "not-in-a-group"
        if locked is not None and facts is not None:
            make = _explain if locked.order.state is OrderState.RELEASED else judge_again
            plan: Plan = await planned(locked, partial(make, facts))
            await apply(locked, plan, panel_url=context.settings.panel_url)
            result = "judged-again"
        await inbox.finish(tx, event, state=EventState.PROCESSED, result=result, now=now)


async def _facts_now(locked: LockedOrder) -> Facts | None:
    """Return the facts of the order's decision with its group of now; None if it has none, or no facts."""
    tx, order_id = locked.tx, locked.order.order_id
    remembered = await newcomers.of_order(tx, order_id)
    facts = await judged_facts(tx, order_id)
    if remembered is None or facts is None or facts.customer is None:
        return None
    sighting, traits = remembered
    seen = await newcomers.others(tx, sighting, traits)
    together = newcomers.group_of(sighting, seen, until=locked.given.now)
    if not together:
        return None
    regulars = await newcomers.regulars(tx, sighting, traits)
    return replace(facts, customer=replace(facts.customer, together=together, regulars=regulars))


def _explain(facts: Facts, snapshot: Snapshot, given: Conditions) -> Plan:
    """Say in the timeline of an accepted order what is known now; it is not undone by itself."""
    draft = Draft.of(snapshot, given)
    customer = facts.customer
    if customer is None or draft.order.touched_by_person:
        return draft.plan()
    counted, links = count_others(customer.together, customer.regulars, rulebook(draft.policy))
    if counted >= OTHERS_OF_A_GROUP:
        orders = ", ".join(str(other.order_id) for other, _ in links[:10])
        draft.say(f"accepted before its group of new accounts was known: orders {orders}", by=POLICY)
    return draft.plan()
