"""Customers who share something: by each kind of link, on both databases, and never by scanning all customers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app.core.facts import Neighbours
from app.customers import counts, identities, links
from app.customers.links import Links, links_of, payment_hashes
from app.db import Database
from app.panels.records import PanelCustomer, PanelPayMethod
from app.tables.columns import UtcDateTime
from app.tables.customers import address_blocks, customers
from app.tables.customers import identities as identities_table
from tests.customers.samples import panel_customer

NOW = datetime(2026, 8, 14, 12, 0, tzinfo=UTC)
EARLIER = NOW - timedelta(days=3)
VISA = PanelPayMethod(gateway="stripe", brand="visa", last_four="4242", expires="0228", token_digest=None)
MAIN = ("5 Main Street", "", "Springfield", "IL", "62701")


def person(customer_id: int, **changes: Any) -> PanelCustomer:
    """Return a customer who shares nothing with others, except the given values."""
    alone = {
        "email": f"person{customer_id}@example.com", "phone": f"+1.217555{customer_id:04d}",
        "address": (f"{customer_id} Lonely Lane", "", "Nowhere", "", f"{customer_id:05d}"),
    }  # fmt: skip
    return panel_customer(customer_id=customer_id, **alone | changes)


async def known(db: Database, *people: tuple[PanelCustomer, bool], at: datetime = EARLIER, cards: Any = ()) -> None:
    """Add these customers to the database; the second of each pair is true for bad ones."""
    async with db.begin() as tx:
        for one, bad in people:
            row = {"customer_id": one.customer_id, "first_heard_at": at, "bad": bad}
            await tx.execute(customers.insert().values(row))
            await links.remember(tx, one.customer_id, links_of(one, None, cards), now=at)


async def found(
    db: Database, one: PanelCustomer, *, ip: str | None = None, cards: Any = ()
) -> dict[str, tuple[int, int]]:
    async with db.read() as connection:
        met = await links.neighbours(connection, one.customer_id, links_of(one, ip, cards), before=NOW)
    assert list(met) == sorted(met, key=lambda each: each.kind)
    return {each.kind: (each.customers, each.bad_customers) for each in met}


async def test_each_kind_of_link(db: Database) -> None:
    await known(
        db,
        (person(1, email="rita.regular+one@gmail.com"), True),
        (person(2, phone="+49.301234567", phone_cc="49"), False),
        (person(3, address=MAIN), False),
        (person(4, address=("Main St. 5", "Apt 2", "Springfield", "IL", "62701-1234")), True),
        (person(5, address=("7 Main Street", "", "Springfield", "IL", "62701")), True),
    )
    me = person(9, email="ritaregular@googlemail.com", phone="030 1234567", phone_cc="49", address=MAIN)
    assert await found(db, me) == {"email": (1, 1), "phone": (1, 0), "address": (1, 0), "similar_address": (1, 1)}


async def test_one_is_no_neighbour_of_oneself_nor_of_those_to_come(db: Database) -> None:
    await known(db, (person(1, address=MAIN), True), at=NOW)  # not before
    await known(db, (person(2, address=MAIN), True))
    assert await found(db, person(2, address=MAIN)) == {}


async def test_whoever_has_exactly_this_address_is_counted_once(db: Database) -> None:
    await known(db, (person(1, address=MAIN), True), (person(2, address=MAIN), False))
    assert await found(db, person(9, address=MAIN)) == {"address": (2, 1)}


async def test_a_card_in_one_name(db: Database) -> None:
    await known(db, (person(1), True), cards=[VISA])
    assert await found(db, person(9, first_name="REGULAR", last_name="Ritá"), cards=[VISA]) == {"payment": (1, 1)}
    assert await found(db, person(9, first_name="Otto"), cards=[VISA]) == {}


async def test_a_customer_with_two_shared_cards_is_one_neighbour(db: Database) -> None:
    other = PanelPayMethod(gateway="stripe", brand="visa", last_four="1881", expires="1127", token_digest="ab" * 32)
    await known(db, (person(1), False), cards=[VISA, other])
    assert await found(db, person(9), cards=[VISA, other]) == {"payment": (1, 0)}


@pytest.mark.parametrize(
    ("brand", "last_four", "expires", "token", "name", "hashes"),
    [
        ("visa", "4242", "0228", None, "Rita", 1),
        ("visa", "4242", "0228", "cd" * 32, "Rita", 2),
        ("", "", "", "cd" * 32, "", 1),  # an account: the token alone is enough
        ("visa", "4242", "", None, "Rita", 0),  # the last four alone are worthless
        ("", "4242", "0228", None, "Rita", 0),
        ("visa", "42", "0228", None, "Rita", 0),
        ("visa", "4242", "0228", None, "", 0),
    ],
)
def test_only_strong_combinations_count(
    brand: str, last_four: str, expires: str, token: str | None, name: str, hashes: int
) -> None:
    card = PanelPayMethod(gateway="stripe", brand=brand, last_four=last_four, expires=expires, token_digest=token)
    found = payment_hashes(panel_customer(first_name=name, last_name=""), [card])
    assert len(found) == hashes
    assert not any("4242" in each for each in found)


async def test_the_first_sighting_stays_and_the_latest_address_is_compared(db: Database) -> None:
    await known(db, (person(1, address=MAIN), True))
    moved = person(1, address=("99 Oak Avenue", "", "Springfield", "IL", "62701"))
    async with db.begin() as tx:
        await links.remember(tx, 1, links_of(moved, None), now=NOW)
    assert await found(db, person(9, address=("99 Oak Ave.", "", "Springfield", "IL", "62701"))) == {
        "similar_address": (1, 1)
    }
    assert await found(db, person(9, address=("Main St. 5", "", "Springfield", "IL", "62701"))) == {}


async def test_merged_customers_bring_what_they_shared(db: Database) -> None:
    await known(db, (person(1, address=MAIN), False), (person(2), True), cards=[VISA])
    async with db.begin() as tx:
        await links.move(tx, 1, 2)
        for table in (identities_table, address_blocks):
            assert (await tx.execute(sa.select(table).where(table.c.customer_id == 1))).all() == []
    near = ("Main St. 5", "", "Springfield", "IL", "62701")
    assert await found(db, person(9, address=near), cards=[VISA]) == {"similar_address": (1, 1), "payment": (1, 1)}


async def test_nothing_raw_but_the_street_is_kept(db: Database) -> None:
    """The street has its own table with the customer's id, so that it can be erased."""
    await known(db, (person(1, address=MAIN, email="rita@example.com"), False), cards=[VISA])
    async with db.read() as connection:
        rows = [tuple(row) for row in await connection.execute(sa.select(identities_table))]
        [street] = [row.street for row in await connection.execute(sa.select(address_blocks))]
    assert rows
    assert not any(word in str(rows) for word in ("rita", "4242", "Main", "main"))
    assert street == "5||main st|springfield"


