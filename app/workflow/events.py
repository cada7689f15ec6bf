"""Dispatch events to their handlers. A handler finishes its event in the transaction of its effects."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

import structlog

from app.context import Context
from app.core.consequences import panel
from app.core.consequences.timers import CHECK_BUILD, GROUP_ACTED, GROUP_GREW
from app.messaging import inbox
from app.messaging.inbox import Event, GiveUp, Postpone
from app.orders.order import open_order
from app.panels.base import PanelUnavailable
from app.panels.requests import OTHER, caused_by
from app.tables.inbox import EventState
from app.workflow import provisioning
from app.workflow.changing import change
from app.workflow.clocks import hold_due, question_due
from app.workflow.customer_events import customer_changed, customer_closed, customer_merged
from app.workflow.examine import examine
from app.workflow.invoice_events import invoice_event
from app.workflow.known_news import CHANGE_MADE
from app.workflow.settled import settled
from app.workflow.ticket_events import handle_ticket
from app.workflow.together.acting import group_acted
from app.workflow.together.growing import group_grew
from app.workflow.unlisted import mark_unknown

log = structlog.get_logger()

#: The panel's order hooks fire before the change: read the order back this long after them, twice at most.
READ_BACK_AFTER = (CHANGE_MADE, timedelta(seconds=20))


async def handle(context: Context, event: Event) -> None:
    """Handle one event of any type.

    Raises Postpone, GiveUp, PanelUnavailable and VersionMoved for the worker to handle.
    """
    try:
        with caused_by(event.type if event.type in _HANDLERS or event.type in _ORDER_HANDLERS else OTHER):
            await _handle(context, event)
    except GiveUp as gave_up:
        if gave_up.result == "order-not-found" and event.order_id is not None:
            await mark_unknown(context, event.order_id, context.clock())
        raise


async def _handle(context: Context, event: Event) -> None:
    handler = _HANDLERS.get(event.type)
    about_order = _ORDER_HANDLERS.get(event.type)
    if handler is not None:
        await handler(context, event)
    elif about_order is not None and event.order_id is not None:
        await about_order(context, event, event.order_id)
    else:
        await _ignore(context, event, "not-used-yet")


async def _gate_asked(context: Context, event: Event, order_id: int) -> None:
    await examine(context, event, order_id, at_once=True)


async def _ignore(context: Context, event: Event, result: str) -> None:
    now = context.clock()
    async with context.db.begin() as tx:
        await inbox.finish(tx, event, state=EventState.IGNORED, result=result, now=now)


async def _status_changed(context: Context, event: Event, order_id: int) -> None:
    """Read the order back some seconds after the event's own time; once more if nothing has changed by then."""
    due_at = event.received_at + READ_BACK_AFTER[0]
    if context.clock() < due_at:
        raise Postpone("waiting until the panel has made the change", due_at=due_at)
    if not event.data.get("again"):
        await _look_once_more(context, event, order_id)
    await examine(context, event, order_id)


async def _look_once_more(context: Context, event: Event, order_id: int) -> None:
    now = context.clock()
    data = {**event.data, "order_id": order_id, "again": True}
    due_at = event.received_at + READ_BACK_AFTER[1]
    async with context.db.begin() as tx:
        await inbox.add_internal(
            tx, type="order.status_changed", data=data, now=now, due_at=due_at, name=f"again:{event.id}"
        )


async def _overridden(context: Context, event: Event, order_id: int) -> None:
    now = context.clock()
    staff = event.data.get("staff_id")
    async with context.db.begin() as tx:
        locked = await open_order(context, tx, order_id, now=now, create=True)
        if locked is not None:
            admin_id = int(str(staff)) if str(staff).isdigit() else None
            await change(context, locked, partial(panel.override, admin_id=admin_id))
        await inbox.add_internal(tx, type="order.read_back", data={"order_id": order_id}, now=now)
        await inbox.finish(tx, event, state=EventState.PROCESSED, result="overridden", now=now)
    context.wake()


async def _service(context: Context, event: Event) -> None:
    """Look at the order of a service; the event names it, or else the panel is asked."""
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


#: Events about one order, named by its id.
_ORDER_HANDLERS: dict[str, Callable[[Context, Event, int], Awaitable[None]]] = {
    "order.created": examine,
    "order.paid": examine,
    "order.fraud_checked": examine,
    "order.status_changed": _status_changed,
    "order.overridden": _overridden,
    "order.settle": examine,  # from here on our own clocks
    "order.read_back": examine,
    "order.hold_due": hold_due,
    "order.question_due": question_due,
    CHECK_BUILD: provisioning.check,
    GROUP_GREW: group_grew,
    GROUP_ACTED: group_acted,
    "gate.asked": _gate_asked,
}
#: Events about anything else.
_HANDLERS: dict[str, Callable[[Context, Event], Awaitable[None]]] = {
    inbox.CALL_SETTLED: settled,
    "service.provisioned": _service,
    "service.failed": _service,
    "invoice.paid": invoice_event,
    "invoice.cancelled": invoice_event,
    "invoice.refunded": invoice_event,
    "ticket.opened": handle_ticket,
    "ticket.replied": handle_ticket,
    "ticket.closed": handle_ticket,
    "customer.changed": customer_changed,
    "customer.closed": customer_closed,
    "customer.merged": customer_merged,
}
