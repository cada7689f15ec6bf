"""Was it built? After an accept the order's services are read back until they are active, or a person has to look.

A panel can accept an order whose module failed, and never retries automatically. The error in its module queue is shown
if our role may read it. Lines that no module builds are left to staff and don't count as failures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.context import Context
from app.core.judgement.decide import Outcome
from app.core.records import PANEL, AlertKind
from app.core.states import Flag, OrderState, Provisioning
from app.core.statuses import BUILT, PanelServiceStatus
from app.installation.alerts import alert
from app.messaging import inbox
from app.messaging.inbox import Event, VersionMoved
from app.messaging.outbox import Call
from app.orders.order import OrderDraft, open_order
from app.orders.timers import look_again
from app.panels.base import PanelReader, PanelUnavailable
from app.panels.records import PanelLine, PanelOrder, PanelProduct, PanelQueueEntry, PanelService
from app.tables.inbox import EventState
from app.tables.orders import UNBUILT, orders, timeline

CHECK: Final = "order.check_build"
#: Seconds after an accept at which its services are read back. At the first look a module may still be running, so only
#: services that the panel itself reports as failed count.
LOOKS: Final = (4.0, 60.0, 600.0)
_LINES_NAMED: Final = 5
_ONE_BY_ONE: Final = 3  # up to this many services are read by id; for more, the customer's whole list is read
_ERROR_LENGTH: Final = 200
_UNREADABLE: Final = "the module queue, which says why, can't be read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the panel shows of an order's provisioning; `queue` is None if our role may not read it."""

    version: int  # of our own row, before the reads
    order: PanelOrder
    services: Mapping[int, PanelService]
    modules: Mapping[int, str]  # product id → module
    queue: Mapping[tuple[str, int], PanelQueueEntry] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildQuestion:
    """What to check: which parts the accept asked for, and what is known to have failed already."""

    autosetup: bool = False
    sendregistrar: bool = False
    sure: bool = False  # enough time has passed, or the panel reported a failure
    failed_service: int | None = None

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> BuildQuestion:
        """Read it from the data of a check's event."""
        service = data.get("service_id")
        return cls(
            autosetup=data.get("autosetup") is True,
            sendregistrar=data.get("sendregistrar") is True,
            sure=data.get("sure") is True,
            failed_service=service if isinstance(service, int) else None,
        )


# --- when to look -------------------------------------------------------------------------------------------------


async def watch(draft: OrderDraft, call: Call) -> None:
    """Schedule the checks after a completed accept."""
    wanted = {name: call.params.get(name) is True for name in ("autosetup", "sendregistrar")}
    warning = (call.result or {}).get("warning")
    if warning:
        draft.say(f"accepted, but {str(warning)[:_ERROR_LENGTH]}", by=PANEL)
    if not any(wanted.values()):
        return
    for number, seconds in enumerate(LOOKS):
        sure = number > 0 or bool(warning)
        await _look(draft, {**wanted, "sure": sure}, name=f"built:{call.id}:{number}", seconds=seconds)


async def follow_hook(draft: OrderDraft, event: Event) -> None:
    """Follow the panel's module hooks, once the order's row is up to date."""
    flagged = Flag.PROVISIONING_FAILED.value in draft.flags
    if draft.order.provisioning == Provisioning.DONE:
        if draft.flag(Flag.PROVISIONING_FAILED, raised=False):
            draft.say("everything is provisioned now", by=PANEL)
        return
    failed = event.type == "service.failed" and draft.order.outcome == Outcome.APPROVE
    if failed and draft.flag(Flag.PROVISIONING_FAILED):
        draft.say("the panel could not set it up", by=PANEL)
    if failed or (flagged and event.type == "service.provisioned"):
        data = {"service_id": event.data.get("service_id")} if failed else {}
        await _look(draft, data, name=f"built:{event.id}", seconds=0)


async def _look(draft: OrderDraft, data: dict[str, Any], *, name: str, seconds: float) -> None:
    due_at = draft.now + timedelta(seconds=seconds)
    data = {"order_id": draft.order_id, **data}
    await inbox.add_internal(draft.tx, type=CHECK, data=data, now=draft.now, due_at=due_at, name=name)


