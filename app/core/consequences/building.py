"""Until when the panel may be building an order automatically: an accept at the same time would build it twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from app.core.actions import Action
from app.core.consequences.draft import Draft
from app.core.consequences.effects import SendNow, Want
from app.core.consequences.snapshot import EventSeen
from app.core.judgement.decide import Outcome
from app.core.records import CallState

#: How long the panel may take to build an order automatically, if no hook reports that it is done.
PANEL_BUILDS: Final = timedelta(minutes=5)
#: The hooks that the panel runs after it has built what is set up on order or on payment.
BUILT_HOOKS: Final = ("order.created", "order.paid")
#: Events that may tell that the panel has built what a payment is for.
BUILT_EVENTS: Final = (*BUILT_HOOKS, "invoice.paid")
GATE_ASKED: Final = "gate.asked"


def panel_builds_until(draft: Draft) -> datetime | None:
    """Return until when the panel may be building this order automatically, in a request that is still running.

    That is so when it asked the gate, or shows a new payment, and no hook has reported the end (if hooks arrived
    recently).
    """
    since = [at for at in (_gate_let_pass_at(draft), _payment_began_at(draft)) if at is not None]
    until = max(since, default=draft.now - PANEL_BUILDS) + PANEL_BUILDS
    return min(until, draft.now + PANEL_BUILDS) if until > draft.now else None


def _gate_let_pass_at(draft: Draft) -> datetime | None:
    """Return when the panel asked the gate, if the answer was not no and no hook came after; None otherwise.

    A hook that arrived before the question may be stored after it.
    """
    asked = max((one for one in draft.recent.events if one.type == GATE_ASKED), key=lambda one: one.id, default=None)
    if asked is None:
        return None
    reported = any(
        one.type in BUILT_HOOKS and one.by_webhook and one.id > asked.id and one.received_at >= asked.received_at
        for one in draft.recent.events
    )
    told_no = any(outcome is not Outcome.APPROVE for outcome in draft.outcomes_since(asked.received_at))
    before = [outcome for at, outcome in draft.recent.outcomes if at < asked.received_at]
    if reported or told_no or (before and before[-1] is not Outcome.APPROVE):
        return None  # with an earlier no, the hold was being written when the gate asked, and the answer waited for it
    return asked.received_at


def _payment_began_at(draft: Draft) -> datetime | None:
    """Return when it was paid, if that is new, hooks arrived recently, and none reports that the panel is done."""
    paid_at = draft.order.paid_at
    lately = draft.now - PANEL_BUILDS
    if paid_at is None or paid_at <= lately:
        return None
    received = [one for one in draft.recent.events if one.by_webhook and one.received_at > lately]
    waits = received and not any(_is_through(one, paid_at) for one in received)
    return paid_at if waits else None


def _is_through(hook: EventSeen, paid_at: datetime) -> bool:
    """True if this hook runs after the panel has built what the payment is for.

    For an order that was paid at checkout, the last hook is the checkout's own.
    """
    return hook.type == "order.paid" or (hook.type == "order.created" and hook.occurred_at >= paid_at)


def _is_due_anyway(draft: Draft) -> bool:
    """True if the accept is wanted by this very plan, and at once."""
    wanted = (effect for effect in draft.effects if isinstance(effect, Want) and effect.due_at is None)
    return any(effect.action.action is Action.ACCEPT_ORDER for effect in wanted)


def send_waiting_accept(draft: Draft, *, paid: bool) -> None:
    """Send an accept now that waited for the panel to finish building; the payment's hook reports that."""
    waiting = any(call.action is Action.ACCEPT_ORDER and call.state is CallState.PENDING for call in draft.calls)
    just_wanted = any(
        isinstance(effect, Want) and effect.due_at is None and effect.action.action is Action.ACCEPT_ORDER
        for effect in draft.effects
    )
    if waiting and not just_wanted and (paid or panel_builds_until(draft) is None):
        draft.effects.append(SendNow())
