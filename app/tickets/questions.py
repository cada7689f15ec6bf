"""Questions to customers in the database and in the panel's tickets: which are open, and whether one was answered."""

from __future__ import annotations

import re
import uuid

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.rows.belongings import Question
from app.core.rows.typed import read
from app.panels.records import PanelTicket
from app.tables.orders import orders, questions

_REFERENCE = re.compile(r"doorman:(?:ticket|reply):([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(\s*\Z)?")


def is_open() -> sa.ColumnElement[bool]:
    """Return the condition for open questions: unanswered, and the order was not decided since."""
    return sa.and_(questions.c.answered_at.is_(None), questions.c.outcome.is_(None))


def order_waits() -> sa.Exists:
    """Return the condition for orders with an open question: they wait for the customer, not for a person."""
    return sa.exists().where(questions.c.order_id == orders.c.order_id, is_open())


async def waiting(connection: AsyncConnection, order_id: int) -> Question | None:
    """Return the newest open question of an order, or None; reminders are about this one."""
    query = sa.select(questions).where(questions.c.order_id == order_id, is_open())
    row = (await connection.execute(query.order_by(questions.c.asked_at.desc()).limit(1))).first()
    return None if row is None else read(Question, row)


async def adopt(tx: AsyncConnection, ticket: PanelTicket) -> list[int]:
    """Record a question's ticket found by our reference, before its call settles; return the orders that changed."""
    named = {uuid.UUID(found[1]) for reply in ticket.replies for found in _REFERENCE.finditer(reply.message)}
    if not named:
        return []
    made = questions.update().where(questions.c.id.in_(named), questions.c.ticket_id.is_(None))
    news = await tx.scalars(made.values(ticket_id=ticket.ticket_id).returning(questions.c.order_id))
    return sorted(set(news.all()))


def answered_in(ticket: PanelTicket, question: Question) -> bool:
    """True if the customer wrote in the ticket after the question, even if no hook reported it.

    A reply by mail quotes our message and its reference, so our own message is the first one that ends with the
    reference. The panel may list even that one as written by the customer.
    """
    known: set[str] = set()
    asked = False
    for reply in ticket.replies:
        found = list(_REFERENCE.finditer(reply.message))
        ours = any(one[2] is not None and one[1] not in known for one in found)
        known |= {one[1] for one in found}
        if asked and not reply.by_staff and not ours:
            return True
        asked = asked or f"{question.id}" in known
    return False


def newest_reply(ticket: PanelTicket) -> int | None:
    """Return the id of the customer's newest reply in a ticket, after its opening; None if there is none."""
    return max((reply.reply_id for reply in ticket.replies if reply.reply_id and not reply.by_staff), default=None)