# --- looking ------------------------------------------------------------------------------------------------------


async def check(context: Context, event: Event, order_id: int) -> None:
    """Read the order's services back and report what is not built. Raises PanelUnavailable and VersionMoved."""
    now = context.clock()
    seen = await _see(context, order_id)
    async with context.db.begin() as tx:
        draft = await open_order(tx, order_id, mode=context.settings.mode, now=now)
        result = "nothing-to-check"
        if seen is not None and draft is not None:
            if draft.before.version != seen.version:
                raise VersionMoved
            result = await _conclude(draft, seen, BuildQuestion.of(event.data))
            await draft.save()
        await inbox.finish(tx, event, state=EventState.PROCESSED, result=result, now=now)
    context.wake()


async def _see(context: Context, order_id: int) -> Seen | None:
    """Read with no transaction open; None if there is nothing to check: not released, or built."""
    columns = (orders.c.version, orders.c.state, orders.c.provisioning)
    async with context.db.read() as connection:
        row = (await connection.execute(sa.select(*columns).where(orders.c.order_id == order_id))).first()
    if row is None or row.state != OrderState.RELEASED or row.provisioning == Provisioning.DONE:
        return None
    panel = context.panel
    if panel is None:
        raise PanelUnavailable("no panel is configured")
    order = await panel.order(order_id)
    if order is None or order.customer_id is None:
        return None
    services = await _services(panel, order)
    return Seen(
        version=row.version,
        order=order,
        services={service.service_id: service for service in services},
        modules=_modules(await context.catalogue.get(panel, urgent=False)),
        queue=await _queue(context),
    )


async def _services(panel: PanelReader, order: PanelOrder) -> list[PanelService]:
    wanted = {line.relid for line in order.lines if line.kind == "product" and line.relid}
    if len(wanted) > _ONE_BY_ONE:
        found = [await panel.services(customer_id=order.customer_id)]
    else:
        found = [await panel.services(service_id=one) for one in sorted(wanted)]
    return [service for group in found for service in group if service.service_id in wanted]


def _modules(catalogue: Sequence[PanelProduct]) -> dict[int, str]:
    return {product.product_id: product.module for product in catalogue}


async def _queue(context: Context) -> dict[tuple[str, int], PanelQueueEntry] | None:
    """Return the newest entry of each service, addon and domain; None if our role may not read them."""
    if context.panel is None:
        return None
    try:
        entries = await context.panel.module_queue()
    except PanelUnavailable as error:
        if not error.alarm:
            raise
        return None
    return {(entry.kind, entry.relid): entry for entry in sorted(entries, key=lambda entry: entry.entry_id)}


# --- what it means ------------------------------------------------------------------------------------------------


async def _conclude(draft: OrderDraft, seen: Seen, question: BuildQuestion) -> str:
    unbuilt = [line for line in seen.order.lines if _unbuilt(line, seen, question)]
    if unbuilt:
        await _failed(draft, seen, unbuilt)
        return "not-built"
    if any(_may_be_unbuilt(line, seen) for line in seen.order.lines):
        return "not-built-yet"
    if draft.flag(Flag.PROVISIONING_FAILED, raised=False):
        draft.say("everything that a module provisions is provisioned now", by=PANEL)
    draft.change(provisioning=_progress(seen).value)
    if draft.changes():
        await look_again(draft, seconds=0)
    return "built"


def _status(line: PanelLine, seen: Seen) -> str:
    service = seen.services.get(line.relid or 0) if line.kind == "product" else None
    return service.status if service is not None else line.status


def _entry(line: PanelLine, seen: Seen) -> PanelQueueEntry | None:
    kind = {"product": "service"}.get(line.kind, line.kind)
    return (seen.queue or {}).get((kind, line.relid or 0))


