"""The worker: processes due events and calls, and takes over the claims of dead workers.

Any number of workers share a PostgreSQL database; a SQLite file has one (`lock.only_worker`).
"""

from __future__ import annotations

import asyncio
import time
import traceback
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from app.core.records import CallState
from app.core.retry import next_delay
from app.db import Database, note_failure
from app.messaging import claims, clock_jumps, inbox
from app.messaging.choosing import Places, Served
from app.messaging.inbox import WAITS_FOR_PANEL, ClaimLost, Event, GiveUp, Postpone, VersionMoved
from app.messaging.liveness import Watch, beat, heartbeats, register, release_orphaned_claims, sign_off, take_over
from app.messaging.outbox import Call
from app.messaging.sending import SendRules, barred, put_off, send, slowed
from app.messaging.wake import Wake
from app.panels.base import PanelDown, PanelError, PanelTooBusy, PanelUnavailable, PanelWriter
from app.panels.brakes.brakes import Brakes
from app.panels.brakes.breaker import BreakerState
from app.panels.brakes.limiter import TurnsInHand
from app.tables.inbox import WaitsFor

log = structlog.get_logger()

_VERSION_TRIES = 5
#: At most this many events and calls postponed for the panel are made due at once, as the intake needs the lock too.
_RESCHEDULED_AT_ONCE = 500

