"""Who placed an order or changed it, as far as the events say."""

from __future__ import annotations

from app.core.consequences.actor import Actor
from app.core.facts import PlacedBy
from app.core.rows.order import Order
from app.messaging.inbox import Event


def who(event: Event, became: str) -> Actor:
    """Return who made the change to `became`; only that change's own event tells.

    Somebody else may have made another change before the order was read back.
    """
    reported = event.type == "order.status_changed" and event.data.get("to") == became
    return Actor.from_event(event.data) if reported else Actor()


def told_placed_by(event: Event) -> PlacedBy | None:
    """Return who placed it by the event's `placed_by`, or else by its actor; `placed_by` wins if they disagree."""
    if event.type != "order.created":
        return None
    word = event.data.get("placed_by")
    if isinstance(word, str) and word in set(PlacedBy):
        return PlacedBy(word)
    actor = Actor.from_event(event.data)
    acted = {"customer": PlacedBy.CUSTOMER, "staff": PlacedBy.STAFF, "api": PlacedBy.API}.get(actor.kind)
    return PlacedBy.STAFF_AS_CUSTOMER if actor.masquerade and acted is not None else acted


def with_placed_by(order: Order, event: Event) -> Order:
    """Return the order with who placed it, if this event says so."""
    word = told_placed_by(event)
    if word is None:
        return order
    actor = Actor.from_event(event.data)
    if actor.admin_id is not None and word in {PlacedBy.STAFF, PlacedBy.STAFF_AS_CUSTOMER}:
        order = order.changed(staff_id=actor.admin_id)
    return order.changed(placed_by=word.value)
