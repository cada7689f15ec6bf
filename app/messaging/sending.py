"""Sending one panel call: look first, send at most once, and know what to believe when no answer comes.

The panel has no idempotency keys. So a call is looked up before its first send and before any repeat, and where nothing
is found it is sent again only when the earlier attempt can no longer take effect (design §3 rule 4).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

import structlog

from app.core.retry import next_delay
from app.db import Database
from app.messaging.outbox import Call
from app.messaging.outbox_claims import Outcome, settle, start_sending, still_ours
from app.panels.actions import PanelAction
from app.panels.base import PanelError, PanelOutcomeUnknown, PanelRejected, PanelUnavailable, PanelWriter, Standing
from app.tables.outbox import CallClass, CallState

log = structlog.get_logger()

_LONGEST_WAIT = 86_400.0
_LEVELS = {CallState.DEAD: "error", CallState.UNKNOWN: "warning"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRules:
    """How patient sending is."""

    settle: timedelta  # how long an attempt without an answer may still take effect
    delays: tuple[float, ...]  # seconds between attempts
    max_age: timedelta = timedelta(seconds=5)  # between committing `sending` and the first byte
    jitter: Callable[[], float] = random.random


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sending:
    db: Database
    panel: PanelWriter
    rules: SendRules
    clock: Callable[[], datetime]
    monotonic: Callable[[], float]


async def send(
    db: Database,
    panel: PanelWriter,
    call: Call,
    *,
    rules: SendRules,
    clock: Callable[[], datetime],
    monotonic: Callable[[], float],
) -> CallState | None:
    """Bring a claimed call one step further and return its state; None where it is no longer ours.

    No transaction is open while the panel is asked.
    """
    sending = _Sending(db=db, panel=panel, rules=rules, clock=clock, monotonic=monotonic)
    try:
        action = call.to_action()
    except (ValueError, TypeError) as error:
        return await _settle(sending, call, Outcome(state=CallState.DEAD, error=f"unreadable: {type(error).__name__}"))
    if call.call_class is not CallClass.COURTESY:
        found = await _look(sending, call, action)
        if found is not None:
            return await _settle(sending, call, found)
    began = monotonic()
    on_the_wire = await start_sending(db, call, now=clock())
    if on_the_wire is None or not await still_ours(db, on_the_wire):
        return None
    if monotonic() - began > rules.max_age.total_seconds():
        late = Outcome(state=CallState.PENDING, error="held up before the first byte", attempts=call.attempts)
        return await _settle(sending, on_the_wire, late)
    return await _settle(sending, on_the_wire, await _perform(sending, on_the_wire, action))


async def _settle(sending: _Sending, call: Call, outcome: Outcome) -> CallState | None:
    state = await settle(sending.db, call, outcome, now=sending.clock())
    ids = {"call_id": str(call.id), "action": call.action, "order_id": call.order_id, "customer_id": call.customer_id}
    if state is None:
        log.warning("panel_call.claim_lost", **ids)
    else:
        level = _LEVELS.get(state, "info")
        getattr(log, level)(f"panel_call.{state}", **ids, attempts=call.attempts, uncertain=outcome.uncertain)
    return state


# --- looking ------------------------------------------------------------------------------------------------------


async def _look(sending: _Sending, call: Call, action: PanelAction) -> Outcome | None:
    """Ask the panel whether the effect is there; None if it is not and the call may be sent now."""
    asked_at = sending.clock()
    try:
        found = await sending.panel.look_up(action)
    except PanelError as error:
        return _unavailable(sending, call, error, attempts=call.attempts + 1)
    except Exception as error:  # a fault of ours: it must end some day too
        log.exception("panel_call.fault", call_id=str(call.id), action=call.action)
        fault = PanelError(f"fault in the adapter: {type(error).__name__}")
        return _unavailable(sending, call, fault, attempts=call.attempts + 1)
    match found.standing:
        case Standing.APPLIED:
            return Outcome(state=CallState.DONE, result=found.result)
        case Standing.MOOT:
            return Outcome(state=CallState.DEAD, error=f"moot: {found.detail}")
        case Standing.ABSENT:
            return None if call.state is CallState.PENDING else _absent(sending, call, asked_at=asked_at)
        case _:
            assert_never(found.standing)


def _absent(sending: _Sending, call: Call, *, asked_at: datetime) -> Outcome:
    """An attempt without an answer left nothing so far: look again, or, when it can't come any more, send again."""
    sent_at = call.sent_at or asked_at
    if call.applies_until is not None and asked_at < call.applies_until:
        again = max(sending.rules.settle / 30, (asked_at - sent_at) / 2)
        due_at = min(asked_at + again, call.applies_until)
        return Outcome(state=CallState.UNKNOWN, due_at=due_at, error=call.last_error)
    tried = max(call.attempts, 1)
    if next_delay(tried, sending.rules.delays, jitter=0) is None:
        return Outcome(state=CallState.DEAD, error=f"given up after {tried} attempts; the last: {call.last_error}")
    apart = next_delay(tried - 1, sending.rules.delays, jitter=sending.rules.jitter()) if tried > 1 else 0
    due_at = max(sent_at + timedelta(seconds=apart or 0), asked_at)
    return Outcome(state=CallState.PENDING, due_at=due_at, error=call.last_error)


