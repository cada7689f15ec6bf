"""Shared by the messaging tests: a manual clock, and a scripted panel."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from app.core.actions import AcceptOrder, AddClientNote, AddCredit, FraudOrder, PanelAction
from app.db import Database
from app.messaging import inbox, outbox
from app.messaging.inbox import CALL_SETTLED, Event
from app.messaging.outbox import Call
from app.messaging.sending import SendRules
from app.messaging.wake import Wake
from app.messaging.worker import Worker, WorkerLimits
from app.panels.base import (
    BeforeSend,
    LookUp,
    PanelOutcomeUnknown,
    PanelRejected,
    PanelTooBusy,
    PanelUnavailable,
    Standing,
)
from app.tables.inbox import EventState, events

START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
SETTLE = timedelta(seconds=150)
RULES = SendRules(settle=SETTLE, delays=(1, 5, 30), jitter=lambda: 0.0)


class Time:
    """A clock and a monotonic clock that are moved together, manually."""

    def __init__(self) -> None:
        self.now = START
        self._seconds = 1000.0

    def clock(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return self._seconds

    def advance(self, by: timedelta | float) -> None:
        by = by if isinstance(by, timedelta) else timedelta(seconds=by)
        self.now += by
        self._seconds += by.total_seconds()


# --- wanted calls --------------------------------------------------------------------------------------------------


def credit(customer_id: int = 7, reference: str = "doorman:credit:1") -> AddCredit:
    return AddCredit(customer_id=customer_id, reference=reference, description=f"thanks {reference}", amount="5.00")


def accept(order_id: int = 42) -> AcceptOrder:
    return AcceptOrder(order_id=order_id, autosetup=True, sendemail=True, sendregistrar=False)


def fraud(order_id: int = 42) -> FraudOrder:
    return FraudOrder(order_id=order_id)


def note(customer_id: int = 7) -> AddClientNote:
    return AddClientNote(customer_id=customer_id, notes="held for a fee")


async def want(db: Database, action: PanelAction, key: str, time: Time, **options: Any) -> uuid.UUID:
    async with db.begin() as tx:
        return await outbox.enqueue(tx, action, key=key, cause="test:1", now=time.now, **options)


async def read(db: Database, call_id: uuid.UUID) -> Call:
    async with db.read() as connection:
        call = await outbox.get(connection, call_id)
    assert call is not None
    return call


async def told(db: Database) -> list[tuple[str, str]]:
    """Return the ends that were reported by event: (call id, state)."""
    async with db.read() as connection:
        rows = await connection.execute(
            sa.select(events.c.body).where(events.c.type == CALL_SETTLED).order_by(events.c.id)
        )
        bodies = [json.loads(row.body)["data"] for row in rows]
    return [(body["call_id"], body["state"]) for body in bodies]


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    """Wait until a condition holds, and fail if it never does."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.01)


# --- a panel ------------------------------------------------------------------------------------------------------


def _identity(action: PanelAction) -> str:
    return f"{action.action}:{getattr(action, 'reference', None) or getattr(action, 'order_id', None) or id(action)}"


class FakePanel:
    """Applies actions and answers according to its script: one word for each `perform`, then `ok`.

    ``ok``, ``lost`` (applied, no answer), ``late`` (applied `late_by` after we hung up), ``never`` (no answer, not
    applied), ``broken`` (a complete 500, not applied), ``odd`` (an error in unknown words, not applied), ``refused``,
    ``unavailable``, ``busy`` (try again in twenty seconds).
    """

    def __init__(self, time: Time, script: tuple[str, ...] = (), *, late_by: timedelta = timedelta(seconds=60)) -> None:
        self.time = time
        self.script = list(script)
        self.late_by = late_by
        self.applied: list[tuple[datetime, str]] = []
        self.performed: list[PanelAction] = []
        self.looked: list[PanelAction] = []
        self.look_script: list[str] = []
        self.moot: set[str] = set()
        self.hold: asyncio.Event | None = None
        self.wire: Counter[str] = Counter()
        self.most_on_wire = 0

    def effects(self, action: PanelAction) -> int:
        """Return how often this has been applied by now."""
        return sum(1 for at, what in self.applied if what == _identity(action) and at <= self.time.now)

    async def perform(self, action: PanelAction, *, before_send: BeforeSend | None = None) -> dict[str, Any]:
        if before_send is not None:
            await before_send()
        group = f"{action.money}:{getattr(action, 'customer_id', None)}:{getattr(action, 'order_id', None)}"
        self.performed.append(action)
        self.wire[group] += 1
        self.most_on_wire = max(self.most_on_wire, self.wire[group])
        try:
            if self.hold is not None:
                await self.hold.wait()
            await asyncio.sleep(0)
            return self._answer(action)
        finally:
            self.wire[group] -= 1

    def _answer(self, action: PanelAction) -> dict[str, Any]:
        word = self.script.pop(0) if self.script else "ok"
        if word in {"ok", "lost"}:
            self.applied.append((self.time.now, _identity(action)))
        if word == "late":
            self.applied.append((self.time.now + self.late_by, _identity(action)))
        if word in {"lost", "late", "never"}:
            raise PanelOutcomeUnknown("time-out")
        if word == "broken":
            raise PanelOutcomeUnknown("HTTP 500", complete=True)
        if word == "odd":
            raise PanelOutcomeUnknown("Curl Error: (7)", refused=True)
        if word == "refused":
            raise PanelRejected("order-not-pending", "Order Not Pending")
        if word == "busy":
            raise PanelTooBusy("429", retry_after=20)
        if word == "unavailable":
            raise PanelUnavailable("connection refused")
        return {"made": len(self.applied)}

    async def look_up(self, action: PanelAction) -> LookUp:
        self.looked.append(action)
        if self.look_script and self.look_script.pop(0) == "unavailable":
            raise PanelUnavailable("connection refused")
        if _identity(action) in self.moot:
            return LookUp(standing=Standing.MOOT, result={}, detail="the order was deleted")
        there = self.effects(action) > 0
        return LookUp(standing=Standing.APPLIED if there else Standing.ABSENT, result={"found": True} if there else {})


async def nothing_to_handle(event: Event) -> None:
    raise AssertionError(f"unexpected event {event.type}")


def handler_of(db: Database, time: Time, seen: list[Event] | None = None) -> Callable[[Event], Awaitable[None]]:
    """Return a handler that records each event and finishes it."""

    async def handle(event: Event) -> None:
        async with db.begin() as tx:
            await inbox.finish(tx, event, state=EventState.PROCESSED, result="seen", now=time.now)
        if seen is not None:
            seen.append(event)

    return handle


def worker(db: Database, time: Time, panel: Any, handler: Any = None, **options: Any) -> Worker:
    return Worker(
        db,
        panel=panel,
        handler=handler or handler_of(db, time),
        rules=options.pop("rules", RULES),
        clock=options.pop("clock", time.clock),
        monotonic=options.pop("monotonic", time.monotonic),
        wake=options.pop("wake", None) or Wake(),
        limits=options.pop("limits", WorkerLimits()),
        **options,
    )
