"""Lists of orders, customers and tickets by what staff know: a number, an address, a time, a state."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.customers.identities import canonical_email, hashed
from app.db import Database
from app.tables.customers import identities
from tests.api.api_support import (
    CUSTOMER,
    NOW,
    ORDER,
    TICKET,
    add_customer,
    add_order,
    add_ticket,
    check_problem,
    insert,
)
from tests.api.conftest import Api

pytestmark = pytest.mark.both_databases("sorting, paging and searching")

DAY = timedelta(days=1)


async def listed(api: Api, name: str, **params: Any) -> list[int]:
    """Return the ids of all pages, read one by one."""
    field = {"orders": "order_id", "customers": "customer_id", "tickets": "ticket_id"}[name]
    found: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await api.ask("GET", f"/v1/{name}", params=params | cursor | {"limit": 2})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += [row[field] for row in page["items"]]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


async def add_mailbox(db: Database, customer_id: int, email: str) -> None:
    mailbox = hashed("email", canonical_email(email) or "")
    await insert(db, identities, kind="email", hash=mailbox, customer_id=customer_id, first_seen_at=NOW)


async def test_orders_are_listed_by_number_address_time_state_and_outcome(api: Api) -> None:
    for day in range(6):
        await add_order(
            api.db, ORDER + day, order_number=f"900{day}", placed_at=NOW + day * DAY, customer_id=CUSTOMER + day % 2,
            state="held" if day < 4 else "released", outcome="hold_for_review" if day < 4 else "approve",
        )  # fmt: skip
    await add_mailbox(api.db, CUSTOMER, "ada@example.com")
    first, last = ORDER, ORDER + 5

    assert await listed(api, "orders") == list(range(last, first - 1, -1))
    assert await listed(api, "orders", number="9003") == [ORDER + 3]
    assert await listed(api, "orders", number="#9003") == [ORDER + 3]
    assert await listed(api, "orders", number="900") == []
    assert await listed(api, "orders", email="Ada+x@Example.com") == [ORDER + 4, ORDER + 2, ORDER]
    assert await listed(api, "orders", email="nobody@example.com") == []
    assert await listed(api, "orders", since="2026-05-07") == [ORDER + 5, ORDER + 4, ORDER + 3]
    assert await listed(api, "orders", until="2026-05-05") == [ORDER + 1, ORDER]
    assert await listed(api, "orders", since="2026-05-05", until="2026-05-05") == [ORDER + 1]
    assert await listed(api, "orders", since="2026-05-05T14:00:00+02:00", until="2026-05-06T12:00:00Z") == [ORDER + 1]
    assert await listed(api, "orders", state="held", outcome="hold_for_review", since="2026-05-06") == [
        ORDER + 3, ORDER + 2,
    ]  # fmt: skip
    assert await listed(api, "orders", email="ada@example.com", state="released") == [ORDER + 4]
    assert await listed(api, "orders", number="9003", customer_id=CUSTOMER) == []


async def test_customers_are_listed_by_address_state_and_sign_up(api: Api) -> None:
    for number in range(5):
        status = "Closed" if number == 2 else "Active"
        await add_customer(api.db, CUSTOMER + number, status=status, signed_up_at=NOW - number * DAY)
    await add_mailbox(api.db, CUSTOMER + 1, "ada@example.com")
    await add_mailbox(api.db, CUSTOMER + 3, "ada@example.com")

    assert await listed(api, "customers", email="ada@example.com") == [CUSTOMER + 1, CUSTOMER + 3]
    assert await listed(api, "customers", number=f"#{CUSTOMER + 1}") == [CUSTOMER + 1]
    assert await listed(api, "customers", number="9" * 30) == await listed(api, "customers", number="ABC") == []
    assert await listed(api, "customers", state="closed") == [CUSTOMER + 2]
    assert await listed(api, "customers", state="Closed") == [CUSTOMER + 2]
    assert await listed(api, "customers", since="2026-05-02") == [CUSTOMER + 2, CUSTOMER + 1, CUSTOMER]
    assert await listed(api, "customers", since="2026-05-02", until="2026-05-03", state="active") == [CUSTOMER + 1]
    assert await listed(api, "customers", email="ada@example.com", segment="new") == [CUSTOMER + 1, CUSTOMER + 3]


async def test_tickets_are_listed_by_number_address_time_and_state(api: Api) -> None:
    for number in range(4):
        await add_ticket(
            api.db, TICKET + number, number=f"ABC-{number}", opened_at=NOW + number * DAY,
            state="Customer-Reply" if number == 1 else "Open",
        )  # fmt: skip
    guest = hashed("email", "ada@example.com")
    await add_ticket(api.db, TICKET + 4, number="ABC-4", customer_id=None, guest_email_hash=guest, opened_at=NOW - DAY)
    await add_mailbox(api.db, CUSTOMER, "ada@example.com")

    assert await listed(api, "tickets") == [TICKET + 3, TICKET + 2, TICKET + 1, TICKET, TICKET + 4]
    assert await listed(api, "tickets", number="#abc-2") == [TICKET + 2]
    assert await listed(api, "tickets", state="customer-reply") == [TICKET + 1]
    assert await listed(api, "tickets", since="2026-05-06") == [TICKET + 3, TICKET + 2]
    assert await listed(api, "tickets", email="ada@example.com", until="2026-05-04") == [TICKET, TICKET + 4]
    assert await listed(api, "tickets", customer_id=CUSTOMER, state="open") == [TICKET + 3, TICKET + 2, TICKET]
    first = (await api.ask("GET", "/v1/tickets")).json()["items"][0]
    assert (first["number"], first["subject"], first["state"]) == ("ABC-3", "Another VPS", "Open")


WRONG = {
    "since": (
        "since=yesterday", "since=2026-13-01", "since=0001-01-01T00:00:00%2B14:00", "since=", "since=2026-11-01T8",
    ),
    "until": ("until=2026-11-01T08:00:00", "since=2026-11-02&until=2026-11-01", "until=9999-12-31"),
    "email": ("email=ada", "email=", "email=a%00@example.com", "email=%20"),
    "number": ("number=", "number=%20", "number=%00"),
}  # fmt: skip


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)  # refused before the database is asked
async def test_what_can_not_be_read_is_refused(api: Api) -> None:
    for parameter, queries in WRONG.items():
        for query in queries:
            for name in ("orders", "tickets"):
                body = check_problem(await api.ask("GET", f"/v1/{name}?{query}"), 422, "invalid")
                assert body["errors"][0]["path"] == f"query.{parameter}", query


async def test_a_plus_sign_in_a_url_is_taken_for_what_it_was(api: Api) -> None:
    await add_order(api.db)
    answer = await api.ask("GET", "/v1/orders?since=2026-05-04T14:00:00+02:00")
    assert [row["order_id"] for row in answer.json()["items"]] == [ORDER]


async def test_a_cursor_of_a_list_in_another_order_is_refused(api: Api) -> None:
    for number in range(3):
        await add_order(api.db, ORDER + number)
    cursor = (await api.ask("GET", "/v1/orders?limit=1")).json()["next_cursor"]
    body = check_problem(await api.ask("GET", f"/v1/orders?since=2026-01-01&cursor={cursor}"), 422, "invalid")
    assert body["errors"][0]["path"] == "query.cursor"
