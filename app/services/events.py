"""Which event leads where. Handlers finish their event in the transaction of their effects."""

from __future__ import annotations

from datetime import timedelta

import structlog

from app.messaging import inbox
from app.messaging.inbox import Event, GiveUp, Postpone
from app.panels.base import PanelUnavailable
from app.services import panel_changes
from app.services.clocks import hold_due
from app.services.context import Context
from app.services.customer_events import customer_changed, customer_closed, customer_merged
from app.services.examine import examine, mark_unknown
from app.services.invoice_events import invoice_event
from app.services.orders import open_file
from app.services.settled import settled
from app.services.ticket_records import handle_ticket
from app.tables.inbox import EventState

log = structlog.get_logger()

#: The panel's order hooks fire before the change: look some seconds later, and once more (design §3 rule 9).
READ_BACK_SECONDS = (4, 20)
_AT_ONCE = {"order.created", "order.paid", "order.fraud_checked", "order.settle", "order.read_back"}


async def handle(context: Context, event: Event) -> None:
    """Handle one event, whatever it is.

    Raises Postpone, GiveUp, PanelUnavailable and VersionMoved for the worker to deal with.
    """
    try:
        await _handle(context, event)
    except GiveUp as gave_up:
        if gave_up.result == "order-not-found" and event.order_id is not None:
            await mark_unknown(context, event.order_id, context.clock())
        raise


async def _handle(context: Context, event: Event) -> None:
    kind, order_id = event.type, event.order_id
    if kind == inbox.CALL_SETTLED:
        await settled(context, event)
    elif kind in _AT_ONCE and order_id is not None:
        await examine(context, event, order_id)
    elif kind == "gate.asked" and order_id is not None:
        await examine(context, event, order_id, at_once=True)
    elif kind == "order.status_changed" and order_id is not None:
        await _status_changed(context, event, order_id)
    elif kind == "order.hold_due" and order_id is not None:
        await hold_due(context, event, order_id)
    elif kind == "order.overridden" and order_id is not None:
        await _overridden(context, event, order_id)
    elif kind in {"service.provisioned", "service.failed"}:
        await _service(context, event)
    elif kind.startswith("invoice."):
        await invoice_event(context, event)
    elif kind.startswith("ticket."):
        await handle_ticket(context, event)
    elif kind == "customer.changed":
        await customer_changed(context, event)
    elif kind == "customer.closed":
        await customer_closed(context, event)
    elif kind == "customer.merged":
        await customer_merged(context, event)
    else:
        await _ignore(context, event, "not-used-yet")


async def _ignore(context: Context, event: Event, result: str) -> None:
    now = context.clock()
    async with context.db.begin() as tx:
        await inbox.finish(tx, event, state=EventState.IGNORED, result=result, now=now)


async def _status_changed(context: Context, event: Event, order_id: int) -> None:
    """Read it back some seconds later, by the event's own time; once more if nothing has changed by then."""
    due_at = event.received_at + timedelta(seconds=READ_BACK_SECONDS[0])
    if context.clock() < due_at:
        raise Postpone("the hook fires before the change", due_at=due_at)
    if not event.data.get("again"):
        await _look_once_more(context, event, order_id)
    await examine(context, event, order_id)


async def _look_once_more(context: Context, event: Event, order_id: int) -> None:
    now = context.clock()
    data = {**event.data, "order_id": order_id, "again": True}
    due_at = event.received_at + timedelta(seconds=READ_BACK_SECONDS[1])
    async with context.db.begin() as tx:
        await inbox.add_internal(
            tx, type="order.status_changed", data=data, now=now, due_at=due_at, name=f"again:{event.id}"
        )


async def _overridden(context: Context, event: Event, order_id: int) -> None:
    now = context.clock()
    staff = event.data.get("staff_id")
    async with context.db.begin() as tx:
        file = await open_file(tx, order_id, mode=context.settings.mode, now=now, create=True)
        if file is not None and file.acts:
            await panel_changes.overridden(file, int(str(staff)) if str(staff).isdigit() else None)
            await file.save()
        await inbox.add_internal(tx, type="order.read_back", data={"order_id": order_id}, now=now)
        await inbox.finish(tx, event, state=EventState.PROCESSED, result="overridden", now=now)
    context.wake()


async def _service(context: Context, event: Event) -> None:
    """Services belong to orders; which one, the event says or the panel knows."""
    order_id = event.order_id
    if order_id is None:
        if context.panel is None:
            raise PanelUnavailable("no panel is configured")
        found = await context.panel.services(service_id=int(event.data["service_id"]))
        order_id = next((service.order_id for service in found if service.order_id), None)
    if order_id is None:
        await _ignore(context, event, "service-without-order")
        return
    await examine(context, event, order_id)
