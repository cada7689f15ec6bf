"""Sends one panel call: look up first, send at most once, and settle what a missing answer means.

The panel has no idempotency keys. So a call is looked up before its first send and before any repeat. If nothing is
found, it is sent again only when the earlier attempt can no longer take effect: at once after a complete answer of PHP,
else after the settle time, because PHP continues after we disconnect.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.core.actions import PanelAction
from app.core.records import CallClass, CallState
from app.core.retry import next_delay
from app.db import Database
from app.messaging.claims import CallOutcome, settle, start_sending, still_ours
from app.messaging.inbox import WAITS_FOR_PANEL
from app.messaging.outbox import Call
from app.panels.base import (
    BeforeSend,
    LookUp,
    PanelDown,
    PanelError,
    PanelOutcomeUnknown,
    PanelRejected,
    PanelTooBusy,
    PanelUnavailable,
    PanelWriter,
    Standing,
)
from app.panels.requests import caused_by
from app.tables.inbox import WaitsFor

log = structlog.get_logger()

_LONGEST_WAIT = 86_400.0
#: Seconds between attempts while the panel bars us, randomised up to twice as long.
_BARRED_SECONDS = 120.0
_AWAY_SECONDS = 150.0
#: Seconds at least before a call is made again that the panel was too busy for, randomised up to twice as long.
_SLOWED_SECONDS = 2.0
_MOMENT = timedelta(seconds=1)
#: After this many attempts, a panel error with an unknown text is left to staff.
_REFUSALS = 3
_LEVELS = {CallState.DEAD: "error", CallState.UNKNOWN: "warning"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRules:
    """Time limits of sending."""

    settle: timedelta  # how long an attempt without an answer may still take effect
    delays: tuple[float, ...]  # seconds between attempts
    max_age: timedelta = timedelta(seconds=5)  # between committing `sending` and the first byte
    jitter: Callable[[], float] = random.random
    shadow: bool = False  # nothing is sent


@dataclass(slots=True, kw_only=True)
class _Sending:
    db: Database
    panel: PanelWriter
    rules: SendRules
    clock: Callable[[], datetime]
    monotonic: Callable[[], float]
    call: Call  # current state: `pending` when claimed, `sending` once that is committed
    wrote: bool = False  # a write may have been sent


class _HeldBack(Exception):
    """Raised before the first byte: do not send now. Without an outcome the claim is lost, or `fault` is set."""

    def __init__(self, outcome: CallOutcome | None, fault: Exception | None = None) -> None:
        super().__init__("held back before the first byte")
        self.outcome = outcome
        self.fault = fault


async def send(
    db: Database,
    panel: PanelWriter,
    call: Call,
    *,
    rules: SendRules,
    clock: Callable[[], datetime],
    monotonic: Callable[[], float],
    unused: Callable[[], None] = lambda: None,
) -> CallState | None:
    """Advance a claimed call by one step and return its state; None if the claim was lost.

    No transaction is open during a panel request. `unused` is called if nothing was written, so that the call's turn
    can go to another call.
    """
    sending = _Sending(db=db, panel=panel, rules=rules, clock=clock, monotonic=monotonic, call=call)
    try:
        with caused_by("send"):
            return await _send(sending, call)
    finally:
        if not sending.wrote:
            unused()


async def _send(sending: _Sending, call: Call) -> CallState | None:
    try:
        action = call.to_action()
    except (ValueError, TypeError) as error:
        return await _settle(
            sending,
            call,
            CallOutcome(state=CallState.DEAD, error=f"the stored action can't be read: {type(error).__name__}"),
        )
    if call.call_class is not CallClass.COURTESY:
        found = await _look(sending, call, action)
        if found is not None:
            return await _settle(sending, call, found)
    outcome = await _perform(sending, action)
    return None if outcome is None else await _settle(sending, sending.call, outcome)


async def _settle(sending: _Sending, call: Call, outcome: CallOutcome) -> CallState | None:
    state = await settle(sending.db, call, outcome, now=sending.clock())
    ids = {"call_id": str(call.id), "action": call.action, "order_id": call.order_id, "customer_id": call.customer_id}
    if state is None:
        log.warning("panel_call.claim_lost", **ids)
    else:
        level = _LEVELS.get(state, "info")
        getattr(log, level)(f"panel_call.{state}", **ids, attempts=call.attempts, uncertain=outcome.uncertain)
    return state


# --- looking ------------------------------------------------------------------------------------------------------


async def _look(sending: _Sending, call: Call, action: PanelAction) -> CallOutcome | None:
    """Look up whether the call took effect; None if it did not and the call may be sent now."""
    asked_at = sending.clock()
    try:
        found = await sending.panel.look_up(action)
    except PanelDown as error:
        return _down(sending, call, error, attempts=call.attempts)
    except PanelError as error:
        return _unavailable(sending, call, error, attempts=call.attempts + 1)
    except Exception as error:  # noqa: BLE001 - a bug of ours; the call must still end
        return _unavailable(sending, call, _fault(call, error), attempts=call.attempts + 1)
    match found.standing:
        case Standing.APPLIED:
            return CallOutcome(state=CallState.DONE, result=found.result)
        case Standing.MOOT:
            return CallOutcome(state=CallState.DEAD, error=f"no longer possible: {found.detail}")
        case Standing.ABSENT:
            return None if call.state is CallState.PENDING else _absent(sending, call, found, asked_at=asked_at)
        case _:
            assert_never(found.standing)


def _absent(sending: _Sending, call: Call, found: LookUp, *, asked_at: datetime) -> CallOutcome:
    """An unanswered attempt has had no effect so far: look again, or send again once it can no longer take effect."""
    sent_at = call.sent_at or asked_at
    if call.applies_until is not None and asked_at < call.applies_until:
        again = max(sending.rules.settle / 30, (asked_at - sent_at) / 2)
        due_at = min(asked_at + again, call.applies_until)
        return CallOutcome(state=CallState.UNKNOWN, due_at=due_at, error=call.last_error, waits_for=call.waits_for)
    if found.partial:
        error = f"applied in part: {found.detail}; the last attempt: {call.last_error}"
        return CallOutcome(state=CallState.DEAD, error=error)
    tried = max(call.attempts, 1)
    if next_delay(tried, sending.rules.delays, jitter=0) is None:
        return CallOutcome(
            state=CallState.DEAD, error=f"given up after {tried} attempts; the last one: {call.last_error}"
        )
    apart = next_delay(tried - 1, sending.rules.delays, jitter=sending.rules.jitter()) if tried > 1 else 0
    due_at = max(sent_at + timedelta(seconds=apart or 0), asked_at)
    return CallOutcome(state=CallState.PENDING, due_at=due_at, error=call.last_error, waits_for=call.waits_for)


def _unavailable(sending: _Sending, call: Call, error: PanelError, *, attempts: int) -> CallOutcome:
    """Nothing was applied or learned: retry later. A call that may already be applied is never given up for this."""
    if getattr(error, "alarm", False):
        return _barred(sending, call, error, attempts=attempts - 1)
    if isinstance(error, PanelTooBusy):
        return _put_back(sending, call, error, slowed(error, sending.rules), attempts=attempts - 1)
    delays = sending.rules.delays
    delay = next_delay(attempts, delays, jitter=sending.rules.jitter())
    if delay is None and call.state is not CallState.UNKNOWN:
        return CallOutcome(
            state=CallState.DEAD, error=f"given up after {attempts} attempts: {error}", attempts=attempts
        )
    wait = min(max(delay if delay is not None else delays[-1], getattr(error, "retry_after", None) or 0), _LONGEST_WAIT)
    state = CallState.UNKNOWN if call.state is CallState.UNKNOWN else CallState.PENDING
    due_at = sending.clock() + timedelta(seconds=wait)
    return CallOutcome(state=state, due_at=due_at, error=str(error), attempts=attempts)


def _down(sending: _Sending, call: Call, error: PanelDown, *, attempts: int) -> CallOutcome:
    """The panel was not called: no attempt is counted, it resumes once the panel is back (`reschedule_for_panel`)."""
    state = CallState.UNKNOWN if call.state is CallState.UNKNOWN else CallState.PENDING
    due_at = sending.clock() + put_off(error, sending.rules)
    return CallOutcome(state=state, due_at=due_at, error=WAITS_FOR_PANEL, attempts=attempts, waits_for=WaitsFor.PANEL)


def _barred(sending: _Sending, call: Call, error: PanelError, *, attempts: int) -> CallOutcome:
    """The panel bars us (credentials, permissions, IP list): no attempt is counted, and staff have to fix it."""
    log.error("panel.alarm", call_id=str(call.id), error=str(error))
    return _put_back(sending, call, error, barred(sending.rules), attempts=attempts)


def _put_back(sending: _Sending, call: Call, error: PanelError, delay: timedelta, *, attempts: int) -> CallOutcome:
    state = CallState.UNKNOWN if call.state is CallState.UNKNOWN else CallState.PENDING
    return CallOutcome(state=state, due_at=sending.clock() + delay, error=str(error), attempts=attempts)


def barred(rules: SendRules) -> timedelta:
    """Return the delay while the panel bars us; short, so that calls resume soon after the fix."""
    return timedelta(seconds=_BARRED_SECONDS * (1 + rules.jitter()))


def slowed(error: PanelTooBusy, rules: SendRules) -> timedelta:
    """Return the delay after the panel asked us to slow down: as long as it says, and not all at once after that."""
    wait = max(error.retry_after or 0.0, _SLOWED_SECONDS)
    return timedelta(seconds=min(wait * (1 + rules.jitter()), _LONGEST_WAIT))


def put_off(error: PanelDown, rules: SendRules) -> timedelta:
    """Return the delay while the panel is down, in case nobody reports that it is back."""
    return timedelta(seconds=(error.retry_after or 0) + _AWAY_SECONDS * (1 + rules.jitter()))


# --- sending ------------------------------------------------------------------------------------------------------


def _last_look(sending: _Sending) -> BeforeSend:
    """Return the check to run just before the first byte: is the claim still ours, and fresh?

    The first check commits `sending`, so the adapter's earlier reads and waits don't make the claim stale. A frozen
    worker may have been taken for dead meanwhile; only the duration of the check itself counts.
    """

    async def look() -> None:
        since = sending.monotonic()
        if sending.call.state is CallState.PENDING:
            await _start(sending)
        try:
            ours = await still_ours(sending.db, sending.call)
        except (SQLAlchemyError, OSError):
            raise _HeldBack(_not_sent(sending, "not sent: the database was unavailable")) from None
        if not ours:
            raise _HeldBack(None)
        if sending.monotonic() - since > sending.rules.max_age.total_seconds():
            raise _HeldBack(_not_sent(sending, "not sent: the check before sending took too long"))
        sending.wrote = True

    return look


async def _start(sending: _Sending) -> None:
    """Commit `sending`. Raises _HeldBack if it must not be sent, or if it is unknown whether the commit succeeded."""
    try:
        started = await start_sending(sending.db, sending.call, now=sending.clock())
    except Exception as fault:  # noqa: BLE001 - the sweep of orphaned claims settles it
        raise _HeldBack(None, fault) from None
    if started is None:
        raise _HeldBack(None)
    sending.call = started


def _not_sent(sending: _Sending, error: str) -> CallOutcome:
    """The attempt was not made and is not counted: retry in a moment."""
    due_at = sending.clock() + _MOMENT
    return CallOutcome(state=CallState.PENDING, due_at=due_at, error=error, attempts=sending.call.attempts - 1)


async def _perform(sending: _Sending, action: PanelAction) -> CallOutcome | None:
    try:
        result = await sending.panel.perform(action, before_send=_last_look(sending))
        return CallOutcome(state=CallState.DONE, result=result)
    except _HeldBack as held:
        if held.fault is not None:
            raise held.fault from None
        return held.outcome
    except Exception as error:  # noqa: BLE001 - classified below
        if sending.call.state is CallState.PENDING and not isinstance(error, PanelOutcomeUnknown):
            return _before_sending(sending, error)
        return await _after_sending(sending, action, error)


def _before_sending(sending: _Sending, error: Exception) -> CallOutcome:
    """The adapter made no write: its first read was refused or failed. It still counts as an attempt."""
    call = sending.call
    attempts = call.attempts + 1
    match error:
        case PanelRejected():
            return CallOutcome(state=CallState.DEAD, error=str(error), attempts=attempts)
        case PanelDown():
            return _down(sending, call, error, attempts=call.attempts)
        case PanelError():
            return _unavailable(sending, call, error, attempts=attempts)
        case _:
            return _unavailable(sending, call, _fault(call, error), attempts=attempts)


async def _after_sending(sending: _Sending, action: PanelAction, error: Exception) -> CallOutcome:
    call = sending.call
    match error:
        case PanelRejected():
            look = call.call_class is CallClass.GUARDED
            return await _rejected(sending, call, action, str(error), look=look)
        case PanelDown():
            return _down(sending, call, error, attempts=call.attempts - 1)
        case PanelUnavailable():
            return _unavailable(sending, call, error, attempts=call.attempts)
        case PanelOutcomeUnknown():
            if error.refused and call.attempts >= _REFUSALS and call.call_class is not CallClass.COURTESY:
                return await _rejected(sending, call, action, str(error), look=True)
            return _unknown(sending, call, str(error), complete=error.complete)
        case _:  # a bug of ours after the first byte: it is unknown what was applied
            return _unknown(sending, call, str(_fault(call, error)), complete=False)


def _fault(call: Call, error: Exception) -> PanelError:
    """Log a bug of ours; return the error to record."""
    log.error("panel_call.fault", call_id=str(call.id), action=call.action, exc_info=error)
    return PanelError(f"bug in the panel adapter: {type(error).__name__}")


async def _rejected(sending: _Sending, call: Call, action: PanelAction, error: str, *, look: bool) -> CallOutcome:
    """A refusal is final, unless a look-up shows that the effect already exists ("not pending": accepted)."""
    refused = CallOutcome(state=CallState.DEAD, error=error)
    if not look:
        return refused
    try:
        found = await sending.panel.look_up(action)
    except PanelError:
        return _unknown(sending, call, error, complete=True)
    if found.standing is Standing.APPLIED:
        return CallOutcome(state=CallState.DONE, result=found.result)
    if found.standing is Standing.ABSENT and not found.partial and 1 < call.attempts < _REFUSALS:
        # the panel refuses what its state allows: the earlier attempt may still be running
        return _unknown(sending, call, error, complete=False)
    return refused


def _unknown(sending: _Sending, call: Call, error: str, *, complete: bool) -> CallOutcome:
    if call.call_class is CallClass.COURTESY:
        return CallOutcome(state=CallState.DONE, error=error, uncertain=True)
    now = sending.clock()
    until = now if complete else now + sending.rules.settle
    return CallOutcome(state=CallState.UNKNOWN, due_at=now, error=error, applies_until=until)