# --- cost -----------------------------------------------------------------------------------------------------------

MANY = 200_000


async def _fill(db: Database) -> None:
    """Add 200,000 customers: all in one block, half of them behind one IP, the last ones an hour ago."""
    one = links_of(person(9, address=MAIN), None)
    assert one.block is not None
    first = sa.select(sa.literal(0).label("i")).cte("numbers", recursive=True)
    i = first.union_all(sa.select(first.c.i + 1).where(first.c.i < MANY - 1)).c.i
    lately = sa.literal(NOW - timedelta(hours=1), UtcDateTime())
    at = sa.case((i >= MANY - links.MOST_COMPARED, lately), else_=sa.literal(EARLIER, UtcDateTime()))
    shared = sa.case((i % 2 == 1, sa.literal(identities.hashed("ip", "203.0.113.9"))), else_=sa.cast(i, sa.String))
    street = sa.cast(i, sa.String) + "||main st|springfield"
    columns: dict[sa.Table, dict[str, Any]] = {
        customers: {"customer_id": i + 100, "first_heard_at": at},
        identities_table: {"kind": sa.literal("ip"), "hash": shared, "customer_id": i + 100, "first_seen_at": at},
        address_blocks: {
            "block": sa.literal(one.block.block), "customer_id": i + 100, "street": street, "first_seen_at": at,
        },
    }  # fmt: skip
    async with db.begin() as tx:
        for table, values in columns.items():
            await tx.execute(table.insert().from_select(list(values), sa.select(*values.values())))
        await tx.execute(sa.text("ANALYZE"))


