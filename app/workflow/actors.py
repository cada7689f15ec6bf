"""Who did something in the panel, as far as the events say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.core.facts import PlacedBy
from app.core.records import PANEL
from app.messaging.inbox import Event
from app.orders.order import OrderDraft


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who changed something in the panel, as far as the event says."""

    kind: str = "unknown"  # customer, staff, api, cron, doorman, unknown
    admin_id: int | None = None
    masquerade: bool = False

    @classmethod
    def from_event(cls, data: dict[str, Any]) -> Actor:
        """Read the actor of an event; a staff id alone means staff."""
        raw = data.get("actor")
        actor = raw if isinstance(raw, dict) else {}
        admin = data.get("staff_id") or actor.get("admin_id")
        admin_id = int(admin) if isinstance(admin, int | str) and str(admin).isdigit() and int(admin) > 0 else None
        kind = str(actor.get("kind") or ("staff" if data.get("staff_id") else "unknown"))
        known = kind if kind in {"customer", "staff", "api", "cron", "doorman"} else "unknown"
        return cls(kind=known, admin_id=admin_id, masquerade=actor.get("masquerade") is True)

    @property
    def automation(self) -> bool:
        """True if a cron job or an API user did it, not a person."""
        return self.kind in {"api", "cron"}

    @property
    def person(self) -> bool:
        """True if a member of staff did it, as themselves or logged in as the customer."""
        return self.kind == "staff" or (self.masquerade and self.admin_id is not None)

    @property
    def name(self) -> str:
        """The name used in the timeline."""
        if self.kind == "staff":
            return f"panel:staff:{self.admin_id or 'unknown'}"
        return PANEL if self.kind == "unknown" else f"panel:{self.kind}"


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


def take_placed_by(draft: OrderDraft, event: Event) -> None:
    """Keep who placed the order, if this event says so."""
    word = told_placed_by(event)
    if word is None:
        return
    draft.change(placed_by=word.value)
    actor = Actor.from_event(event.data)
    if actor.admin_id is not None and word in {PlacedBy.STAFF, PlacedBy.STAFF_AS_CUSTOMER}:
        draft.change(staff_id=actor.admin_id)
