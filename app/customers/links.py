"""What may link a customer to others, and who those are: found by index, regardless of the number of customers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.facts import Neighbours
from app.customers import identities
from app.customers.addresses import Block, block_of, same_address, words_of
from app.customers.identities import hashed, identities_of
from app.db import insert_new
from app.panels.records import PanelCustomer, PanelPayMethod
from app.tables.customers import address_blocks
from app.tables.customers import identities as identities_table

#: Maximum of addresses compared in one block: the newest.
MOST_COMPARED: Final = 200
_MOST_PAY_METHODS: Final = 20  # of one customer


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Everything about one customer that others may share."""

    hashes: dict[str, str] = field(default_factory=dict)  # by kind: email, phone, address, ip
    block: Block | None = None
    payments: tuple[str, ...] = ()  # hashes


def links_of(customer: PanelCustomer, ip: str | None, pay_methods: Sequence[PanelPayMethod] = ()) -> Links:
    """Return what a customer may share with others; `ip` is the order's, if it is the customer's own."""
    return Links(
        hashes=identities_of(customer, ip),
        block=block_of(customer),
        payments=payment_hashes(customer, pay_methods),
    )


def payment_hashes(customer: PanelCustomer, pay_methods: Sequence[PanelPayMethod]) -> tuple[str, ...]:
    """Return hashes of means of payment: the gateway's token, and a card by brand, last four, expiry *and* name.

    Fewer details of a card prove nothing: many customers share the same last four digits.
    """
    name = " ".join(sorted(words_of(f"{customer.first_name} {customer.last_name}")))
    values = set()
    for one in pay_methods[:_MOST_PAY_METHODS]:
        if one.token_digest:
            values.add(f"token|{one.gateway}|{one.token_digest}")
        if name and one.brand and one.expires and len(one.last_four) == 4:
            values.add(f"card|{one.brand}|{one.last_four}|{one.expires}|{name}")
    return tuple(sorted(hashed("payment", value) for value in values))


async def neighbours(
    connection: AsyncConnection, customer_id: int, links: Links, *, before: datetime
) -> tuple[Neighbours, ...]:
    """Return for each kind of link how many other customers had it before that moment, and how many were bad."""
    found = list(await identities.neighbours(connection, customer_id, links.hashes, before=before))
    alike = await _similar(connection, customer_id, links, before=before)
    paying = await _paying_alike(connection, customer_id, links.payments, before=before)
    for kind, seen in (("similar_address", alike), ("payment", paying)):
        if seen:
            bad = await identities.bad_among(connection, seen, before=before)
            found.append(Neighbours(kind=kind, customers=len(seen), bad_customers=len(bad), bad=bad))
    return tuple(sorted(found, key=lambda one: one.kind))


async def _similar(
    connection: AsyncConnection, customer_id: int, links: Links, *, before: datetime
) -> dict[int, datetime]:
    """Return the customers with a similar address, and since when; those with exactly this one are counted already."""
    if links.block is None:
        return {}
    given = {"in_block": links.block.block, "customer": customer_id, "at": before}
    rows = await connection.execute(CANDIDATES, given)
    street = links.block.street
    alike = {row.customer_id: row.first_seen_at for row in rows if same_address(street, row.street)}
    exact = links.hashes.get("address")
    if not alike or exact is None:
        return alike
    same = sa.select(identities_table.c.customer_id).where(
        identities_table.c.kind == "address",
        identities_table.c.hash == exact,
        identities_table.c.customer_id.in_(sorted(alike)),
        identities_table.c.first_seen_at < before,
    )
    exactly = set((await connection.execute(same)).scalars())
    return {one: at for one, at in alike.items() if one not in exactly}


#: The addresses of a block to compare.
CANDIDATES: Final = (
    sa.select(address_blocks.c.customer_id, address_blocks.c.street, address_blocks.c.first_seen_at)
    .where(
        address_blocks.c.block == sa.bindparam("in_block"),
        address_blocks.c.first_seen_at < sa.bindparam("at"),
        address_blocks.c.customer_id != sa.bindparam("customer"),
    )
    .order_by(address_blocks.c.first_seen_at.desc())
    .limit(MOST_COMPARED)
)
_PAYING_ALIKE: Final = (
    sa.select(identities_table.c.customer_id, identities_table.c.first_seen_at)
    .where(
        identities_table.c.kind == "payment",
        identities_table.c.hash.in_(sa.bindparam("hashes", expanding=True)),
        identities_table.c.customer_id != sa.bindparam("customer"),
        identities_table.c.first_seen_at < sa.bindparam("at"),
    )
    .limit(identities.MOST_COUNTED)
)


async def _paying_alike(
    connection: AsyncConnection, customer_id: int, payments: Collection[str], *, before: datetime
) -> dict[int, datetime]:
    if not payments:
        return {}
    given = {"hashes": list(payments), "customer": customer_id, "at": before}
    seen: dict[int, datetime] = {}
    for row in await connection.execute(_PAYING_ALIKE, given):
        seen[row.customer_id] = min(row.first_seen_at, seen.get(row.customer_id, row.first_seen_at))
    return seen


# --- keeping --------------------------------------------------------------------------------------------------------


async def remember(tx: AsyncConnection, customer_id: int, links: Links, *, now: datetime) -> None:
    """Record what a customer has; the first sighting of each stays."""
    known = [*sorted(links.hashes.items()), *(("payment", value) for value in links.payments)]
    await identities.remember(tx, customer_id, known, now=now)
    if links.block is not None:
        await remember_address(tx, customer_id, links.block, now=now)


_MOVED: Final = address_blocks.update().where(
    address_blocks.c.block == sa.bindparam("in_block"), address_blocks.c.customer_id == sa.bindparam("customer")
)


async def remember_address(tx: AsyncConnection, customer_id: int, block: Block, *, now: datetime) -> None:
    """Record an address; of a customer's addresses in one block only the latest is compared."""
    row = {"block": block.block, "customer_id": customer_id, "street": block.street, "first_seen_at": now}
    added = await tx.execute(insert_new(tx, address_blocks), row)
    if not added.rowcount:
        moved = {"in_block": block.block, "customer": customer_id, "street": block.street}
        await tx.execute(_MOVED, moved)


async def move(tx: AsyncConnection, source: int, target: int) -> None:
    """Move the links of a merged customer to the remaining one."""
    for table in (identities_table, address_blocks):
        rows = (await tx.execute(sa.select(table).where(table.c.customer_id == source))).mappings().all()
        for row in rows:
            await tx.execute(insert_new(tx, table).values({**row, "customer_id": target}))
        await tx.execute(table.delete().where(table.c.customer_id == source))