Handler = Callable[[Event], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLimits:
    """Concurrency and time limits; `urgent` events are handled beside the others."""

    events: int = 16
    urgent: int = 4
    calls: int = 8
    poll: timedelta = timedelta(seconds=0.5)
    heartbeat: timedelta = timedelta(seconds=2)
    dead_after: timedelta = timedelta(seconds=10)
    watch: timedelta = timedelta(seconds=1)
    sweep: timedelta = timedelta(seconds=60)
    handling: timedelta = timedelta(minutes=5)
    grace: timedelta = timedelta(seconds=8)


class Worker:
    """Handles due events and sends due panel calls until stopped.

    The handler finishes its event in its own unit of work (`inbox.finish`), or raises `Postpone`, `GiveUp`,
    `VersionMoved` or `PanelUnavailable`; any other exception is logged and retried after the next delay. Without a
    panel nothing is claimed. `alone` means that no other worker can exist, so a predecessor's claims are taken over at
    once. With `brakes`, a call is claimed only when there is a turn for its write, and none while the panel is down.
    """

    def __init__(
        self,
        db: Database,
        *,
        panel: PanelWriter | None,
        handler: Handler,
        rules: SendRules,
        clock: Callable[[], datetime],
        wake: Wake,
        monotonic: Callable[[], float] = time.monotonic,
        limits: WorkerLimits | None = None,
        alone: bool = False,
        brakes: Brakes | None = None,
    ) -> None:
        self._db = db
        self._panel = panel
        self._handler = handler
        self._rules = rules
        self._clock = clock
        self._wake = wake
        self._monotonic = monotonic
        self._limits = limits or WorkerLimits()
        self._alone = alone
        self._brakes = brakes
        self._turns = None if brakes is None else TurnsInHand(brakes.limiter, wake.notify)
        self._reschedule_now = brakes is not None  # a predecessor may have postponed events or calls
        self._others_reach_panel = False
        if brakes is not None:
            brakes.breaker.when_closed(self._panel_is_back)
        self._id: uuid.UUID | None = None
        self._events: dict[asyncio.Task[None], Event] = {}
        self._calls: dict[asyncio.Task[None], Call] = {}
        self._served, self._called = Served(self._limits.events), Served(self._limits.calls)
        self._watch = Watch(every=self._limits.watch, dead_after=self._limits.dead_after)
        self._watched_at = self._swept_at = float("-inf")
        self._beaten_at = monotonic()
        self._progress_at = clock()
        self._stopping = False

    async def run(self) -> None:
        """Work until `stop` is called or the other end of the wake-up pipe is closed."""
        self._wake.listen()
        heart = asyncio.create_task(self._keep_beating())
        try:
            while not self._stopping and not self._wake.abandoned:
                try:
                    await self._turn()
                except Exception as error:  # noqa: BLE001  (most likely the database is down: retry shortly)
                    note_failure(self._db, "worker.loop_failed", error)
                    self._swept_at = float("-inf")  # a claim that we don't know of may be committed
                await self._wake.wait(self._limits.poll.total_seconds())
        finally:
            if self._turns is not None:
                self._turns.want(0)
            await self._finish_under_way()
            heart.cancel()
            await asyncio.gather(heart, return_exceptions=True)
            await self.release()
            self._wake.close()

    def stop(self) -> None:
        """Claim nothing new, finish running work within the grace time, release the rest."""
        self._stopping = True
        self._wake.notify()

    async def run_once(self) -> bool:
        """Claim due work within the limits and finish it; False if there was none."""
        found = await self._turn()
        while under_way := [*self._events, *self._calls, *self._asked_turns()]:
            found = True
            await asyncio.wait(under_way)
        return found

    async def drain(self) -> None:
        """Work until nothing is due."""
        while await self.run_once():
            pass

    # --- one turn of the main loop

    async def _turn(self) -> bool:
        before, now = self._progress_at, self._clock()
        if now < before - clock_jumps.TOLERANCE:
            self._swept_at = float("-inf")  # the clock was corrected
        self._progress_at = now
        me = await self._living_id(now)
        await self._look_after_others(me)
        if self._panel is None:
            return False
        if self._reschedule_now and self._panel_state is BreakerState.CLOSED:
            await self._reschedule_waiting(now)
        claimed = await self._claim_events(me, now)
        for event in claimed:
            self._start(self._handle(event), self._events, event)
        calls = await self._claim_calls(me, now)
        for call in calls:
            self._start(self._send(self._panel, call), self._calls, call)
        return bool(claimed or calls)

    async def _claim_events(self, me: uuid.UUID, now: datetime) -> list[Event]:
        """Claim due events; none while other workers can reach the panel and we can't."""
        if self._panel_state is not BreakerState.CLOSED and self._others_reach_panel:
            return []
        limits, in_hand = self._limits, self._events.values()
        places = Places.beside(in_hand, self._served, ordinary=limits.events, urgent=limits.urgent)
        return self._served.note(await inbox.claim(self._db, me, places, now=now))

    async def _claim_calls(self, me: uuid.UUID, now: datetime) -> list[Call]:
        """Claim as many due calls as we have panel turns for; we are woken when more turns are granted."""
        free = self._limits.calls - len(self._calls)
        if self._panel_state is not BreakerState.CLOSED:
            free = 0
        due = await claims.claimable(self._db, limit=free, now=now, shadow=self._rules.shadow)
        turns = due if self._turns is None else self._turns.want(due)
        if turns == 0:
            return []
        served = self._called.beside(self._calls.values())
        calls = await claims.claim(self._db, me, limit=turns, now=now, shadow=self._rules.shadow, served=served)
        self._called.note(calls)
        if self._turns is not None:
            self._turns.use(len(calls))
            self._turns.want(due - turns)
        return calls

    def _asked_turns(self) -> list[asyncio.Future[None]]:
        return [] if self._turns is None else self._turns.waiting()

    def _unused_turn(self) -> None:
        if self._brakes is not None:
            self._brakes.limiter.give_back()

    def _start(self, work: Coroutine[Any, Any, None], under_way: dict[asyncio.Task[None], Any], item: Any) -> None:
        task = asyncio.create_task(work)
        under_way[task] = item

        def done(finished: asyncio.Task[None]) -> None:
            del under_way[finished]
            self._wake.notify()
            if not finished.cancelled() and (error := finished.exception()) is not None:
                note_failure(self._db, "worker.task_failed", error)  # its claim was not settled: sweep for it
                self._swept_at = float("-inf")

        task.add_done_callback(done)

    # --- events

    async def _handle(self, event: Event) -> None:
        ids = {"event_id": event.id, "type": event.type, "order_id": event.order_id, "customer_id": event.customer_id}
        structlog.contextvars.bind_contextvars(**ids)  # this task's own context
        try:
            async with asyncio.timeout(self._limits.handling.total_seconds()):
                await self._ask_handler(event)
        except ClaimLost:
            log.warning("event.claim_lost")
        except GiveUp as error:
            await self._fail(event, error.result, error.detail or None)
        except Postpone as error:
            await self._postpone(event, error)
        except PanelDown as error:
            await self._wait_for_panel(event, error)
        except PanelTooBusy as error:
            await self._postpone(event, Postpone(str(error), delay=slowed(error, self._rules)))
        except PanelUnavailable as error:
            if error.alarm:
                await self._wait_for_people(event, error)
                return
            await self._later(event, str(error), result="panel-unavailable", at_least=error.retry_after or 0)
        except PanelError as error:
            await self._later(event, str(error), result="panel-error")
        except Exception as error:  # noqa: BLE001  (the event is retried after any error)
            note_failure(self._db, "event.error", error, attempts=event.attempts)
            await self._later(event, _describe(error), result="handling-failed")

    async def _ask_handler(self, event: Event) -> None:
        for _ in range(_VERSION_TRIES):
            try:
                return await self._handler(event)
            except VersionMoved:
                log.info("event.version_moved")
        raise Postpone("its order or customer kept changing", counted=True)

    async def _fail(self, event: Event, result: str, error: str | None) -> None:
        if await inbox.fail(self._db, event, result=result, error=error, now=self._clock()):
            log.error("event.failed", result=result, attempts=event.attempts)

    async def _later(
        self, event: Event, error: str, *, result: str, at_least: float = 0, due_at: datetime | None = None
    ) -> None:
        """Postpone an event and count the attempt; fail it when its attempts are used up."""
        delay = next_delay(event.attempts, self._rules.delays, jitter=self._rules.jitter())
        if delay is None:
            await self._fail(event, result, error)
            return
        now = self._clock()
        due_at = due_at or now + timedelta(seconds=max(delay, at_least))
        await inbox.postpone(self._db, event, due_at=due_at, error=error, now=now)
        log.info("event.postponed", attempts=event.attempts, due_at=due_at.isoformat())

    async def _postpone(self, event: Event, request: Postpone) -> None:
        now = self._clock()
        due_at = request.due_at or (None if request.delay is None else now + request.delay)
        if request.counted:
            await self._later(event, request.reason, result="out-of-attempts", due_at=due_at)
            return
        due_at = due_at or now + timedelta(seconds=self._rules.delays[0])
        await inbox.postpone(
            self._db, event, due_at=due_at, error=request.reason, now=now, counted=False,
            reads_failed=request.reads_failed, waits_for=request.waits_for,
        )  # fmt: skip

    async def _wait_for_panel(self, event: Event, error: PanelDown) -> None:
        """Postpone an event that needs the panel without counting the attempt, so that long outages use none up."""
        now = self._clock()
        due_at = now + put_off(error, self._rules)
        await inbox.postpone(
            self._db, event, due_at=due_at, error=WAITS_FOR_PANEL, now=now, counted=False, waits_for=WaitsFor.PANEL
        )
        self._reschedule_if_back()

    async def _wait_for_people(self, event: Event, error: PanelUnavailable) -> None:
        """Postpone an event that the panel bars us from, uncounted; it resumes soon after staff fix the cause."""
        log.error("panel.alarm", event_id=event.id, error=str(error))
        await self._postpone(event, Postpone(str(error), delay=barred(self._rules)))

    # --- calls

    async def _send(self, panel: PanelWriter, call: Call) -> None:
        structlog.contextvars.bind_contextvars(call_id=str(call.id))
        state = await send(
            self._db, panel, call, rules=self._rules, clock=self._clock, monotonic=self._monotonic,
            unused=self._unused_turn,
        )  # fmt: skip
        if state in {CallState.PENDING, CallState.UNKNOWN}:
            self._reschedule_if_back()

    # --- panel outages

    @property
    def _panel_state(self) -> BreakerState:
        return BreakerState.CLOSED if self._brakes is None else self._brakes.breaker.state

    def _panel_is_back(self) -> None:
        self._reschedule_now = True
        self._wake.notify()

    def _reschedule_if_back(self) -> None:
        """Check again, as work postponed just now may have missed the panel's return."""
        if self._brakes is not None and self._brakes.breaker.closed:
            self._reschedule_now = True

    async def _reschedule_waiting(self, now: datetime) -> None:
        """Make work that was postponed while the panel was down due now, in batches; the rate limit spreads it."""
        self._reschedule_now = False  # anything postponed meanwhile sets it again
        try:
            async with self._db.begin() as tx:
                event_count = await inbox.reschedule_for_panel(tx, limit=_RESCHEDULED_AT_ONCE, now=now)
                call_count = await claims.reschedule_for_panel(tx, limit=_RESCHEDULED_AT_ONCE, now=now)
        except Exception:
            self._reschedule_now = True
            raise
        if max(event_count, call_count) == _RESCHEDULED_AT_ONCE:
            self._reschedule_now = True
        if event_count or call_count:
            log.info("worker.resumed_after_outage", events=event_count, calls=call_count)

    # --- start, heartbeat and shutdown

    async def _living_id(self, now: datetime) -> uuid.UUID:
        """Return our worker id, registering again if others took us for dead.

        After a standstill this is checked before anything is claimed, because a dead worker's claims have no owner.
        """
        if self._id is not None and self._monotonic() - self._beaten_at > self._limits.dead_after.total_seconds() / 2:
            await self._beat(self._id)
        if self._id is None:
            self._id = await register(self._db, now=now)
            self._beaten_at = self._monotonic()
            self._swept_at = float("-inf")
            log.info("worker.started", worker_id=str(self._id))
        return self._id

    async def _beat(self, worker: uuid.UUID) -> None:
        at = self._monotonic()
        alive = await beat(self._db, worker, progress_at=self._progress_at, panel=self._panel_state, now=self._clock())
        self._beaten_at = at
        if not alive and self._id == worker:
            log.warning("worker.declared_dead", worker_id=str(worker))
            self._id = None  # its claims are lost and can't be settled; it continues under a new id
            self._wake.notify()

    async def _keep_beating(self) -> None:
        while True:
            await asyncio.sleep(self._limits.heartbeat.total_seconds())
            if (worker := self._id) is None:
                continue
            try:
                await self._beat(worker)
            except Exception as error:  # noqa: BLE001  (the next beat is in two seconds)
                note_failure(self._db, "worker.heartbeat_failed", error, worker_id=str(worker))

    async def _look_after_others(self, me: uuid.UUID) -> None:
        at = self._monotonic()
        if at - self._watched_at >= self._limits.watch.total_seconds():
            self._watched_at = at
            others = {worker: last for worker, last in (await heartbeats(self._db)).items() if worker != me}
            dead = others if self._alone else self._watch.dead(others, at=at)
            reach = [last.panel == BreakerState.CLOSED for worker, last in others.items() if worker not in dead]
            self._others_reach_panel = any(reach)
            if not all(reach):
                self._reschedule_now = True  # postponed by others before they saw that we can reach it
            for worker, seen in dead.items():
                if await take_over(self._db, worker, seen.at, settle=self._rules.settle, now=self._clock()):
                    self._swept_at = float("-inf")  # for rows that were locked just now
        if at - self._swept_at >= self._limits.sweep.total_seconds():
            self._swept_at = at
            await self._sweep(me)

    async def _sweep(self, me: uuid.UUID) -> None:
        await clock_jumps.correct(self._db, settle=self._rules.settle, now=self._clock())
        await release_orphaned_claims(
            self._db, me, at_events=[event.id for event in self._events.values()],
            at_calls=[call.id for call in self._calls.values()], settle=self._rules.settle, now=self._clock(),
        )  # fmt: skip

    async def _finish_under_way(self) -> None:
        if under_way := [*self._events, *self._calls]:
            _, late = await asyncio.wait(under_way, timeout=self._limits.grace.total_seconds())
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def release(self) -> None:
        """Release all claims and sign off, so that the next worker need not wait for our heartbeat to expire."""
        if self._id is None:
            return
        worker, self._id = self._id, None
        try:
            await sign_off(self._db, worker, settle=self._rules.settle, now=self._clock())
        except Exception:
            log.exception("worker.release_failed", worker_id=str(worker))  # other workers will see our heartbeat expire
            return
        log.info("worker.stopped", worker_id=str(worker))


def _describe(error: Exception) -> str:
    """Return kind and place of an error; its text is left out, as it may contain customers' text."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return type(error).__name__ + place