async def _plan(db: Database, query: sa.Select[Any], given: dict[str, Any]) -> str:
    async with db.read() as connection:
        text = str(query.params(given).compile(connection.engine.sync_engine, compile_kwargs={"literal_binds": True}))
        how = "EXPLAIN QUERY PLAN " if db.is_sqlite else "EXPLAIN (ANALYZE, COSTS OFF) "
        return "\n".join(str(tuple(row)) for row in await connection.execute(sa.text(how + text.replace(":", r"\:"))))


async def test_the_cost_does_not_grow_with_the_number_of_customers(db: Database) -> None:
    await _fill(db)
    me = person(9, address=MAIN)
    mine = links_of(me, "203.0.113.9")
    mine = Links(hashes=mine.hashes | {"ip": identities.hashed("ip", "203.0.113.9")}, block=mine.block)
    assert mine.block is not None
    async with db.read() as connection:
        given = {"in_block": mine.block.block, "hash_ip": mine.hashes["ip"], "customer": 9, "at": NOW}
        rows = (await connection.execute(links.CANDIDATES, given)).all()
        met = await links.neighbours(connection, 9, mine, before=NOW)
    assert len(rows) == links.MOST_COMPARED
    assert min(row.customer_id for row in rows) == MANY + 100 - links.MOST_COMPARED  # the newest
    assert met == (Neighbours(kind="ip", customers=identities.MOST_COUNTED, bad_customers=0),)

    looked_up = await _plan(db, links.CANDIDATES, given)
    assert "ix_address_blocks_seen" in looked_up
    counted = await _plan(db, identities.others("ip"), given)
    for plan in (looked_up, counted):
        assert "SCAN identities" not in plan
        assert "SCAN address_blocks" not in plan
        assert "Seq Scan" not in plan
        assert "Sort" not in plan
        assert "TEMP B-TREE" not in plan


async def test_when_the_bad_were_seen_and_found_out_is_known(db: Database) -> None:
    await known(db, (person(1, phone="+1.2175550009"), True), (person(2, phone="+1.2175550009"), False), cards=[VISA])
    async with db.begin() as tx:
        await counts.add(tx, 1, fraud_orders=1)
        await counts.mark_bad(tx, 1, at=NOW - timedelta(days=2))
    me = person(9, phone="+1.2175550009")
    async with db.read() as connection:
        met = await links.neighbours(connection, 9, links_of(me, None, [VISA]), before=NOW)
    assert {one.kind: (one.customers, one.bad) for one in met} == {
        "phone": (2, ((72, 2),)),
        "payment": (2, ((72, 2),)),
    }


async def test_evidence_that_is_taken_back_makes_the_rest_no_younger(db: Database) -> None:
    await known(db, (person(1), False))
    async with db.begin() as tx:
        await counts.add(tx, 1, fraud_orders=2)
        await counts.mark_bad(tx, 1, at=EARLIER)
        await counts.add(tx, 1, fraud_orders=-1)
        await counts.mark_bad(tx, 1, at=None)
        row = (await tx.execute(sa.select(customers.c.bad, customers.c.bad_at))).one()
        assert (row.bad, row.bad_at) == (True, EARLIER)
        await counts.add(tx, 1, fraud_orders=-1)
        await counts.mark_bad(tx, 1, at=None)
        assert not (await tx.execute(sa.select(customers.c.bad))).scalar_one()
