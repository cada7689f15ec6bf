"""Past tickets that may have asked for an order entered by staff: messages are read only for these."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from app.core.facts import PlacedBy
from app.db import Database
from app.gathering.asking_tickets import TICKET_DAYS, TICKETS_READ
from app.history import imported
from app.history.imported import Resource
from app.panels.records import PanelTicket

#: As for live orders (`app.gathering.panel`): the newest tickets opened within this time before an order.
WITHIN: Final = timedelta(days=TICKET_DAYS)
NEWEST: Final = TICKETS_READ


async def asking_candidates(db: Database) -> list[int]:
    """Return the ids of such tickets whose messages are not read yet, lowest first."""
    entered: dict[int, list[datetime]] = defaultdict(list)
    async for order in imported.stored(db, Resource.ORDERS):
        if order.placed_by is PlacedBy.STAFF and order.customer_id is not None and order.placed_at is not None:
            entered[order.customer_id].append(order.placed_at)
    customers = sorted(entered)
    found: set[int] = set()
    for start in range(0, len(customers), imported.BATCH):
        some = customers[start : start + imported.BATCH]
        async with db.read() as connection:
            tickets = await imported.of_customers(connection, Resource.TICKETS, some)
        for customer_id in some:
            for placed_at in entered[customer_id]:
                found.update(ticket.ticket_id for ticket in newest_before(placed_at, tickets[customer_id]))
    return sorted(found)


def newest_before(placed_at: datetime, tickets: Iterable[PanelTicket]) -> list[PanelTicket]:
    """Return the newest tickets that may have asked for an order placed then and have no messages yet."""
    fitting = [
        (ticket.opened_at, ticket.ticket_id, ticket)
        for ticket in tickets
        if ticket.verified
        and not ticket.opened_by_staff
        and ticket.opened_at is not None
        and placed_at - WITHIN <= ticket.opened_at <= placed_at
    ]
    newest = sorted(fitting, key=lambda one: one[:2], reverse=True)[:NEWEST]
    return [ticket for _, _, ticket in newest if not ticket.replies]
