"""Alerts for staff: written in the transaction of their cause, sent later in groups (`notifications`)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.actions import Action
from app.core.money import Money
from app.core.records import NO_GATE, AlertKind
from app.core.states import OrderState
from app.db import insert_new, storable
from app.installation import facts as installation
from app.messaging.outbox import Call
from app.tables.alerts import alerts
from app.tables.orders import decisions

log = structlog.get_logger()

#: How long an alert is kept after it was sent.
KEPT: Final = timedelta(days=90)

_NAME_LENGTH = 160
_TEXT_LENGTH = 500


async def alert(
    tx: AsyncConnection, kind: AlertKind, *, name: str, text: str, now: datetime, order_id: int | None = None
) -> bool:
    """Add an alert for staff; False if this occurrence (`name`) was already reported.

    `text` is one sentence for staff: ids and amounts, never customers' text.
    """
    row = {"name": name[:_NAME_LENGTH], "kind": kind, "order_id": order_id, "created_at": now}
    insert = insert_new(tx, alerts).values(**row, text=storable(text)[:_TEXT_LENGTH]).returning(alerts.c.id)
    added = (await tx.execute(insert)).first() is not None
    if added:
        log.warning("alert", kind=kind.value, order_id=order_id, text=text[:_TEXT_LENGTH])
    return added


async def tell_changes(tx: AsyncConnection, before: Any, changes: Mapping[str, Any], *, now: datetime) -> None:
    """Alert staff about an order's changes: a new hold, a breach, a refund due."""
    order_id = int(before.order_id)
    held = changes.get("state", before.state) == OrderState.HELD  # proposals are only shown in the queue
    if held and before.hold_since is None and changes.get("hold_since") is not None:
        since = changes["hold_since"].isoformat()
        why = await _why(tx, changes.get("decision_id", before.decision_id))
        kind = changes.get("hold_kind", before.hold_kind)
        ungated = "" if await installation.get(tx, installation.GATE_ASKED) else f" {NO_GATE}"
        text = f"Order {order_id} is held ({kind}){why}.{ungated}"
        await alert(tx, AlertKind.NEW_HOLD, name=f"hold:{order_id}:{since}", text=text, now=now, order_id=order_id)
    if changes.get("breached") and not before.breached:
        text = f"Order {order_id} was accepted or set up in the panel, not by a person, although it is on hold."
        name = f"breach:{order_id}:{now.isoformat()}"
        await alert(tx, AlertKind.BREACH, name=name, text=text, now=now, order_id=order_id)
    due = int(changes.get("refund_due_minor", 0))
    if due > int(before.refund_due_minor):
        currency = changes.get("currency", before.currency)
        text = f"Order {order_id}: a refund of {Money(due, currency) if currency else 'an unknown amount'} is due."
        name = f"refund:{order_id}:{before.version}:{due}"
        await alert(tx, AlertKind.REFUND_DUE, name=name, text=text, now=now, order_id=order_id)


async def _why(tx: AsyncConnection, decision_id: int | None) -> str:
    """Return the reason codes only, as the sentences may quote customers' text."""
    if decision_id is None:
        return ""
    reasons = await tx.scalar(sa.select(decisions.c.reasons).where(decisions.c.id == decision_id))
    codes = ", ".join(str(reason["code"]) for reason in reasons or ())
    return f": {codes}" if codes else ""


async def tell_dead_call(tx: AsyncConnection, call: Call, *, event_id: int, now: datetime) -> None:
    """Alert staff that a call was given up. A failed notification shows in the queue; we never notify about it."""
    if call.action == Action.NOTIFY_STAFF:
        return
    about = f"order {call.order_id}" if call.order_id else f"customer {call.customer_id}"
    text = f"The call {call.action} for {about} failed for good: retry or abandon panel call {call.id}."
    name = f"call:{call.id}:{event_id}"
    await alert(tx, AlertKind.DEAD_CALL, name=name, text=text, now=now, order_id=call.order_id)


async def forget_old(tx: AsyncConnection, *, now: datetime) -> int:
    """Delete alerts that were sent long ago; return how many."""
    old = alerts.c.kind.in_(list(AlertKind)) & (alerts.c.created_at < now - KEPT) & alerts.c.rung_at.is_not(None)
    return int((await tx.execute(alerts.delete().where(old))).rowcount)
