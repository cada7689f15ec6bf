"""Each move of an order is in the transition table, or one of the few exceptions that are named here."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import given, settings

from app.core.states import TRANSITIONS, OrderState, Target, Trigger
from tests.asked import examples
from tests.core.consequences.journeys import SHADOW, Event, Step, beginnings, histories, journey

S, T = OrderState, Trigger
Move = tuple[OrderState, OrderState]
_POLICY: Final = (T.DECIDED_APPROVE, T.DECIDED_HOLD, T.DECIDED_REJECT, T.ORDER_PAID)
#: The triggers that each kind of news may be.
TRIGGERS: Final[dict[str, tuple[Trigger, ...]]] = {
    "verdict": _POLICY,
    "services": _POLICY,
    "service": _POLICY,
    "order invoice": _POLICY,
    "fee invoice": (*_POLICY, T.APPROVE),  # the fee that a person asked for is paid
    "panel": (
        *_POLICY, T.PANEL_ACTIVE, T.PANEL_ACTIVE_BY_AUTOMATION, T.PANEL_PENDING, T.PANEL_CANCELLED, T.PANEL_FRAUD,
    ),
    "call": (T.ACCEPTED, T.ENDED_REJECTED, T.ENDED_CANCELLED, T.CALL_DEAD),
    "told": (T.PANEL_ACTIVE, T.PANEL_DELETED),
    "clock": (),
}  # fmt: skip
_OPEN: Final = (S.RECEIVED, S.HELD, S.AWAITING_PAYMENT, S.RELEASING, S.REJECTING)
#: What no rule settles: held for a person or, where the modes forbid a hold, waiting in the queue meanwhile.
BY_CLOCK: Final[frozenset[Move]] = frozenset({(state, to) for state in _OPEN for to in (S.HELD, S.RECEIVED)})
#: An approval whose accept was withdrawn, but which the modes don't let us hold.
LEFT: Final[frozenset[Move]] = frozenset({(S.RELEASING, S.AWAITING_PAYMENT)})
#: Back from shadow, where the state only followed the panel: the earlier decision counts again.
AFTER_SHADOW: Final[frozenset[Move]] = frozenset(
    {(S.RECEIVED, to) for to in (S.AWAITING_PAYMENT, S.RELEASED, S.REJECTING, S.HELD)}
)
#: An order that was deleted is listed again: it may be another one with the same number.
LISTED_AGAIN: Final[frozenset[Move]] = frozenset(
    {(S.CLOSED, to) for to in (S.RELEASED, S.CANCELLED, S.REJECTED, S.HELD, S.RECEIVED)}
)
_LOOKS: Final = BY_CLOCK | LEFT | AFTER_SHADOW
EXCEPTIONS: Final[dict[str, frozenset[Move]]] = {
    "verdict": _LOOKS, "services": _LOOKS, "service": _LOOKS, "order invoice": _LOOKS, "fee invoice": _LOOKS,
    "panel": _LOOKS | LISTED_AGAIN, "call": BY_CLOCK, "clock": BY_CLOCK,
}  # fmt: skip
_RELEASE: Final = (S.RELEASING, S.AWAITING_PAYMENT, S.RELEASED)
#: One look may do several things after one another: follow the panel, judge, release what is paid.
_MOST_MOVES: Final = 3


def _moves(step: Step) -> set[Move]:
    triggers = (Trigger(step.news.removeprefix("staff: ")),) if step.kind == "staff" else TRIGGERS[step.kind]
    found: set[Move] = set(EXCEPTIONS.get(step.kind, frozenset()))
    for (state, trigger), target in TRANSITIONS.items():
        if trigger in triggers and target is not Target.SAME:
            reached = _RELEASE if target is Target.RELEASE else (OrderState(target.value),)
            found |= {(state, to) for to in reached}
    return found


def _reachable(step: Step) -> set[OrderState]:
    reached = {step.before.order.state}
    moves = _moves(step)
    for _ in range(_MOST_MOVES if step.is_look else 1):
        reached |= {to for state, to in moves if state in reached}
    return reached


def _follows_the_panel(step: Step) -> bool:
    """True if the state is that of the panel alone: in shadow, and before the cut-over."""
    return step.is_look and (step.mode == SHADOW or not step.before.order.touched_by_person)


@settings(deadline=None, max_examples=examples(450))
@given(beginnings(), histories)
def test_each_move_is_in_the_table_or_a_named_exception(begins: dict[str, Any], history: list[Event]) -> None:
    for step in journey(begins, history):
        if step.mode == "enforce" or not _follows_the_panel(step):
            assert step.became.order.state in _reachable(step)
