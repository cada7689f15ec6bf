"""Search finds orders, customers, invoices and tickets by what people have in hand, and by index only."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from app.api.views.search import with_all
from app.core.records import Role
from app.customers import names
from app.db import Database
from app.sandbox.models import Item
from app.tables.customers import customers
from app.tables.search import search_words
from app.upkeep import naming
from tests.api.api_support import (
    CUSTOMER,
    NOW,
    ORDER,
    TICKET,
    add_customer,
    add_fee,
    add_order,
    add_ticket,
    check_problem,
    insert,
)
from tests.api.conftest import Api, Start
from tests.customers.test_links import person
from tests.stories.house import POLICY, open_house

pytestmark = pytest.mark.both_databases("sorting and searching of texts")


async def add_person(db: Database, customer_id: int, **changes: Any) -> None:
    """Add a customer, named as the panel shows them."""
    known = person(customer_id, **changes)
    await add_customer(db, customer_id)
    async with db.begin() as tx:
        digest = await names.remember(tx, customer_id, known, known=None)
        await names.mark(tx, customer_id, digest)


async def find(api: Api, asked: str, **more: Any) -> list[tuple[str, int]]:
    """Return kinds and ids of the hits."""
    answer = await api.ask("GET", "/v1/search", params={"q": asked, **more})
    assert answer.status_code == 200, answer.text
    return [(hit["kind"], hit["id"]) for hit in answer.json()["items"]]


async def test_every_number_that_a_customer_may_quote_leads_to_the_order(api: Api) -> None:
    await add_person(api.db, CUSTOMER, first_name="Ada", last_name="Lovelace")
    await add_order(api.db, order_number="3735928559", invoice_id=4711)
    await add_fee(api.db, invoice_id=4712)
    await add_ticket(api.db, number="ABC-123456")

    for asked in ("3735928559", "#3735928559", " 3735928559 ", str(ORDER), f"#{ORDER}"):
        assert await find(api, asked) == [("order", ORDER)], asked
    assert await find(api, "4711") == [("invoice", 4711)]
    assert await find(api, "4712") == [("invoice", 4712)]
    assert await find(api, "abc-123456") == [("ticket", TICKET)]
    assert await find(api, str(TICKET)) == [("ticket", TICKET)]
    assert await find(api, str(CUSTOMER)) == [("customer", CUSTOMER)]


async def test_a_hit_says_what_it_is_whose_and_where(api: Api) -> None:
    await add_person(
        api.db, CUSTOMER, first_name="Ada", last_name="Lovelace", company="Engines", email="ada@example.com"
    )
    await add_order(api.db, order_number="555", invoice_id=4711)
    await add_fee(api.db, invoice_id=4712)
    await add_ticket(api.db, number="ABC-123456")
    panel, order = "https://billing.example.com/admin", {"customer_id": CUSTOMER, "name": "Ada Lovelace, Engines"}

    async def first(asked: str) -> dict[str, Any]:
        return dict((await api.ask("GET", "/v1/search", params={"q": asked})).json()["items"][0])

    assert await first("555") == order | {
        "kind": "order", "id": ORDER, "order_id": ORDER, "state": "held",
        "text": "Order 555, placed 2026-05-04, 15.00 USD", "url": f"{panel}/orders.php?action=view&id={ORDER}",
    }  # fmt: skip
    assert await first("4711") == order | {
        "kind": "invoice", "id": 4711, "order_id": ORDER, "state": "unpaid",
        "text": "Invoice of order 555, placed 2026-05-04, 15.00 USD",
        "url": f"{panel}/invoices.php?action=edit&id=4711",
    }  # fmt: skip
    assert (await first("4712"))["text"] == ("Fee of 50.00 USD for order 555, an old operating system (ubuntu 8.04)")
    assert await first("lovelace") == order | {
        "kind": "customer", "id": CUSTOMER, "order_id": None, "state": "Active",
        "text": f"Customer {CUSTOMER}, ada@example.com, 0 orders",
        "url": f"{panel}/clientssummary.php?userid={CUSTOMER}",
    }  # fmt: skip
    assert await first("ABC-123456") == order | {
        "kind": "ticket", "id": TICKET, "order_id": None, "state": "Open", "text": "Ticket ABC-123456, Another VPS",
        "url": f"{panel}/supporttickets.php?action=view&id={TICKET}",
    }  # fmt: skip


async def test_a_customer_is_found_by_any_spelling_of_name_and_mailbox_with_the_newest_orders(api: Api) -> None:
    await add_person(api.db, CUSTOMER, first_name="Jörg", last_name="O'Brien-Weiß", email="J.Orbi@GoogleMail.com")
    await add_person(api.db, 102, first_name="Jorgina", last_name="Obrist")
    for order_id in (ORDER, ORDER + 1):
        await add_order(api.db, order_id)
    theirs = [("customer", CUSTOMER), ("order", ORDER + 1), ("order", ORDER)]

    for asked in ("jörg o'brien", "BRIEN jorg", "weiss", "jorg weiß", "jorbi+shop@gmail.com", "j.orbi@googlemail.com"):
        assert await find(api, asked) == theirs, asked
    assert (await find(api, "jorg"))[:2] == [("customer", CUSTOMER), ("customer", 102)]  # the exact word first
    assert await find(api, "jorgina o") == [("customer", 102)]
    assert await find(api, "jorgina brien") == []
    assert await find(api, "jorg", limit=1) == [("customer", CUSTOMER)]


@pytest.mark.parametrize(
    ("first_name", "last_name", "asked"),
    [
        ("Иван", "Йовков", "йовков иван"), ("Ελένη", "Παπαδοπούλου", "παπαδοπουλου"), ("小明", "王", "王 小明"),
        ("محمد", "علي", "محمد"), ("しょうた", "がとう", "がとう"), ("서연", "김", "김 서연"),
        ("İlker", "Şahin", "ilker sahin"),
        ("Ⅳan", "ﬁsher", "fisher"), ("Łukasz", "Wójcik", "lukasz wojcik"),
    ],
)  # fmt: skip
async def test_names_are_found_in_any_alphabet(api: Api, first_name: str, last_name: str, asked: str) -> None:
    await add_person(api.db, CUSTOMER, first_name=first_name, last_name=last_name)
    await add_person(api.db, 102, first_name="Ada", last_name="Lovelace")
    assert await find(api, asked) == [("customer", CUSTOMER)]


async def test_no_character_means_anything_else(api: Api) -> None:
    await add_person(api.db, CUSTOMER, first_name="Ada", last_name="Lovelace", company="100% Pure_Web")
    await add_order(api.db)
    theirs = [("customer", CUSTOMER), ("order", ORDER)]

    for asked in ("%", "_", "%%", "_da", "*", "?", "' OR 1=1 --", "\\", "[a-z]", '"', ".", "@", "#", "-", "\u202e"):
        assert await find(api, asked) == [], asked
    assert await find(api, "a%") == await find(api, "a") == theirs
    assert await find(api, "100% pure") == theirs
    assert await find(api, "pure_web") == theirs


async def test_what_is_too_long_or_nothing_is_refused(api: Api) -> None:
    for asked in ("", " ", "\t", "x" * 201, "a\x00b"):
        body = check_problem(await api.ask("GET", "/v1/search", params={"q": asked}), 422, "invalid")
        assert body["errors"][0]["path"] == "query.q"
    body = check_problem(await api.ask("GET", "/v1/search"), 422, "invalid")
    assert body["errors"][0]["path"] == "query.q"
    for asked in ("x" * 200, "ж" * 200, "😀" * 200, " ".join("abcdefghij" * 10), "9" * 200, "0", "@" * 200, "9" * 19):
        assert await find(api, asked) == []


async def test_a_name_longer_than_what_is_stored_is_found_by_its_beginning(api: Api) -> None:
    await add_person(api.db, CUSTOMER, first_name="x" * 150, last_name="", email=f"{'y' * 64}@{'z' * 60}.example.com")
    assert await find(api, "x" * 150) == [("customer", CUSTOMER)]
    assert await find(api, f"{'y' * 64}@{'z' * 60}.example.com") == [("customer", CUSTOMER)]


async def test_only_ops_may_search(api: Api) -> None:
    for role in (Role.PANEL, Role.SCORES):
        check_problem(await api.ask("GET", "/v1/search?q=ada", role), 403, "forbidden")


async def test_without_the_panels_address_there_are_no_links(start: Start) -> None:
    async with start() as api:
        await add_order(api.db, order_number="555")
        api.app.state.context.settings = api.app.state.context.settings.model_copy(update={"panel_url": None})
        [hit] = (await api.ask("GET", "/v1/search?q=555")).json()["items"]
        assert hit["url"] is None


async def test_the_cost_does_not_grow_with_the_number_of_customers(db: Database) -> None:
    """Thirty thousand people of the same first name, and one whose last name is asked for."""
    async with db.begin() as tx:
        number = sa.select(sa.literal(1).label("n")).cte("numbers", recursive=True)
        n = number.union_all(sa.select(number.c.n + 1).where(number.c.n < 30_000)).c.n
        for word in (sa.literal("ada"), sa.literal("l") + sa.cast(n, sa.String)):
            rows = sa.select(word, sa.literal("customer"), n)
            await tx.execute(search_words.insert().from_select(["word", "kind", "row_id"], rows))
        await tx.execute(sa.text("ANALYZE"))
    async with db.read() as connection:
        assert (await connection.scalars(with_all(["l4711", "ada"], 25))).all() == [4711]
        query = with_all(["l4711", "ada"], 25)
        text = str(query.compile(connection.engine.sync_engine, compile_kwargs={"literal_binds": True}))
        how = "EXPLAIN QUERY PLAN " if db.is_sqlite else "EXPLAIN (COSTS OFF) "
        plan = "\n".join(str(tuple(row)) for row in await connection.execute(sa.text(how + text)))
    assert "Seq Scan" not in plan, plan
    assert "SCAN search_words" not in plan, plan
    begins = "(word>? AND word<?)" if db.is_sqlite else "Index Cond: ((word >= 'l4711'::text) AND (word <"
    assert begins in plan, plan
    assert "(kind=? AND row_id=?)" in plan or "((kind)::text = 'customer'::text) AND (row_id =" in plan, plan


# --- what is stored, and when -------------------------------------------------------------------------------------


async def test_what_the_panel_shows_is_found_from_the_first_look_on(db: Database) -> None:
    async with open_house(db, policy=POLICY) as house:
        product = house.panel.add_product("Starter", autosetup="accept", pricing={"USD": {"monthly": "10.00"}})
        client = house.panel.add_client("Ada", "Lovelace", email="ada@engines.example", currency="USD")
        wanted = Item(product_id=product.id, domain="shop.xn--mnchen-3ya.example")
        placed = await house.panel.place_order(client.id, [wanted], pay=True)
        ticket = await house.panel.open_ticket(client.id, "Hello", "When is it ready?")
        await house.settle(seconds=5)

        async def hits(asked: str) -> list[tuple[str, int]]:
            answer = (await house.api.get("/v1/search", params={"q": asked})).json()
            return [(hit["kind"], hit["id"]) for hit in answer["items"]]

        order, customer = ("order", placed.id), ("customer", client.id)
        assert await hits("shop.xn--mnchen-3ya.example") == [order]
        assert await hits("münchen.example") == [order]
        assert await hits("lovelace") == [customer, order]
        assert await hits("engines.example") == [customer, order]
        assert await hits(str(placed.number)) == [order]
        shown = (await house.api.get(f"/v1/tickets/{ticket.id}")).json()
        assert await hits(shown["number"]) == [("ticket", ticket.id)]

        await house.panel.change_client(client.id, lastname="King", email="countess@engines.example")
        await house.settle(seconds=5)
        assert await hits("lovelace") == []
        assert await hits("ada king") == [customer, order]
        assert await hits("ada@engines.example") == [customer, order]  # the former address, too


async def test_names_from_before_are_read_bit_by_bit_and_never_again(db: Database) -> None:
    async with open_house(db, policy=POLICY) as house:
        clients = [house.panel.add_client("Ada", f"Lovelace{n}", email=f"a{n}@x.example").id for n in range(3)]
        gone = max(clients) + 1
        for customer_id in (*clients, gone):
            await insert(db, customers, customer_id=customer_id, first_heard_at=NOW)

        async def known() -> list[int]:
            answer = (await house.api.get("/v1/search?q=ada")).json()
            return sorted(hit["id"] for hit in answer["items"])

        await naming.round(house.context, at_most=2)
        assert await known() == [clients[2]]  # the newest first; one is not in the panel
        await naming.round(house.context, at_most=2)
        assert await known() == clients
        asked = house.panel.counts["GetClientsDetails"]
        await naming.round(house.context, at_most=2)
        assert house.panel.counts["GetClientsDetails"] == asked


async def test_a_look_that_shows_nothing_new_writes_no_words(db: Database) -> None:
    known = person(CUSTOMER)
    await add_person(db, CUSTOMER)
    async with db.begin() as tx:
        await tx.execute(search_words.delete())
        await names.remember(tx, CUSTOMER, known, known=names.naming_of(known).digest)
        assert (await tx.execute(sa.select(search_words))).all() == []
