"""Search: from what a person has in hand (a number, a name, an address, a domain) to orders, customers and tickets.

Every query reads a bounded range of an index, so that it costs the same whatever is typed and however long the past is.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.views.filtered import accounts_of, id_of, plain_number
from app.api.views.hits import Found, Hit, HitKind, hits
from app.config import Settings
from app.core.reading import words
from app.customers.identities import canonical_email, hashed
from app.customers.names import Findable
from app.shown import View
from app.tables.orders import fees, orders, tickets
from app.tables.search import LONGEST_WORD, search_words

#: Of people of whose name one word begins as asked, so many are compared with the other words.
_MOST_COMPARED: Final = 5_000
_MOST_WORDS: Final = 8
_LONGEST_NUMBER: Final = 40
_AFTER_ALL: Final = "\U0010ffff"  # comes after whatever a word goes on with


class SearchAnswer(View):
    """What was found, best first."""

    items: tuple[Hit, ...]


async def search(connection: AsyncConnection, settings: Settings, asked: str, *, limit: int) -> SearchAnswer:
    """Return what matches a text: exact numbers first, then e-mail addresses, then names and domains by their
    beginnings, and last the orders of the customers found by name or address.
    """
    found = dict.fromkeys(await _by_number(connection, plain_number(asked), limit))  # in this order, each once
    by_text = [*await _by_email(connection, asked, limit), *await _by_words(connection, asked, limit)]
    found |= dict.fromkeys(by_text)
    people = [one.id for one in by_text if one.kind is HitKind.CUSTOMER]
    if people and len(found) < limit:
        found |= dict.fromkeys(await _orders_of(connection, people[:limit], limit))
    return SearchAnswer(items=await hits(connection, settings, list(found)[:limit]))


async def _by_number(connection: AsyncConnection, number: str, limit: int) -> list[Found]:
    """Return orders, invoices, tickets and customers with exactly this number or id."""
    if not number or len(number) > _LONGEST_NUMBER:
        return []
    numbered = sa.select(orders.c.order_id).where(orders.c.order_number == number)
    found = [Found(HitKind.ORDER, one) for one in await connection.scalars(numbered.limit(limit))]
    its_id = id_of(number)
    if its_id is not None:
        found.append(Found(HitKind.ORDER, its_id))
    quoted = sa.select(tickets.c.ticket_id).where(tickets.c.number.in_({number, number.upper()}))
    found += [Found(HitKind.TICKET, one) for one in await connection.scalars(quoted.limit(limit))]
    if its_id is not None:
        paid = sa.select(orders.c.order_id).where(orders.c.invoice_id == its_id).limit(limit)
        asked = sa.select(fees.c.order_id).where(fees.c.invoice_id == its_id).limit(limit)
        for query in (paid, asked):
            found += [Found(HitKind.INVOICE, its_id, one) for one in await connection.scalars(query)]
        found += [Found(HitKind.TICKET, its_id), Found(HitKind.CUSTOMER, its_id)]
    return found


async def _by_email(connection: AsyncConnection, asked: str, limit: int) -> list[Found]:
    """Return the customers with this e-mail address, now or before, and tickets of guests with it."""
    mailbox = canonical_email(asked)
    if mailbox is None:
        return []
    found = [Found(HitKind.CUSTOMER, one) for one in (await accounts_of(connection, mailbox))[:limit]]
    theirs = sa.select(tickets.c.ticket_id).where(tickets.c.guest_email_hash == hashed("email", mailbox))
    newest = theirs.order_by(tickets.c.ticket_id.desc()).limit(limit)
    return found + [Found(HitKind.TICKET, one) for one in await connection.scalars(newest)]


async def _by_words(connection: AsyncConnection, asked: str, limit: int) -> list[Found]:
    """Return customers and orders with a word that begins with the whole text, then customers with all its words."""
    whole = words.folded(asked)[:LONGEST_WORD]
    if not whole:
        return []
    query = sa.select(search_words.c.kind, search_words.c.row_id).where(_begins(whole))
    rows = await connection.execute(query.order_by(search_words.c.word).limit(4 * limit))
    found = [Found(HitKind(row.kind), row.row_id) for row in rows]
    parts = sorted(words.of_name(asked), key=len, reverse=True)[:_MOST_WORDS]
    if parts and parts != [whole]:
        found += [Found(HitKind.CUSTOMER, one) for one in await connection.scalars(with_all(parts, limit))]
    return found


def with_all(parts: list[str], limit: int) -> sa.Select[int]:
    """Return the query for customers of whose words one begins with each of these, which are sorted: longest first."""
    word, row_id = search_words.c.word, search_words.c.row_id
    first = sa.select(word, search_words.c.kind, row_id).where(_begins(parts[0][:LONGEST_WORD]))
    some = first.order_by(word).limit(_MOST_COMPARED).subquery()
    query = sa.select(some.c.row_id).where(some.c.kind == Findable.CUSTOMER)
    for part in parts[1:]:
        other = search_words.alias()
        same = sa.and_(other.c.kind == Findable.CUSTOMER, other.c.row_id == some.c.row_id)
        query = query.where(sa.exists().where(same, _begins(part[:LONGEST_WORD], other.c.word)))
    return query.order_by(some.c.word).limit(limit)


def _begins(beginning: str, word: sa.ColumnElement[str] = search_words.c.word) -> sa.ColumnElement[bool]:
    return sa.and_(word >= beginning, word < beginning + _AFTER_ALL)


async def _orders_of(connection: AsyncConnection, customer_ids: list[int], limit: int) -> list[Found]:
    query = sa.select(orders.c.order_id).where(orders.c.customer_id.in_(customer_ids))
    newest = query.order_by(orders.c.order_id.desc()).limit(limit)
    return [Found(HitKind.ORDER, one) for one in await connection.scalars(newest)]