def _unbuilt(line: PanelLine, seen: Seen, question: BuildQuestion) -> bool:
    """True if this line should be built by now and is not."""
    if not _may_be_unbuilt(line, seen):
        return False
    if _entry(line, seen) is not None:
        return True
    if line.kind == "product":
        wanted = question.autosetup and question.sure
        return wanted or (question.failed_service is not None and question.failed_service == line.relid)
    return line.kind == "domain" and question.sendregistrar and question.sure


def _may_be_unbuilt(line: PanelLine, seen: Seen) -> bool:
    """True if this line is unbuilt and a module or registrar should build it; False if none is known to."""
    if line.relid is None or _status(line, seen) != PanelServiceStatus.PENDING:
        return False  # the panel's own words, such as "Pending Transfer", mean that it is in progress
    if line.kind == "product":
        service = seen.services.get(line.relid)
        module = "" if service is None else seen.modules.get(service.product_id or 0, "")
        return bool(module) or _entry(line, seen) is not None
    return line.kind == "domain" or _entry(line, seen) is not None


def _progress(seen: Seen, *, failed: bool = False) -> Provisioning:
    statuses = [_status(line, seen) for line in seen.order.lines]
    built = sum(status in BUILT for status in statuses)
    if statuses and built == len(statuses):
        return Provisioning.DONE
    if built:
        return Provisioning.PARTIAL
    return Provisioning.FAILED if failed else Provisioning.NONE


async def _failed(draft: OrderDraft, seen: Seen, unbuilt: Sequence[PanelLine]) -> None:
    """Flag it, notify staff once, and note in the timeline what was seen."""
    draft.flag(Flag.PROVISIONING_FAILED)
    draft.change(provisioning=_progress(seen, failed=True).value)
    named = [_named(line, seen) for line in unbuilt[:_LINES_NAMED]]
    if len(unbuilt) > _LINES_NAMED:
        named.append(f"and {len(unbuilt) - _LINES_NAMED} more")
    said = f"not built: {'; '.join(named)}" + ("" if seen.queue is not None else f" ({_UNREADABLE})")
    if not await _said(draft, said):
        draft.say(said, by=PANEL)
    if draft.acts:
        ids = ", ".join(f"{_word(line)} {line.relid}" for line in unbuilt[:_LINES_NAMED])
        text = f"Order {draft.order_id} was accepted, but {len(unbuilt)} of its lines are not provisioned: {ids}."
        name = f"provisioning:{draft.order_id}"
        await alert(
            draft.tx, AlertKind.PROVISIONING_FAILED, name=name, text=text, now=draft.now, order_id=draft.order_id
        )


def _word(line: PanelLine) -> str:
    return "service" if line.kind == "product" else line.kind


def _named(line: PanelLine, seen: Seen) -> str:
    entry = _entry(line, seen)
    why = f": {entry.error[:_ERROR_LENGTH] or 'no reason given'}" if entry is not None else ""
    return f"{(line.product or line.domain)[:80]} ({_word(line)} {line.relid}) is {_status(line, seen).lower()}{why}"


async def _said(draft: OrderDraft, what: str) -> bool:
    same = sa.select(timeline.c.id).where(timeline.c.order_id == draft.order_id, timeline.c.what == what)
    return (await draft.tx.execute(same.limit(1))).first() is not None


# --- showing it ---------------------------------------------------------------------------------------------------


def unbuilt_orders() -> sa.ColumnElement[bool]:
    """Return the condition for released orders that were not built: they wait for a person.

    Most orders are released, so the query must not use an index on the state.
    """
    released = sa.func.coalesce(orders.c.state, "") == OrderState.RELEASED
    flagged = sa.cast(orders.c.flags, sa.Text).like(f'%"{Flag.PROVISIONING_FAILED.value}"%')
    return sa.and_(sa.text(UNBUILT), released, flagged)


async def count_failed(connection: AsyncConnection, *, at_most: int) -> int:
    """Return how many released orders were not built, counting up to `at_most`."""
    some = sa.select(sa.literal(1)).select_from(orders).where(unbuilt_orders()).limit(at_most).subquery()
    return int(await connection.scalar(sa.select(sa.func.count()).select_from(some)) or 0)