def _unavailable(sending: _Sending, call: Call, error: PanelError, *, attempts: int) -> Outcome:
    """Nothing was applied or learned: later. What may be applied already is never given up for that."""
    if getattr(error, "alarm", False):
        log.error("panel.alarm", call_id=str(call.id), error=str(error))
    delays = sending.rules.delays
    delay = next_delay(attempts, delays, jitter=sending.rules.jitter())
    if delay is None and call.state is not CallState.UNKNOWN:
        return Outcome(state=CallState.DEAD, error=f"given up after {attempts} attempts: {error}", attempts=attempts)
    wait = min(max(delay if delay is not None else delays[-1], getattr(error, "retry_after", None) or 0), _LONGEST_WAIT)
    state = CallState.UNKNOWN if call.state is CallState.UNKNOWN else CallState.PENDING
    due_at = sending.clock() + timedelta(seconds=wait)
    return Outcome(state=state, due_at=due_at, error=str(error), attempts=attempts)


# --- sending ------------------------------------------------------------------------------------------------------


async def _perform(sending: _Sending, call: Call, action: PanelAction) -> Outcome:
    try:
        return Outcome(state=CallState.DONE, result=await sending.panel.perform(action))
    except PanelRejected as error:
        return await _rejected(sending, call, action, error)
    except PanelUnavailable as error:
        return _unavailable(sending, call, error, attempts=call.attempts)
    except PanelOutcomeUnknown as error:
        return _unknown(sending, call, str(error), complete=error.complete)
    except Exception as error:  # a fault of ours after the first byte: nobody knows what was applied
        log.exception("panel_call.fault", call_id=str(call.id), action=call.action)
        return _unknown(sending, call, f"fault in the adapter: {type(error).__name__}", complete=False)


async def _rejected(sending: _Sending, call: Call, action: PanelAction, error: PanelRejected) -> Outcome:
    """A refusal is final, unless the state shows that what was wanted is so already ("not pending": accepted)."""
    refused = Outcome(state=CallState.DEAD, error=str(error))
    if call.call_class is not CallClass.GUARDED:
        return refused
    try:
        found = await sending.panel.look_up(action)
    except PanelError:
        return _unknown(sending, call, str(error), complete=True)
    return Outcome(state=CallState.DONE, result=found.result) if found.standing is Standing.APPLIED else refused


def _unknown(sending: _Sending, call: Call, error: str, *, complete: bool) -> Outcome:
    if call.call_class is CallClass.COURTESY:
        return Outcome(state=CallState.DONE, error=error, uncertain=True)
    now = sending.clock()
    until = now if complete else now + sending.rules.settle
    return Outcome(state=CallState.UNKNOWN, due_at=now, error=error, applies_until=until)
