"""What holds for each plan, whatever the order's situation and whatever the news."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from hypothesis import given, settings

from app.core.actions import Action
from app.core.consequences.draft import LIFECYCLE
from app.core.consequences.effects import AddFee, Decide, Effect, Plan, Tell, Want, Withdraw
from app.core.consequences.limits import Limit
from app.core.consequences.snapshot import ON_THE_WIRE
from app.core.facts import Agreement
from app.core.judgement.decide import Outcome
from app.core.states import OPEN_FEE_STATES, HoldKind, OrderState, Phase, phase_of
from tests.asked import examples
from tests.core.consequences.becoming import after, is_wanted_already
from tests.core.consequences.journeys import ENFORCE, Event, Step, beginnings, histories, journey, taken
from tests.core.consequences.situations import Situation

Begins = dict[str, Any]
History = list[Event]
_STRONG: Final = frozenset({
    Action.ACCEPT_ORDER, Action.CANCEL_ORDER, Action.FRAUD_ORDER, Action.CREATE_INVOICE, Action.ADD_CREDIT,
})  # fmt: skip
steady = settings(deadline=None, max_examples=examples(450))


def _kinds(plan: Plan, *kinds: type[Effect]) -> list[Effect]:
    return [effect for effect in plan.effects if isinstance(effect, kinds)]


def _new_calls(step: Step) -> Iterator[tuple[Want, tuple[Any, ...]]]:
    """Return the calls that a plan wants anew, each with the calls about the order at that moment."""
    plan = step.followed.plan
    for number, effect in enumerate(plan.effects):
        if isinstance(effect, Want):
            earlier = Plan(before=plan.before, order=plan.order, effects=plan.effects[:number])
            calls = after(step.before.snapshot, earlier).calls or ()
            if not is_wanted_already(calls, effect.key, effect.action.action):
                yield effect, calls


def _acts(step: Step) -> bool:
    """True if the mode lets us act on the order, be it because a person decided."""
    order = step.before.order
    given = step.before.given
    return step.mode != "shadow" and (
        order.touched_by_person
        or given.cut_over.acts_on(order.order_id, placed_at=order.placed_at, first_heard_at=order.first_heard_at)
    )


@steady
@given(beginnings(), histories)
def test_what_we_may_not_act_on_is_only_recorded(begins: Begins, history: History) -> None:
    """A look and a clock; a call that was sent before is still settled."""
    for step in journey(begins, history):
        if not _acts(step) and (step.is_look or step.kind == "clock"):
            assert _kinds(step.followed.plan, Want, Tell, Withdraw, AddFee) == []


@steady
@given(beginnings(), histories)
def test_no_lifecycle_call_is_wanted_while_another_is_on_the_wire(begins: Begins, history: History) -> None:
    for step in journey(begins, history):
        for want, calls in _new_calls(step):
            if want.action.action in LIFECYCLE:
                assert [one for one in calls if one.action in LIFECYCLE and one.state in ON_THE_WIRE] == []


@steady
@given(beginnings(), histories)
def test_an_order_never_has_two_open_fees(begins: Begins, history: History) -> None:
    for step in journey(begins, history):
        assert len([fee for fee in step.became.fees if fee.state in OPEN_FEE_STATES]) <= 1


@steady
@given(beginnings(), histories)
def test_the_same_news_again_wants_nothing_new(begins: Begins, history: History) -> None:
    for step in journey(begins, history):
        before = Situation(snapshot=step.became, given=replace(step.before.given, fresh_id=step.before.given.fresh_id))
        again = taken(step.news, step.how, before, mode=step.mode)
        if again is not None:
            assert list(_new_calls(again)) == []
            assert _kinds(again.followed.plan, Tell, AddFee) == []


@steady
@given(beginnings(), histories)
def test_a_refund_is_never_negative_and_never_more_than_was_paid(begins: Begins, history: History) -> None:
    for step in journey(begins, history):
        due = step.became.order.refund_due_minor
        if due != step.before.order.refund_due_minor:
            assert 0 <= due <= step.became.order.paid_minor + sum(fee.paid_minor for fee in step.became.fees)


@steady
@given(beginnings(), histories)
def test_an_order_that_ended_is_never_accepted(begins: Begins, history: History) -> None:
    for step in journey(begins, history):
        if phase_of(step.became.order.state) is Phase.ENDED:
            assert [want for want, _ in _new_calls(step) if want.action.action is Action.ACCEPT_ORDER] == []


@steady
@given(beginnings(), histories)
def test_no_look_undoes_what_a_person_decided(begins: Begins, history: History) -> None:
    """Unless the panel shows a change of its status or of an invoice; a paid approval is carried out."""
    for step in journey(begins, history):
        order = step.before.order
        if order.touched_by_person and step.kind in {"verdict", "services", "service"}:
            accept = {f"order:{order.order_id}:accept"} if order.outcome is Outcome.APPROVE else set()
            assert _kinds(step.followed.plan, Decide, AddFee) == []
            assert _strong(step.followed.plan) <= accept


@steady
@given(beginnings(), histories)
def test_the_same_order_and_news_give_the_same_plan(begins: Begins, history: History) -> None:
    for step in journey(begins, history):
        again = taken(step.news, step.how, step.before, mode=step.mode)
        assert again is not None
        assert again.followed.plan == step.followed.plan


@steady
@given(beginnings(), histories)
def test_a_limit_only_ever_takes_away(begins: Begins, history: History) -> None:
    for step in journey(begins, history):
        free = replace(step.before.given, limits=dict.fromkeys(Limit))
        unlimited = taken(step.news, step.how, replace(step.before, given=free), mode=step.mode)
        if unlimited is not None and step.mode == ENFORCE:
            assert _strong(step.followed.plan) <= _strong(unlimited.followed.plan)


def _strong(plan: Plan) -> set[str]:
    """Return the keys of calls that hold, bill, accept, end or give back."""
    return {one.key for one in plan.effects if isinstance(one, Want) and one.action.action in _STRONG}


@steady
@given(beginnings(), histories)
def test_no_work_is_given_away_without_a_word(begins: Begins, history: History) -> None:
    for step in journey(begins, history):
        if step.news != "staff: approve" or step.how["request"]:
            continue
        order, judged = step.before.order, step.before.snapshot.judged or {}
        labour = judged.get("labour") or {"minutes": 0, "tolerated": True}
        charged = judged.get("outcome") != Outcome.APPROVE and labour["minutes"] > 0 and not labour["tolerated"]
        assert not charged or order.agreement != Agreement.NONE or order.hold_kind is HoldKind.FEE


@steady
@given(beginnings(), histories)
def test_work_that_is_approved_for_its_fee_waits_for_it(begins: Begins, history: History) -> None:
    for step in journey(begins, history):
        if step.news == "staff: approve" and step.how["request"].get("work") == "fee":
            assert step.became.order.state is OrderState.HELD
            assert step.became.order.fee_wanted is not None
            assert Action.ACCEPT_ORDER not in [want.action.action for want, _ in _new_calls(step)]
