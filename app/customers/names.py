"""How customers are called and reached, stored for people to find them; and the domains of orders."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.reading import words
from app.customers.identities import canonical_email
from app.db import insert, insert_new, storable
from app.panels.records import PanelCustomer
from app.tables.customers import customers
from app.tables.search import LONGEST_WORD, customer_names, search_words

#: Words of one customer or order: names and domains longer than any that we saw.
_MOST_WORDS: Final = 40
_LONGEST_NAME: Final = 200
_LONGEST_EMAIL: Final = 254
#: Stands for the digest of a customer whom the panel does not list, so that they are not read again and again.
NOT_LISTED: Final = "-"


class Findable(StrEnum):
    """What is found by its words."""

    CUSTOMER = "customer"
    ORDER = "order"


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """A customer's name, e-mail address, and the words by which people find them."""

    name: str
    email: str
    words: tuple[str, ...]

    @property
    def digest(self) -> str:
        """What changes whenever anything of it does."""
        return hashlib.sha256("\n".join((self.name, self.email, *self.words)).encode()).hexdigest()[:16]


def naming_of(customer: PanelCustomer) -> Naming:
    """Return how a customer is called and reached."""
    person = " ".join(f"{customer.first_name} {customer.last_name}".split())
    company = " ".join(customer.company.split())
    name = ", ".join(part for part in (person, company) if part)
    mailbox = canonical_email(customer.email)
    found = (*words.of_name(name), *words.of_email(customer.email), *(words.of_email(mailbox) if mailbox else ()))
    return Naming(
        name=str(storable(name))[:_LONGEST_NAME],
        email=str(storable(customer.email.strip()))[:_LONGEST_EMAIL],
        words=_stored(found),
    )


def _stored(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(storable(word))[:LONGEST_WORD] for word in found))[:_MOST_WORDS]


async def remember(tx: AsyncConnection, customer_id: int, customer: PanelCustomer, *, known: str | None) -> str:
    """Store how a customer is called and return its digest, for `customers.named`.

    `known` is that of what is stored already: if nothing has changed, nothing is written.
    """
    naming = naming_of(customer)
    if naming.digest == known:
        return known
    values = {"name": naming.name, "email": naming.email}
    await tx.execute(_name(tx.dialect.name), {"customer_id": customer_id, **values})
    await _put_words(tx, Findable.CUSTOMER, customer_id, naming.words, anew=known is not None)
    return naming.digest


@cache
def _name(dialect: str) -> Any:
    row = insert(dialect, customer_names)
    latest = {"name": row.excluded.name, "email": row.excluded.email}
    return row.on_conflict_do_update(index_elements=[customer_names.c.customer_id], set_=latest)


async def remember_domains(tx: AsyncConnection, order_id: int, domains: Sequence[str], *, anew: bool) -> None:
    """Store the domains by which an order is found; `anew` if others may be stored already."""
    found = _stored(word for domain in domains for word in words.of_domain(domain))
    await _put_words(tx, Findable.ORDER, order_id, found, anew=anew)


async def _put_words(tx: AsyncConnection, kind: Findable, row_id: int, found: tuple[str, ...], *, anew: bool) -> None:
    if anew:
        row = sa.and_(search_words.c.kind == kind, search_words.c.row_id == row_id)
        await tx.execute(search_words.delete().where(row))
    if found:
        rows = [{"word": word, "kind": kind.value, "row_id": row_id} for word in found]
        await tx.execute(insert_new(tx, search_words), rows)


async def unnamed(connection: AsyncConnection, *, at_most: int) -> list[int]:
    """Return customers whose name was never read, the newest first."""
    query = sa.select(customers.c.customer_id).where(customers.c.named.is_(None), customers.c.merged_into.is_(None))
    return list((await connection.scalars(query.order_by(customers.c.customer_id.desc()).limit(at_most))).all())


async def mark(tx: AsyncConnection, customer_id: int, digest: str) -> None:
    """Note what is stored of a customer's name; `NOT_LISTED` if the panel does not list them."""
    await tx.execute(customers.update().where(customers.c.customer_id == customer_id).values(named=digest))
