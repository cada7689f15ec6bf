"""What follows from news, in the words of the tables: only what changes, and nothing is left out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from app.core.actions import AcceptOrder
from app.core.consequences.effects import (
    AddQuestion,
    Alert,
    ChangeQuestions,
    Count,
    Decide,
    OurTicket,
    Plan,
    SendNow,
    SetClock,
    Tell,
    Want,
    Withdraw,
)
from app.core.consequences.refused import CallUnderWay, Refused
from app.core.consequences.snapshot import Snapshot
from app.core.records import CallState
from app.core.rows.belongings import Fee
from app.core.rows.order import Order
from app.core.states import OPEN_FEE_STATES
from tests.core.consequences.becoming import after, is_wanted_already, is_withdrawn
from tests.core.consequences.situations import FEE_ID, ORDER_ID, QUESTION_ID, Situation
from tests.core.judging import NOW

_TIME: Final = re.compile(r":?\d{4}-\d\d-\d\dT[0-9:+.]+")
#: Columns of the order that are compared as they are, and what an empty one is called.
_COLUMNS: Final[Mapping[str, str]] = {
    "state": "state", "hold_kind": "hold", "panel_status": "panel", "provisioning": "provisioning",
    "refund_due_minor": "refund_due", "agreement": "agreement", "touched_by_person": "touched", "fraud": "fraud",
    "accept_mode": "accept_mode", "refunded_minor": "refunded",
}  # fmt: skip


def short(key: str) -> str:
    """Return a key as the tables write it: without ids and times."""
    kind, _, rest = key.partition(":")
    ident, _, what = rest.partition(":")
    usual = {"order": str(ORDER_ID), "fee": str(FEE_ID), "question": str(QUESTION_ID)}.get(kind)
    new = "" if ident == usual else "new "
    return _TIME.sub("", f"{new}{kind}:{what}")


def in_words(plan: Plan, situation: Situation, shown: Order) -> dict[str, Any]:
    """Return what a plan does; `shown` is the order as the news itself shows it."""
    found: dict[str, Any] = {}
    for column, word in _COLUMNS.items():
        value = getattr(plan.order, column)
        if value != getattr(shown, column):
            found[word] = "" if value is None else value
    if sorted(plan.order.flags) != sorted(shown.flags):
        found["flags"] = plan.order.flags
    lists: dict[str, list[str]] = {
        "decided": [_decided(one) for one in plan.effects if isinstance(one, Decide)],
        "fees": list(_fees(situation.snapshot, after(situation.snapshot, plan))),
        "calls": list(_calls(situation.snapshot, plan)),
        "withdrawn": list(_withdrawn(situation.snapshot, plan)),
        "told": [short(one.key) for one in plan.effects if isinstance(one, Tell)],
        "questions": list(_questions(plan)),
        "clocks": [_clock(one) for one in plan.effects if isinstance(one, SetClock)],
        "counts": list(_counts(plan)),
        "alerts": [one.kind.value for one in plan.effects if isinstance(one, Alert)],
    }
    found |= {word: said for word, said in lists.items() if said}
    if any(isinstance(one, SendNow) for one in plan.effects):
        found["accept_sent_now"] = True
    if any(isinstance(one, OurTicket) for one in plan.effects):
        found["our_ticket"] = True
    return found


def refused_in_words(error: Refused | CallUnderWay) -> dict[str, Any]:
    """Return why nothing was done."""
    return {"refused": error.kind.name.lower()} if isinstance(error, Refused) else {"waits_for_call": True}


def _decided(decide: Decide) -> str:
    codes = ", ".join(reason.code for reason in decide.reasons)
    return f"{decide.outcome.value} ({codes}) by {decide.by}" + ("" if decide.mode == "enforce" else ", only recorded")


def _fees(before: Snapshot, now: Snapshot) -> Iterator[str]:
    earlier = {fee.id: fee for fee in before.fees}
    for fee in now.fees:
        was = earlier.get(fee.id)
        if was is None or _fee(was) != _fee(fee):
            yield _fee(fee) if was is not None else f"new: {_fee(fee)}"


def _fee(fee: Fee) -> str:
    if fee.wanted_state is None or fee.state not in OPEN_FEE_STATES:
        return fee.state.value
    return f"{fee.state.value}, to become {fee.wanted_state.value}"


def _calls(snapshot: Snapshot, plan: Plan) -> Iterator[str]:
    """Return the calls that are wanted anew; the outbox knows the others already."""
    for number, effect in enumerate(plan.effects):
        if isinstance(effect, Want):
            earlier = Plan(before=plan.before, order=plan.order, effects=plan.effects[:number])
            calls = after(snapshot, earlier).calls or ()
            if not is_wanted_already(calls, effect.key, effect.action.action):
                yield _call(effect)


def _call(want: Want) -> str:
    later = "" if want.due_at is None else f" in {_span(want.due_at - NOW)}"
    action = want.action
    without = ""
    if isinstance(action, AcceptOrder) and not action.autosetup:
        without = " without setup"
    return f"{action.action.value} {short(want.key)}{without}{later}"


def _withdrawn(snapshot: Snapshot, plan: Plan) -> Iterator[str]:
    for number, effect in enumerate(plan.effects):
        if isinstance(effect, Withdraw):
            earlier = Plan(before=plan.before, order=plan.order, effects=plan.effects[:number])
            for call in after(snapshot, earlier).calls or ():
                if is_withdrawn(call, effect):
                    yield short(call.key) + ("" if call.state is CallState.PENDING else " (being sent)")


def _questions(plan: Plan) -> Iterator[str]:
    for effect in plan.effects:
        if isinstance(effect, AddQuestion):
            yield f"asked by {effect.by}" + (f", rule {effect.rule}" if effect.rule else "")
        elif isinstance(effect, ChangeQuestions):
            for name, value in effect.values.items():
                yield {"answered_at": "answered", "reminded_at": "reminded"}.get(name, f"{name} {value}")


def _clock(clock: SetClock) -> str:
    return f"{clock.type} in {_span(clock.due_at - NOW)}"


def _span(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def _counts(plan: Plan) -> Iterator[str]:
    for effect in plan.effects:
        if isinstance(effect, Count):
            for name, amount in effect.amounts.items():
                if amount:
                    yield f"{name} {amount:+d}"
